"""Reads of events."""

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from holdfast.db.pages import MANY, Page, Span, newest
from holdfast.inbox.models import Delivery, Event
from holdfast.kernel.errors import NotFound


def deliveries(event: Event) -> int:
    """How often an event arrived."""
    return Delivery.objects.filter(account_id=event.account_id, provider_event_id=event.provider_event_id).count()


def of_payment(payment_id: UUID) -> list[Event]:
    """The events that were about a payment, oldest first."""
    return list(Event.objects.filter(payment_id=payment_id).order_by("id"))


# -- For staff --------------------------------------------------------------------------------------------------------


def page(span: Span, *, states: Collection[str] = (), type: str = "") -> Page[Event]:
    """Events, newest first."""
    table = Event.objects.all()
    wanted = table.filter(state__in=states) if states else table
    wanted = wanted.filter(type=type) if type else wanted
    return newest(table, span, wanted=None if wanted is table else wanted)


def get(event_id: UUID) -> Event:
    """One event. Raises NotFound."""
    event = Event.objects.filter(pk=event_id).first()
    if event is None:
        raise NotFound("There is no such event.")
    return event


def named(word: str, *, account_ids: Iterable[UUID]) -> list[Event]:
    """Events by the provider's id."""
    return list(Event.objects.filter(account_id__in=list(account_ids), provider_event_id=word))


def of_payments(payment_ids: Iterable[UUID], *, limit: int = MANY) -> list[Event]:
    """The events that were about these attempts, oldest first."""
    return list(Event.objects.filter(payment_id__in=set(payment_ids)).order_by("id")[:limit])


def arrivals(events: Iterable[Event], *, limit: int = MANY) -> dict[str, list[datetime]]:
    """When these events arrived, by the provider's id: one statement."""
    wanted = list(events)
    rows = Delivery.objects.filter(
        account_id__in={event.account_id for event in wanted}, provider_event_id__in={event.provider_event_id for event in wanted}
    ).order_by("id")
    found: dict[str, list[datetime]] = {}
    for name, at in rows.values_list("provider_event_id", "received_at")[: 4 * limit]:
        found.setdefault(name, []).append(at)
    return found
