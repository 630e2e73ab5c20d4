"""Reads of fulfilment."""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from holdfast.fulfilment.models import Fulfilment, Handover, Revocation


def get(fulfilment_id: UUID) -> Fulfilment:
    """One fulfilment of this merchant."""
    return Fulfilment.objects.get(pk=fulfilment_id)


def of_order(order_id: UUID) -> list[Fulfilment]:
    """The fulfilments of an order."""
    return list(Fulfilment.objects.filter(order_id=order_id).order_by("way"))


def handovers(order_id: UUID) -> list[Handover]:
    """What was handed over for an order, oldest first."""
    return list(Handover.objects.select_related("fulfilment").filter(fulfilment__order_id=order_id).order_by("id"))


def revoked(order_id: UUID) -> set[UUID]:
    """Handovers of an order that are no longer valid."""
    rows = Revocation.objects.filter(handover__fulfilment__order_id=order_id)
    return set(rows.values_list("handover_id", flat=True))


def of_orders(order_ids: Iterable[UUID]) -> list[Fulfilment]:
    """The fulfilments of these orders."""
    return list(Fulfilment.objects.filter(order_id__in=set(order_ids)).order_by("order_id", "way"))


def orders_in(states: Collection[str]) -> QuerySet[Any]:
    """Ids of orders that have a fulfilment in one of these states, as a subquery."""
    return Fulfilment.objects.filter(state__in=states).values("order_id")
