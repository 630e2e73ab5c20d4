"""Writes of carts. Every change locks the cart row first, so that changes have an order and none is lost."""

from datetime import datetime
from uuid import UUID

from django.db.models import F

from holdfast.carts.models import Cart, CartLine
from holdfast.carts.states import CART
from holdfast.db import due, reads
from holdfast.db.moves import Cause, lock, move
from holdfast.kernel import limits
from holdfast.kernel.errors import Conflict, NotFound, Refused
from holdfast.kernel.ids import new_id


class CartLocked(Conflict):
    """This cart is in checkout and cannot be changed. Reopen it to change it."""


class CartMerged(Conflict):
    """The content of this cart went into the cart of the customer who logged in."""


class CartFull(Refused):
    """A cart takes no more lines."""


class QuantityTooLarge(Refused):
    """That is more than one line may hold."""


def create(
    *,
    merchant_id: UUID,
    token_sha256: str,
    currency: str,
    region: str,
    now: datetime,
    id: UUID | None = None,
    copy_of: UUID | None = None,
    customer_id: UUID | None = None,
    coupon: str = "",
    shipping_method: str = "",
) -> Cart:
    """A new, empty cart of a guest, or of a customer who has none that is active."""
    return Cart.objects.create(
        id=id or new_id(),
        merchant_id=merchant_id,
        token_sha256=token_sha256,
        currency=currency,
        region=region,
        copy_of_id=copy_of,
        customer_id=customer_id,
        coupon=coupon,
        shipping_method=shipping_method,
        moved=Cause("created", actor="shopper").as_json(),
        due_at=now + limits.CART_TTL,
        created_at=now,
    )


def lock_any(cart_id: UUID, token_sha256: str) -> Cart:
    """The cart under its lock, in whatever state, for who has its token. Raises NotFound."""
    cart = reads.first(Cart, "WHERE id = %s AND token_sha256 = %s FOR NO KEY UPDATE", cart_id, token_sha256)
    if cart is None:
        raise NotFound("There is no such cart.")
    return cart


def lock_active(cart_id: UUID, token_sha256: str) -> Cart:
    """The cart under its lock, for who has its token. Raises NotFound (a wrong token is like no cart), CartLocked,
    CartMerged."""
    cart = lock_any(cart_id, token_sha256)
    if cart.state == "merged":
        raise CartMerged
    if cart.state != "active":
        raise CartLocked
    return cart


def add_line(
    cart: Cart, *, variant_id: UUID, slot_id: UUID | None, quantity: int, unit_price_minor: int, now: datetime
) -> CartLine:
    """Add a quantity of a variant; a line that is there grows and keeps its price. Raises CartFull, QuantityTooLarge."""
    line = CartLine.objects.filter(cart=cart, variant_id=variant_id, slot=slot_id).first()
    if line is None:
        if CartLine.objects.filter(cart=cart).count() >= limits.MAX_CART_LINES:
            raise CartFull(f"A cart takes at most {limits.MAX_CART_LINES} lines.")
        line = CartLine(
            merchant_id=cart.merchant_id,
            cart=cart,
            variant_id=variant_id,
            slot_id=slot_id,
            quantity=quantity,
            unit_price_minor=unit_price_minor,
            priced_at=now,
        )
        line.save(force_insert=True)
    else:
        _resize(line, line.quantity + quantity)
    touch(cart)
    return line


def change_line(cart: Cart, *, line_id: UUID, quantity: int) -> None:
    """Set a line's quantity; 0 removes it. Raises NotFound, QuantityTooLarge."""
    line = CartLine.objects.filter(cart=cart, pk=line_id).first()
    if line is None:
        raise NotFound("There is no such line in this cart.")
    if quantity == 0:
        line.delete()
    else:
        _resize(line, quantity)
    touch(cart)


def reprice(cart: Cart, prices: dict[UUID, int], *, now: datetime) -> None:
    """Take new unit prices by line id: the shopper saw and accepted them."""
    for line_id, price in prices.items():
        CartLine.objects.filter(cart=cart, pk=line_id).update(unit_price_minor=price, priced_at=now)


def set_region(cart: Cart, *, region: str) -> None:
    """Where it goes decides tax and shipping."""
    Cart.objects.filter(pk=cart.pk).update(region=region)
    touch(cart)


def set_coupon(cart: Cart, *, coupon: str) -> None:
    """The code that was typed in, in its normal form; empty takes it out."""
    cart.coupon = coupon
    Cart.objects.filter(pk=cart.pk).update(coupon=coupon)
    touch(cart)


def set_shipping_method(cart: Cart, *, key: str) -> None:
    """How it shall be shipped; empty is the cheapest way."""
    Cart.objects.filter(pk=cart.pk).update(shipping_method=key)
    touch(cart)


def give(cart: Cart, *, customer_id: UUID) -> None:
    """The guest turned out to be a customer. The database refuses a second active cart (`carts_one_active_per_customer`)."""
    Cart.objects.filter(pk=cart.pk).update(customer_id=customer_id)
    cart.customer_id = customer_id
    touch(cart)


def merge(guest: Cart, *, into: Cart, cause: Cause) -> None:
    """Move every line of a guest's cart into the customer's, both locked: quantities of the same thing add up, up to the limit of
    a line, at the price that the customer's line has. The guest's cart ends empty. Raises CartFull, and nothing moved then."""
    known = {(line.variant_id, line.slot_id): line for line in CartLine.objects.filter(cart=into)}
    coming = list(CartLine.objects.filter(cart=guest).order_by("pk"))
    same = [line for line in coming if (line.variant_id, line.slot_id) in known]
    if len(known) + len(coming) - len(same) > limits.MAX_CART_LINES:
        raise CartFull(f"A cart takes at most {limits.MAX_CART_LINES} lines.")
    grown = []
    for line in same:
        target = known[line.variant_id, line.slot_id]
        target.quantity = min(target.quantity + line.quantity, limits.MAX_QUANTITY)
        grown.append(target)
    CartLine.objects.bulk_update(grown, ["quantity"])
    CartLine.objects.filter(pk__in=[line.pk for line in same]).delete()
    CartLine.objects.filter(cart=guest).update(cart=into)
    if guest.coupon and not into.coupon:
        set_coupon(into, coupon=guest.coupon)
    else:
        touch(into)
    move(guest, "merged", machine=CART, cause=cause, merged_into_id=into.pk, due_at=None)


def touch(cart: Cart) -> None:
    """Count a change, and start the time of abandonment anew."""
    Cart.objects.filter(pk=cart.pk).update(version=F("version") + 1, due_at=due.after(limits.CART_TTL))


def lock_for_good(cart: Cart, *, cause: Cause) -> None:
    """Checkout took it: nobody changes it any more, by any path."""
    move(cart, "locked", machine=CART, cause=cause, due_at=None)


def abandon(cart_id: UUID, *, cause: Cause) -> None:
    """Nobody came back. A cart that is in checkout is left alone."""
    cart = lock(Cart.objects.all(), cart_id, "cart")
    if cart.state == "active":
        move(cart, "abandoned", machine=CART, cause=cause, due_at=None)


def _resize(line: CartLine, quantity: int) -> None:
    if quantity > limits.MAX_QUANTITY:
        raise QuantityTooLarge(f"A line holds at most {limits.MAX_QUANTITY}.")
    line.quantity = quantity
    line.save(update_fields=["quantity"])
