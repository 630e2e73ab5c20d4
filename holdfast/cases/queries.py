"""Reads of cases."""

from collections.abc import Collection
from uuid import UUID

from holdfast.cases.models import Case
from holdfast.db.pages import Page, Span, newest
from holdfast.kernel.errors import NotFound


def open_cases(*, limit: int = 100) -> list[Case]:
    """Open cases of this merchant, the most urgent first."""
    return list(Case.objects.filter(state="open").order_by("deadline_at", "id")[:limit])


def of_order(order_id: UUID) -> list[Case]:
    """The cases about an order."""
    return list(Case.objects.filter(order_id=order_id).order_by("id"))


def page(span: Span, *, states: Collection[str] = (), kind: str = "") -> Page[Case]:
    """Cases with their orders, newest first."""
    table = Case.objects.select_related("order")
    wanted = table.filter(state__in=states) if states else table
    wanted = wanted.filter(kind=kind) if kind else wanted
    return newest(table, span, wanted=None if wanted is table else wanted)


def get(case_id: UUID) -> Case:
    """One case with its order. Raises NotFound."""
    case = Case.objects.select_related("order").filter(pk=case_id).first()
    if case is None:
        raise NotFound("There is no such case.")
    return case
