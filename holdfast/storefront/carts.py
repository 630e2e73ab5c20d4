"""The cart: put in, change, take out, where it goes, and back from payment."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode

from holdfast.catalog import queries as catalog
from holdfast.catalog.queries import NotForSale
from holdfast.db import payloads
from holdfast.db.tenancy import reading
from holdfast.flows import back, cancelling, coupons, expiry, shopping
from holdfast.idempotency.services import Use
from holdfast.kernel import clock, ids, limits
from holdfast.kernel.addresses import client
from holdfast.kernel.errors import Conflict, HoldfastError, NotFound, Refused
from holdfast.merchants.models import Merchant
from holdfast.orders.models import Order
from holdfast.orders.states import PUBLIC
from holdfast.pricing.promotions import Kind
from holdfast.pricing.shipping import ELSEWHERE
from holdfast.storefront import addresses, basket, languages, sentences, shop
from holdfast.storefront.basket import Basket, Content
from holdfast.storefront.door import page
from holdfast.storefront.shelves import drawing, show_product
from holdfast.storefront.shop import Shop

#: What is typed of a code or a way of shipping; none is longer.
MAX_CODE = 40


class NothingChosen(Refused):
    """Choose how many first."""


@page("GET")
def show(request: HttpRequest) -> HttpResponse:
    """The cart with its totals; of a cart that is being paid, its order and the ways on."""
    here = shop.of(request)
    mine = basket.find(request, here)
    told = {"shop": here, **basket.said(request)}
    told["said"] = sentences.by_code(told["said"]) if told["said"] else ""
    if mine is None or mine.cart.state == "abandoned":
        return render(request, "storefront/cart.html", told)
    content = basket.look(here, mine)
    if content.order is not None:
        if PUBLIC[content.order.state] not in basket.UNPAID:
            return basket.forget(render(request, "storefront/cart.html", told))
        return render(request, "storefront/cart_in_payment.html", {**told, **_paying(here, content, content.order)})
    told.update(cart_count=content.count, **contents(here, mine, content))
    return render(request, "storefront/cart.html", told)


@page("GET", "POST")
def add(request: HttpRequest) -> HttpResponse:
    """Put in what a product's page says: one variant, or participants of several types for one time."""
    if request.method != "POST":
        return to("cart")
    here = shop.of(request)
    wanted = _wanted(request)
    slug = _slug_of(here, wanted, request.POST.get("variant", ""))
    try:
        if not wanted:
            raise NothingChosen
        mine = _put(request, here, wanted)
    except (Refused, Conflict) as error:
        if isinstance(error, NotFound | NotForSale) or not slug:
            raise
        return show_product(request, slug, refused=sentences.of(error), status=error.status)
    return basket.remember(to("cart"), mine)


@page("POST")
def change(request: HttpRequest, line: str) -> HttpResponse:
    """Set a line's quantity, or take it out."""
    here, mine = shop.of(request), _mine(request)
    typed = request.POST.get("quantity", "").strip()
    quantity = 0 if "remove" in request.POST else _number(typed)
    if quantity < 0 or quantity > limits.MAX_QUANTITY:
        return to("cart", said="quantity_too_large" if quantity > 0 else "nothing_chosen")
    return _changed(
        lambda: shopping.change_line(
            merchant_id=here.id,
            cart_id=mine.cart.pk,
            token_sha256=mine.hash,
            line_id=ids.parsed("line", line),
            quantity=quantity,
        )
    )


@page("POST")
def region(request: HttpRequest) -> HttpResponse:
    """Where it goes decides tax and shipping."""
    here, mine = shop.of(request), _mine(request)
    wanted = request.POST.get("region", "")
    if wanted not in dict(_countries(here)):
        return to("cart", said="bad_region")
    return _changed(lambda: shopping.set_region(merchant_id=here.id, cart_id=mine.cart.pk, token_sha256=mine.hash, region=wanted))


