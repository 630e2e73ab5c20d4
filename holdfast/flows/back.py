"""Going back from payment. The frozen cart stays with its order; its copy is checked out like any cart, with one question more:

what became of the order before? Unchanged content is the same order and, where none is open, a new attempt. Changed content is
a new order, once the old page is closed at the provider and the old order cancelled: nobody can pay both.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from holdfast.carts.models import Cart
from holdfast.customers import queries as customers
from holdfast.flows import answers, expiry
from holdfast.flows.expiry import NotCancellable, StillPayable
from holdfast.kernel import ids
from holdfast.kernel.errors import Conflict
from holdfast.orders import queries as order_queries
from holdfast.orders import services as orders
from holdfast.orders.models import Order
from holdfast.payments import queries as payment_queries
from holdfast.payments.models import Payment


class PaidMeanwhile(Conflict):
    """What you are about to order was paid already: look at that order."""


class CloseFirst(Exception):
    """The order before has to be closed at the provider, with no transaction open, before this cart can be checked out.

    Never leaves checkout. `cancel`: its content has changed, so a new order takes its place.
    """

    def __init__(self, order_id: UUID, *, cancel: bool) -> None:
        super().__init__(order_id)
        self.order_id, self.cancel = order_id, cancel


@dataclass(frozen=True)
class Before:
    """The order to go on with, under its lock, and its attempt that may still take the money."""

    order: Order
    attempt: Payment | None


def before(cart: Cart, *, quote_sha256: str, provider: str, contact: customers.Told) -> Before | None:
    """The order that a copied cart goes on with; None when a new one is to be placed. Call it with the cart locked.

    Raises CloseFirst, PaidMeanwhile, StillPayable.
    """
    known = order_queries.of_cart(cart.copy_of_id) if cart.copy_of_id else None
    if known is None:
        return None
    order = orders.lock_order(known.pk)
    if order.state == "cancelled":
        return None
    if order.state not in ("payment_pending", "payment_failed", "expired") or payment_queries.holds_money(order.pk):
        raise _paid(order)
    if order.quote_sha256 != quote_sha256 or not customers.same(order.contact_id, contact):
        raise CloseFirst(order.pk, cancel=True)
    attempt = payment_queries.in_flight(order.pk)
    if attempt is not None and attempt.provider != provider:
        raise CloseFirst(order.pk, cancel=False)
    if attempt is None and order.state == "payment_pending":
        raise StillPayable  # its window is over, and the provider has not closed yet
    return Before(order, attempt)


def order_of(cart: Cart) -> Order | None:
    """The order that a locked cart became, or that it went on with: then it is a copy of the cart that became it."""
    if cart.state != "locked":
        return None
    return order_queries.of_cart(cart.pk) or (order_queries.of_cart(cart.copy_of_id) if cart.copy_of_id else None)


def let_go(cart: Cart) -> None:
    """The content of a copied cart goes into another one: the order before is not wanted any more. Call it with the cart locked.

    Raises CloseFirst, PaidMeanwhile.
    """
    known = order_queries.of_cart(cart.copy_of_id) if cart.copy_of_id else None
    if known is None:
        return
    order = orders.lock_order(known.pk)
    if order.state == "cancelled":
        return
    if order.state not in expiry.PAYABLE or payment_queries.holds_money(order.pk):
        raise _paid(order)
    raise CloseFirst(order.pk, cancel=True)


def close(first: CloseFirst, *, merchant_id: UUID, now: datetime) -> None:
    """Close the order before at the provider; cancel it if its content has changed. Raises StillPayable, PaidMeanwhile."""
    try:
        if first.cancel:
            expiry.cancel(merchant_id=merchant_id, order_id=first.order_id, actor="shopper", now=now)
        else:
            expiry.close(merchant_id=merchant_id, order_id=first.order_id, now=now)
    except NotCancellable as paid:
        raise PaidMeanwhile(**_shown(first.order_id)) from paid


def _paid(order: Order) -> PaidMeanwhile:
    return PaidMeanwhile(**_shown(order.pk))


def _shown(order_id: UUID) -> dict[str, str]:
    return {"order": ids.shown("ord", order_id), "order_token": answers.order_token(order_id)}
