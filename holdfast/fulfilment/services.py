"""Writes of fulfilment. Each handover is unique by line and unit: a repeated job hands nothing over twice."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Sum

from holdfast.db import due, writes
from holdfast.db.moves import Cause, move
from holdfast.fulfilment.models import Fulfilment, Handover
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
    """A code for every unit of every line (downloads, vouchers). Units that have one keep it."""
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
        for unit in range(1, line.quantity + 1)
    ]
    Handover.objects.bulk_create(rows, ignore_conflicts=True)
    return rows


def ship(
    fulfilment: Fulfilment, ordered: Iterable[Ordered], parts: dict[UUID, int] | None, *, tracking: dict[str, Any], now: datetime
) -> bool:
    """Note a parcel: quantities by order line, None for all that is left. True when nothing remains. Raises MoreThanOrdered."""
    sums = Handover.objects.filter(fulfilment=fulfilment).values("order_line_id").annotate(n=Sum("quantity"))
    shipped = {row["order_line_id"]: row["n"] for row in sums}
    left = {line.line_id: line.quantity - shipped.get(line.line_id, 0) for line in ordered}
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
