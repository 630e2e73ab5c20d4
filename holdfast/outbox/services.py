"""Writes of messages."""

from datetime import datetime
from uuid import UUID

from django.db.models import F

from holdfast.db import due, writes
from holdfast.kernel import limits
from holdfast.outbox.models import Message


def write(*, merchant_id: UUID, topic: str, cause: str, order_id: UUID, now: datetime) -> None:
    """Something to tell a customer, in the transaction of its cause; a second one for the same cause is not written."""
    row = Message(merchant_id=merchant_id, topic=topic, cause=cause, order_id=order_id, due_at=due.DatabaseNow(), created_at=now)
    writes.insert(row, or_ignore=True)


def sent(message_id: UUID, *, now: datetime) -> None:
    """It was handed to the mail server."""
    Message.objects.filter(pk=message_id, state="pending").update(state="sent", sent_at=now, due_at=None, error="")


def drop(message_id: UUID, *, why: str) -> None:
    """There is nobody to send it to."""
    Message.objects.filter(pk=message_id, state="pending").update(state="dropped", due_at=None, error=why[:2000])


def fail(message_id: UUID, *, error: str, attempts: int) -> bool:
    """Sending failed: again after a pause, or parked for people (then True)."""
    parked = attempts >= limits.MESSAGE_TRIES
    Message.objects.filter(pk=message_id, state="pending").update(
        state="parked" if parked else F("state"),
        due_at=None if parked else due.after(limits.backoff(attempts)),
        error=error[:2000],
    )
    return parked
