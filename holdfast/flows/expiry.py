"""Orders whose payment window has passed. First the provider is asked to close; stock returns on its word or after the grace.

Money that arrives later is honoured or becomes a case (`flows.paid`).
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from holdfast.db import due
from holdfast.db.due import Claim
from holdfast.db.moves import Cause
from holdfast.db.tenancy import reading, writing
from holdfast.flows import paid, questions
from holdfast.flows.questions import Question
from holdfast.inventory import queries as inventory_queries
from holdfast.inventory import services as inventory
from holdfast.kernel import limits
from holdfast.kernel.clock import now as clock_now
from holdfast.kernel.errors import Conflict
from holdfast.orders import queries as order_queries
from holdfast.orders import services as orders
from holdfast.orders.models import Order
from holdfast.outbox import services as outbox
from holdfast.payments import queries as payment_queries
from holdfast.payments import services as payments
from holdfast.payments.models import Payment
from holdfast.promotions import queries as promotion_queries
from holdfast.promotions import services as promotions

#: States of an order in which an attempt may still bring money.
PAYABLE = ("payment_pending", "expired", "payment_failed")
#: States of an order whose money is held: the merchant may let go of it.
HELD = ("payment_authorized", "capture_failed")


class StillPayable(Conflict):
    """The provider may still take the money, so the order cannot be cancelled yet. Try again in a moment."""

    retry_after_s = 5


def work(*, stopping: Callable[[], bool] = due.never) -> int:
    """Orders past their window. Returns how many were claimed."""
    return due.each("orders", lambda claim: expire(claim, now=clock_now()), stopping=stopping, batch=limits.ASKING_BATCH)


def expire(claim: Claim, *, now: datetime) -> str:
    """Close the attempt at the provider; its word expires the order through the door. Safe to repeat."""
    with writing(claim.merchant_id, step="expiry.intend"):
        order = orders.lock_order(claim.id)
        if order.state != "payment_pending":
            orders.rest(order)
            return "settled"
        clock = due.database_now()
        if order.expires_at > clock:
            orders.look_again(order, at=order.expires_at)
            return "extended"
        payment = payment_queries.in_flight(order.pk)
        over = clock >= order.expires_at + limits.CLOSE_GRACE
        if payment is None or over:
            _let_go(order, payment, now=now)
            return "expired"
        question = _close(payment, now=now)
        grace_ends = order.expires_at + limits.CLOSE_GRACE
        orders.look_again(order, at=min(grace_ends, clock + limits.backoff(claim.attempts + 2)))
    if question is not None:
        questions.ask(question, now=now)
    return "asked"


def cancel(*, merchant_id: UUID, order_id: UUID, actor: str, now: datetime, held: bool = False) -> None:
    """Cancel an order that is not paid, once the provider cannot take the money any more. Safe to repeat.

    `held`: also one whose money the provider holds, which is then let go of (a void): the merchant's to decide.

    Raises StillPayable while it may, and NotCancellable once it is paid.
    """
    states = (*PAYABLE, *HELD) if held else PAYABLE
    _close_all(states, merchant_id=merchant_id, order_id=order_id, now=now)
    with writing(merchant_id, step="expiry.cancelled"):
        order = orders.lock_order(order_id)
        if order.state != "cancelled":
            _require_closed(order, states)
            orders.go(order, "cancelled", cause=Cause("cancelled on request", actor=actor), due_at=None)


def close(*, merchant_id: UUID, order_id: UUID, now: datetime) -> None:
    """See to it that no attempt can take an order's money any more: it may be paid another way then. Safe to repeat.

    Raises StillPayable while one may, and NotCancellable once it is paid.
    """
    _close_all(PAYABLE, merchant_id=merchant_id, order_id=order_id, now=now)
    with reading(merchant_id):
        _require_closed(order_queries.get(order_id), PAYABLE)


def _close_all(states: Sequence[str], *, merchant_id: UUID, order_id: UUID, now: datetime) -> None:
    """Ask the provider to close every attempt that may still take the money; its word goes through the door."""
    with writing(merchant_id, step="expiry.cancel"):
        order = orders.lock_order(order_id)
        attempts = payment_queries.undead(order.pk) if order.state in states else []
        asked = [question for question in (_close(payment, now=now) for payment in attempts) if question is not None]
    for question in asked:
        questions.ask(question, now=now)


def _require_closed(order: Order, states: Sequence[str]) -> None:
    open_still = order.state in ("payment_pending", *HELD) or payment_queries.undead(order.pk)
    if order.state in states and open_still:
        raise StillPayable
    if order.state not in states:
        raise NotCancellable(f"This order is {order.state}.")


class NotCancellable(Conflict):
    """A paid order is refunded, not cancelled."""


def _close(payment: Payment, *, now: datetime) -> Question | None:
    """Intend to close the attempt, once. None while its opening is still in doubt: recovery finds out first."""
    if payment.provider_id is None:
        return None
    operation = payment_queries.operation_of(payment.pk, "close") or payments.intend(
        payment, kind="close", request={"provider_id": payment.provider_id}, now=now
    )
    return questions.of(operation, payment)


def _let_go(order: Order, payment: Payment | None, *, now: datetime) -> None:
    """Nothing can pay it any more, or the grace is over: stock returns; an attempt in doubt is asked about all the same."""
    why = "the payment window passed" if payment is None else f"the provider did not close within {limits.CLOSE_GRACE}"
    cause = Cause(why)
    if payment is not None:
        payments.supersede(payment, now=now)
        paid.close_page(payment, now=now)
    orders.go(order, "expired", cause=cause, due_at=None)
    if order.snapshot.get("promotions"):
        promotions.release(promotion_queries.of_order(order.pk), cause=cause)
    inventory.release(inventory_queries.of_order(order.pk), to="expired", cause=cause)
    # While the provider may still take the money, nobody is told that nothing was taken (D7).
    topic = "payment_problem" if payment is None else "payment_unclear"
    outbox.write(merchant_id=order.merchant_id, topic=topic, cause=order.pk.hex, order_id=order.pk, now=now)
