"""Events and their deliveries, written by the receiver through `holdfast_receive` only."""

from django.db import models
from django.db.models import Q

from holdfast.db.fields import DueRow, TenantKey, TenantRow
from holdfast.db.laws import AppendOnly, Frozen, Moves, Permanent
from holdfast.inbox.states import EVENT


class Event(TenantRow, DueRow):
    """One event of a provider, whatever the number of its deliveries. The raw body is a payload; its sha256 stays here."""

    account = TenantKey("merchants.Account")
    provider = models.CharField(max_length=20)
    provider_event_id = models.CharField(max_length=255)
    type = models.CharField(max_length=120)
    payload_id = models.UUIDField()
    payload_sha256 = models.CharField(max_length=64)
    provider_created_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField()
    state = models.CharField(max_length=8, default="received")
    error = models.TextField(blank=True)
    #: Tries that ended with a recorded failure. A claimed try (`attempts`) that is not among them ended a worker's life.
    failures = models.PositiveIntegerField(default=0)
    #: Tries announced before they began, because an earlier one ended without a word: a poison pill shows here.
    announced = models.PositiveSmallIntegerField(default=0)
    #: It only says where to look: the provider has to be asked, by a lane of its own (`lookups`).
    points = models.BooleanField(default=False, db_default=False)
    order_id = models.UUIDField(null=True)
    payment_id = models.UUIDField(null=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "provider_event_id"], name="inbox_event_once"),
            Moves(EVENT, name="inbox_event_moves", history=False),
            Frozen(
                name="inbox_event_frozen",
                columns=["merchant_id", "account_id", "provider", "provider_event_id", "type", "payload_id", "payload_sha256"],
            ),
            Permanent(name="inbox_event_permanent"),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="inbox_event_due"),
            models.Index(fields=["payment_id"], condition=Q(payment_id__isnull=False), name="inbox_event_payment"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.provider_event_id}"


class Delivery(TenantRow):
    """One arrival of an event. Appended, so that counting needs no lock."""

    app_rights = "SELECT, INSERT"

    account = TenantKey("merchants.Account")
    provider_event_id = models.CharField(max_length=255)
    received_at = models.DateTimeField()

    class Meta:
        constraints = [AppendOnly(name="inbox_delivery_append_only")]
        indexes = [models.Index(fields=["account", "provider_event_id"], name="inbox_delivery_event")]

    def __str__(self) -> str:
        return self.provider_event_id
