"""Pages of long tables, newest first, at a bounded cost: no counting, no offset, and filters that look through a window only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet

from holdfast.kernel import limits
from holdfast.kernel.ids import floor_id

Row = TypeVar("Row", bound=Model)
#: Rows of one kind about one thing: see limits.
MANY = limits.STAFF_STORY


@dataclass(frozen=True)
class Page(Generic[Row]):
    """`next` is where to go on, None at the end; `narrowed`: the window ended before the page was full."""

    rows: list[Row]
    next: UUID | None = None
    narrowed: bool = False


@dataclass(frozen=True)
class Span:
    """Where in a table to look, newest first: rows before an id, made from one instant and until another."""

    before: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None

    def of(self, table: QuerySet[Row]) -> QuerySet[Row]:
        """An id begins with its time, so an instant is a bound of ids, and the index of (merchant, id) gives both."""
        if self.before:
            table = table.filter(pk__lt=self.before)
        if self.until:
            table = table.filter(pk__lt=floor_id(self.until))
        return table.filter(pk__gte=floor_id(self.since)) if self.since else table


def newest(table: QuerySet[Row], span: Span, *, wanted: QuerySet[Row] | None = None, size: int = limits.STAFF_PAGE) -> Page[Row]:
    """The newest rows of a span. `wanted` is the same table with conditions that no index answers: they are asked of the
    newest `limits.STAFF_WINDOW` rows of the span only, so that a rare word does not read a table of millions."""
    looked = span.of(table).order_by("-pk")
    if wanted is None:
        rows = list(looked[: size + 1])
        return Page(rows[:size], rows[size - 1].pk if len(rows) > size else None)
    last = edge(looked)
    rows = list(span.of(wanted).filter(**({"pk__gte": last} if last else {})).order_by("-pk")[: size + 1])
    if len(rows) > size:
        return Page(rows[:size], rows[size - 1].pk)
    return Page(rows, last, narrowed=last is not None)


def edge(table: QuerySet[Row]) -> UUID | None:
    """The id at which a window over the newest rows ends, None when all of them fit. Asked first, because as a subquery the
    planner would rather read the whole table for a rare word than look through the window."""
    ids = table.order_by("-pk").values_list("pk", flat=True)
    return next(iter(ids[limits.STAFF_WINDOW - 1 : limits.STAFF_WINDOW]), None)


def after_prefix(prefix: str) -> str:
    """The first text that no longer begins with this: the upper bound of a range that an index answers.

    Exact where text is compared by code point (C, C.UTF-8: the embedded server); elsewhere a prefix that ends in a letter or a
    digit is found all the same.
    """
    return prefix[:-1] + chr(ord(prefix[-1]) + 1) if prefix else "\U0010ffff"
