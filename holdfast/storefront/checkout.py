"""Checkout as a guest. The form carries its own Idempotency-Key: pressed twice or reloaded, it is one order."""

import re
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from holdfast.db import payloads
from holdfast.flows import checkout as flow
from holdfast.flows import quotes
from holdfast.flows.checkout import Wish
from holdfast.idempotency import services as idempotency
from holdfast.idempotency.services import Answer, Use
from holdfast.kernel import clock
from holdfast.kernel.errors import HoldfastError
from holdfast.kernel.ids import new_id
from holdfast.storefront import addresses, basket, carts, paying, sentences, shop
from holdfast.storefront.basket import Basket, Content
from holdfast.storefront.door import page
from holdfast.storefront.forms import Guest
from holdfast.storefront.shop import Shop

#: A key as our form makes it.
KEY = re.compile(r"[0-9a-f]{32}")
QUOTE = re.compile(r"[0-9a-f]{64}")


@page("GET", "POST")
def check_out(request: HttpRequest) -> HttpResponse:
    """The form; sent, it places the order and leads to the provider's page."""
    here = shop.of(request)
    mine = basket.find(request, here)
    if mine is None:
        return carts.to("cart")
    if request.method == "POST" and KEY.fullmatch(request.POST.get("key", "")):
        return _pay(request, here, mine)
    content = basket.look(here, mine)
    if mine.cart.state != "active" or content.quote is None:
        return carts.to("cart")
    form = Guest(ships=content.ships, region=mine.cart.region)
    return _form(request, here, mine, content, form, key=new_id().hex)


def _pay(request: HttpRequest, here: Shop, mine: Basket) -> HttpResponse:
    content = basket.look(here, mine)
    form = Guest(request.POST, ships=content.ships, region=mine.cart.region)
    key = request.POST["key"]
    if not form.is_valid():
        return _form(request, here, mine, content, form, key=key, status=422)
    try:
        answer = paying.patiently(lambda: _place(request, here, mine, form, key))
    except flow.AlreadyInCheckout as error:
        # Another tab, or a form from before: the order is the place to look, whoever placed it.
        token = error.extra.get("order_token")
        return addresses.see(addresses.path_of(token)) if token else carts.to("cart", said=error.code)
    except HoldfastError as error:
        fresh = new_id().hex if isinstance(error, idempotency.KeyReused) else key
        content = basket.look(here, Basket(mine.cart, mine.token))
        return _form(request, here, mine, content, form, key=fresh, refused=error)
    return paying.lead(request, answer, key=key)


def _place(request: HttpRequest, here: Shop, mine: Basket, form: Guest, key: str) -> Answer:
    said = form.cleaned_data
    accept = request.POST.get("accept_quote", "")
    provider, method = paying.chosen(request, here, mine.cart.currency)
    wish = Wish(
        provider=provider,
        method=method,
        success_url=request.build_absolute_uri(reverse("storefront:returned", args=[key])),
        cancel_url=request.build_absolute_uri(reverse("storefront:cart")),
        email=said["email"],
        name=said["name"],
        address=form.address(mine.cart.region),
        accept_quote=accept if QUOTE.fullmatch(accept) else "",
    )
    use = Use(
        scope=f"cart:{mine.cart.pk}",
        key=key,
        fingerprint=payloads.fingerprint({"storefront": "checkout", "wish": {**vars(wish), "address": dict(wish.address)}}),
    )
    return flow.place(merchant_id=here.id, cart_id=mine.cart.pk, cart_token_sha256=mine.hash, wish=wish, use=use, now=clock.now())


def _form(
    request: HttpRequest,
    here: Shop,
    mine: Basket,
    content: Content,
    form: Guest,
    *,
    key: str,
    refused: HoldfastError | None = None,
    status: int = 200,
) -> HttpResponse:
    told = {
        "shop": here,
        "cart_count": content.count,
        "form": form,
        "key": key,
        "ways": paying.ways(here, mine.cart.currency),
        "way": request.POST.get("way", ""),
        "refused": sentences.of(refused) if refused else "",
        "prices": _prices(here, mine, refused) if isinstance(refused, quotes.PriceChanged) else None,
        **carts.contents(here, mine, content),
    }
    return render(request, "storefront/checkout.html", told, status=refused.status if refused else status)


def _prices(here: Shop, mine: Basket, moved: quotes.PriceChanged) -> Mapping[str, Any]:
    """Both prices of what has moved, the offers that are lost, and what the shopper agrees to by going on."""
    currency = mine.cart.currency
    return {
        "quote": moved.extra["quote"],
        "total": here.money(moved.extra["total_minor"], currency),
        "changes": [
            {"name": row["name"], "was": here.money(row["was_minor"], currency), "now": here.money(row["now_minor"], currency)}
            for row in moved.extra["changes"]
        ],
        "lost": [row["code"] or row["name"] for row in moved.extra["promotions"]],
    }
