"""Writes of fulfilment. Each handover is unique by line and unit: a repeated job hands nothing over twice."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Sum

from holdfast.db import due, writes
from holdfast.db.moves import Cause, move
from holdfast.fulfilment.models import Fulfilment, Handover, Revocation, Withdrawal
from holdfast.fulfilment.states import FULFILMENT
from holdfast.kernel import limits
from holdfast.kernel.errors import Refused
from holdfast.kernel.ids import readable_code

#: How each kind of line is handed over.
WAYS = {"good": "shipment", "digital": "download", "booking": "voucher"}


class MoreThanOrdered(Refused):
    """That is more than is still to be shipped of this line."""


@dataclass(frozen=True)
class Ordered:
    """A line of the order as fulfilment needs it."""

    line_id: UUID
    quantity: int


def intend(*, merchant_id: UUID, order_id: UUID, kinds: Iterable[str], cause: Cause, now: datetime) -> None:
    """The order is durably paid: note what has to be handed over, due at once."""
    ways = sorted({WAYS[kind] for kind in kinds})
    for way in ways:
        row = Fulfilment(merchant_id=merchant_id, order_id=order_id, way=way, moved=cause.as_json(), created_at=now)
        row.due_at = due.DatabaseNow()
        writes.insert(row)


def hand_over_units(fulfilment: Fulfilment, ordered: Iterable[Ordered], *, now: datetime) -> list[Handover]:
    """A code for every unit of every line (downloads, vouchers) but those withdrawn. Units that have one keep it."""
    ordered = [*ordered]
    gone = withdrawn(line.line_id for line in ordered)
    rows = [
        Handover(
            merchant_id=fulfilment.merchant_id,
            fulfilment=fulfilment,
            order_line_id=line.line_id,
            unit=unit,
            code=readable_code(16),
            at=now,
        )
        for line in ordered
        for unit in range(1, line.quantity - gone.get(line.line_id, 0) + 1)
    ]
    Handover.objects.bulk_create(rows, ignore_conflicts=True)
    return rows


def ship(
    fulfilment: Fulfilment, ordered: Iterable[Ordered], parts: dict[UUID, int] | None, *, tracking: dict[str, Any], now: datetime
) -> bool:
    """Note a parcel: quantities by order line, None for all that is left. True when nothing remains. Raises MoreThanOrdered."""
    ordered = [*ordered]
    shipped = handed_over(line.line_id for line in ordered)
    gone = withdrawn(line.line_id for line in ordered)
    left = {line.line_id: line.quantity - shipped.get(line.line_id, 0) - gone.get(line.line_id, 0) for line in ordered}
    if parts is None:
        parts = {line_id: quantity for line_id, quantity in left.items() if quantity}
    if not parts:
        raise MoreThanOrdered(left=0)
    for line_id, quantity in parts.items():
        if quantity > left.get(line_id, 0):
            raise MoreThanOrdered(left=left.get(line_id, 0))
    Handover.objects.bulk_create(
        Handover(
            merchant_id=fulfilment.merchant_id,
            fulfilment=fulfilment,
            order_line_id=line_id,
            unit=shipped.get(line_id, 0) + 1,
            quantity=quantity,
            tracking=tracking,
            at=now,
        )
        for line_id, quantity in parts.items()
    )
    return all(left[line_id] == parts.get(line_id, 0) for line_id in left)


def handed_over(line_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Units handed over by order line."""
    rows = Handover.objects.filter(order_line_id__in=set(line_ids)).values("order_line_id").annotate(n=Sum("quantity"))
    return {row["order_line_id"]: row["n"] for row in rows}


def withdrawn(line_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Units that are not handed over any more, by order line."""
    rows = Withdrawal.objects.filter(order_line_id__in=set(line_ids)).values("order_line_id").annotate(n=Sum("quantity"))
    return {row["order_line_id"]: row["n"] for row in rows}


def take_back(merchant_id: UUID, line: Ordered, *, quantity: int, refund_id: UUID, why: str, now: datetime) -> None:
    """Units of a line were refunded: those not handed over yet never are; of the others, codes lose their validity, newest first.

    Safe to repeat for the same refund.
    """
    if Withdrawal.objects.filter(order_line_id=line.line_id, cause=refund_id).exists():
        return
    ids = [line.line_id]
    left = line.quantity - handed_over(ids).get(line.line_id, 0) - withdrawn(ids).get(line.line_id, 0)
    spared = min(quantity, left)
    if spared:
        Withdrawal.objects.create(merchant_id=merchant_id, order_line_id=line.line_id, quantity=spared, cause=refund_id, at=now)
    if quantity > spared:
        valid = Handover.objects.filter(order_line_id=line.line_id, code__isnull=False).exclude(pk__in=_revoked())
        _revoke(merchant_id, valid.order_by("-unit")[: quantity - spared], why=why, now=now)


def revoke_all(merchant_id: UUID, order_id: UUID, *, why: str, now: datetime) -> None:
    """Every download and voucher of an order loses its validity. Safe to repeat."""
    rows = Handover.objects.filter(fulfilment__order_id=order_id, code__isnull=False).exclude(pk__in=_revoked())
    _revoke(merchant_id, rows, why=why, now=now)


def _revoked() -> Any:
    return Revocation.objects.values("handover_id")


def _revoke(merchant_id: UUID, handovers: Iterable[Handover], *, why: str, now: datetime) -> None:
    rows = [Revocation(merchant_id=merchant_id, handover_id=row.pk, cause=why[:200], at=now) for row in handovers]
    Revocation.objects.bulk_create(rows, ignore_conflicts=True)


def go(fulfilment: Fulfilment, target: str, *, cause: Cause) -> None:
    """Move a fulfilment along its table; the worker is done with it."""
    move(fulfilment, target, machine=FULFILMENT, cause=cause, due_at=None, error="")


def rest(fulfilment: Fulfilment) -> None:
    """Nothing to do for the worker: a shipment waits for the merchant."""
    Fulfilment.objects.filter(pk=fulfilment.pk).update(due_at=None)


def fail(fulfilment: Fulfilment, *, error: str, attempts: int) -> bool:
    """A try failed: again after a pause, or parked for people (then True)."""
    if attempts >= limits.FULFILMENT_TRIES and fulfilment.state == "pending":
        move(fulfilment, "parked", machine=FULFILMENT, cause=Cause(f"failed {attempts} times"), due_at=None, error=error[:2000])
        return True
    Fulfilment.objects.filter(pk=fulfilment.pk).update(due_at=due.after(limits.backoff(attempts)), error=error[:2000])
    return False
