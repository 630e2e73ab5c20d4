"""One shop per provider, each over real HTTP against the real gateway process: what the contract suite asks of all alike."""

import uuid
from dataclasses import dataclass, field, replace
from datetime import timedelta

import httpx
from gateway_process import GatewayProcess

from holdfast.kernel import clock
from holdfast.kernel.ids import new_id
from holdfast.providers.contract import AccountHandle, Kind, ProviderReport, Purchase
from holdfast.providers.registry import provider

WEBHOOK_SECRET = "whsec_of_the_contract_suite"
#: Shorter than a real shop's, so that the suite is quick; a gateway that "times out" is silent for longer than this.
READ_S = 0.4
SILENT_S = 2.0


def purchase(**changes) -> Purchase:
    bought = Purchase(
        payment_id=new_id(),
        order_id=new_id(),
        order_number=f"A-{uuid.uuid4().hex[:8]}",
        amount_minor=2500,
        currency="EUR",
        lines=[("Tea", 2100, 3), ("Shipping", 400, 1)],
        email="ada@example.com",
        manual_capture=False,
        expires_at=clock.now() + timedelta(minutes=31),
        success_url="https://shop.example/thanks",
        cancel_url="https://shop.example/cart",
    )
    return replace(bought, **changes)


@dataclass
class Attempt:
    """One committed intention: what a flow would keep and ask with."""

    shop: "Shop"
    bought: Purchase
    request: dict

    @property
    def reference(self) -> str:
        return self.bought.payment_id.hex

    def open(self) -> ProviderReport:
        return self.shop.adapter.open(request=self.request, key=f"{self.reference}:open", account=self.shop.account)

    def close(self, provider_id: str) -> ProviderReport:
        key = f"{self.reference}:close"
        return self.shop.adapter.close(provider_id=provider_id, key=key, account=self.shop.account)

    def fetch(self, provider_id: str | None = None) -> ProviderReport | None:
        return self.shop.adapter.fetch(reference=self.reference, provider_id=provider_id, account=self.shop.account)


@dataclass
class Shop:
    """A merchant's account with one provider."""

    name: str
    gateway: GatewayProcess
    secret_key: str = field(default_factory=lambda: f"sk_test_{uuid.uuid4().hex}")
    api_base: str = ""

    def __post_init__(self) -> None:
        self.adapter = provider(self.name)
        self.account = AccountHandle(
            id=new_id(),
            provider=self.name,
            live=False,
            credentials={
                "secret_key": self.secret_key,
                "webhook_secrets": ["whsec_an_old_one", WEBHOOK_SECRET],
                "api_base": self.api_base or self.gateway.url,
            },
        )

    @property
    def operation(self) -> str:
        """What the gateway calls our `open`."""
        return {"stripe": "POST /v1/checkout/sessions", "sandbox": "POST /fake-gateway/start/"}[self.name]

    @property
    def opened(self) -> Kind:
        """What a first `open` that goes well says: a page to pay on, or at once the money."""
        return {"stripe": Kind.OPENED, "sandbox": Kind.CAPTURED}[self.name]

    def attempt(self, **changes) -> Attempt:
        bought = purchase(**changes)
        return Attempt(self, bought, self.adapter.compose(bought, self.account))

    def attempts_at_the_provider(self) -> int:
        books = self.gateway.books(self.secret_key)
        return len(books["direct_payments"]) if self.name == "sandbox" else books["sessions"]

    def listen(self) -> None:
        """An endpoint, so that events can be signed for it. Nothing is delivered: the suite pauses the deliveries."""
        self.gateway.listen(self.secret_key, webhook_url="http://127.0.0.1:9/webhooks", webhook_secret=WEBHOOK_SECRET)

    def events(self) -> list[dict]:
        """All events of the account, oldest first."""
        headers = {"Authorization": f"Bearer {self.secret_key}"}
        answer = httpx.get(f"{self.gateway.url}/v1/events?limit=100", headers=headers, trust_env=False)
        return answer.raise_for_status().json()["data"][::-1]

    def heard(self, event_id: str, **more) -> tuple[dict[str, str], bytes]:
        """The headers (lower-case) and the body of a delivery."""
        delivery = self.gateway.signed(event_id, **more)
        return {name.lower(): value for name, value in delivery["headers"].items()}, delivery["body"].encode()

    def told(self) -> list[tuple[str, ProviderReport | None]]:
        """Every event so far, through `verify` and `read` as a receiver and a worker would do it."""
        stories = []
        for event in self.events():
            headers, body = self.heard(event["id"])
            (incoming,) = self.adapter.verify(headers=headers, body=body, credentials=self.account.credentials, now=clock.now())
            assert (incoming.event_id, incoming.type) == (event["id"], event["type"])
            stories.append((incoming.type, self.adapter.read(body=incoming.body, type=incoming.type, account=self.account)))
        return stories

    def reports(self) -> list[ProviderReport]:
        return [report for _, report in self.told() if report is not None]
