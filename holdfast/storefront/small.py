"""What pages need besides: the brand's colours as a style sheet, and the choice of a language."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme

from holdfast.storefront import shop
from holdfast.storefront.door import page

#: With the right version in its address the sheet never changes; without, it is asked for again soon.
FOREVER, SOON = "public, max-age=31536000, immutable", "public, max-age=60"
LANGUAGE_S = 365 * 24 * 3600


@page("GET", cache=SOON)
def brand(request: HttpRequest) -> HttpResponse:
    """The merchant's design tokens. No page carries a style of its own, so that none can be injected."""
    own = shop.of(request).brand
    response = HttpResponse(own.css, content_type="text/css")
    response["Cache-Control"] = FOREVER if request.GET.get("v") == own.version else SOON
    return response


@page("POST")
def language(request: HttpRequest) -> HttpResponse:
    """Remember the language that the shopper chose, and go back to where they were."""
    here = shop.of(request)
    back = request.POST.get("back", "")
    safe = back.startswith("/") and url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    response = HttpResponseRedirect(back if safe else "/")
    response.status_code = 303
    wanted = request.POST.get("language", "")
    if wanted in dict(here.languages):
        response.set_cookie(shop.LANGUAGE_COOKIE, wanted, max_age=LANGUAGE_S, httponly=True, samesite="Lax")
    return response