@page("POST")
def coupon(request: HttpRequest) -> HttpResponse:
    """A code to pay less, or without it again."""
    here, mine = shop.of(request), _mine(request)
    if "remove" in request.POST:
        return _changed(lambda: coupons.remove_code(merchant_id=here.id, cart_id=mine.cart.pk, token_sha256=mine.hash))
    return _changed(
        lambda: coupons.set_code(
            merchant_id=here.id,
            cart_id=mine.cart.pk,
            token_sha256=mine.hash,
            code=request.POST.get("code", "")[:MAX_CODE],
            address=client(request.META, proxied=settings.SECURE_PROXY_SSL_HEADER is not None),
            now=clock.now(),
        )
    )


@page("POST")
def shipping(request: HttpRequest) -> HttpResponse:
    """One of the ways that the merchant ships."""
    here, mine = shop.of(request), _mine(request)
    method = request.POST.get("method", "")[:MAX_CODE]
    return _changed(
        lambda: shopping.choose_shipping(merchant_id=here.id, cart_id=mine.cart.pk, token_sha256=mine.hash, method=method)
    )


@page("POST")
def reopen(request: HttpRequest) -> HttpResponse:
    """Back from payment, to change something: first the order is cancelled, so that its payment page cannot take money for
    what is not wanted any more; then the same content lies in a cart that may be changed."""
    here, mine = shop.of(request), _mine(request)
    with reading(here.id):
        order = back.order_of(mine.cart)
    if order is None:
        return to("cart")
    use = Use(scope=f"cart:{mine.cart.pk}", key="reopen", fingerprint=payloads.fingerprint({"storefront": "reopen"}))
    try:
        cancelling.cancel(merchant_id=here.id, order_id=order.pk, actor="shopper", use=use, now=clock.now())
    except expiry.NotCancellable:
        return addresses.see(addresses.address(order.pk))
    except Conflict as error:
        return to("cart", said=error.code)
    return basket.remember(to("cart"), basket.reopened(here, mine))


def contents(here: Shop, mine: Basket, content: Content) -> dict[str, Any]:
    """A cart as its page and the checkout show it."""
    return {
        "lines": lines(here, content),
        "totals": totals(here, content),
        "reason": sentences.of(content.refusal) if content.refusal else "",
        "region": mine.cart.region,
        "region_name": here.country(mine.cart.region),
        "regions": _countries(here),
        "ships": content.ships,
        "coupon": mine.cart.coupon,
        "coupon_idle": _idle(mine, content),
        "asks_for_code": basket.asks_for_code(here, mine),
        "quote": content.quote.sha256() if content.quote else "",
        "methods": _methods(here, content),
        "most": limits.MAX_QUANTITY,
    }


def lines(here: Shop, content: Content) -> list[dict[str, Any]]:
    """The lines, with the time of a booking where the merchant is."""
    told = []
    for row in content.rows:
        currency, total = row.variant.currency, row.line.unit_price_minor * row.line.quantity
        told.append(
            {
                "id": ids.shown("line", row.line.pk),
                "slug": row.variant.product.slug,
                "kind": row.variant.product.kind,
                "drawing": drawing(catalog.ProductView(row.variant.product, [])),
                "name": row.variant.product.name,
                "variant": row.variant.name,
                "when": here.moment(row.slot.starts_at) if row.slot else "",
                "quantity": row.line.quantity,
                "unit": here.money(row.line.unit_price_minor, currency),
                "now": here.money(row.variant.price_minor, currency) if row.moved else "",
                "total": here.money(total, currency),
            }
        )
    return told


def totals(here: Shop, content: Content) -> dict[str, Any] | None:
    """The amounts of the quote: the only ones there are."""
    quoted = content.quote
    if quoted is None:
        return None
    return {
        "subtotal": here.money(quoted.subtotal_minor, quoted.currency),
        "discounts": [
            (used.promotion.name, here.money(-used.gave_minor, quoted.currency))
            for used in quoted.promotions
            if used.gave_minor and used.promotion.kind != Kind.FREE_SHIPPING
        ],
        "fees": [(fee.name, here.money(fee.amount_minor, quoted.currency)) for fee in quoted.fees],
        "shipping": here.money(quoted.shipping_minor, quoted.currency) if content.ships else "",
        "ships_free": content.ships and not quoted.shipping_minor,
        "tax": here.money(quoted.tax_minor, quoted.currency) if quoted.tax_minor else "",
        "tax_included": quoted.prices_include_tax,
        "total": here.money(quoted.total_minor, quoted.currency),
    }


