"""Messages to customers."""

from django.db import models
from django.db.models import Q

from holdfast.db.fields import DueRow, TenantKey, TenantRow
from holdfast.db.laws import Frozen, Moves, Permanent
from holdfast.outbox.states import MESSAGE


class Message(TenantRow, DueRow):
    """Something to tell a customer, written in the transaction of its cause and sent later by the worker.

    Holds no personal data: the recipient is read from the order's contact when it is sent.
    """

    topic = models.CharField(max_length=40)
    #: One message per topic and cause.
    cause = models.CharField(max_length=80)
    order = TenantKey("orders.Order")
    state = models.CharField(max_length=8, default="pending")
    error = models.TextField(blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "topic", "cause"], name="outbox_once_per_cause"),
            Moves(MESSAGE, name="outbox_message_moves", history=False),
            Frozen(
                name="outbox_message_frozen",
                columns=["merchant_id", "topic", "cause", "order_id"],
                once=["sent_at"],
            ),
            Permanent(name="outbox_message_permanent"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="outbox_due"),
            models.Index(fields=["order"], name="outbox_of_order"),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.state}"
