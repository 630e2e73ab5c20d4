"""Reads of stock and slots."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import F

from holdfast.db import reads
from holdfast.db.pages import Page, Span, newest
from holdfast.inventory.models import Movement, Reservation, Slot, Stock
from holdfast.kernel.errors import NotFound, Refused


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


def of_orders(order_ids: Iterable[UUID]) -> list[Reservation]:
    """The reservations of several orders, each order's in the global order of their stock."""
    return reads.rows(Reservation, "WHERE order_id = ANY(%s::uuid[]) ORDER BY order_id, stock_id", [*order_ids])


def of_order(order_id: UUID) -> list[Reservation]:
    """The reservations of an order, in the global order of their stock."""
    return list(Reservation.objects.filter(order_id=order_id).order_by("stock_id"))


# -- For staff --------------------------------------------------------------------------------------------------------


def page(span: Span, *, kind: str = "") -> Page[Stock]:
    """Stock rows, newest first."""
    table = Stock.objects.all()
    return newest(table, span, wanted=table.filter(kind=kind) if kind else None)


def stock(stock_id: UUID) -> Stock:
    """One stock row. Raises NotFound."""
    row = Stock.objects.filter(pk=stock_id).first()
    if row is None:
        raise NotFound("There is no such stock.")
    return row


def held(stock_id: UUID, *, limit: int) -> list[Reservation]:
    """Reservations that a stock holds now, with their orders, newest first."""
    return list(Reservation.objects.select_related("order").filter(stock_id=stock_id, state="held").order_by("-id")[:limit])


def movements(stock_id: UUID, *, limit: int) -> list[Movement]:
    """The latest changes of a stock's on-hand, with the orders they were for, newest first."""
    rows = Movement.objects.select_related("reservation__order").filter(stock_id=stock_id)
    return list(rows.order_by("-id")[:limit])


def of_order_with_stock(order_id: UUID) -> list[Reservation]:
    """The reservations of an order with what they hold."""
    return list(Reservation.objects.select_related("stock").filter(order_id=order_id).order_by("id"))
