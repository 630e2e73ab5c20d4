"""Reads of messages."""

from collections.abc import Collection
from uuid import UUID

from holdfast.db.pages import Page, Span, newest
from holdfast.kernel.errors import NotFound
from holdfast.outbox.models import Message


def with_order(message_id: UUID) -> Message:
    """One message with its order and contact: one statement."""
    return Message.objects.select_related("order__contact").get(pk=message_id)


def of_order(order_id: UUID) -> list[Message]:
    """The messages about an order, oldest first."""
    return list(Message.objects.filter(order_id=order_id).order_by("id"))


# -- For staff --------------------------------------------------------------------------------------------------------


def page(span: Span, *, states: Collection[str] = ()) -> Page[Message]:
    """Messages with their orders, newest first."""
    table = Message.objects.select_related("order")
    return newest(table, span, wanted=table.filter(state__in=states) if states else None)


def get(message_id: UUID) -> Message:
    """One message with its order and contact. Raises NotFound."""
    message = Message.objects.select_related("order__contact").filter(pk=message_id).first()
    if message is None:
        raise NotFound("There is no such message.")
    return message
