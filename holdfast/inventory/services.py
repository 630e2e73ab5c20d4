"""Writes of stock. Every caller holds a transaction; stock rows are locked in the order of their ids, late and shortly.

A reservation is made at checkout, committed by payment, released by failure or expiry, and can be held again for late money.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db.models import F

from holdfast.db import writes
from holdfast.db.moves import Cause, lock_all, move
from holdfast.inventory.models import Movement, Reservation, Stock
from holdfast.inventory.states import RESERVATION
from holdfast.kernel.errors import Conflict, NotFound

#: Lock the rows in the order of their ids; if each has enough, take from all of them, else from none.
TAKE = """
  WITH wanted AS (
    SELECT s.id, w.quantity, s.on_hand - s.reserved >= w.quantity AS enough
      FROM unnest(%s::uuid[], %s::int[]) AS w (id, quantity) JOIN inventory_stock s USING (id)
     ORDER BY s.id FOR NO KEY UPDATE OF s)
  UPDATE inventory_stock s SET reserved = s.reserved + wanted.quantity FROM wanted
   WHERE s.id = wanted.id AND (SELECT count(*) FILTER (WHERE enough) = %s FROM wanted)
"""


class InsufficientStock(Conflict):
    """Somebody else took the last of it."""


def reserve(
    *, merchant_id: UUID, order_id: UUID, wanted: Mapping[UUID, int], until: datetime, cause: Cause, now: datetime
) -> None:
    """Hold quantities by stock id for an order, all or none. Raises InsufficientStock with what is left, when it is sent.

    The stock is taken before the rows that refer to it are written, in the same round trip: their foreign keys then meet our own
    lock. The other way round, everyone who wants a hot row first shares its key, and PostgreSQL keeps lists of them (multixacts).
    """
    _take(wanted)
    for stock_id, quantity in sorted(wanted.items()):
        row = Reservation(
            merchant_id=merchant_id,
            order_id=order_id,
            stock_id=stock_id,
            quantity=quantity,
            moved=cause.as_json(),
            expires_at=until,
            created_at=now,
        )
        writes.insert(row)


def hold_again(reservations: Iterable[Reservation], *, until: datetime, cause: Cause) -> None:
    """Hold what an order let go of, all or none (another attempt, or late money). Raises InsufficientStock."""
    rows = [row for row in reservations if row.state in ("released", "expired")]
    _take({row.stock_id: row.quantity for row in rows})
    writes.send()  # the caller decides on the refusal
    for row in rows:
        move(row, "held", machine=RESERVATION, cause=cause, expires_at=until)


def extend(*, order_id: UUID, until: datetime) -> None:
    """Hold an order's reservations until a later time."""
    Reservation.objects.filter(order_id=order_id, state="held", expires_at__lt=until).update(expires_at=until)


def commit(reservations: Iterable[Reservation], *, cause: Cause, now: datetime) -> None:
    """The order is paid: on-hand falls by what it held. Safe to repeat."""
    for row in [row for row in reservations if row.state == "held"]:
        move(row, "committed", machine=RESERVATION, cause=cause)
        sold = {"delta": -row.quantity, "cause": "sold", "reservation_id": row.pk, "at": now}
        writes.insert(Movement(merchant_id=row.merchant_id, stock_id=row.stock_id, **sold), after=Stock)
        writes.add(Stock, row.stock_id, on_hand=-row.quantity, reserved=-row.quantity)


def release(reservations: Iterable[Reservation], *, to: str, cause: Cause) -> None:
    """Let go of what an order holds; `to` is `released` or `expired`. Safe to repeat."""
    for row in [row for row in reservations if row.state == "held"]:
        move(row, to, machine=RESERVATION, cause=cause)
        writes.add(Stock, row.stock_id, on_hand=0, reserved=-row.quantity)


def restock(*, order_id: UUID, stock_id: UUID, quantity: int, refund_id: UUID, now: datetime) -> None:
    """Refunded pieces or places can be sold again, because somebody chose so (R-H5). Once per order, stock and refund."""
    reservation = Reservation.objects.filter(order_id=order_id, stock_id=stock_id, state="committed").first()
    if reservation is None:
        return
    cause = f"returned {refund_id.hex[-11:]}"
    known = Movement.objects.filter(reservation=reservation, cause=cause)
    if known.exists():
        return
    back = {"delta": quantity, "cause": cause, "reservation_id": reservation.pk, "at": now}
    writes.insert(Movement(merchant_id=reservation.merchant_id, stock_id=stock_id, **back), after=Stock)
    writes.add(Stock, stock_id, on_hand=quantity, reserved=0)


def receive_stock(*, merchant_id: UUID, stock_id: UUID, quantity: int, cause: str, now: datetime) -> None:
    """Goods arrived, or a count differed: on-hand changes by `quantity`, with a movement that says why."""
    rows = lock_all(Stock.objects.all(), [stock_id])
    if stock_id not in rows:
        raise NotFound("There is no such stock.")
    Stock.objects.filter(pk=stock_id).update(on_hand=F("on_hand") + quantity)
    Movement.objects.create(merchant_id=merchant_id, stock_id=stock_id, delta=quantity, cause=cause, at=now)


def _take(wanted: Mapping[UUID, int]) -> None:
    """Add to `reserved` under row locks. The check is inside the lock; the database checks once more."""
    if wanted:
        writes.say(TAKE, [*wanted], [*wanted.values()], len(wanted), refused=lambda: _missing(wanted))


def _missing(wanted: Mapping[UUID, int]) -> InsufficientStock:
    """What there is too little of, read under the locks that the refusal holds."""
    rows = lock_all(Stock.objects.all(), wanted)
    for stock_id, quantity in sorted(wanted.items()):
        row = rows.get(stock_id)
        left = row.on_hand - row.reserved if row else 0
        if left < quantity:
            return InsufficientStock(available=left, wanted=quantity, name=row.name if row else "")
    return InsufficientStock()
