"""What every provider adapter speaks: the same questions, the same reports.

An adapter translates and nothing else: it decides no state, writes no table, and keeps unknown words as they came.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from holdfast.kernel.errors import Broken, Refused


class Kind(StrEnum):
    """What a report says of an attempt. Only AUTHORIZED, CAPTURED, SETTLED and the dead kinds are final financial facts."""

    OPENED = "opened"  # the customer can pay now (page, QR code)
    PENDING = "pending"  # nothing final yet: a decline inside an open session, a delayed method, processing
    AUTHORIZED = "authorized"  # the provider holds the money for us
    CAPTURED = "captured"  # the money is taken
    SETTLED = "settled"  # our own word and never a provider's: there was nothing to take
    FAILED = "failed"  # terminal: the provider can no longer take the money
    EXPIRED = "expired"  # terminal
    CANCELLED = "cancelled"  # terminal
    UNREADABLE = "unreadable"  # a status this adapter does not know: a person must look


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
    """A provider's word about one attempt.

    `reference` is our payment id in hex, as we gave it to the provider and it gave it back; `provider_id` its id of the
    attempt; `object_id` its id of what moved money, the same by whatever path we learned of it. Amounts are minor units of
    `currency` and stand only where money is spoken of: the amount authorized or captured by that object so far, never a
    difference.
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
    #: For people: what the provider said about a decline and the like. Never card data.
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """One event out of a webhook whose proof of origin held."""

    event_id: str
    type: str
    created_at: datetime | None
    body: bytes


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
    amount_minor: int
    currency: str
    lines: Sequence[tuple[str, int, int]]  # (name, amount of the whole line in minor units, quantity): sums to the amount
    email: str
    manual_capture: bool
    expires_at: datetime
    success_url: str
    cancel_url: str


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

    Raised by `open` only, with a report of kind FAILED: nothing exists at the provider that could take the money, and this
    key will never make it. The adapter has looked where an earlier try could have left something.
    """

    def __init__(self, report: ProviderReport) -> None:
        self.report = report
        super().__init__(report.raw_status)


class Provider(Protocol):
    """One folder of `providers/`. Stateless; safe for threads.

    The three questions may raise NotSent, Unknown or Declined; whatever else goes wrong inside is translated to Unknown.
    """

    name: str

    def compose(self, purchase: Purchase) -> dict[str, Any]:
        """The exact request of `open`, as JSON data: committed before it is sent, and what every retry sends."""
        ...

    def open(self, *, request: Mapping[str, Any], key: str, account: AccountHandle) -> ProviderReport:
        """Start an attempt. Safe to repeat with the same key and request."""
        ...

    def close(self, *, provider_id: str, key: str, account: AccountHandle) -> ProviderReport:
        """Make sure that an attempt can no longer take money, or learn that it already did. Safe to repeat.

        Never returns OPENED: an attempt that stays open is Unknown.
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

        `since` is when the attempt was made: a search may look only from a little before it.

        None: the provider certainly knows nothing of it.
        """
        ...

    def verify(
        self, *, headers: Mapping[str, str], body: bytes, credentials: Mapping[str, Any], now: datetime
    ) -> Sequence[Incoming]:
        """Check a webhook's proof of origin and split it into events. `headers` have lower-case names. Raises Unproven.

        Pure: no network, no database; called by the receiver for every request, so it has to be quick.
        """
        ...

    def read(self, *, body: bytes, type: str, account: AccountHandle) -> ProviderReport | None:
        """The report in a stored event; None when it says nothing that could move state (and is then ignored)."""
        ...
