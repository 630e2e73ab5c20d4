"""Bodies exactly as they were written, and answers with nothing rounded off."""

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser
from ninja.renderers import JSONRenderer


class ExactParser(Parser):
    """UTF-8 only; `12.50` is a Decimal, never a float; no name comes twice. What is raised here becomes a 400."""

    def parse_body(self, request: HttpRequest) -> Any:
        return json.loads(request.body.decode("utf-8"), parse_float=Decimal, object_pairs_hook=_once)


class ExactRenderer(JSONRenderer):
    """Times to the microsecond: the framework's own renderer cuts them, and a cut time is no cursor."""

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return json.dumps(data, default=_time, separators=(",", ":")).encode()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A name that comes twice means two things, and the parties may believe different ones."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _time(value: Any) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")