def _idle(mine: Basket, content: Content) -> bool:
    """The code in the cart takes nothing off."""
    code, quoted = mine.cart.coupon, content.quote
    return bool(code) and quoted is not None and all(used.promotion.code != code for used in quoted.promotions)


def _methods(here: Shop, content: Content) -> list[tuple[str, str, bool]]:
    """(key, name with price, chosen) of the ways to ship; none where there is nothing to choose."""
    quoted = content.quote
    if quoted is None or len(quoted.shipping_offers) < 2:
        return []
    chosen = quoted.shipping_method.method.key if quoted.shipping_method else ""
    return [
        (each.method.key, f"{each.method.name} · {here.money(each.price_minor, quoted.currency)}", each.method.key == chosen)
        for each in quoted.shipping_offers
    ]


def _paying(here: Shop, content: Content, order: Order) -> dict[str, Any]:
    return {
        "lines": lines(here, content),
        "number": order.number,
        "total": here.money(order.total_minor, order.currency),
        "order_address": addresses.address(order.pk),
    }


def _wanted(request: HttpRequest) -> dict[str, int]:
    """Quantities by variant, from `variant` with `quantity`, or from `quantity-var_…` of each participant type."""
    said = {
        name.removeprefix("quantity-"): str(value).strip() for name, value in request.POST.items() if name.startswith("quantity-")
    }
    if request.POST.get("variant"):
        said[request.POST["variant"]] = request.POST.get("quantity", "1").strip()
    counts = {name: _number(value) for name, value in said.items()}
    return {name: count for name, count in counts.items() if count > 0}


def _number(typed: str) -> int:
    """What was typed as a count; -1 where it is none. However long it is, it is only too large."""
    return int(typed[:5]) if typed.isdecimal() else -1


def _put(request: HttpRequest, here: Shop, wanted: dict[str, int]) -> Basket:
    slot = request.POST.get("slot", "")
    variants = {name: ids.parsed("var", name) for name in wanted}
    slot_id = ids.parsed("slot", slot) if slot else None
    mine = basket.to_change(request, here)
    for name, quantity in wanted.items():
        shopping.add_line(
            merchant_id=here.id,
            cart_id=mine.cart.pk,
            token_sha256=mine.hash,
            variant_id=variants[name],
            slot_id=slot_id,
            quantity=quantity,
            now=clock.now(),
        )
    return mine


def _slug_of(here: Shop, wanted: dict[str, int], variant: str) -> str:
    """The product whose page the form came from, to show it again with what is wrong."""
    names = [*wanted, variant]
    try:
        variant_id: UUID = ids.parsed("var", next(filter(None, names), ""))
    except NotFound:
        return ""
    with reading(here.id):
        row = catalog.variants([variant_id]).get(variant_id)
    return row.product.slug if row else ""


def _mine(request: HttpRequest) -> Basket:
    mine = basket.find(request, shop.of(request))
    if mine is None:
        raise NotFound
    return mine


def _changed(write: Any) -> HttpResponse:
    """Make a change, then show the cart; a refusal is told there."""
    try:
        write()
    except HoldfastError as error:
        if error.status >= 500:
            raise
        return to("cart", said=error.code)
    return to("cart")


def _countries(here: Shop) -> list[tuple[str, str]]:
    """Where it may go, the merchant's own country first."""
    merchant: Merchant = here.merchant
    prices = [way["prices"] for way in merchant.shipping_methods] or [merchant.shipping_minor]
    shipped = {place for each in prices for place in each}
    listed = {merchant.country, *shipped, *(rate["region"] for rate in merchant.tax_rates)} - {ELSEWHERE}
    everywhere = not shipped or ELSEWHERE in shipped
    named = languages.countries(here.locale)
    near = [
        (code, here.country(code)) for code in sorted(listed, key=lambda code: (code != merchant.country, here.country(code)))
    ]
    return near + [pair for pair in named.items() if everywhere and pair[0] not in listed]


def to(name: str, **query: str) -> HttpResponse:
    return addresses.see(reverse(f"storefront:{name}") + (f"?{urlencode(query)}" if query else ""))
