"""Reads of stock and slots."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import F

from holdfast.inventory.models import Reservation, Slot, Stock
from holdfast.kernel.errors import Refused


class SlotClosed(Refused):
    """This time can no longer be booked."""


def available(stock_ids: Iterable[UUID]) -> dict[UUID, int]:
    """What could be reserved now, by stock id. A hint: only `services.reserve` decides."""
    rows = Stock.objects.filter(pk__in=set(stock_ids)).annotate(free=F("on_hand") - F("reserved"))
    return dict(rows.values_list("pk", "free"))


def bookable(slot_ids: Iterable[UUID], *, now: datetime) -> dict[UUID, Slot]:
    """Slots by id that can be booked now. Raises SlotClosed if one cannot."""
    wanted = set(slot_ids)
    found = {row.pk: row for row in Slot.objects.filter(pk__in=wanted, active=True, cutoff_at__gt=now)}
    if wanted - found.keys():
        raise SlotClosed
    return found


def slots_by_id(slot_ids: Iterable[UUID]) -> dict[UUID, Slot]:
    """Slots by id, past or closed ones too: what was booked has to be shown."""
    return {row.pk: row for row in Slot.objects.filter(pk__in=set(slot_ids))}


def slots(product_id: UUID, *, now: datetime, limit: int, after: UUID | None = None) -> list[Slot]:
    """The next bookable slots of a tour, soonest first, with their stock; with `after` those that start later than that slot."""
    query = Slot.objects.select_related("stock").filter(product_id=product_id, active=True, cutoff_at__gt=now)
    if after is not None:
        query = query.filter(starts_at__gt=Slot.objects.filter(pk=after).values("starts_at"))
    return list(query.order_by("starts_at")[:limit])


def of_order(order_id: UUID) -> list[Reservation]:
    """The reservations of an order, in the global order of their stock."""
    return list(Reservation.objects.filter(order_id=order_id).order_by("stock_id"))
