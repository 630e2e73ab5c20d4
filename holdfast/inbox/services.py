"""Writes of events after they were received. Receiving itself is the receiver's one statement, `holdfast_receive`."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, Value
from django.db.models.functions import Greatest

from holdfast.db import due, reads, writes
from holdfast.db.moves import lock
from holdfast.inbox.models import Event
from holdfast.inbox.states import EVENT
from holdfast.kernel import limits


def lock_event(event_id: UUID) -> Event:
    """The event under its lock."""
    return lock(Event.objects.all(), event_id, "event")


def lock_events(event_ids: Iterable[UUID]) -> dict[UUID, Event]:
    """Events by id under their locks, in the order in which they were received."""
    rows = reads.rows(Event, "WHERE id = ANY(%s::uuid[]) ORDER BY id FOR NO KEY UPDATE", sorted(event_ids))
    return {row.pk: row for row in rows}


def announce(event_id: UUID) -> int:
    """Note that a try begins after one that ended without a word. Returns how many such beginnings there were."""
    Event.objects.filter(pk=event_id).update(announced=F("announced") + 1)
    return Event.objects.values_list("announced", flat=True).get(pk=event_id)


def finish(
    event: Event, outcome: str, *, order_id: UUID | None = None, payment_id: UUID | None = None, why: str = "", now: datetime
) -> None:
    """`done` or `ignored`: it will not be looked at again."""
    EVENT.check(event.state, outcome)
    writes.change(
        event,
        was=event.state,
        state=outcome,
        error=why[:2000],
        order_id=order_id,
        payment_id=payment_id,
        due_at=None,
        done_at=now,
    )


def point(event: Event) -> str:
    """It only says where to look, or speaks of what we have not heard of: the provider is asked, by the lane `lookups`."""
    writes.change(event, points=True, due_at=due.after(timedelta(0)), attempts=0)
    return "pointed"


def wait(event_id: UUID, *, error: str, attempts: int) -> None:
    """The provider does not answer: asked again, ever more rarely, and never parked for that."""
    Event.objects.filter(pk=event_id, state__in=("received", "waiting")).update(
        state="waiting", failures=F("failures") + 1, error=error[:2000], due_at=due.after(limits.backoff(attempts))
    )


def fail(event_id: UUID, *, error: str, attempts: int) -> bool:
    """A try failed: again after a pause, or parked for people (then True)."""
    if attempts >= limits.EVENT_TRIES:
        park(event_id, error=error)
        return True
    Event.objects.filter(pk=event_id, state__in=("received", "waiting")).update(
        state="waiting",
        failures=F("failures") + 1,
        announced=_ended_with_a_word(),
        error=error[:2000],
        due_at=due.after(limits.backoff(attempts)),
    )
    return False


def postpone(event_id: UUID) -> None:
    """The rows were locked by someone else: soon again, and not counted as a try."""
    Event.objects.filter(pk=event_id).update(
        attempts=F("attempts") - 1, announced=_ended_with_a_word(), due_at=due.after(limits.BACKOFF_FIRST / 4)
    )


def park(event_id: UUID, *, error: str) -> None:
    """A person decides."""
    Event.objects.filter(pk=event_id, state__in=("received", "waiting")).update(
        state="parked", failures=F("failures") + 1, error=error[:2000], due_at=None
    )


def _ended_with_a_word() -> Greatest:
    """A try that was announced did not kill: what stays announced are the deaths."""
    return Greatest(F("announced") - 1, Value(0))
