"""The shopper's cart: remembered by a cookie, shown as the API shows it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from holdfast.carts import queries as carts
from holdfast.carts.models import Cart, CartLine
from holdfast.catalog import queries as catalog
from holdfast.catalog.models import Variant
from holdfast.db.tenancy import reading
from holdfast.flows import back, quotes, shopping
from holdfast.inventory import queries as inventory
from holdfast.inventory.models import Slot
from holdfast.kernel import clock, limits
from holdfast.kernel.errors import NotFound, Refused
from holdfast.merchants import queries as merchants
from holdfast.orders.models import Order
from holdfast.orders.states import PUBLIC
from holdfast.pricing.quote import Quote
from holdfast.promotions import queries as promotions
from holdfast.storefront.shop import Shop

COOKIE = "holdfast_cart"
#: An order that may still be paid keeps its cart; going back means changing that.
UNPAID = ("pending", "failed")


@dataclass(frozen=True)
class Basket:
    """A cart of this browser, with the token that opens it."""

    cart: Cart
    token: str

    @property
    def hash(self) -> str:
        return merchants.token_hash(self.token)


@dataclass(frozen=True)
class Row:
    """A line of the cart with what it points to."""

    line: CartLine
    variant: Variant
    slot: Slot | None

    @property
    def moved(self) -> bool:
        return self.variant.price_minor != self.line.unit_price_minor


@dataclass(frozen=True)
class Content:
    """What is in a cart: its lines, and their quote or the reason why there is none."""

    rows: list[Row]
    quote: Quote | None
    refusal: Refused | None
    order: Order | None

    @property
    def ships(self) -> bool:
        return any(row.variant.product.kind == "good" for row in self.rows)

    @property
    def count(self) -> int:
        return sum(row.line.quantity for row in self.rows)


def find(request: HttpRequest, shop: Shop) -> Basket | None:
    """The cart that the cookie opens; None without one, or when it leads nowhere."""
    name, _, token = request.COOKIES.get(COOKIE, "").partition(".")
    try:
        wanted = UUID(hex=name)
        with reading(shop.id):
            return Basket(carts.owned(wanted, merchants.token_hash(token)), token)
    except (NotFound, ValueError):
        return None


def count(request: HttpRequest, shop: Shop) -> int:
    """How many things are in the cart, for the head of the page."""
    basket = find(request, shop)
    if basket is None or basket.cart.state != "active":
        return 0
    with reading(shop.id):
        return sum(line.quantity for line in carts.lines(basket.cart.pk))


def look(shop: Shop, basket: Basket) -> Content:
    """The lines and the quote, and the order that a locked cart became."""
    cart = basket.cart
    with reading(shop.id):
        lines = carts.lines(cart.pk)
        variants = catalog.variants(line.variant_id for line in lines) if lines else {}
        slots = inventory.slots_by_id(line.slot_id for line in lines if line.slot_id)
        rows = [Row(line, variants[line.variant_id], slots.get(line.slot_id) if line.slot_id else None) for line in lines]
        order = back.order_of(cart)
        try:
            return Content(rows, quotes.of_cart(cart, shop.merchant, now=clock.now()).quote, None, order)
        except Refused as refused:
            return Content(rows, None, refused, order)


def asks_for_code(shop: Shop, basket: Basket) -> bool:
    """Is there anything to type in, or to take out? A shop without codes shows no field for one."""
    with reading(shop.id):
        return bool(basket.cart.coupon) or promotions.has_codes()


def to_change(request: HttpRequest, shop: Shop) -> Basket:
    """A cart that may be changed: this one, a copy of the one that waits for its payment, or a new one."""
    basket = find(request, shop)
    if basket is None or basket.cart.state == "abandoned":
        return _opened(shop)
    if basket.cart.state == "active":
        return basket
    with reading(shop.id):
        order = back.order_of(basket.cart)
    return reopened(shop, basket) if order is not None and PUBLIC[order.state] in UNPAID else _opened(shop)


def reopened(shop: Shop, basket: Basket) -> Basket:
    """Back from payment: the same content in a cart that may be changed."""
    cart, token = shopping.reopen(merchant_id=shop.id, cart_id=basket.cart.pk, token_sha256=basket.hash, now=clock.now())
    return Basket(cart, token)


def remember(response: HttpResponse, basket: Basket) -> HttpResponse:
    """Keep the cart in this browser, out of reach of scripts."""
    age = int(limits.CART_TTL / timedelta(seconds=1))
    response.set_cookie(COOKIE, f"{basket.cart.pk.hex}.{basket.token}", max_age=age, httponly=True, samesite="Lax")
    return response


def forget(response: HttpResponse) -> HttpResponse:
    """What it was for is done."""
    response.delete_cookie(COOKIE, samesite="Lax")
    return response


def said(request: HttpRequest) -> dict[str, Any]:
    """What a page before this one wants told: a code in the address, never a text."""
    code = request.GET.get("said", "")
    return {"said": code if code.isidentifier() and len(code) < 40 else ""}


def _opened(shop: Shop) -> Basket:
    cart, token = shopping.open_cart(merchant_id=shop.id, region=None, now=clock.now())
    return Basket(cart, token)
