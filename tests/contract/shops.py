"""One shop per provider, each over real HTTP against the real gateway process: what the contract suite asks of all alike.

A provider joins with one file beside this one, `shop_<provider>.py`, that holds one subclass of `Shop`. What the provider cannot
do is said there (`has_webhooks = False`): a test that needs it is then not made for it, and no test asks for a name.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from gateway_process import GatewayProcess

from holdfast.kernel import clock
from holdfast.kernel.ids import new_id
from holdfast.providers.contract import (
    AccountHandle,
    Declined,
    Kind,
    NotSent,
    Pointer,
    ProviderReport,
    Purchase,
    Return,
    Taken,
    Unknown,
)
from holdfast.providers.registry import provider

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


class Day(NamedTuple):
    """A mood of the gateway for the next `times` calls, and what the question and then a look-up say of it.

    `first` and `then` are the kind of a report, the name of what is raised, or "nothing".
    """

    mood: str
    times: int
    first: str
    then: str


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One webhook as it would arrive now. `headers` have lower-case names."""

    event_id: str
    type: str
    headers: Mapping[str, str]
    body: bytes
    query: str = ""
    path: str = ""


def outcome(ask: Callable[[], ProviderReport | None]) -> str:
    """What a Day speaks of."""
    try:
        report = ask()
    except (NotSent, Unknown, Declined) as said:
        return type(said).__name__
    return "nothing" if report is None else str(report.kind)


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
class Money:
    """An attempt whose customer has paid: the money is taken, or held with manual capture."""

    attempt: Attempt
    taken: Taken

    @property
    def shop(self) -> "Shop":
        return self.attempt.shop

    @property
    def id(self) -> str:
        return self.taken.object_id

    def fetch(self) -> ProviderReport | None:
        return self.attempt.fetch(self.taken.provider_id)

    def close(self) -> ProviderReport:
        return self.attempt.close(self.taken.provider_id)

    def capture(self, amount_minor: int = 2500, *, key: str = "capture") -> ProviderReport:
        """Keys of one payment's operations are told apart by what they do."""
        key = f"{self.attempt.reference}:{key}"
        return self.shop.adapter.capture(money=self.taken, amount_minor=amount_minor, key=key, account=self.shop.account)

    def refund(self, amount_minor: int = 2500) -> "Refund":
        """Not asked for yet."""
        return Refund(self, Return(reference=new_id().hex, money=self.taken, amount_minor=amount_minor, reason="Too small"))

    def refunds(self) -> list[ProviderReport]:
        """What `fetch` says of its refunds."""
        return [each for each in self.fetch().also if each.kind in (Kind.REFUND_PENDING, Kind.REFUNDED, Kind.REFUND_FAILED)]


@dataclass
class Refund:
    """One committed intention to give money back."""

    money: Money
    wanted: Return

    def ask(self) -> ProviderReport:
        key = f"{self.wanted.reference}:refund"
        return self.money.shop.adapter.refund(wanted=self.wanted, key=key, account=self.money.shop.account)

    def fetch(self, provider_id: str | None = None) -> ProviderReport | None:
        shop = self.money.shop
        return shop.adapter.fetch_refund(wanted=self.wanted, provider_id=provider_id, account=shop.account)


