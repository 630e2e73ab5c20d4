"""A shop with Stripe."""

from dataclasses import dataclass
from typing import Any

import httpx
from shops import Day, Delivery, Money, Shop

from holdfast.providers.contract import Kind, ProviderReport
from holdfast.providers.stripe import asking

WEBHOOK_SECRET = "whsec_of_the_contract_suite"


@dataclass
class StripeShop(Shop):
    name = "stripe"
    closed = Kind.EXPIRED
    operation = "POST /v1/checkout/sessions"
    refund_operation = "POST /v1/refunds"
    capture_operation = "POST /v1/payment_intents/{id}/capture"
    void_operation = "POST /v1/payment_intents/{id}/cancel"
    #: The SDK repeats what it may; a call that is silent keeps its key, so that the repetition meets a 409. A kept 500 is
    #: looked up by `open` itself.
    bad_days = (
        Day("timeout_before", 1, "Unknown", "nothing"),
        Day("timeout_after", 2, "Unknown", "opened"),
        Day("reset_after", 2, "Unknown", "opened"),
        Day("reset_after", 1, "opened", "opened"),
        Day("truncate", 1, "Unknown", "opened"),
        Day("error_after", 1, "opened", "opened"),
        Day("fail_during", 1, "Declined", "nothing"),
        Day("fail_before", 2, "Unknown", "nothing"),
        Day("fail_before", 1, "opened", "opened"),
    )
    refund_bad_days = (
        Day("timeout_before", 1, "Unknown", "nothing"),
        Day("timeout_after", 2, "Unknown", "refunded"),
        Day("reset_after", 2, "Unknown", "refunded"),
        Day("reset_after", 1, "refunded", "refunded"),
        Day("truncate", 1, "Unknown", "refunded"),
        Day("error_after", 1, "refunded", "refunded"),
        Day("fail_during", 1, "Declined", "nothing"),
        Day("fail_before", 2, "Unknown", "nothing"),
        Day("fail_before", 1, "refunded", "refunded"),
    )
    capture_bad_days = (
        Day("timeout_before", 1, "Unknown", "authorized"),
        Day("timeout_after", 2, "Unknown", "captured"),
        Day("reset_after", 2, "Unknown", "captured"),
        Day("truncate", 1, "Unknown", "captured"),
        Day("error_after", 1, "captured", "captured"),
        Day("fail_during", 1, "Declined", "authorized"),
        Day("fail_before", 2, "Unknown", "authorized"),
        Day("fail_before", 1, "captured", "captured"),
    )
    #: A kept 500 is asked again with another key: letting go moves no money and happens once.
    void_bad_days = (
        Day("timeout_before", 1, "Unknown", "authorized"),
        Day("timeout_after", 2, "Unknown", "cancelled"),
        Day("reset_after", 2, "Unknown", "cancelled"),
        Day("truncate", 1, "Unknown", "cancelled"),
        Day("error_after", 1, "cancelled", "cancelled"),
        Day("fail_during", 1, "cancelled", "cancelled"),
        Day("fail_before", 2, "Unknown", "authorized"),
        Day("fail_before", 1, "cancelled", "cancelled"),
    )
    bad_credentials = tuple({"secret_key": key} for key in ("sk_test_bad", "not a key", "", None))
    some_id = "cs_test_1"
    has_page = True
    has_webhooks = True
    has_dashboard = True
    has_slow_refunds = True
    has_bouncing_refunds = True
    has_disputes = True
    has_fees = True

    def credentials(self) -> dict[str, Any]:
        return {
            "secret_key": self.secret_key,
            "webhook_secrets": ["whsec_an_old_one", WEBHOOK_SECRET],
            "api_base": self.api_base or self.gateway.url,
        }

    def pay(self, opened: ProviderReport) -> None:
        assert self.gateway.pay(opened.pay_url)["status"] == "complete"

    def attempts_at_the_provider(self) -> int:
        return self.gateway.books(self.secret_key)["sessions"]

    def refunds_at_the_provider(self, money: Money) -> list[int]:
        refunds = self.gateway.books(self.secret_key)["refunds"]
        return sorted(each["amount"] for each in refunds if each["payment_intent"] == money.id and each["status"] != "failed")

    def listen(self) -> None:
        self.gateway.listen(self.secret_key, webhook_url="http://127.0.0.1:9/webhooks", webhook_secret=WEBHOOK_SECRET)

    def deliveries(self) -> list[Delivery]:
        return [self.delivery(event) for event in self.events()]

    def events(self) -> list[dict]:
        """All events of the account, oldest first."""
        headers = {"Authorization": f"Bearer {self.secret_key}"}
        answer = httpx.get(f"{self.gateway.url}/v1/events?limit=100", headers=headers, trust_env=False)
        return answer.raise_for_status().json()["data"][::-1]

    def delivery(self, event: dict, **more) -> Delivery:
        """`more` goes to the gateway: `variant="forged"`, `skew_s=-900`."""
        signed = self.gateway.signed(event["id"], **more)
        headers = {name.lower(): value for name, value in signed["headers"].items()}
        return Delivery(event_id=event["id"], type=event["type"], headers=headers, body=signed["body"].encode())

    def refund_at_the_dashboard(self, money: Money, amount_minor: int) -> str:
        return self.gateway.control("POST", f"/payments/{money.id}/refund", amount=amount_minor)["id"]

    def next_refund(self, what: str) -> None:
        self.gateway.mood_next("refund", {"pending": "refund_pending", "bounces": "refund_bounce"}[what])

    def settle_refund(self, object_id: str, *, succeeded: bool) -> None:
        self.gateway.control("POST", f"/refunds/{object_id}/settle", outcome="succeeded" if succeeded else "failed")

    def dispute(self, money: Money, amount_minor: int | None = None) -> str:
        return self.gateway.control("POST", f"/payments/{money.id}/dispute", amount=amount_minor)["id"]

    def close_dispute(self, object_id: str, *, won: bool) -> None:
        self.gateway.control("POST", f"/disputes/{object_id}/close", outcome="won" if won else "lost")

    def lapse(self, money: Money) -> None:
        assert self.gateway.ring(money.id) == ["lapse"]

    @staticmethod
    def forget_clients() -> None:
        asking._client.cache_clear()
