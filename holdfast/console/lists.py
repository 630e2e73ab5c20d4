"""The shape of every list: filters, columns, rows, and a way on. The address holds it all, so that it can be sent."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import HttpRequest

from holdfast.console.desk import View
from holdfast.console.show import Cell
from holdfast.db.pages import Page, Row, Span
from holdfast.kernel import limits

#: No name, number or provider's id is longer.
LONGEST_WORD = 200


@dataclass(frozen=True)
class Choice:
    """One filter of a list. An unknown value in an address counts as none."""

    name: str
    title: str
    options: Sequence[tuple[str, str]]
    value: str = ""


@dataclass(frozen=True)
class Line:
    """A row of a table; its first cell leads to its page."""

    cells: Sequence[Cell]


def words(states: Iterable[str]) -> list[tuple[str, str]]:
    """Options of a filter by state."""
    return [(state, state.replace("_", " ")) for state in states]


def chosen(request: HttpRequest, name: str, title: str, options: Sequence[tuple[str, str]]) -> Choice:
    """A filter with the value that the address gives."""
    asked = request.GET.get(name, "")
    return Choice(name, title, options, asked if asked in {value for value, _ in options} else "")


def asked(request: HttpRequest) -> str:
    """What is looked for. No text in the database holds a NUL, so a word with one names nothing."""
    return request.GET.get("q", "")[:LONGEST_WORD].replace("\x00", "\ufffd").strip()


def span(request: HttpRequest, zone: ZoneInfo) -> Span:
    """Where in the table: `before` an id, `from` and `to` days in the merchant's zone, both inclusive."""
    since, until = _day(request.GET.get("from", "")), _day(request.GET.get("to", ""))
    return Span(
        before=_id(request.GET.get("before", "")),
        since=_midnight(since, zone) if since else None,
        until=_midnight(until + timedelta(days=1), zone) if until else None,
    )


def table(
    request: HttpRequest,
    *,
    title: str,
    columns: Sequence[str],
    found: Page[Row],
    line: Callable[[Row], Line],
    choices: Sequence[Choice] = (),
    search: str = "",
    dates: bool = True,
    note: str = "",
) -> View:
    """A list's page. A column of numbers begins with `#`. `search` is what can be looked for; empty means that nothing can."""
    return View(
        "console/list.html",
        {
            "title": title,
            "columns": columns,
            "lines": [line(row) for row in found.rows],
            "choices": choices,
            "search": search,
            "asked": asked(request),
            "dates": dates,
            "since": request.GET.get("from", "") if _day(request.GET.get("from", "")) else "",
            "until": request.GET.get("to", "") if _day(request.GET.get("to", "")) else "",
            "filtered": any(request.GET.get(name) for name in ("q", "from", "to", *(choice.name for choice in choices))),
            "next": _onward(request, found.next),
            "first": "before" in request.GET and _onward(request, None, first=True),
            "narrowed": found.narrowed,
            "window": limits.STAFF_WINDOW,
            "note": note,
        },
    )


def _onward(request: HttpRequest, before: UUID | None, *, first: bool = False) -> str:
    if before is None and not first:
        return ""
    kept: dict[str, Any] = {name: value for name, value in request.GET.items() if name != "before" and value}
    return "?" + urlencode({**kept, "before": str(before)} if before else kept)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _day(text: str) -> date | None:
    """A day of this era; also not the last one, whose morrow is no date."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1970 < day.year < 9999 else None


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone)
