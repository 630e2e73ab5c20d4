"""The order's page, for whoever has its token: how it stands, what to do next, what was handed over."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from holdfast.db import payloads
from holdfast.db.tenancy import reading
from holdfast.flows import cancelling, recovery
from holdfast.flows import checkout as flow
from holdfast.flows.checkout import Wish
from holdfast.idempotency.services import Use
from holdfast.kernel import clock, limits
from holdfast.kernel.errors import HoldfastError, NotFound
from holdfast.kernel.ids import new_id
from holdfast.merchants import queries as merchants
from holdfast.orders import queries as orders
from holdfast.orders.models import Order
from holdfast.payments import queries as payments
from holdfast.payments.models import Payment
from holdfast.storefront import addresses, basket, paying, sentences, shop
from holdfast.storefront.door import page
from holdfast.storefront.receipt import Receipt, receipt
from holdfast.storefront.shop import Shop

#: Questions of a waiting page, in seconds between them: soon at first, then ever less often.
FIRST_PAUSE_S, LONGEST_PAUSE_S, GROWTH = 2, 15, 1.3


@page("GET")
def show(request: HttpRequest, token: str) -> HttpResponse:
    """The order on one page. Looking changes nothing of its payment (R-D7)."""
    return _shown(request, token, returned=False)


@page("GET")
def checking(request: HttpRequest, token: str) -> HttpResponse:
    """The same page for who comes back from the provider: it waits for the bank's word and never says "failed" in doubt."""
    return _shown(request, token, returned=True)


@page("GET")
def part(request: HttpRequest, token: str) -> HttpResponse:
    """What the waiting page asks for again and again. 205 once there is nothing to wait for: the page is then loaded anew."""
    here = shop.of(request)
    order = _own(here, token)
    _look(here, order)
    told = _receipt(here, order, returned=request.GET.get("mood") != "pay")
    if not told.waits or request.GET.get("mood", told.mood) != told.mood:
        return HttpResponse(status=205)
    response = render(request, "storefront/waiting.html", {"shop": here, "receipt": told, "token": token})
    asked = request.GET.get("n", "0")
    response["Retry-After"] = str(pause(int(asked) if asked.isdecimal() and len(asked) < 4 else 0))
    return response


@page("GET")
def returned(request: HttpRequest, key: str) -> HttpResponse:
    """Back from the provider's page. The address proves nothing: the browser remembers whose order it placed."""
    token = addresses.remembered(request).get(key)
    if token:
        return addresses.see(addresses.path_of(token, checking=True))
    return render(request, "storefront/returned.html", {"shop": shop.of(request)})


@page("GET")
def mine(request: HttpRequest) -> HttpResponse:
    """The orders that this browser remembers."""
    here = shop.of(request)
    told = []
    for token in addresses.remembered(request).values():
        try:
            told.append(_receipt(here, _own(here, token), returned=False))
        except NotFound:
            continue
    return render(request, "storefront/orders.html", {"shop": here, "orders": told, "cart_count": basket.count(request, here)})


@page("POST")
def pay(request: HttpRequest, token: str) -> HttpResponse:
    """Another attempt after one that failed. Pressed twice, it is one attempt."""
    here = shop.of(request)
    order = _own(here, token)
    key = _key(request)
    with reading(here.id):
        email = order.contact.email if order.contact else ""
    provider, method = paying.chosen(request, here, order.currency)
    wish = Wish(
        provider=provider,
        method=method,
        success_url=request.build_absolute_uri(reverse("storefront:returned", args=[key])),
        cancel_url=request.build_absolute_uri(addresses.path_of(token)),
        email=email,
    )
    use = Use(scope=f"order:{order.pk}", key=key, fingerprint=payloads.fingerprint({"storefront": "pay", "order": order.pk.hex}))
    try:
        answer = paying.patiently(
            lambda: flow.pay_again(merchant_id=here.id, order_id=order.pk, wish=wish, use=use, now=clock.now())
        )
    except HoldfastError as error:
        return _refused(token, error)
    return paying.lead(request, answer, key=key)


@page("POST")
def cancel(request: HttpRequest, token: str) -> HttpResponse:
    """Cancel what is not paid, once the provider can no longer take the money."""
    here = shop.of(request)
    order = _own(here, token)
    use = Use(
        scope=f"order:{order.pk}",
        key=_key(request),
        fingerprint=payloads.fingerprint({"storefront": "cancel", "order": order.pk.hex}),
    )
    try:
        cancelling.cancel(merchant_id=here.id, order_id=order.pk, actor="shopper", use=use, now=clock.now())
    except HoldfastError as error:
        return _refused(token, error)
    return addresses.see(addresses.path_of(token))


def pause(asked: int) -> int:
    """Seconds before the next question of a waiting page."""
    return min(round(FIRST_PAUSE_S * GROWTH ** min(asked, 40)), LONGEST_PAUSE_S)


def _own(here: Shop, token: str) -> Order:
    with reading(here.id):
        return orders.of_token(merchants.token_hash(token))


def _shown(request: HttpRequest, token: str, *, returned: bool) -> HttpResponse:
    here = shop.of(request)
    order = _own(here, token)
    if returned:
        _look(here, order)
    told = _receipt(here, order, returned=returned)
    said = basket.said(request)["said"]
    content = {
        "shop": here,
        "receipt": told,
        "token": token,
        "said": sentences.by_code(said) if said else "",
        "pay_key": new_id().hex,
        "cancel_key": new_id().hex,
        "ways": paying.ways(here, order.currency) if told.may_pay_again else [],
        "cart_count": basket.count(request, here),
        "refresh_s": FIRST_PAUSE_S + 2,
    }
    response = render(request, "storefront/order.html", content)
    known = basket.find(request, here)
    if told.paid and known is not None and known.cart.pk == order.cart_id:
        return basket.forget(response)
    return response


def _look(here: Shop, order: Order) -> None:
    """Somebody waits: let the worker ask about an attempt in doubt, as the API does."""
    with reading(here.id):
        latest = _latest(order)
    if latest is not None:
        recovery.look(merchant_id=here.id, payment_id=latest.pk, now=clock.now())


def _latest(order: Order) -> Payment | None:
    attempts = payments.of_order(order.pk)
    return attempts[-1] if attempts else None


def _receipt(here: Shop, order: Order, *, returned: bool) -> Receipt:
    with reading(here.id):
        return receipt(here, order, returned=returned, now=clock.now())


def _key(request: HttpRequest) -> str:
    said = request.POST.get("key", "")[: limits.MAX_KEY_LENGTH]
    return said if len(said) == 32 and said.isalnum() else new_id().hex


def _refused(token: str, error: HoldfastError) -> HttpResponse:
    if error.status >= 500:
        raise error
    return addresses.see(f"{addresses.path_of(token)}?said={error.code}")
