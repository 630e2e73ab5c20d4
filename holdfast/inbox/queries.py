"""Reads of events."""

from uuid import UUID

from holdfast.inbox.models import Delivery, Event


def deliveries(event: Event) -> int:
    """How often an event arrived."""
    return Delivery.objects.filter(account_id=event.account_id, provider_event_id=event.provider_event_id).count()


def of_payment(payment_id: UUID) -> list[Event]:
    """The events that were about a payment, oldest first."""
    return list(Event.objects.filter(payment_id=payment_id).order_by("id"))
