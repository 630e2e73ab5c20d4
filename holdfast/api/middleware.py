"""What surrounds every request: its id, its size, its media type, and problems instead of pages."""

import re
import time
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from config.settings import ENV
from holdfast.api import problems
from holdfast.kernel import limits
from holdfast.kernel.ids import new_id

log = structlog.get_logger()

LOG_REQUESTS = ENV.log_requests
#: Addresses of the API; others belong to other edges.
OURS = ("/v1/", "/payments/", "/health/")
#: Where browsers of any shop may call from: the address of a frontend proves nothing, keys and tokens do, cookies are not used.
CROSS_ORIGIN = ("/v1/",)
#: Not worth a line: probes, style sheets, a browser's polling.
UNTOLD = ("/health/", "/static/", "/v1/docs/assets/")
#: The token of an order or a cart in an address is a key to it.
LONG_SECRET = re.compile(r"[0-9a-f]{64}|[A-Za-z0-9_-]{43}")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class Edge:
    """The outermost middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = _request_id(request)
        request.request_id = request_id  # type: ignore[attr-defined]
        began = time.monotonic()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self._respond(request)
            if LOG_REQUESTS and not request.path.startswith(UNTOLD):
                took_ms = round((time.monotonic() - began) * 1000)
                log.info("request", method=request.method, path=_told(request.path), status=response.status_code, ms=took_ms)
        response["X-Request-Id"] = request_id
        return response

    def _respond(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(OURS):
            return self.get_response(request)
        response = _preflight(request) or _refused(request) or _as_problem(request, self.get_response(request))
        response.headers.setdefault("Cache-Control", "no-store")
        if request.path.startswith(CROSS_ORIGIN):
            response["Access-Control-Allow-Origin"] = "*"
            response["Access-Control-Expose-Headers"] = "Location, Retry-After, X-Request-Id"
        return response


def _told(path: str) -> str:
    """An address as the log may show it."""
    return LONG_SECRET.sub("…", path[:200])


def _request_id(request: HttpRequest) -> str:
    """The caller's, if it has the form of one; else a new one."""
    given = request.headers.get("X-Request-Id", "")
    return given if REQUEST_ID.fullmatch(given) else new_id().hex


def _preflight(request: HttpRequest) -> HttpResponse | None:
    """A browser asks whether another origin's page may call (CORS)."""
    if request.method != "OPTIONS" or not request.path.startswith(CROSS_ORIGIN):
        return None
    if "Access-Control-Request-Method" not in request.headers:
        return None
    response = HttpResponse(status=204)
    response["Access-Control-Allow-Methods"] = "GET, POST, PUT, PATCH, DELETE"
    response["Access-Control-Allow-Headers"] = (
        "Authorization, Content-Type, Idempotency-Key, Cart-Token, Order-Token, X-Request-Id"
    )
    response["Access-Control-Max-Age"] = "86400"
    return response


def _refused(request: HttpRequest) -> HttpResponse | None:
    """A body that is too large or is not JSON is not read at all."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit():
        return problems.plain(request, 400)
    if int(length) > limits.MAX_BODY_BYTES:
        limit = limits.MAX_BODY_BYTES
        return problems.answer(request, 413, "body_too_large", f"A body has at most {limit} bytes.", limit_bytes=limit)
    if int(length) and request.method in ("POST", "PUT", "PATCH") and request.content_type != "application/json":
        return problems.answer(request, 415, "unsupported_media_type", "Send the body as application/json.")
    return None


def _as_problem(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Errors of the framework (no such path, method not allowed, bad host) as problems, with their headers."""
    if response.status_code < 400 or "json" in response.headers.get("Content-Type", ""):
        return response
    problem = problems.plain(request, response.status_code)
    if "Allow" in response.headers:
        problem["Allow"] = response.headers["Allow"]
    return problem
