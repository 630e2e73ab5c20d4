"""A shopper's cart. Whoever has its token may change it, until checkout locks it."""

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Status
from pydantic import BaseModel

from holdfast.api import keys, problems
from holdfast.api.keys import ApiKey, CartToken, OptionalKey, SecretKey, merchant_id
from holdfast.api.problems import Problem
from holdfast.api.schemas import Body, Quantity, Region
from holdfast.carts import queries as carts
from holdfast.carts.models import Cart, CartLine
from holdfast.catalog import queries as catalog
from holdfast.catalog.models import Variant
from holdfast.db.tenancy import reading
from holdfast.flows import answers, members, quotes, shopping
from holdfast.flows.quotes import Priced
from holdfast.kernel import clock, limits
from holdfast.kernel.errors import Refused
from holdfast.kernel.ids import parsed, shown
from holdfast.merchants import queries as merchants
from holdfast.merchants.models import Merchant

router = Router(tags=["Carts"], auth=ApiKey())


class NewCart(Body):
    region: Region | None = None


class RegionChange(Body):
    region: Region


class NewLine(Body):
    variant: str = Field(pattern="^var_[0-9a-f]{32}$", examples=["var_018f6e5c9b7a7c3d8e1f2a3b4c5d6e7f"])
    slot: str | None = Field(None, pattern="^slot_[0-9a-f]{32}$", description="For a booking: when.")
    quantity: Quantity


class LineChange(Body):
    quantity: int = Field(strict=True, ge=0, le=limits.MAX_QUANTITY, description="0 removes the line.", examples=[2])


class Claim(Body):
    customer: str = Field(pattern="^cus_[0-9a-f]{32}$", examples=["cus_018f6e5c9b7a7c3d8e1f2a3b4c5d6e7f"])


class LineInCart(BaseModel):
    """A line at the price it was put in for. `price_now_minor` differs when the price has moved since."""

    id: str
    variant: str
    slot: str | None
    name: str
    quantity: int
    unit_price_minor: int
    price_now_minor: int | None = Field(description="Null once it is not for sale any more.")
    price_honoured_until: datetime = Field(description="Until then `unit_price_minor` is what is paid.")


class QuotedLine(BaseModel):
    """The amounts of one line."""

    line: str
    subtotal_minor: int
    discount_minor: int
    net_minor: int
    tax_minor: int
    total_minor: int
    tax_basis: dict[str, Any]


class UsedPromotion(BaseModel):
    """A promotion that takes something off: `gave_minor`, off the lines or off shipping."""

    name: str
    code: str = Field(description="Empty for one that applies by itself.")
    kind: str = Field(description="percent, fixed, buy_get or free_shipping.")
    gave_minor: int


class ShippingMethod(BaseModel):
    """A way of shipping."""

    key: str
    name: str


class ShippingOffer(ShippingMethod):
    """A way of shipping that is possible for this cart."""

    price_minor: int


class Fee(BaseModel):
    """An amount that every order bears."""

    name: str
    amount_minor: int
    tax_minor: int
    total_minor: int


class Quote(BaseModel):
    """What it costs, computed by the server: the only amounts there are."""

    lines: list[QuotedLine]
    promotions: list[UsedPromotion]
    subtotal_minor: int
    discount_minor: int
    shipping_minor: int
    shipping_method: ShippingMethod | None = Field(description="Null where nothing is shipped.")
    fees: list[Fee]
    fees_minor: int
    tax_minor: int
    total_minor: int
    prices_include_tax: bool
    sha256: str = Field(description="Of the whole quote.")


class Reason(BaseModel):
    """Why it cannot be quoted, as a problem's code and detail."""

    code: str
    detail: str


class Coupon(BaseModel):
    """The code in a cart."""

    code: str
    unused: str | None = Field(
        description="Why it takes nothing off now: over, used_up, minimum_not_reached …; null while it does, or while there is "
        "no quote."
    )


