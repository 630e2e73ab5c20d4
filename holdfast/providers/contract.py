"""What every provider adapter speaks: the same questions, the same reports.

An adapter translates and nothing else: it decides no state, writes no table, and keeps unknown words as they came.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from holdfast.kernel.errors import Broken, Refused


class Kind(StrEnum):
    """What a report says: of an attempt, of a refund of its money, of a dispute about it, or of what the provider keeps.

    Of an attempt only AUTHORIZED, CAPTURED, SETTLED and the dead kinds are final financial facts.
    """

    OPENED = "opened"  # the customer can pay now (page, QR code)
    PENDING = "pending"  # nothing final yet: a decline inside an open session, a delayed method, processing
    AUTHORIZED = "authorized"  # the provider holds the money for us
    CAPTURED = "captured"  # the money is taken
    SETTLED = "settled"  # our own word and never a provider's: there was nothing to take
    FAILED = "failed"  # terminal: the provider can no longer take the money
    EXPIRED = "expired"  # terminal
    CANCELLED = "cancelled"  # terminal
    UNREADABLE = "unreadable"  # a status this adapter does not know: a person must look

    # Of one refund: `object_id` is its id with the provider, `money_id` that of the money it returns.
    REFUND_PENDING = "refund_pending"  # accepted, not done; it may still fail
    REFUNDED = "refunded"  # the money goes back
    REFUND_FAILED = "refund_failed"  # it does not, or it bounced after it had been REFUNDED: the money is the merchant's again

    # Of one dispute: `object_id` is its id, `money_id` that of the disputed money. Who holds it is told by the funds alone.
    DISPUTE_OPENED = "dispute_opened"  # asked about: `due_at` is until when evidence is taken
    DISPUTE_REVIEWED = "dispute_reviewed"  # evidence is in, or none is wanted: nothing to do but wait
    DISPUTE_WON = "dispute_won"  # closed for the merchant, or withdrawn, or an inquiry that became nothing
    DISPUTE_LOST = "dispute_lost"  # closed for the customer: counts as a refund
    FUNDS_WITHDRAWN = "funds_withdrawn"  # the provider took the disputed money back, `amount_minor` in all
    FUNDS_REINSTATED = "funds_reinstated"  # and returned it

    # Of one charge of the provider for its work: `object_id` is its id, `money_id` that of the money it was kept from, if any.
    FEE = "fee"


#: What speaks of an attempt itself, of a refund, of a dispute.
REFUND_KINDS = frozenset({Kind.REFUND_PENDING, Kind.REFUNDED, Kind.REFUND_FAILED})
DISPUTE_KINDS = frozenset(
    {
        Kind.DISPUTE_OPENED,
        Kind.DISPUTE_REVIEWED,
        Kind.DISPUTE_WON,
        Kind.DISPUTE_LOST,
        Kind.FUNDS_WITHDRAWN,
        Kind.FUNDS_REINSTATED,
    }
)


class Source(StrEnum):
    """How we learned of it."""

    REPLY = "reply"
    WEBHOOK = "webhook"
    POLL = "poll"
    STATEMENT = "statement"
    OPERATOR = "operator"
    OWN = "own"  # we said it ourselves: there was nothing to pay, so nobody was asked


@dataclass(frozen=True, kw_only=True)
class ProviderReport:
    """A provider's word about one thing: an attempt, a refund, a dispute, a fee.

    `reference` is our payment id in hex, as we gave it to the provider and it gave it back; `provider_id` its id of the
    attempt; `object_id` its id of what moved money, the same by whatever path we learned of it. Amounts are minor units of
    `currency` and stand only where money is spoken of: the amount authorized, captured, refunded, withdrawn … by that object so
    far, never a difference.

    A refund, dispute or fee names the money it is about in `money_id` (the `object_id` of that money's CAPTURED); a refund that
    we asked for also says `refund_reference`, our refund's id in hex. `also` is what the same answer told besides, oldest
    first: with an attempt its refunds, disputes and fees.
    """

    provider: str
    account_id: UUID
    live: bool
    kind: Kind
    source: Source
    reference: str | None
    provider_id: str | None = None
    object_id: str | None = None
    amount_minor: int | None = None
    currency: str | None = None
    occurred_at: datetime
    raw_status: str = ""
    pay_url: str = ""
    #: What the customer needs to pay without a page of the provider's: `{"pix": copy-and-paste code}`, or a transfer's account
    #: and reference. Shown as it stands.
    show: Mapping[str, Any] = field(default_factory=dict)
    money_id: str | None = None
    refund_reference: str | None = None
    due_at: datetime | None = None
    #: For people: what the provider said about a decline and the like. Never card data.
    detail: Mapping[str, Any] = field(default_factory=dict)
    also: Sequence["ProviderReport"] = ()


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """One event out of a webhook whose proof of origin held."""

    event_id: str
    type: str
    created_at: datetime | None
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Pointer:
    """Where to look: an event that tells nothing itself, or money that no attempt of ours is known to have.

    `kind` and `id` are the adapter's own words; `id` of kind MONEY is the `money_id` of a report.
    """

    kind: str
    id: str


#: The kind of a pointer made of a report's `money_id`.
MONEY = "money"


@dataclass(frozen=True, kw_only=True)
class AccountHandle:
    """What an adapter needs of a merchant's account. `credentials` are decrypted: never log this object."""

    id: UUID
    provider: str
    live: bool
    credentials: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """What an attempt is to take, from the order's snapshot: everything `compose` may put into a request."""

    payment_id: UUID
    order_id: UUID
    order_number: str
    #: One of the adapter's `methods`.
    method: str = ""
    amount_minor: int
    currency: str
    lines: Sequence[tuple[str, int, int]]  # (name, amount of the whole line in minor units, quantity): sums to the amount
    email: str
    manual_capture: bool
    expires_at: datetime
    success_url: str
    cancel_url: str


@dataclass(frozen=True, kw_only=True)
class Taken:
    """Money that a provider holds or took for one attempt: what is captured or given back.

    `object_id` is that of its AUTHORIZED or CAPTURED report; `amount_minor` what was authorized or captured.
    """

    reference: str
    provider_id: str | None
    object_id: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True)
