"""Reads of carts."""

from uuid import UUID

from holdfast.carts.models import Cart, CartLine
from holdfast.kernel.errors import NotFound


def owned(cart_id: UUID, token_sha256: str) -> Cart:
    """A cart by id and the hash of its token. Raises NotFound for a wrong token as for no cart."""
    cart = Cart.objects.filter(pk=cart_id, token_sha256=token_sha256).first()
    if cart is None:
        raise NotFound("There is no such cart, or the Cart-Token is not its own.")
    return cart


def lines(cart_id: UUID) -> list[CartLine]:
    """The lines of a cart, in the order they were added."""
    return list(CartLine.objects.filter(cart_id=cart_id).order_by("id"))


def of_order(cart_id: UUID) -> Cart | None:
    """The cart that an order came from."""
    return Cart.objects.filter(pk=cart_id).first()
