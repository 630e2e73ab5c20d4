"""Writes of the ledger: insert-only. Each function is one kind of movement with its accounts."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from uuid import UUID

from holdfast.db import writes
from holdfast.kernel.money import Money
from holdfast.ledger import accounts
from holdfast.ledger.models import Entry, Posting


@dataclass(frozen=True)
class Subject:
    """What an entry is about."""

    merchant_id: UUID
    order_id: UUID | None
    payment_id: UUID | None


@dataclass(frozen=True)
class Parts:
    """What a sum of an order's money stands for, in minor units: sold goods, shipping, fees and tax; or a deposit, where
    nothing was sold for it. May be negative, to undo."""

    net_minor: int = 0
    shipping_minor: int = 0
    fees_minor: int = 0
    tax_minor: int = 0
    deposit_minor: int = 0

    @property
    def total_minor(self) -> int:
        return self.net_minor + self.shipping_minor + self.fees_minor + self.tax_minor + self.deposit_minor

    def undone(self) -> list[tuple[str, int]]:
        """The sides that undo a sale of this much, or give a deposit back: debits positive."""
        return [
            (accounts.SALES, self.net_minor),
            (accounts.SHIPPING, self.shipping_minor),
            (accounts.FEES, self.fees_minor),
            (accounts.TAX_PAYABLE, self.tax_minor),
            (accounts.CUSTOMER_DEPOSITS, self.deposit_minor),
        ]

    def __sub__(self, other: "Parts") -> "Parts":
        return Parts(*(mine - theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


def capture(subject: Subject, *, provider: str, cause: str, amount: Money, effective_at: datetime, now: datetime) -> None:
    """The provider took money for us: it owes us, and we owe the customer goods or the money back."""
    sides = [(accounts.receivable(provider), amount.minor), (accounts.CUSTOMER_DEPOSITS, -amount.minor)]
    _post(subject, "capture", cause, amount.currency, sides, effective_at, now)


def unapplied(subject: Subject, *, provider: str, cause: str, amount: Money, effective_at: datetime, now: datetime) -> None:
    """The provider took money that fits nothing we asked for: kept apart until a person decides."""
    sides = [(accounts.receivable(provider), amount.minor), (accounts.UNAPPLIED, -amount.minor)]
    _post(subject, "unapplied", cause, amount.currency, sides, effective_at, now)


def receipt(subject: Subject, *, cause: str, amount: Money, effective_at: datetime, now: datetime) -> None:
    """Money came into a bank account: kept apart until it is known what it is for."""
    sides = [(accounts.receivable("transfer"), amount.minor), (accounts.UNAPPLIED, -amount.minor)]
    _post(subject, "receipt", cause, amount.currency, sides, effective_at, now)


def receipt_leaves(subject: Subject, *, kind: str, cause: str, amount: Money, effective_at: datetime, now: datetime) -> None:
    """A part of such money is kept apart no longer: `receipt_allocated` (the door books it for its payment in the same
    transaction), `receipt_returned` (a person transferred it back) or `receipt_ignored` (it is no customer's)."""
    sides = [(accounts.UNAPPLIED, amount.minor), (accounts.receivable("transfer"), -amount.minor)]
    _post(subject, kind, cause, amount.currency, sides, effective_at, now)


def applied(subject: Subject, *, cause: str, amount: Money, effective_at: datetime, now: datetime) -> None:
    """Money that was kept apart turned out to be what was asked for: it is the customer's deposit."""
    sides = [(accounts.UNAPPLIED, amount.minor), (accounts.CUSTOMER_DEPOSITS, -amount.minor)]
    _post(subject, "applied", cause, amount.currency, sides, effective_at, now)


def sale(
    subject: Subject,
    *,
    net_minor: int,
    tax_minor: int,
    shipping_minor: int,
    fees_minor: int,
    currency: str,
    effective_at: datetime,
    now: datetime,
) -> None:
    """The order is paid: the customer's deposit becomes sales, shipping, fees and tax owed. Net amounts. Once per order."""
    total = net_minor + tax_minor + shipping_minor + fees_minor
    sides = [
        (accounts.CUSTOMER_DEPOSITS, total),
        (accounts.SALES, -net_minor),
        (accounts.SHIPPING, -shipping_minor),
        (accounts.FEES, -fees_minor),
        (accounts.TAX_PAYABLE, -tax_minor),
    ]
    _post(subject, "sale", str(subject.order_id), currency, sides, effective_at, now)


def authorization(subject: Subject, *, cause: str, amount: Money, effective_at: datetime, now: datetime) -> None:
    """Money is held for us but not ours: memorandum accounts, closed again by capture, void or lapse."""
    sides = [(accounts.AUTHORIZED, amount.minor), (accounts.AUTHORIZED_CONTRA, -amount.minor)]
    _post(subject, "authorization", cause, amount.currency, sides, effective_at, now)


def authorization_closed(subject: Subject, *, cause: str, amount: Money, effective_at: datetime, now: datetime) -> None:
    """The held money was captured, voided or lapsed."""
    sides = [(accounts.AUTHORIZED_CONTRA, amount.minor), (accounts.AUTHORIZED, -amount.minor)]
    _post(subject, "authorization_closed", cause, amount.currency, sides, effective_at, now)


def refund(
    subject: Subject, *, provider: str, cause: str, parts: Parts, currency: str, effective_at: datetime, now: datetime
) -> None:
    """Money went back to the customer: the provider owes us less, and what `parts` say is undone."""
    sides = [*parts.undone(), (accounts.receivable(provider), -parts.total_minor)]
    _post(subject, "refund", cause, currency, sides, effective_at, now)


def refund_failed(
    subject: Subject, *, provider: str, cause: str, parts: Parts, currency: str, effective_at: datetime, now: datetime
) -> None:
    """A refund bounced after it had succeeded: the money is with the provider again, and what it had undone is done again."""
    sides = [(accounts.receivable(provider), parts.total_minor), *((name, -minor) for name, minor in parts.undone())]
    _post(subject, "refund_failed", cause, currency, sides, effective_at, now)


def withdrawn(subject: Subject, *, provider: str, cause: str, amount: Money, effective_at: datetime, now: datetime) -> None:
    """A dispute took money: it is neither ours nor the customer's until it is decided."""
    sides = [(accounts.DISPUTED, amount.minor), (accounts.receivable(provider), -amount.minor)]
    _post(subject, "dispute_withdrawn", cause, amount.currency, sides, effective_at, now)


def reinstated(subject: Subject, *, provider: str, cause: str, amount: Money, effective_at: datetime, now: datetime) -> None:
    """A dispute returned money."""
    sides = [(accounts.receivable(provider), amount.minor), (accounts.DISPUTED, -amount.minor)]
    _post(subject, "dispute_reinstated", cause, amount.currency, sides, effective_at, now)


def lost(subject: Subject, *, cause: str, parts: Parts, currency: str, effective_at: datetime, now: datetime) -> None:
    """A dispute was lost: what it took went back to the customer for good. Negative parts undo it after an appeal."""
    sides = [*parts.undone(), (accounts.DISPUTED, -parts.total_minor)]
    _post(subject, "dispute_lost", cause, currency, sides, effective_at, now)


def fee(subject: Subject, *, provider: str, cause: str, amount: Money, effective_at: datetime, now: datetime) -> None:
    """The provider kept money for its work."""
    sides = [(accounts.PROVIDER_FEES, amount.minor), (accounts.receivable(provider), -amount.minor)]
    _post(subject, "fee", cause, amount.currency, sides, effective_at, now)


def _post(
    subject: Subject,
    kind: str,
    cause: str,
    currency: str,
    sides: Sequence[tuple[str, int]],
    effective_at: datetime,
    now: datetime,
) -> None:
    """Debits are positive, credits negative; zeros are left out, and an entry of nothing else (an order that costs nothing) is
    not written. The unique cause makes a second writing an error."""
    if not any(amount for _, amount in sides):
        return
    entry = Entry(
        merchant_id=subject.merchant_id,
        kind=kind,
        cause=cause,
        order_id=subject.order_id,
        payment_id=subject.payment_id,
        effective_at=effective_at,
        recorded_at=now,
    )
    writes.insert(entry)
    for account, amount in sides:
        if amount:
            debit, credit = max(amount, 0), max(-amount, 0)
            writes.insert(
                Posting(
                    merchant_id=subject.merchant_id,
                    entry=entry,
                    account=account,
                    currency=currency,
                    debit_minor=debit,
                    credit_minor=credit,
                )
            )
