"""Payments, operations and facts. Refunds and disputes of their money are in `payments.returns`."""

from django.db import models
from django.db.models import Q

from holdfast.db.fields import CurrencyField, DueRow, MinorField, TenantKey, TenantRow
from holdfast.db.laws import Frozen, Grows, Moves, Permanent
from holdfast.payments.returns import Dispute, Refund
from holdfast.payments.states import IN_FLIGHT, OPERATION, PAYMENT

__all__ = ["NOTHING", "Dispute", "Fact", "Operation", "Payment", "Refund"]

#: The provider of an order that costs nothing: nobody is asked, and the attempt is a settlement of zero from its first moment.
NOTHING = "none"


class Payment(TenantRow, DueRow):
    """One attempt to take an order's money with one provider account. Our reference with the provider is its id.

    `due_at` is when to ask the provider again; null once nothing more is expected.
    """

    class Capture(models.TextChoices):
        AUTOMATIC = "automatic"
        MANUAL = "manual"

    order = TenantKey("orders.Order")
    account = TenantKey("merchants.Account")
    provider = models.CharField(max_length=20)
    #: How the customer pays, one of the provider's ways: card, pix, transfer. Empty: its first.
    method = models.CharField(max_length=20, blank=True, default="", db_default="")
    #: The provider's own id of the attempt (a Checkout Session), once known.
    provider_id = models.CharField(max_length=255, null=True)  # noqa: DJ001 - unique where present
    amount_minor = MinorField()
    currency = CurrencyField()
    capture = models.CharField(max_length=9, choices=Capture.choices, default="automatic")
    state = models.CharField(max_length=12, default="created")
    moved = models.JSONField()
    #: The provider's own word for the state, for people.
    raw_status = models.CharField(max_length=80, blank=True)
    #: Sum of confirmed facts; only grows (see Fact).
    captured_minor = MinorField(default=0)
    #: What went back: refunds that did not fail afterwards; and what a dispute took and did not return. Sums of facts as well.
    refunded_minor = MinorField(default=0)
    disputed_minor = MinorField(default=0, db_default=0)
    #: The order had no place for this money (it came too late, or twice): it goes back.
    surplus_at = models.DateTimeField(null=True)
    metadata_sha256 = models.CharField(max_length=64)
    #: Where the customer pays, as the provider told.
    pay_url = models.TextField(blank=True)
    #: What the customer needs to pay without a page of the provider's (a Pix code, a bank account), as the provider told.
    show = models.JSONField(default=dict, db_default={})
    expires_at = models.DateTimeField()
    superseded_at = models.DateTimeField(null=True)
    late_of = TenantKey("payments.Payment", null=True)
    last_asked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(state__in=IN_FLIGHT, superseded_at__isnull=True),
                name="payments_one_in_flight",
            ),
            models.UniqueConstraint(fields=["account", "provider_id"], name="payments_provider_id"),
            models.CheckConstraint(
                name="payments_amount_positive",
                condition=Q(amount_minor__gt=0) & ~Q(provider=NOTHING) | Q(amount_minor=0, provider=NOTHING),
            ),
            models.CheckConstraint(name="payments_refunded_within", condition=Q(refunded_minor__gte=0, disputed_minor__gte=0)),
            models.CheckConstraint(
                name="payments_captured_has_money",
                condition=~Q(state="captured") | Q(captured_minor__gt=0) | Q(captured_minor=0, provider=NOTHING),
            ),
            Moves(PAYMENT, name="payments_payment_moves"),
            Frozen(
                name="payments_payment_frozen",
                columns=[
                    "merchant_id",
                    "order_id",
                    "account_id",
                    "provider",
                    "amount_minor",
                    "currency",
                    "capture",
                    "method",
                ],
                once=["provider_id", "superseded_at", "late_of_id", "surplus_at"],
            ),
            Grows(name="payments_payment_grows", columns=["captured_minor"]),
            Permanent(name="payments_payment_permanent"),
        ]
        indexes = [
            models.Index(fields=["order"], name="payments_of_order"),
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="payments_due"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.state}"


class Operation(TenantRow, DueRow):
    """One thing asked of a provider, committed with its key and exact request before it is asked.

    `due_at` is when recovery asks again; null once the outcome is final.
    """

    class Kind(models.TextChoices):
        OPEN = "open"
        CLOSE = "close"
        FETCH = "fetch"
        CAPTURE = "capture"
        REFUND = "refund"

    payment = TenantKey(Payment)
    #: The refund that it is asked for.
    refund = TenantKey("payments.Refund", null=True)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    key = models.CharField(max_length=255)
    request_id = models.UUIDField()
    request_sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=10, default="intended")
    error = models.TextField(blank=True)
    intended_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "key"], name="payments_operation_key"),
            Moves(OPERATION, name="payments_operation_moves", history=False),
            Frozen(
                name="payments_operation_frozen",
                columns=[
                    "merchant_id",
                    "payment_id",
                    "refund_id",
                    "kind",
                    "key",
                    "request_id",
                    "request_sha256",
                    "intended_at",
                ],
            ),
            Permanent(name="payments_operation_permanent"),
        ]
        indexes = [
            models.Index(fields=["payment"], name="payments_operation_payment"),
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="payments_operation_due"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"


class Fact(TenantRow):
    """Money that a provider confirmed, once per provider object: amounts only grow, so any order of deliveries ends the same.

    `object_id` is the provider's id of the charge, refund or dispute; `amount_minor` the most that was ever confirmed of it.
    """

    class Kind(models.TextChoices):
        AUTHORIZATION = "authorization"
        CAPTURE = "capture"
        #: Money that does not fit what was asked for: kept apart, never counted as paid.
        UNAPPLIED = "unapplied"
        #: A refund that was done, and one that bounced afterwards.
        REFUND = "refund"
        REFUND_FAILED = "refund_failed"
        #: What a dispute took, and what it returned.
        WITHDRAWN = "withdrawn"
        REINSTATED = "reinstated"
        #: What the provider kept for its work.
        FEE = "fee"

    payment = TenantKey(Payment)
    account = TenantKey("merchants.Account")
    kind = models.CharField(max_length=14, choices=Kind.choices)
    object_id = models.CharField(max_length=255)
    amount_minor = MinorField()
    currency = CurrencyField()
    #: When it happened at the provider, and when and how we learned of it first.
    occurred_at = models.DateTimeField()
    learned_at = models.DateTimeField()
    source = models.CharField(max_length=10)
    event_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "kind", "object_id"], name="payments_fact_once"),
            models.CheckConstraint(name="payments_fact_amount", condition=Q(amount_minor__gt=0)),
            Frozen(
                name="payments_fact_frozen",
                columns=[
                    "merchant_id",
                    "payment_id",
                    "account_id",
                    "kind",
                    "object_id",
                    "currency",
                    "source",
                ],
            ),
            Grows(name="payments_fact_grows", columns=["amount_minor"]),
            Permanent(name="payments_fact_permanent"),
        ]
        indexes = [models.Index(fields=["payment"], name="payments_fact_payment")]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount_minor} {self.currency}"
