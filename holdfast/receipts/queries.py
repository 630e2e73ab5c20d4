"""Reads of receipts."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Sum

from holdfast.db.pages import Page, Span, newest
from holdfast.kernel.errors import NotFound
from holdfast.receipts.models import Allocation, Receipt


def get(receipt_id: UUID) -> Receipt:
    """A receipt of this merchant. Raises NotFound."""
    found = Receipt.objects.filter(pk=receipt_id).first()
    if found is None:
        raise NotFound("There is no such transfer.")
    return found


def by_bank_id(account_id: UUID, bank_id: str) -> Receipt | None:
    """The receipt of a line of the bank's."""
    return Receipt.objects.filter(account_id=account_id, bank_id=bank_id).first()


def entered_alike(account_id: UUID, *, amount_minor: int, currency: str, paid_at: datetime, within: timedelta) -> list[Receipt]:
    """Receipts that a person entered, that no statement has shown yet, and that could be this line's, oldest first."""
    rows = Receipt.objects.filter(account_id=account_id, source="operator", bank_id=None, amount_minor=amount_minor)
    rows = rows.filter(currency=currency, paid_at__gte=paid_at - within, paid_at__lte=paid_at + within)
    return list(rows.exclude(state="rejected").order_by("id"))


def told_alike(
    account_id: UUID, *, payment_id: UUID, amount_minor: int, currency: str, paid_at: datetime, within: timedelta
) -> Receipt | None:
    """A receipt out of a statement that could be this one of the same payment."""
    rows = Receipt.objects.filter(account_id=account_id, source="statement", payment_id=payment_id, currency=currency)
    return rows.filter(amount_minor=amount_minor, paid_at__gte=paid_at - within, paid_at__lte=paid_at + within).first()


def waiting_for(payment_id: UUID) -> list[Receipt]:
    """Receipts that are for an attempt whose total is not reached yet, in the order in which they were paid."""
    return list(Receipt.objects.filter(payment_id=payment_id, state="matched").order_by("paid_at", "id"))


def entered_alone_minor(payment_id: UUID) -> int:
    """What was entered by hand for an attempt and confirmed by nobody else, in minor units."""
    rows = Receipt.objects.filter(payment_id=payment_id, source="operator", confirmed_by=None, bank_id=None)
    return sum(row.amount_minor for row in rows.filter(state__in=("matched", "allocated", "excess")))


def allocations(receipt_ids: Iterable[UUID]) -> list[Allocation]:
    """What these receipts paid for, oldest first."""
    return list(Allocation.objects.filter(receipt_id__in=set(receipt_ids)).order_by("id"))


def allocated_minor(payment_id: UUID) -> int:
    """What was allocated to an attempt, in minor units: nothing, or its total."""
    return Allocation.objects.filter(payment_id=payment_id).aggregate(n=Sum("amount_minor"))["n"] or 0


def left_minor(receipt: Receipt) -> int:
    """What of a receipt paid for nothing and was not sent back, in minor units."""
    used = Allocation.objects.filter(receipt_id=receipt.pk).aggregate(n=Sum("amount_minor"))["n"] or 0
    return receipt.amount_minor - receipt.returned_minor - int(used)


def page(span: Span, *, state: str = "") -> Page[Receipt]:
    """Receipts, newest first."""
    table = Receipt.objects.all()
    return newest(table.filter(state=state) if state else table, span)
