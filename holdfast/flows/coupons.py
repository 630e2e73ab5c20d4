"""The code in a cart: typed in, tried no more often than a person does, refused with its reason."""

from datetime import datetime
from uuid import UUID

from holdfast.carts import queries as cart_queries
from holdfast.carts import services as carts
from holdfast.carts.models import Cart
from holdfast.db.tenancy import writing
from holdfast.flows import offers, quotes
from holdfast.flows.offers import TOLD, CodeNotUsable
from holdfast.merchants import queries as merchants
from holdfast.pricing import promotions as rules
from holdfast.pricing.promotions import Why
from holdfast.promotions import services as promotions


def set_code(*, merchant_id: UUID, cart_id: UUID, token_sha256: str, code: str, address: str, now: datetime) -> None:
    """Put a code into a cart, in the place of another. `address` is the caller's: tries are counted, and kept when refused.

    Raises NotFound, CartLocked, TooManyTries, UnknownCode, CodeNotUsable.
    """
    with writing(merchant_id, step="coupons.try_code"):
        cart_queries.owned(cart_id, token_sha256)
        judge = promotions.count_try(merchant_id=merchant_id, cart_id=cart_id, address=address)
    judge()
    with writing(merchant_id, step="coupons.set_code"):
        cart = carts.lock_active(cart_id, token_sha256)
        carts.set_coupon(cart, coupon=offers.require(rules.normalised(code)).code)
        _require_usable(cart, now=now)


def remove_code(*, merchant_id: UUID, cart_id: UUID, token_sha256: str) -> None:
    """Take the code out of a cart. Safe to repeat. Raises NotFound, CartLocked."""
    with writing(merchant_id, step="coupons.remove_code"):
        cart = carts.lock_active(cart_id, token_sha256)
        if cart.coupon:
            carts.set_coupon(cart, coupon="")


def _require_usable(cart: Cart, *, now: datetime) -> None:
    """An empty cart may have a code that waits for what it is for."""
    if cart_queries.lines(cart.pk):
        priced = quotes.of_cart(cart, merchants.current(cart.merchant_id), now=now)
        why = priced.offers.why_not(cart.coupon, priced.quote.unused)
    else:
        found = offers.of_cart(cart)
        why = found.why_not(
            cart.coupon, rules.applied(found.offered, lines=[], currency=cart.currency, at=now, ships=False).unused
        )
        why = None if why == Why.NOTHING_IN_IT else why
    if why is not None:
        raise CodeNotUsable(TOLD[why], reason=str(why))
