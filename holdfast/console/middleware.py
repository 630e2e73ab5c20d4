"""Sessions, logins and notices, for the console's pages only: no other path pays for them or gets a cookie from them."""

from collections.abc import Callable
from http.cookies import Morsel
from typing import Any

import structlog
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse

from holdfast.db.tenancy import unscoped
from holdfast.kernel.errors import HoldfastError, NotFound

log = structlog.get_logger()

#: The console's addresses; also the path of its session cookie.
HOME = "/console/"
#: What the pages may load: only what we serve. The interface's scripts evaluate expressions in their templates (Alpine), and its
#: colours are a <style> of the page; no script may stand in a page.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: Headers of every page. What staff see is for this browser only, and no other site learns its address.
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-store",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}


class ForConsole:
    """A middleware of Django's that other paths walk past."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> Any:
        if request.path.startswith(HOME):
            return super().__call__(request)  # type: ignore[misc]
        return self.get_response(request)


class Sessions(ForConsole, SessionMiddleware):
    """Sessions in the database. The cookie is Secure where the connection is."""

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        response = super().process_response(request, response)
        if request.is_secure():
            for cookie in response.cookies.values():
                _secure(cookie)
        return response


class Logins(ForConsole, AuthenticationMiddleware):
    """Who asks."""


class Notices(ForConsole, MessageMiddleware):
    """One-time notices."""


class Console:
    """Around all of them: the security headers, a live connection, and a page instead of a problem when something is wrong."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(HOME):
            return self.get_response(request)
        try:
            with unscoped():  # after a restart of the database, sessions would meet a dead connection
                response = self.get_response(request)
        except HoldfastError as error:
            response = trouble(request, error)
        for name, value in HEADERS.items():
            response[name] = value
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        """An error that left a view, as a page that says what to do; a defect is logged with its trace."""
        if not request.path.startswith(HOME):
            return None
        if isinstance(error, Http404):
            return trouble(request, NotFound())
        if isinstance(error, HoldfastError):
            return trouble(request, error)
        log.error("console.defect", path=request.path, exc_info=error)
        return trouble(request, None)


def trouble(request: HttpRequest, error: HoldfastError | None) -> HttpResponseBase:
    """A page that asks the database nothing: it may be the database that is away."""
    status = error.status if error else 500
    detail = error.detail if error else "Something broke on our side. It was recorded."
    told = {"status": status, "detail": detail, "request_id": getattr(request, "request_id", "")}
    return TemplateResponse(None, "console/trouble.html", told, status=status).render()  # type: ignore[arg-type]


def _secure(cookie: "Morsel[str]") -> None:
    cookie["secure"] = True
