"""Reads of messages."""

from uuid import UUID

from holdfast.outbox.models import Message


def with_order(message_id: UUID) -> Message:
    """One message with its order and contact: one statement."""
    return Message.objects.select_related("order__contact").get(pk=message_id)


def of_order(order_id: UUID) -> list[Message]:
    """The messages about an order, oldest first."""
    return list(Message.objects.filter(order_id=order_id).order_by("id"))
