"""Reads of orders."""

from uuid import UUID

from holdfast.kernel.errors import NotFound
from holdfast.orders.models import Order, OrderLine
from holdfast.orders.states import PUBLIC


def get(order_id: UUID) -> Order:
    """An order of this merchant. Raises NotFound."""
    order = Order.objects.filter(pk=order_id).first()
    if order is None:
        raise NotFound("There is no such order.")
    return order


def owned(order_id: UUID, token_sha256: str) -> Order:
    """An order by id and the hash of its lookup token. Raises NotFound for a wrong token as for no order."""
    order = Order.objects.filter(pk=order_id, token_sha256=token_sha256).first()
    if order is None:
        raise NotFound("There is no such order, or the Order-Token is not its own.")
    return order


def of_cart(cart_id: UUID) -> Order | None:
    """The order that a cart became."""
    return Order.objects.filter(cart_id=cart_id).first()


def of_external(external_id: str) -> Order | None:
    """The order that stands for a shop's own order."""
    return Order.objects.filter(external_id=external_id).first()


def lines(order_id: UUID) -> list[OrderLine]:
    """The lines of an order."""
    return list(OrderLine.objects.filter(order_id=order_id).order_by("position"))


def newest(*, before: UUID | None, limit: int) -> list[Order]:
    """A page of orders, newest first."""
    query = Order.objects.order_by("-id")
    return list((query.filter(pk__lt=before) if before else query)[:limit])


def public_status(order: Order, *, captured_minor: int, refunded_minor: int) -> str:
    """pending, paid, failed, cancelled or refunded. Money speaks first, so that `closed` never hides paid or refunded."""
    if captured_minor and refunded_minor >= captured_minor:
        return "refunded"
    if order.state == "closed":
        return "paid"
    return PUBLIC[order.state]
