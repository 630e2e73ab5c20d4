"""Reads of the ledger: every amount that a person sees can be derived here."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from django.db.models import Sum

from holdfast.db.pages import MANY, Page, Span, newest
from holdfast.kernel.errors import NotFound
from holdfast.ledger import accounts
from holdfast.ledger.models import Entry, Posting


def balance(account: str, currency: str) -> int:
    """Debits minus credits of an account of this merchant, in minor units."""
    sums = Posting.objects.filter(account=account, currency=currency).aggregate(d=Sum("debit_minor"), c=Sum("credit_minor"))
    return (sums["d"] or 0) - (sums["c"] or 0)


def entries_of(order_id: UUID) -> list[tuple[Entry, list[Posting]]]:
    """The entries about an order with their postings, oldest first: two statements."""
    entries = list(Entry.objects.filter(order_id=order_id).order_by("id"))
    postings: dict[UUID, list[Posting]] = {entry.pk: [] for entry in entries}
    for posting in Posting.objects.filter(entry__in=list(postings)).order_by("id"):
        postings[posting.entry_id].append(posting)
    return [(entry, postings[entry.pk]) for entry in entries]


# -- For staff --------------------------------------------------------------------------------------------------------


def page(span: Span, *, kind: str = "") -> Page[Entry]:
    """Entries, newest first."""
    table = Entry.objects.all()
    return newest(table, span, wanted=table.filter(kind=kind) if kind else None)


def get(entry_id: UUID) -> Entry:
    """One entry. Raises NotFound."""
    entry = Entry.objects.filter(pk=entry_id).first()
    if entry is None:
        raise NotFound("There is no such journal entry.")
    return entry


def postings_of(entries: Iterable[Entry], *, limit: int = MANY) -> dict[UUID, list[Posting]]:
    """The postings of these entries, by entry: one statement."""
    found: dict[UUID, list[Posting]] = {}
    rows = Posting.objects.filter(entry_id__in={entry.pk for entry in entries}).order_by("id")
    for posting in rows[: 6 * limit]:
        found.setdefault(posting.entry_id, []).append(posting)
    return found


def of_order(order_id: UUID, *, limit: int = MANY) -> list[Entry]:
    """The entries about an order, oldest first."""
    return list(Entry.objects.filter(order_id=order_id).order_by("id")[:limit])


def of_payment(payment_id: UUID, *, limit: int = MANY) -> list[Entry]:
    """The entries about an attempt, oldest first."""
    return list(Entry.objects.filter(payment_id=payment_id).order_by("id")[:limit])


@dataclass(frozen=True)
class Balance:
    """What the ledger says of one order in one currency, in minor units."""

    currency: str
    #: Came in and belongs to this order; went back; came in and fits nothing that was asked for.
    captured_minor: int
    refunded_minor: int
    unapplied_minor: int
    #: Sold, tax, shipping and fees included, less what was refunded of it.
    sold_minor: int
    #: Held by disputes that are not decided; what the provider kept.
    disputed_minor: int = 0
    fees_minor: int = 0

    @property
    def kept_minor(self) -> int:
        """What is left of what came in."""
        return self.captured_minor - self.refunded_minor - self.disputed_minor - self.fees_minor


#: Kinds of entries by which money comes in, and goes back.
_IN = ("capture", "unapplied")
_BACK = ("refund", "refund_failed", "dispute_lost")
_SOLD = (accounts.SALES, accounts.SHIPPING, accounts.FEES, accounts.TAX_PAYABLE)


def balances(order_id: UUID) -> list[Balance]:
    """The money of an order by currency: sums of postings, one statement, whatever their number."""
    rows = Posting.objects.filter(entry__order_id=order_id).values("currency", "account", "entry__kind")
    sums = rows.annotate(debit=Sum("debit_minor"), credit=Sum("credit_minor")).order_by("currency")
    found = []
    for currency, group in groupby(sums, key=lambda row: row["currency"]):
        told = [(row["entry__kind"], row["account"], row["debit"] - row["credit"]) for row in group]
        came = sum(net for kind, account, net in told if kind in _IN and account.startswith("receivable:"))
        back = -sum(
            net
            for kind, account, net in told
            if kind in _BACK and (account.startswith("receivable:") or account == accounts.DISPUTED)
        )
        apart = -sum(net for _, account, net in told if account == accounts.UNAPPLIED)
        sold = -sum(net for _, account, net in told if account in _SOLD)
        held = sum(net for _, account, net in told if account == accounts.DISPUTED)
        fees = sum(net for _, account, net in told if account == accounts.PROVIDER_FEES)
        found.append(Balance(currency, came - apart, back, apart, sold, held, fees))
    return found


@dataclass(frozen=True)
class Statement:
    """What one provider's money did within a span of time, in minor units of a currency: by kind, and what it owes more now."""

    provider: str
    currency: str
    captured_minor: int
    unapplied_minor: int
    refunded_minor: int
    disputed_minor: int
    fees_minor: int

    @property
    def net_minor(self) -> int:
        """By how much more the provider owes us than before."""
        return self.captured_minor + self.unapplied_minor - self.refunded_minor - self.disputed_minor - self.fees_minor


#: Which kinds of entries a column of a statement sums.
_COLUMNS = {
    "capture": "captured_minor",
    "unapplied": "unapplied_minor",
    "receipt": "unapplied_minor",
    "receipt_allocated": "unapplied_minor",
    "receipt_returned": "unapplied_minor",
    "receipt_ignored": "unapplied_minor",
    "refund": "refunded_minor",
    "refund_failed": "refunded_minor",
    "dispute_withdrawn": "disputed_minor",
    "dispute_reinstated": "disputed_minor",
    "fee": "fees_minor",
}


def statements(*, since: datetime, until: datetime) -> list[Statement]:
    """Statements by provider and currency of what was recorded from `since` to before `until`.

    By the time of recording, so that a day that is over never changes; each entry also says when it happened.
    """
    rows = Posting.objects.filter(
        entry__recorded_at__gte=since, entry__recorded_at__lt=until, account__startswith="receivable:"
    ).values("account", "currency", "entry__kind")
    sums = rows.annotate(debit=Sum("debit_minor"), credit=Sum("credit_minor")).order_by("account", "currency")
    found = []
    for (account, currency), group in groupby(sums, key=lambda row: (row["account"], row["currency"])):
        columns = dict.fromkeys(_COLUMNS.values(), 0)
        for row in group:
            column, net = _COLUMNS[row["entry__kind"]], row["debit"] - row["credit"]
            columns[column] += net if column in ("captured_minor", "unapplied_minor") else -net
        found.append(Statement(account.removeprefix("receivable:"), currency, **columns))
    return found
