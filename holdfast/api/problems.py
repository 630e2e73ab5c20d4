"""Every refusal and failure as application/problem+json (RFC 9457), and never a page of HTML or a stack trace."""

import json
from collections.abc import Sequence
from http.client import responses
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from pydantic import BaseModel, ConfigDict, Field

from holdfast.db.tenancy import DatabaseAway
from holdfast.kernel.errors import Broken, HoldfastError, NotFound
from holdfast.merchants.queries import UnknownKey

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"

#: What any read may be refused with.
READ = frozenset({400, 401, 404, 422, 503})
#: What any change may be refused with besides.
WRITE = READ | {409, 413, 415}
#: What a secret key's business may be refused with besides: a publishable key may not.
SECRET = frozenset({403})

#: Headers that are a capability: without the right one the thing is not there, as if it had never been.
TOKENS = ("Cart-Token", "Order-Token")
#: Headers of the protocol: a wrong one is a bad request, not an unacceptable value (IETF draft Idempotency-Key).
PROTOCOL = ("Idempotency-Key",)


class FieldError(BaseModel):
    """One value that was not accepted."""

    place: str = Field(description="body, query, path or header.")
    field: str = Field(description="Dotted path of the value.")
    message: str


class Problem(BaseModel):
    """An error (RFC 9457). `type` ends in a stable code; other members depend on it."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "/problems/insufficient_stock",
                    "title": "Insufficient stock",
                    "status": 409,
                    "detail": "Somebody else took the last of it.",
                    "request_id": "9f0c2b7e",
                    "available": 1,
                    "wanted": 2,
                }
            ]
        },
    )

    type: str
    title: str
    status: int
    detail: str
    request_id: str = Field("", description="Of the request, also in the X-Request-Id header: name it to support.")
    errors: list[FieldError] = Field([], description="Only in 422: the values that were not accepted.")


def answer(request: HttpRequest, status: int, code: str, detail: str, **extra: Any) -> HttpResponse:
    """A problem as a response. `extra` are further members."""
    body = {
        "type": f"/problems/{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "request_id": getattr(request, "request_id", ""),
        **extra,
    }
    response = HttpResponse(json.dumps(body, default=str), status=status, content_type=MEDIA_TYPE)
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


def plain(request: HttpRequest, status: int) -> HttpResponse:
    """A problem that says no more than its status: an unknown path, a method that is not allowed."""
    phrase = responses.get(status, "Error")
    return answer(request, status, phrase.lower().replace(" ", "_").replace("-", "_"), f"{phrase}.")


def of_error(request: HttpRequest, error: HoldfastError) -> HttpResponse:
    """One of the three families: the class says status and code, the instance what happened.

    What is broken on our side is the operator's to read, so only that much is told.
    """
    told = error
    if error.status >= 500:
        log.warning("api.broken", code=error.code, detail=error.detail)
        told = error if isinstance(error, DatabaseAway) else Broken()
    response = answer(request, told.status, told.code, told.detail, **told.extra)
    wait = getattr(told, "retry_after_s", None)
    if wait is not None:
        response["Retry-After"] = str(wait)
    return response


def register(api: NinjaAPI) -> None:
    """Let every exception that leaves an operation become a problem."""
    handlers: dict[type[Exception], Any] = {
        HoldfastError: of_error,
        ValidationError: _of_validation,
        AuthenticationError: lambda request, error: of_error(request, UnknownKey()),
        HttpError: _of_http,
        Http404: lambda request, error: plain(request, 404),
        RequestDataTooBig: lambda request, error: plain(request, 413),
        SuspiciousOperation: lambda request, error: plain(request, 400),
        DataError: _of_data,
        Exception: _of_defect,
    }
    for error, handler in handlers.items():
        api.add_exception_handler(error, handler)


def _of_validation(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """422 with the list of values; a missing token is a thing that is not there, a wrong protocol header a bad request."""
    headers = [str(item["loc"][-1]) for item in error.errors if item["loc"][0] == "header"]
    if any(name in TOKENS for name in headers):
        return of_error(request, NotFound(f"There is no such thing, or the {headers[0]} header is missing."))
    if any(name in PROTOCOL for name in headers):
        return answer(
            request,
            400,
            "idempotency_key_missing" if _missing(error.errors) else "bad_idempotency_key",
            "This request needs an Idempotency-Key header: printable ASCII, at most 255 characters, bare or quoted.",
        )
    said = [_field_error(item) for item in error.errors]
    return answer(request, 422, "unacceptable_values", "Some values were not accepted.", errors=said)


def _missing(errors: Sequence[dict[str, Any]]) -> bool:
    return any(item["type"] == "missing" and item["loc"][0] == "header" for item in errors)


def _field_error(item: dict[str, Any]) -> dict[str, str]:
    """The value that came is not repeated: it may be personal, or long."""
    place, *path = (str(part) for part in item["loc"])
    path = path[1:] if place == "body" else path  # the first part is the name of our own parameter
    return {"place": place, "field": ".".join(path)[:200], "message": item["msg"]}


def _of_http(request: HttpRequest, error: HttpError) -> HttpResponse:
    """What the framework itself refuses: a body that is no JSON."""
    if error.status_code == 400:
        return answer(request, 400, "bad_json", "The body is not JSON in UTF-8, repeats a name, or is nested too deeply.")
    return plain(request, error.status_code)


def _of_data(request: HttpRequest, error: DataError) -> HttpResponse:
    """The database cannot hold a value: a bound is missing in our own description of the request, so log it."""
    log.exception("api.data_error")
    return answer(request, 422, "unacceptable_values", "Some values were not accepted.", errors=[])


def _of_defect(request: HttpRequest, error: Exception) -> HttpResponse:
    """A defect of ours: logged with its trace, told without details."""
    log.error("api.defect", exc_info=error)
    return answer(request, 500, "internal_error", "Something broke on our side. It was recorded.")