class CartView(BaseModel):
    """A cart with its quote, or with the reason why there is none."""

    id: str
    state: str = Field(description="active, locked (in checkout, for good), merged (into a customer's) or abandoned.")
    region: str
    currency: str
    version: int
    coupon: Coupon | None
    lines: list[LineInCart]
    shipping_offers: list[ShippingOffer]
    quote: Quote | None
    unquoted: Reason | None


class OpenedCart(CartView):
    """A new cart with its token, which is told only this once."""

    token: str


@router.post("", response={201: OpenedCart, problems.WRITE: Problem}, operation_id="openCart", summary="Open a cart")
def open_cart(request: HttpRequest, said: NewCart | None = None) -> Status:
    """A new, empty cart and its token. Who may call: any API key."""
    region = said.region if said else None
    cart, token = shopping.open_cart(merchant_id=merchant_id(request), region=region, now=clock.now())
    return Status(201, {**view(request, shown("cart", cart.pk), token), "token": token})


@router.get("/{cart_id}", response={200: CartView, problems.READ: Problem}, operation_id="getCart", summary="One cart")
def get_cart(request: HttpRequest, cart_id: str, token: CartToken) -> dict[str, Any]:
    """Lines, quote, and where prices have moved. Who may call: any API key with the Cart-Token."""
    return view(request, cart_id, token)


@router.post("/{cart_id}/lines", response={201: CartView, problems.WRITE: Problem}, operation_id="addLine", summary="Add a line")
def add_line(request: HttpRequest, cart_id: str, token: CartToken, said: NewLine, key: OptionalKey = None) -> Status:
    """Put something in at its present price; what is there already grows. Repeated with the same Idempotency-Key it adds nothing
    and answers with the cart as it is. Who may call: any API key with the Cart-Token.
    """
    wanted = parsed("cart", cart_id)
    shopping.add_line(
        merchant_id=merchant_id(request),
        cart_id=wanted,
        token_sha256=merchants.token_hash(token),
        variant_id=parsed("var", said.variant),
        slot_id=parsed("slot", said.slot) if said.slot else None,
        quantity=said.quantity,
        now=clock.now(),
        use=keys.use(request, key=key, owner=f"cart:{wanted}", said=said) if key is not None else None,
    )
    return Status(201, view(request, cart_id, token))


@router.patch(
    "/{cart_id}/lines/{line_id}",
    response={200: CartView, problems.WRITE: Problem},
    operation_id="changeLine",
    summary="Change a line",
)
def change_line(request: HttpRequest, cart_id: str, line_id: str, token: CartToken, said: LineChange) -> dict[str, Any]:
    """Set a line's quantity. Who may call: any API key with the Cart-Token."""
    return _resize(request, cart_id, line_id, token, said.quantity)


@router.delete(
    "/{cart_id}/lines/{line_id}",
    response={200: CartView, problems.WRITE: Problem},
    operation_id="removeLine",
    summary="Remove a line",
)
def remove_line(request: HttpRequest, cart_id: str, line_id: str, token: CartToken) -> dict[str, Any]:
    """Take a line out. Who may call: any API key with the Cart-Token."""
    return _resize(request, cart_id, line_id, token, 0)


@router.put(
    "/{cart_id}/region", response={200: CartView, problems.WRITE: Problem}, operation_id="setRegion", summary="Set the region"
)
def set_region(request: HttpRequest, cart_id: str, token: CartToken, said: RegionChange) -> dict[str, Any]:
    """Where it goes decides tax and shipping. Who may call: any API key with the Cart-Token."""
    shopping.set_region(
        merchant_id=merchant_id(request),
        cart_id=parsed("cart", cart_id),
        token_sha256=merchants.token_hash(token),
        region=said.region,
    )
    return view(request, cart_id, token)


@router.post(
    "/{cart_id}/copies", response={201: OpenedCart, problems.WRITE: Problem}, operation_id="copyCart", summary="Reopen a cart"
)
def copy_cart(request: HttpRequest, cart_id: str, token: CartToken) -> Status:
    """Back from payment: a new cart with the same content and a token of its own. The old one stays with its order.

    Who may call: any API key with the Cart-Token.
    """
    cart, fresh = shopping.reopen(
        merchant_id=merchant_id(request),
        cart_id=parsed("cart", cart_id),
        token_sha256=merchants.token_hash(token),
        now=clock.now(),
    )
    return Status(201, {**view(request, shown("cart", cart.pk), fresh), "token": fresh})


