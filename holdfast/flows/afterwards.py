"""What follows when an order's money goes back, by refund or by a lost dispute: the same whatever the path."""

from dataclasses import replace
from uuid import UUID

from holdfast.cases import services as cases
from holdfast.db.moves import Cause
from holdfast.flows import shares
from holdfast.flows.visit import Visit, evidence
from holdfast.fulfilment import queries as fulfilment_queries
from holdfast.fulfilment import services as fulfilment
from holdfast.inventory import services as inventory
from holdfast.ledger.services import Parts
from holdfast.orders import services as orders
from holdfast.orders.models import Order, OrderLine
from holdfast.orders.states import ORDER
from holdfast.payments.models import Refund

#: Where an order goes when all of its money has gone back, or a part of it.
_ALL_BACK = {
    "paid": "refunded",
    "fulfilled": "refunded",
    "partially_refunded": "refunded",
    "fulfillment_pending": "cancelled_with_refund",
    "partially_fulfilled": "cancelled_with_refund",
}
_PART_BACK = dict.fromkeys(("paid", "fulfillment_pending", "partially_fulfilled", "fulfilled", "refunded"), "partially_refunded")
#: States that say already what they should.
_SAYS_ALL, _SAYS_PART = ("refunded", "cancelled_with_refund"), ("partially_refunded",)


def back_minor(visit: Visit) -> int:
    """How much of the order's own money has gone back, in minor units: refunds, and what lost disputes took.

    Of money that the order had no place for (surplus) only what came and went by itself.
    """
    if visit.payment.surplus_at is not None:
        return visit.payment.refunded_minor
    own = {row.pk: row for row in visit.dossiers.attempts(visit.order.pk) if row.surplus_at is None}
    lost = sum(row.lost_minor for row in visit.dossiers.disputes(visit.order.pk) if row.payment_id in own)
    return sum(row.refunded_minor for row in own.values()) + lost


def parts(visit: Visit, *, before: int, growth: int) -> Parts:
    """What `growth` more of the order's money stands for when `before` had gone back already.

    Shared out in proportion to what was sold, always for the whole that has gone back: however it goes back in pieces, the
    sums are those of one refund. What was never sold, or is more than was, is a deposit.
    """
    if visit.payment.surplus_at is not None:
        return Parts(deposit_minor=growth)
    return _shares(visit, before + growth) - _shares(visit, before)


def _shares(visit: Visit, back: int) -> Parts:
    sold = shares.of_sale(visit.order, min(back, captured_minor(visit)))
    return replace(sold, deposit_minor=back - sold.total_minor)


def captured_minor(visit: Visit) -> int:
    """What the order was paid with, in minor units."""
    return sum(row.captured_minor for row in visit.dossiers.attempts(visit.order.pk) if row.surplus_at is None)


def order_follows(visit: Visit) -> None:
    """The order says what its money does. Where no edge leads there it stays, and a person is asked (R-C9)."""
    order = visit.order
    if visit.payment.surplus_at is not None:
        return
    back, captured = back_minor(visit), captured_minor(visit)
    if back >= captured:
        _all_back(visit)
        target, said = _ALL_BACK.get(order.state), order.state in _SAYS_ALL
    elif back > 0:
        target, said = _PART_BACK.get(order.state), order.state in _SAYS_PART
    else:
        said = order.state not in (*_SAYS_ALL, *_SAYS_PART)
        target = _before_refunds(order.pk)
    if said:
        return
    if target is None or not ORDER.allows(order.state, target):
        _no_edge(visit, back)
        return
    orders.go(order, target, cause=visit.cause)


def taken_back(visit: Visit, refund: Refund) -> None:
    """A refund by line: units that were not handed over never are, codes lose their validity, stock returns where chosen."""
    lines = {str(line.pk): line for line in visit.dossiers.lines(visit.order.pk)}
    for said in refund.lines:
        line: OrderLine = lines[said["line"]]
        unit = fulfilment.Ordered(line.pk, line.quantity)
        more = {"quantity": said["quantity"], "refund_id": refund.pk, "now": visit.now}
        fulfilment.take_back(visit.order.merchant_id, unit, why="refunded", **more)
        if said.get("restock") and line.stock_id:
            places = said["quantity"] * (line.places // line.quantity)
            inventory.restock(
                order_id=visit.order.pk, stock_id=line.stock_id, quantity=places, refund_id=refund.pk, now=visit.now
            )
    if refund.lines:
        _close_what_is_done(visit)


def _all_back(visit: Visit) -> None:
    """Nothing more is handed over, and what was handed over as a code is no longer valid."""
    cause = Cause("the money went back")
    for row in fulfilment_queries.of_order(visit.order.pk):
        if row.state in ("pending", "parked", "partially_done"):
            fulfilment.go(row, "cancelled", cause=cause)
    fulfilment.revoke_all(visit.order.merchant_id, visit.order.pk, why=cause.why, now=visit.now)


def _close_what_is_done(visit: Visit) -> None:
    """A part of the order of which nothing is left to hand over is done, or cancelled where nothing was."""
    ordered = [line for line in visit.dossiers.lines(visit.order.pk) if line.kind in fulfilment.WAYS]
    ids = [line.pk for line in ordered]
    handed, gone = fulfilment.handed_over(ids), fulfilment.withdrawn(ids)
    for row in fulfilment_queries.of_order(visit.order.pk):
        mine = [line for line in ordered if fulfilment.WAYS[line.kind] == row.way]
        left = sum(line.quantity - handed.get(line.pk, 0) - gone.get(line.pk, 0) for line in mine)
        if left or row.state not in ("pending", "parked", "partially_done"):
            continue
        some = any(handed.get(line.pk) for line in mine)
        target = "done" if some and row.state == "partially_done" else "cancelled"
        fulfilment.go(row, target, cause=Cause("the rest was refunded"))


def _before_refunds(order_id: UUID) -> str:
    """A refund failed after success and none is left: where the order stands by what was handed over."""
    states = {row.state for row in fulfilment_queries.of_order(order_id)}
    return "fulfilled" if states == {"done"} else "paid"


def _no_edge(visit: Visit, back: int) -> None:
    order: Order = visit.order
    cases.open_case(
        merchant_id=order.merchant_id,
        kind="no_edge",
        cause=f"{order.pk.hex}:{visit.report.object_id}:{visit.report.kind}",
        summary=f"{back} {order.currency} (minor units) of order {order.number} went back while it is {order.state}.",
        proposal="Look at the order: its state cannot say what its money did.",
        evidence=evidence(visit.report),
        order_id=order.pk,
        payment_id=visit.payment.pk,
        now=visit.now,
    )
