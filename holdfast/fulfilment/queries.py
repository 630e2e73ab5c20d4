"""Reads of fulfilment."""

from uuid import UUID

from holdfast.fulfilment.models import Fulfilment, Handover


def get(fulfilment_id: UUID) -> Fulfilment:
    """One fulfilment of this merchant."""
    return Fulfilment.objects.get(pk=fulfilment_id)


def of_order(order_id: UUID) -> list[Fulfilment]:
    """The fulfilments of an order."""
    return list(Fulfilment.objects.filter(order_id=order_id).order_by("way"))


def handovers(order_id: UUID) -> list[Handover]:
    """What was handed over for an order, oldest first."""
    return list(Handover.objects.select_related("fulfilment").filter(fulfilment__order_id=order_id).order_by("id"))