class Return:
    """A refund that we ask for: `reference` is our refund's id in hex, `amount_minor` a part of the money or all of it."""

    reference: str
    money: Taken
    amount_minor: int
    #: For the provider and its customer: at most 140 characters, may be empty.
    reason: str = ""


class AmountNotPossible(Refused):
    """The provider cannot take this amount in this currency."""


class Unproven(Refused):
    """The webhook does not prove that it comes from the provider."""

    status = 400


class NotSent(Broken):
    """It certainly never reached the provider: asking again with the same key is safe and right.

    Speaks of this question only: where an earlier one with the same key was Unknown, it stays so.
    """


class Unknown(Broken):
    """We asked and do not know what happened. Only the provider's word may end this.

    Ask again with the same key, or `fetch`. A `fetch` that finds nothing does not end it: the request may still be on its
    way. It allows asking again with the same key, never with a new one.
    """


class Declined(Exception):
    """The provider understood and said no; `report` says what it said. Not an error of anybody.

    Raised by `open` with a report of kind FAILED: nothing exists at the provider that could take the money, and this key
    will never make it. Raised by `refund` with REFUND_FAILED (no `object_id` where no refund exists), and by `capture` with a
    report of how the attempt stands. The adapter has looked where an earlier try could have left something.
    """

    def __init__(self, report: ProviderReport) -> None:
        self.report = report
        super().__init__(report.raw_status)


class Provider(Protocol):
    """One folder of `providers/`. Stateless; safe for threads.

    The questions (open, close, fetch, look, capture, refund, fetch_refund, statement) may raise NotSent and Unknown, and where
    they say so Declined; whatever else goes wrong inside is translated to Unknown.
    """

    name: str
    #: Ways to pay that it offers, in the customer's words (card, pix, transfer); the first is the default.
    methods: tuple[str, ...]
    #: Currencies that it takes; empty: any.
    currencies: tuple[str, ...]
    #: Whether it can hold money and take it later.
    captures_later: bool

    def compose(self, purchase: Purchase, account: AccountHandle) -> dict[str, Any]:
        """The exact request of `open`, as JSON data: committed before it is sent, and what every retry sends. No secrets."""
        ...

    def open(self, *, request: Mapping[str, Any], key: str, account: AccountHandle) -> ProviderReport:
        """Start an attempt. Safe to repeat with the same key and request. May raise Declined."""
        ...

    def close(self, *, provider_id: str, key: str, account: AccountHandle) -> ProviderReport:
        """Make sure that an attempt can no longer take money, or learn that it already did. Safe to repeat.

        Money that is only held (AUTHORIZED) is let go of. Never returns OPENED or AUTHORIZED: an attempt that stays open is
        Unknown.
        """
        ...

    def capture(self, *, money: Taken, amount_minor: int, key: str, account: AccountHandle) -> ProviderReport:
        """Take held money, all or a part; what is not taken is let go of. Safe to repeat with the same key.

        CAPTURED, or Declined with how the attempt stands: AUTHORIZED where it may be tried again with another key, EXPIRED or
        CANCELLED where the hold is gone.
        """
        ...

    def refund(self, *, wanted: Return, key: str, account: AccountHandle) -> ProviderReport:
        """Give money back. Safe to repeat with the same key and request. One of REFUND_KINDS; may raise Declined."""
        ...

    def fetch_refund(self, *, wanted: Return, provider_id: str | None, account: AccountHandle) -> ProviderReport | None:
        """What the provider knows of a refund that we asked for, by its id or, when that is not known, by our reference.

        None: it certainly knows nothing of it.
        """
        ...

    def fetch(
        self,
        *,
        reference: str,
        provider_id: str | None,
        account: AccountHandle,
        since: datetime | None = None,
    ) -> ProviderReport | None:
        """What the provider knows of an attempt, by its id or, when that is not known, by our reference.

        `since` is when the attempt was made: a search may look only from a little before it. Refunds and disputes of its money
        are in `also`.

        None: the provider certainly knows nothing of it.
        """
        ...

    def look(self, *, pointer: Pointer, account: AccountHandle) -> ProviderReport | None:
        """What the provider knows of what a pointer names, as `fetch` tells it.

        None: it is nothing of ours, or the provider knows no such thing.
        """
        ...

    def statement(self, *, since: datetime, until: datetime, account: AccountHandle) -> Iterator[ProviderReport]:
        """What the provider's own books say of a span of time: fees, and whatever else they tell. May tell things twice.

        A provider that publishes no books of its own tells nothing.
        """
        ...

    def verify(
        self,
        *,
        headers: Mapping[str, str],
        body: bytes,
        credentials: Mapping[str, Any],
        now: datetime,
        query: str = "",
        path: str = "",
    ) -> Sequence[Incoming]:
        """Check a webhook's proof of origin and split it into events. `headers` have lower-case names; `query` is what stands
        behind the address's question mark and `path` what follows the account in it, without the slash. Raises Unproven.

        Pure: no network, no database; called by the receiver for every request, so it has to be quick.
        """
        ...

    def read(self, *, body: bytes, type: str, account: AccountHandle) -> ProviderReport | Pointer | None:
        """What a stored event says: a report where the event is signed and carries its object, a pointer where it only says
        where to look, None when it says nothing that could move state (and is then ignored). Never raises."""
        ...
