"""Hand over what is durably paid. Downloads and vouchers by the worker, parcels when the merchant says what was sent."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from holdfast.cases import services as cases
from holdfast.db import due
from holdfast.db.due import Claim
from holdfast.db.moves import Cause
from holdfast.db.tenancy import Busy, DatabaseAway, writing
from holdfast.flows import answers
from holdfast.fulfilment import queries as fulfilment_queries
from holdfast.fulfilment import services as fulfilment
from holdfast.fulfilment.models import Fulfilment
from holdfast.idempotency import services as idempotency
from holdfast.idempotency.services import Answer, Use
from holdfast.kernel import ids, limits
from holdfast.kernel.clock import now as clock_now
from holdfast.kernel.errors import Conflict
from holdfast.orders import queries as order_queries
from holdfast.orders import services as orders
from holdfast.orders.models import Order
from holdfast.outbox import services as outbox

log = structlog.get_logger()

#: Order states in which something may still be handed over.
OPEN = ("paid", "fulfillment_pending", "partially_fulfilled", "partially_refunded")


class NotShippable(Conflict):
    """This order is not paid, or there is nothing (more) to ship."""


def work(*, stopping: Callable[[], bool] = due.never) -> int:
    """Fulfilments that are due. Returns how many were claimed."""
    return due.each("fulfilments", lambda claim: begin(claim, now=clock_now()), stopping=stopping)


def begin(claim: Claim, *, now: datetime) -> str:
    """Hand over what the worker can, in one transaction; parcels wait for the merchant. Safe to repeat."""
    try:
        if claim.attempts > limits.FULFILMENT_TRIES:
            raise due.DiesOnIt  # earlier tries ended without a word: this one would as well
        with writing(claim.merchant_id, step="fulfil.begin"):
            return _begin(claim.id, now=now)
    except (Busy, DatabaseAway):
        raise
    except Exception as error:
        log.exception("fulfilment.failed", fulfilment=str(claim.id))
        with writing(claim.merchant_id, step="fulfil.fail"):
            row = fulfilment_queries.get(claim.id)
            if fulfilment.fail(row, error=f"{type(error).__name__}: {error}", attempts=claim.attempts):
                _ask_person(row, str(error), now=now)
        return "failed"


def ship(
    *, merchant_id: UUID, order_id: UUID, parts: Mapping[UUID, int] | None, tracking: Mapping[str, Any], use: Use, now: datetime
) -> Answer:
    """The merchant sent a parcel: quantities by order line, or everything that is left. Safe to repeat with the same key.

    Raises NotShippable, MoreThanOrdered, KeyReused, InProgress.
    """
    with writing(merchant_id, step="fulfil.ship"):
        claimed = idempotency.claim(use, merchant_id=merchant_id, subject="shipment", subject_id=ids.new_id(), now=now)
        if claimed.answer is not None:
            return claimed.answer
        order = orders.lock_order(order_id)
        row = next((row for row in fulfilment_queries.of_order(order_id) if row.way == "shipment"), None)
        if row is None or order.state not in OPEN or row.state not in ("pending", "partially_done", "parked"):
            raise NotShippable
        ordered = _ordered(order_id, "shipment")
        whole = fulfilment.ship(row, ordered, dict(parts) if parts is not None else None, tracking=dict(tracking), now=now)
        cause = Cause("a parcel was sent", actor="merchant")
        if order.state in ("paid", "partially_refunded"):
            orders.go(order, "fulfillment_pending", cause=cause)
        if row.state == "parked":
            fulfilment.go(row, "pending", cause=cause)
        if whole or row.state == "pending":
            fulfilment.go(row, "done" if whole else "partially_done", cause=cause)
        _advance(order, cause=cause)
        outbox.write(merchant_id=merchant_id, topic="order_shipped", cause=claimed.subject_id.hex, order_id=order_id, now=now)
        body = {"shipment": {"id": ids.shown("shp", claimed.subject_id), "order": ids.shown("ord", order_id), "state": row.state}}
        idempotency.answer(merchant_id=merchant_id, subject_id=claimed.subject_id, status=201, body=answers.as_bytes(body))
    return Answer(201, answers.as_bytes(body))


def _begin(fulfilment_id: UUID, *, now: datetime) -> str:
    row = fulfilment_queries.get(fulfilment_id)
    order = orders.lock_order(row.order_id)
    row.refresh_from_db()
    if order.state not in OPEN or row.state != "pending":
        fulfilment.rest(row)
        return "rested"
    cause = Cause(f"{row.way} begins")
    if order.state in ("paid", "partially_refunded"):
        orders.go(order, "fulfillment_pending", cause=cause)
    if row.way == "shipment":
        fulfilment.rest(row)
        return "waiting"
    fulfilment.hand_over_units(row, _ordered(order.pk, row.way), now=now)
    fulfilment.go(row, "done", cause=cause)
    _advance(order, cause=Cause(f"{row.way} handed over"))
    outbox.write(merchant_id=order.merchant_id, topic=f"{row.way}_ready", cause=row.pk.hex, order_id=order.pk, now=now)
    return "done"


def _ordered(order_id: UUID, way: str) -> list[fulfilment.Ordered]:
    lines = order_queries.lines(order_id)
    return [fulfilment.Ordered(line.pk, line.quantity) for line in lines if fulfilment.WAYS.get(line.kind) == way]


def _advance(order: Order, *, cause: Cause) -> None:
    """The order follows its fulfilments: all done, or a part."""
    states = {row.state for row in fulfilment_queries.of_order(order.pk)} - {"cancelled"}
    target = "fulfilled" if states == {"done"} else "partially_fulfilled"
    if order.state != target:
        orders.go(order, target, cause=cause)


def _ask_person(row: Fulfilment, error: str, *, now: datetime) -> None:
    cases.open_case(
        merchant_id=row.merchant_id,
        kind="parked",
        cause=f"fulfilment:{row.pk.hex}",
        summary=f"A {row.way} could not be handed over: {error}",
        proposal="Find the cause, then retry the fulfilment.",
        evidence={"fulfilment": str(row.pk), "error": error[:1000]},
        order_id=row.order_id,
        payment_id=None,
        now=now,
    )
