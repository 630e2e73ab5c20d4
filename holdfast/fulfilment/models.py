"""Fulfilments (one per order and way), shipments of goods, and the vouchers and downloads handed over."""

from django.db import models
from django.db.models import Q

from holdfast.db.fields import DueRow, TenantKey, TenantRow
from holdfast.db.laws import AppendOnly, Frozen, Moves, Permanent
from holdfast.fulfilment.states import FULFILMENT


class Fulfilment(TenantRow, DueRow):
    """The part of one order that is shipped, or downloaded, or booked. Digital and booking parts are due for the worker;
    a shipment waits for the merchant to say what was sent."""

    class Way(models.TextChoices):
        SHIPMENT = "shipment"
        DOWNLOAD = "download"
        VOUCHER = "voucher"

    order = TenantKey("orders.Order")
    way = models.CharField(max_length=8, choices=Way.choices)
    state = models.CharField(max_length=14, default="pending")
    moved = models.JSONField()
    error = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "way"], name="fulfilment_once_per_way"),
            Moves(FULFILMENT, name="fulfilment_fulfilment_moves"),
            Frozen(name="fulfilment_fulfilment_frozen", columns=["merchant_id", "order_id", "way"]),
            Permanent(name="fulfilment_fulfilment_permanent"),
        ]
        indexes = [models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="fulfilment_due")]

    def __str__(self) -> str:
        return f"{self.way} {self.state}"


class Handover(TenantRow):
    """One thing handed over, once: a parcel's content, a download, a voucher. `code` is what the customer shows or opens."""

    fulfilment = TenantKey(Fulfilment)
    order_line = TenantKey("orders.OrderLine")
    #: Counts the units of the line from 1; unique, so a retried job never hands over twice.
    unit = models.PositiveIntegerField()
    quantity = models.PositiveIntegerField(default=1)
    code = models.CharField(max_length=80, null=True)  # noqa: DJ001 - unique where present
    tracking = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order_line", "unit"], name="fulfilment_handed_over_once"),
            models.UniqueConstraint(fields=["merchant", "code"], name="fulfilment_code"),
            models.CheckConstraint(name="fulfilment_handover_quantity", condition=Q(quantity__gte=1)),
            AppendOnly(name="fulfilment_handover_append_only"),
        ]
        indexes = [models.Index(fields=["fulfilment"], name="fulfilment_handover_of")]

    def __str__(self) -> str:
        return f"{self.order_line_id} #{self.unit}"


class Withdrawal(TenantRow):
    """Units of a line that are not handed over any more, because they were refunded first."""

    order_line = TenantKey("orders.OrderLine")
    quantity = models.PositiveIntegerField()
    #: The refund.
    cause = models.UUIDField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order_line", "cause"], name="fulfilment_withdrawn_once"),
            models.CheckConstraint(name="fulfilment_withdrawal_quantity", condition=Q(quantity__gte=1)),
            AppendOnly(name="fulfilment_withdrawal_append_only"),
        ]

    def __str__(self) -> str:
        return f"{self.order_line_id} -{self.quantity}"


class Revocation(TenantRow):
    """A download or voucher that is no longer valid: its money went back, or a dispute was lost."""

    handover = TenantKey(Handover)
    cause = models.CharField(max_length=200)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "handover"], name="fulfilment_revoked_once"),
            AppendOnly(name="fulfilment_revocation_append_only"),
        ]

    def __str__(self) -> str:
        return f"{self.handover_id} revoked"
