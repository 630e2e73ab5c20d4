"""Reads of carts."""

from uuid import UUID

from holdfast.carts.models import Cart, CartLine
from holdfast.db import reads
from holdfast.kernel.errors import NotFound


def owned(cart_id: UUID, token_sha256: str) -> Cart:
    """A cart by id and the hash of its token. Raises NotFound for a wrong token as for no cart."""
    cart = reads.first(Cart, "WHERE id = %s AND token_sha256 = %s", cart_id, token_sha256)
    if cart is None:
        raise NotFound("There is no such cart, or the Cart-Token is not its own.")
    return cart


def open_copy(cart_id: UUID) -> Cart | None:
    """The copy of a frozen cart that may be changed."""
    return Cart.objects.filter(copy_of_id=cart_id, state="active").first()


def of_customer(customer_id: UUID) -> Cart | None:
    """The one active cart of a customer, under its lock."""
    return reads.first(Cart, "WHERE customer_id = %s AND state = 'active' FOR NO KEY UPDATE", customer_id)


def merged_into(cart: Cart) -> Cart:
    """Where the lines of a merged cart went."""
    assert cart.merged_into_id is not None
    return Cart.objects.get(pk=cart.merged_into_id)


def lines(cart_id: UUID) -> list[CartLine]:
    """The lines of a cart, in the order they were added."""
    return reads.rows(CartLine, "WHERE cart_id = %s ORDER BY id", cart_id)


def of_order(cart_id: UUID) -> Cart | None:
    """The cart that an order came from."""
    return Cart.objects.filter(pk=cart_id).first()
