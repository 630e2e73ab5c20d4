"""Writes of the ledger: insert-only. Each function is one kind of movement with its accounts."""

from collections.abc import Sequence
from dataclasses import dataclass
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


def capture(subject: Subject, *, provider: str, cause: str, amount: Money, effective_at: datetime, now: datetime) -> None:
    """The provider took money for us: it owes us, and we owe the customer goods or the money back."""
    sides = [(accounts.receivable(provider), amount.minor), (accounts.CUSTOMER_DEPOSITS, -amount.minor)]
    _post(subject, "capture", cause, amount.currency, sides, effective_at, now)


def unapplied(subject: Subject, *, provider: str, cause: str, amount: Money, effective_at: datetime, now: datetime) -> None:
    """The provider took money that fits nothing we asked for: kept apart until a person decides."""
    sides = [(accounts.receivable(provider), amount.minor), (accounts.UNAPPLIED, -amount.minor)]
    _post(subject, "unapplied", cause, amount.currency, sides, effective_at, now)


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
