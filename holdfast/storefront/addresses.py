"""Where orders are found: the page of an order, and the orders that a browser remembers."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from holdfast.flows import answers

COOKIE = "holdfast_orders"
#: Orders that a browser remembers, newest first.
REMEMBERED = 8
REMEMBERED_S = 180 * 24 * 3600


def path_of(token: str, *, checking: bool = False) -> str:
    """The page of an order; `checking` for who comes from the provider."""
    return reverse("storefront:checking" if checking else "storefront:order", args=[token])


def address(order_id: UUID) -> str:
    """The page of an order, for whoever has proven that it is theirs."""
    return path_of(answers.order_token(order_id))


def see(path: str) -> HttpResponse:
    """303: what was sent has been done, look there."""
    response = HttpResponseRedirect(path)
    response.status_code = 303
    return response


def remember(request: HttpRequest, response: HttpResponse, *, key: str, token: str) -> HttpResponse:
    """Keep the order in this browser, out of reach of scripts, under the key of the form that placed it."""
    known = {key: token, **{name: value for name, value in remembered(request).items() if name != key}}
    kept = "~".join(f"{name}.{value}" for name, value in list(known.items())[:REMEMBERED])
    response.set_cookie(COOKIE, kept, max_age=REMEMBERED_S, httponly=True, samesite="Lax")
    return response


def remembered(request: HttpRequest) -> dict[str, str]:
    """Tokens of orders by the key of the form that placed them, newest first."""
    pairs = (entry.partition(".") for entry in request.COOKIES.get(COOKIE, "").split("~")[:REMEMBERED])
    return {name: token for name, _, token in pairs if len(name) == 32 and len(token) == 64 and token.isalnum()}
