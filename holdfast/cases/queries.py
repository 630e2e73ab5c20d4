"""Reads of cases."""

from uuid import UUID

from holdfast.cases.models import Case


def open_cases(*, limit: int = 100) -> list[Case]:
    """Open cases of this merchant, the most urgent first."""
    return list(Case.objects.filter(state="open").order_by("deadline_at", "id")[:limit])


def of_order(order_id: UUID) -> list[Case]:
    """The cases about an order."""
    return list(Case.objects.filter(order_id=order_id).order_by("id"))
