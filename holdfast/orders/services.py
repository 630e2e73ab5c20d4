"""Writes of orders. An order is placed once from a cart or an external id; after that only its state moves."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from holdfast.db import reads, writes
from holdfast.db.moves import Cause, lock, move
from holdfast.kernel.errors import NotFound
from holdfast.kernel.ids import readable_code
from holdfast.orders.models import Adjustment, Order, OrderLine
from holdfast.orders.states import ORDER


def place(
    *,
    id: UUID,
    merchant_id: UUID,
    token_sha256: str,
    cart_id: UUID | None,
    external_id: str | None,
    contact_id: UUID | None,
    customer_id: UUID | None,
    currency: str,
    total_minor: int,
    snapshot: dict[str, Any],
    quote_sha256: str,
    lines: Sequence[OrderLine],
    expires_at: datetime,
    cause: Cause,
    now: datetime,
) -> Order:
    """Write the order with its immutable snapshot and lines; from the commit on, money can arrive for it."""
    order = Order(
        id=id,
        merchant_id=merchant_id,
        number=new_number(),
        token_sha256=token_sha256,
        cart_id=cart_id,
        external_id=external_id,
        contact_id=contact_id,
        customer_id=customer_id,
        currency=currency,
        total_minor=total_minor,
        snapshot=snapshot,
        quote_sha256=quote_sha256,
        moved=cause.as_json(),
        placed_at=now,
        expires_at=expires_at,
        due_at=expires_at,
    )
    writes.insert(order)
    writes.insert_all(lines)
    return order


def lock_order(order_id: UUID) -> Order:
    """The order under its lock: the lock on everything that is paid for it. Raises NotFound, Busy."""
    return lock(Order.objects.all(), order_id, "order")


def lock_orders(order_ids: Iterable[UUID]) -> dict[UUID, Order]:
    """Orders by id under their locks, taken in the order of ids. Raises NotFound when one is not there, Busy."""
    wanted = set(order_ids)
    rows = reads.rows(Order, "WHERE id = ANY(%s::uuid[]) ORDER BY id FOR NO KEY UPDATE", sorted(wanted))
    found = {row.pk: row for row in rows}
    if wanted - found.keys():
        raise NotFound("There is no such order.")
    return found


def go(order: Order, target: str, *, cause: Cause, **changes: Any) -> None:
    """Move a locked order along its table."""
    move(order, target, machine=ORDER, cause=cause, **changes)


def adjust(order: Order, *, payment_id: UUID, amount_minor: int, cause: str, now: datetime) -> None:
    """Less was captured than the total: what the order costs less, as a negative amount."""
    writes.insert(
        Adjustment(
            merchant_id=order.merchant_id,
            order_id=order.pk,
            payment_id=payment_id,
            amount_minor=amount_minor,
            cause=cause[:200],
            at=now,
        )
    )


def new_number() -> str:
    """Readable and not guessable from another: ten random characters (about 48 bits), `K7QXM-2RDPA`."""
    code = readable_code(10)
    return f"{code[:5]}-{code[5:]}"


def rest(order: Order) -> None:
    """The expiry loop has nothing to do here."""
    Order.objects.filter(pk=order.pk).update(due_at=None)


def look_again(order: Order, *, at: Any) -> None:
    """The expiry loop looks again at this time."""
    Order.objects.filter(pk=order.pk).update(due_at=at)
