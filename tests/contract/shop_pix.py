"""A shop with a bank that speaks API Pix."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from shops import Day, Delivery, Money, Shop

from holdfast.providers.contract import Kind, ProviderReport
from holdfast.providers.pix import asking, proof

CHARGE = "PUT /pix/api/v2/cob/{txid}"
RETURN = "PUT /pix/api/v2/pix/{e2eid}/devolucao/{id}"


@dataclass
class PixShop(Shop):
    name = "pix"
    currency = "BRL"
    closed = Kind.CANCELLED
    refunded = Kind.REFUND_PENDING
    operation = CHARGE
    refund_operation = RETURN
    #: Every doubt is looked up under the txid, which is ours; what is not there may still be on its way.
    bad_days = (
        Day("timeout_before", 1, "Unknown", "nothing"),
        Day("timeout_after", 1, "opened", "opened"),
        Day("reset_after", 1, "opened", "opened"),
        Day("truncate", 1, "opened", "opened"),
        Day("error_after", 1, "opened", "opened"),
        Day("fail_during", 1, "Unknown", "nothing"),
        Day("fail_before", 1, "Unknown", "nothing"),
    )
    refund_bad_days = (
        Day("timeout_before", 1, "Unknown", "nothing"),
        Day("timeout_after", 1, "refund_pending", "refund_pending"),
        Day("reset_after", 1, "refund_pending", "refund_pending"),
        Day("truncate", 1, "refund_pending", "refund_pending"),
        Day("error_after", 1, "refund_pending", "refund_pending"),
        Day("fail_during", 1, "Unknown", "nothing"),
        Day("fail_before", 1, "Unknown", "nothing"),
    )
    bad_credentials = (
        {"client_secret": "too_short"},
        {"client_secret": "not a key"},
        {"client_secret": ""},
        {"client_secret": None},
        {"client_secret": "of_somebody_else_altogether"},
    )
    some_id = "0" * 32
    has_webhooks = True
    has_dashboard = True
    has_slow_refunds = True

    @property
    def client_id(self) -> str:
        return f"client_{self.secret_key[-24:]}"

    @property
    def key(self) -> str:
        return f"{self.client_id}@shop.example"

    def credentials(self) -> dict[str, Any]:
        base = self.api_base or self.gateway.url
        return {
            "client_id": self.client_id,
            "client_secret": self.secret_key,
            "api_base": f"{base}/pix/api/v2",
            "token_url": f"{base}/pix/oauth/token",
            "pix_key": self.key,
            "merchant_name": "Padaria São João",
            "merchant_city": "São Paulo",
            "webhook_path": "a-secret-of-the-contract-suite",
        }

    def pay(self, opened: ProviderReport) -> None:
        self.paid(opened.provider_id)

    def paid(self, txid: str, **more) -> list[str]:
        """The endToEndIds of what was paid: `valor="10.00"`, `times=2`, `days_ago=91`."""
        made = self.gateway.control("POST", f"/pix/charges/{txid}/pay", client_id=self.client_id, **more)
        return [pix["endToEndId"] for pix in made["pix"]]

    def books(self) -> dict:
        return self.gateway.control("GET", f"/pix/books?client_id={self.client_id}")

    def attempts_at_the_provider(self) -> int:
        every = self.gateway.control("GET", "/pix/books")["charges"]  # An account opens with its first token.
        return len([charge for charge in every if charge["chave"] == self.key])

    def refunds_at_the_provider(self, money: Money) -> list[int]:
        (pix,) = [each for each in self.books()["received"] if each["endToEndId"] == money.id]
        made = [each for each in pix["returns"] if each["status"] != "NAO_REALIZADO"]
        return sorted(int(each["valor"].replace(".", "")) for each in made)

    def listen(self) -> None:
        url = f"http://127.0.0.1:9/webhooks/pix/acc_{uuid.uuid4().hex}/{self.account.credentials['webhook_path']}"
        said = {"client_secret": self.secret_key, "chave": self.key, "webhook_url": url}
        self.gateway.control("PUT", f"/pix/clients/{self.client_id}", **said)

    def deliveries(self) -> list[Delivery]:
        told = self.gateway.control("GET", f"/pix/clients/{self.client_id}/callbacks")["callbacks"]
        return [self.delivery(each["pix"]) for each in told]

    def delivery(self, *pix: dict) -> Delivery:
        """One callback; its first Pix names the event."""
        path = f"{self.account.credentials['webhook_path']}/pix"
        body = json.dumps({"pix": list(pix)}).encode()
        return Delivery(event_id=proof.incoming(pix[0]).event_id, type="pix", headers={}, body=body, path=path)

    def refund_at_the_dashboard(self, money: Money, amount_minor: int) -> str:
        said = {"natureza": "ORIGINAL", "valor": f"{amount_minor // 100}.{amount_minor % 100:02d}"}
        made = self.gateway.control("POST", f"/pix/received/{money.id}/return", **said)
        return f"{money.id}:{made['id']}"

    def next_refund(self, what: str) -> None:
        """Every return is pending until it is settled; none fails after it was done."""
        assert what == "pending"

    def settle_refund(self, object_id: str, *, succeeded: bool) -> None:
        e2eid, _, id_ = object_id.partition(":")
        path = f"/pix/received/{e2eid}/returns/{id_}/settle"
        self.gateway.control("POST", path, outcome="succeeded" if succeeded else "failed")

    @staticmethod
    def forget_clients() -> None:
        asking._line.cache_clear()