@dataclass
class Shop:
    """A merchant's account with one provider. What stands under "told by the subclass" has no meaning here."""

    gateway: GatewayProcess
    secret_key: str = field(default_factory=lambda: f"sk_test_{uuid.uuid4().hex}")
    api_base: str = ""

    # -- Told by the subclass -------------------------------------------------------------------------------------------
    name: ClassVar[str]
    #: What customers pay in.
    currency: ClassVar[str] = "EUR"
    #: What a first `open` that goes well says: a page or a code to pay with, or at once the money.
    opened: ClassVar[Kind] = Kind.OPENED
    #: What `close` says of an attempt that nobody paid.
    closed: ClassVar[Kind] = Kind.CANCELLED
    #: What a refund that goes well says at first.
    refunded: ClassVar[Kind] = Kind.REFUNDED
    #: What the gateway calls our `open`, our `refund`, our `capture`, and how `close` lets go of held money.
    operation: ClassVar[str] = ""
    refund_operation: ClassVar[str] = ""
    capture_operation: ClassVar[str] = ""
    void_operation: ClassVar[str] = ""
    #: What open and then fetch say on a bad day; refund and then fetch_refund; capture, or close, of held money and then fetch.
    bad_days: ClassVar[Sequence[Day]] = ()
    refund_bad_days: ClassVar[Sequence[Day]] = ()
    capture_bad_days: ClassVar[Sequence[Day]] = ()
    void_bad_days: ClassVar[Sequence[Day]] = ()
    #: Changes to the credentials that the provider, or we before it, refuse.
    bad_credentials: ClassVar[Sequence[Mapping[str, Any]]] = ()
    #: What our answer to bad credentials speaks of, so that a merchant knows what to look at.
    blames: ClassVar[str] = "secret key"
    #: An id of the form that the provider gives, of nothing that exists.
    some_id: ClassVar[str] = "none"
    #: What makes this provider quiet at the gateway, as `PUT /_gateway/moods` takes it.
    quiet: ClassVar[Mapping[str, Any]] = {}
    #: Whether there is somebody to ask at all; where not, nothing can be lost on the way.
    is_remote: ClassVar[bool] = True
    #: Whether the customer pays at an address of the provider's (`pay_url`).
    has_page: ClassVar[bool] = False
    has_webhooks: ClassVar[bool] = False
    #: Whether money can be given back through the adapter, and past us with the provider's own pages.
    has_refunds: ClassVar[bool] = True
    #: Whether a refund carries our reference, so that wherever it is seen it is known for ours.
    names_refunds: ClassVar[bool] = True
    has_dashboard: ClassVar[bool] = False
    #: Whether a refund may stay pending before it is done or fails, and may fail after it was done.
    has_slow_refunds: ClassVar[bool] = False
    has_bouncing_refunds: ClassVar[bool] = False
    has_disputes: ClassVar[bool] = False
    #: Whether `statement` tells of fees.
    has_fees: ClassVar[bool] = False

    def credentials(self) -> dict[str, Any]:
        """Decrypted, as the adapter gets them."""
        raise NotImplementedError

    def pay(self, opened: ProviderReport) -> None:
        """The customer pays. Nothing to do where `open` has charged already."""

    def attempts_at_the_provider(self) -> int:
        """How many attempts of this account the provider has in its books."""
        raise NotImplementedError

    def refunds_at_the_provider(self, money: Money) -> list[int]:
        """The amounts that the provider has returned or is returning of this money, in our minor units, smallest first."""
        raise NotImplementedError

    def listen(self) -> None:
        """An endpoint, so that webhooks can be signed for it. Nothing is delivered: the suite pauses the deliveries."""

    def deliveries(self) -> list[Delivery]:
        """Every webhook of the account so far, oldest first."""
        return []

    def refund_at_the_dashboard(self, money: Money, amount_minor: int) -> str:
        """Past us; answers the refund's `object_id`."""
        raise NotImplementedError

    def next_refund(self, what: str) -> None:
        """The next refund is `pending` until it is settled, or is done and `bounces` when it is settled as not."""
        raise NotImplementedError

    def settle_refund(self, object_id: str, *, succeeded: bool) -> None:
        raise NotImplementedError

    def dispute(self, money: Money, amount_minor: int | None = None) -> str:
        """The customer's bank takes it back; answers the dispute's `object_id`."""
        raise NotImplementedError

    def close_dispute(self, object_id: str, *, won: bool) -> None:
        raise NotImplementedError

    def lapse(self, money: Money) -> None:
        """The provider does not hold the money any longer, for nobody took it."""
        raise NotImplementedError

    @staticmethod
    def forget_clients() -> None:
        """Empty what the adapter keeps of its HTTP clients: they were made with the limits of their time."""

    # -- The same for all -----------------------------------------------------------------------------------------------
    def __post_init__(self) -> None:
        self.adapter = provider(self.name)
        self.account = AccountHandle(id=new_id(), provider=self.name, live=False, credentials=self.credentials())

    @classmethod
    def can(cls, what: str) -> bool:
        """What this class says of its provider (`has_disputes`), else what the adapter does (`captures_later`)."""
        return bool(getattr(cls, what) if hasattr(cls, what) else getattr(provider(cls.name), what))

    def another(self, **changes) -> "Shop":
        """A shop of another merchant with the same provider, unless `secret_key` says otherwise."""
        return type(self)(**{"gateway": self.gateway, **changes})

    def with_credentials(self, **changes) -> "Shop":
        """The same account, whose credentials were changed."""
        other = self.another(secret_key=self.secret_key, api_base=self.api_base)
        other.account = replace(self.account, credentials={**self.account.credentials, **changes})
        return other

    def attempt(self, **changes) -> Attempt:
        bought = purchase(**{"method": self.adapter.methods[0], "currency": self.currency, **changes})
        return Attempt(self, bought, self.adapter.compose(bought, self.account))

    def money(self, **changes) -> Money:
        """An attempt that was opened and paid."""
        attempt = self.attempt(**changes)
        opened = attempt.open()
        self.pay(opened)
        paid = attempt.fetch(opened.provider_id)
        assert paid.kind is (Kind.AUTHORIZED if attempt.bought.manual_capture else Kind.CAPTURED)
        taken = Taken(
            reference=attempt.reference,
            provider_id=opened.provider_id,
            object_id=paid.object_id,
            amount_minor=paid.amount_minor,
            currency=paid.currency,
        )
        return Money(attempt, taken)

    def told(self) -> list[tuple[str, ProviderReport | Pointer | None]]:
        """Every event so far, through `verify` and `read` as a receiver and a worker would do it."""
        stories = []
        for each in self.deliveries():
            (incoming,) = self.adapter.verify(
                headers=each.headers,
                body=each.body,
                credentials=self.account.credentials,
                now=clock.now(),
                query=each.query,
                path=each.path,
            )
            assert (incoming.event_id, incoming.type) == (each.event_id, each.type)
            stories.append((incoming.type, self.adapter.read(body=incoming.body, type=incoming.type, account=self.account)))
        return stories

    def hear(self) -> list[ProviderReport]:
        """What all events so far tell, with what stands beside it; a pointer is followed."""
        reports = []
        for _, said in self.told():
            report = self.adapter.look(pointer=said, account=self.account) if isinstance(said, Pointer) else said
            if report is not None:
                reports += [report, *report.also]
        return reports


def subclasses() -> dict[str, type[Shop]]:
    """The shop of each provider, out of the files beside this one."""
    for path in sorted(Path(__file__).parent.glob("shop_*.py")):
        import_module(path.stem)
    return {shop.name: shop for shop in sorted(Shop.__subclasses__(), key=lambda shop: shop.name)}
