"""The door of every page: which shop, in which language; forms only from our own pages; headers; people's words for errors."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

import structlog
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import render
from django.utils.decorators import decorator_from_middleware
from django.utils.translation import override

from holdfast.kernel.errors import Broken, HoldfastError, NotFound, Refused
from holdfast.storefront import sentences, shop
from holdfast.storefront.shop import Shop

log = structlog.get_logger()

View = Callable[..., HttpResponse]

#: Pages of a cart or an order are for one browser only, and for once.
PRIVATE = "private, no-store"
#: Shelves: the browser may keep them, and asks each time whether they are still right (the cart's count is on them).
SHELF = "private, no-cache"


class StaleForm(Refused):
    """This form was open for too long, or cookies are switched off. Go back, reload the page and send it again."""

    status = 403


class Unreadable(Refused):
    """This request cannot be read: a body that is no form or too large, or a host that is not served."""

    status = 400


class WrongMethod(Refused):
    """This address takes no such request."""

    status = 405


class _Csrf(CsrfViewMiddleware):
    """Django's check, with a page of ours when it refuses."""

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        log.info("storefront.form_refused", reason=reason)
        raise StaleForm


_protected = decorator_from_middleware(_Csrf)


def page(*methods: str, cache: str = PRIVATE) -> Callable[[View], View]:
    """A view of the shop. It is called with the shop found and the language set; whatever it raises becomes a page."""

    def decorate(view: View) -> View:
        guarded = cast(View, _protected(view))

        @wraps(view)
        def answer(request: HttpRequest, **path: Any) -> HttpResponse:
            found = shop.find(request)
            if found is None:
                return trouble(request, NotFound())
            request.shop = found  # type: ignore[attr-defined]
            with override(found.language):
                response = _answer(request, guarded, methods, path)
                return _finish(request, found, response, cache)

        return answer

    return decorate


def _answer(request: HttpRequest, view: View, methods: tuple[str, ...], path: dict[str, Any]) -> HttpResponse:
    try:
        if request.method not in methods and not (request.method == "HEAD" and "GET" in methods):
            response = trouble(request, WrongMethod())
            response["Allow"] = ", ".join(methods)
            return response
        return view(request, **path)
    except HoldfastError as error:
        return trouble(request, error)
    except Http404:
        return trouble(request, NotFound())
    except (BadRequest, MultiPartParserError, SuspiciousOperation) as error:  # whatever reads the form first meets it
        log.info("storefront.unreadable", reason=type(error).__name__)
        return trouble(request, Unreadable())
    except Exception as error:  # a page, whatever broke; the trace is in the log
        log.exception("storefront.defect", path=request.path, error=repr(error))
        return trouble(request, None)


def trouble(request: HttpRequest, error: HoldfastError | None) -> HttpResponse:
    """A calm page for what went wrong. It asks the database nothing: it may be the database that is away."""
    status = error.status if error else 500
    if status >= 500 and error:
        log.warning("storefront.broken", code=error.code, detail=error.detail)
    missing = status in (404, 405)
    told = {
        "status": status,
        "missing": missing,
        "sentence": "" if missing else sentences.of(error or Broken()),
        "request_id": getattr(request, "request_id", ""),
        "shop": getattr(request, "shop", None),
    }
    response = render(request, "storefront/trouble.html", told, status=status)
    wait = getattr(error, "retry_after_s", None)
    if wait is not None:
        response["Retry-After"] = str(wait)
    return response


def outside(request: HttpRequest, status: int) -> HttpResponse:
    """A page for what met no view: no such address, a host that is not served, a defect on the way."""
    errors: dict[int, HoldfastError] = {404: NotFound(), 400: Unreadable(), 403: StaleForm()}
    found: Shop | None = None
    if status == 404:
        try:
            found = shop.find(request)
        except HoldfastError as error:
            log.warning("storefront.broken", code=error.code, detail=error.detail)
    if found is None:
        return _headed(trouble(request, errors.get(status)), logo="", secure=request.is_secure(), cache=PRIVATE)
    request.shop = found  # type: ignore[attr-defined]
    with override(found.language):
        return _finish(request, found, trouble(request, errors[status]), PRIVATE)


def _finish(request: HttpRequest, found: Shop, response: HttpResponse, cache: str) -> HttpResponse:
    response.headers.setdefault("Content-Language", found.language)
    if request.is_secure():
        for cookie in response.cookies.values():
            cookie["secure"] = True
    return _headed(response, logo=found.brand.logo_origin, secure=request.is_secure(), cache=cache)


def _headed(response: HttpResponse, *, logo: str, secure: bool, cache: str) -> HttpResponse:
    """Only what we serve is loaded. Forms may lead to other hosts, because paying redirects to the provider's page."""
    forms = "'self' https:" if secure else "'self' https: http:"
    response["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: {logo}".rstrip()
        + f"; connect-src 'self'; form-action {forms}; base-uri 'none'; frame-ancestors 'none'"
    )
    response["X-Frame-Options"] = "DENY"
    response["Referrer-Policy"] = "same-origin"
    response["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()"
    if "Cache-Control" not in response:
        response["Cache-Control"] = cache if response.status_code < 400 else PRIVATE
    if "no-store" in response["Cache-Control"]:
        response["X-Robots-Tag"] = "noindex"
    return response
