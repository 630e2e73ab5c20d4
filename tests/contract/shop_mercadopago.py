"""A shop with Mercado Pago, paid by card at Checkout Pro."""

import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from shops import Day, Delivery, Money, Shop

from holdfast.kernel.money import to_minor
from holdfast.providers.contract import Kind, ProviderReport

WEBHOOK_SECRET = "the secret of the panel"


@dataclass
class MercadoPagoShop(Shop):
    secret_key: str = field(default_factory=lambda: f"TEST-{uuid.uuid4().hex}")

    name = "mercadopago"
    closed = Kind.EXPIRED
    operation = "POST /checkout/preferences"
    refund_operation = "POST /v1/payments/{id:int}/refunds"
    #: One repetition with the same key; what is left in doubt after it is Unknown. Nothing is looked up but a refusal.
    bad_days = (
        Day("timeout_before", 1, "Unknown", "nothing"),
        Day("timeout_after", 2, "Unknown", "opened"),
        Day("reset_after", 2, "Unknown", "opened"),
        Day("reset_after", 1, "opened", "opened"),
        Day("truncate", 2, "Unknown", "opened"),
        Day("truncate", 1, "opened", "opened"),
        Day("error_after", 1, "opened", "opened"),
        Day("error_after", 2, "Unknown", "opened"),
        Day("fail_before", 2, "Unknown", "nothing"),
        Day("fail_before", 1, "opened", "opened"),
    )
    bad_credentials = tuple({"access_token": token} for token in ("TEST-short", "sk_test_of_another", "not a token", "", None))
    blames = "access token"
    currency = "BRL"
    refund_bad_days = (
        Day("timeout_before", 1, "Unknown", "nothing"),
        Day("timeout_after", 2, "Unknown", "refunded"),
        Day("reset_after", 1, "refunded", "refunded"),
        Day("truncate", 1, "refunded", "refunded"),
        Day("truncate", 2, "Unknown", "refunded"),
        Day("error_after", 1, "refunded", "refunded"),
        Day("error_after", 2, "Unknown", "refunded"),
        Day("fail_before", 2, "Unknown", "nothing"),
        Day("fail_before", 1, "refunded", "refunded"),
    )
    some_id = "1-00000000-0000-0000-0000-000000000000"
    has_page = True
    has_webhooks = True
    has_dashboard = True
    names_refunds = False
    has_slow_refunds = True
    has_disputes = True
    has_fees = True

    def credentials(self) -> dict[str, Any]:
        return {
            "access_token": self.secret_key,
            "webhook_secrets": ["an old secret", WEBHOOK_SECRET],
            "api_base": self.api_base or self.gateway.url,
        }

    def pay(self, opened: ProviderReport) -> None:
        if opened.show:
            assert self.control(f"/payments/{opened.provider_id}/settle", outcome="succeeded")["status"] == "approved"
        else:
            assert self.control(f"/preferences/{opened.provider_id}/pay")["status"] == "approved"

    def attempts_at_the_provider(self) -> int:
        books = self.books()
        return books["preferences"] + sum(each["method"] == "pix" for each in books["payments"])

    def refunds_at_the_provider(self, money: Money) -> list[int]:
        refunds = [each for each in self.books()["refunds"] if str(each["payment_id"]) == money.id]
        return sorted(to_minor(str(each["amount"]), "BRL") for each in refunds if each["status"] != "rejected")

    def listen(self) -> None:
        self.gateway.listen(self.secret_key, webhook_url="http://127.0.0.1:9/webhooks", webhook_secret=WEBHOOK_SECRET)

    def deliveries(self) -> list[Delivery]:
        return [self.delivery(notice) for notice in self.notifications()]

    def notifications(self, **more) -> list[dict]:
        """All of the account, oldest first. `more` goes to the gateway: `variant="forged"`, `skew_s=-900`."""
        return self.control("/notifications", account=self.secret_key, **more)["notifications"]

    def delivery(self, notice: dict, **more) -> Delivery:
        if more:
            (notice,) = self.notifications(id=notice["id"], **more)
        said = notice["said"]
        return Delivery(
            event_id=f"{said['id']}:{said.get('action', said['type'])}",
            type=said["type"],
            headers={name.lower(): value for name, value in notice["headers"].items()},
            body=notice["body"].encode(),
            query=urlsplit(notice["url"]).query,
        )

    def refund_at_the_dashboard(self, money: Money, amount_minor: int) -> str:
        return str(self.control(f"/payments/{money.id}/refund", amount=amount_minor / 100)["id"])

    def next_refund(self, what: str) -> None:
        self.gateway.mood_next("refund", {"pending": "refund_pending"}[what])

    def settle_refund(self, object_id: str, *, succeeded: bool) -> None:
        self.control(f"/refunds/{object_id}/settle", outcome="succeeded" if succeeded else "failed")

    def dispute(self, money: Money, amount_minor: int | None = None) -> str:
        amount = None if amount_minor is None else amount_minor / 100
        self.control(f"/payments/{money.id}/chargeback", amount=amount)
        return f"{money.id}:chargeback"

    def close_dispute(self, object_id: str, *, won: bool) -> None:
        payment = int(object_id.partition(":")[0])
        (case,) = [each["id"] for each in self.books()["chargebacks"] if each["payments"] == [payment]]
        self.control(f"/chargebacks/{case}/close", outcome="won" if won else "lost")

    def books(self) -> dict:
        return self.gateway.books(self.secret_key)["mercadopago"]

    def control(self, path: str, **said) -> dict:
        return self.gateway.control("POST", f"/mercadopago{path}", **said)