@router.post(
    "/{cart_id}/claim",
    auth=SecretKey(),
    response={200: OpenedCart, problems.WRITE | problems.SECRET: Problem},
    operation_id="claimCart",
    summary="Give a guest's cart to a customer",
)
def claim_cart(request: HttpRequest, cart_id: str, token: CartToken, said: Claim) -> dict[str, Any]:
    """The guest logged in. Answers with the customer's cart and its token: this one, or the one that its lines went into.

    Safe to repeat. It needs the Cart-Token. Who may call: a secret key.
    """
    cart = members.claim(
        merchant_id=merchant_id(request),
        cart_id=parsed("cart", cart_id),
        token_sha256=merchants.token_hash(token),
        customer_id=parsed("cus", said.customer),
        now=clock.now(),
    )
    theirs = answers.cart_token(cart.pk)
    return {**view(request, shown("cart", cart.pk), theirs), "token": theirs}


def _resize(request: HttpRequest, cart_id: str, line_id: str, token: str, quantity: int) -> dict[str, Any]:
    shopping.change_line(
        merchant_id=merchant_id(request),
        cart_id=parsed("cart", cart_id),
        token_sha256=merchants.token_hash(token),
        line_id=parsed("line", line_id),
        quantity=quantity,
    )
    return view(request, cart_id, token)


def view(request: HttpRequest, cart_id: str, token: str) -> dict[str, Any]:
    """A cart with its quote, read anew."""
    now = clock.now()
    with reading(merchant_id(request)):
        cart = keys.cart_of(cart_id, token)
        merchant = merchants.current(cart.merchant_id)
        try:
            priced = quotes.of_cart(cart, merchant, now=now)
            lines, reason = [_line(row.line, row.variant, merchant) for row in priced.lines], None
            quoted, why_not = _quote(priced), priced.coupon_why_not
            offered = [{**offer.as_json(), "price_minor": offer.price_minor} for offer in priced.quote.shipping_offers]
        except Refused as refused:
            why_not, offered = "", []
            quoted, reason = None, {"code": refused.code, "detail": refused.detail}
            rows = carts.lines(cart.pk)
            variants = catalog.variants(row.variant_id for row in rows) if rows else {}
            lines = [_line(row, variants[row.variant_id], merchant) for row in rows]
    coupon = {"code": cart.coupon, "unused": why_not or None} if cart.coupon else None
    return {
        **_head(cart),
        "coupon": coupon,
        "lines": lines,
        "shipping_offers": offered,
        "quote": quoted,
        "unquoted": reason,
    }


def _head(cart: Cart) -> dict[str, Any]:
    return {
        "id": shown("cart", cart.pk),
        "state": cart.state,
        "region": cart.region,
        "currency": cart.currency,
        "version": cart.version,
    }


def _line(row: CartLine, variant: Variant, merchant: Merchant) -> dict[str, Any]:
    product = variant.product
    return {
        "id": shown("line", row.pk),
        "variant": shown("var", variant.pk),
        "slot": shown("slot", row.slot_id) if row.slot_id else None,
        "name": f"{product.name} – {variant.name}" if variant.name else product.name,
        "quantity": row.quantity,
        "unit_price_minor": row.unit_price_minor,
        "price_now_minor": variant.price_minor if variant.active and product.active else None,
        "price_honoured_until": row.priced_at + timedelta(seconds=merchant.price_honoured_s),
    }


def _quote(priced: Priced) -> dict[str, Any]:
    told = priced.quote.as_json()
    return {
        **{name: told[name] for name in Quote.model_fields if name in told and name != "lines"},
        "lines": [
            {**amounts, "line": shown("line", row.line.pk)} for row, amounts in zip(priced.lines, told["lines"], strict=True)
        ],
        "sha256": priced.quote.sha256(),
    }
