"""Cases: anything a person must decide, with what is known and what is proposed."""

from django.db import models
from django.db.models import Q

from holdfast.cases.states import CASE
from holdfast.db.fields import TenantKey, TenantRow
from holdfast.db.laws import Frozen, Moves, Permanent


class Case(TenantRow):
    """One question for a person. Unique by kind and cause, so a repeated discovery is the same case."""

    class Kind(models.TextChoices):
        AMOUNT_CONFLICT = "amount_conflict"
        FOREIGN_REFERENCE = "foreign_reference"
        LATE_MONEY = "late_money"
        DOUBLE_MONEY = "double_money"
        UNKNOWN_STATUS = "unknown_status"
        UNPLACED_MONEY = "unplaced_money"
        PARKED = "parked"
        REFUND_FAILED = "refund_failed"
        REFUND_EXCESS = "refund_excess"
        CAPTURE_FAILED = "capture_failed"
        DISPUTE = "dispute"
        NO_EDGE = "no_edge"
        #: Of a transfer: less than its payment wanted so far, or more than that.
        UNDERPAID = "underpaid"
        OVERPAID = "overpaid"

    kind = models.CharField(max_length=20, choices=Kind.choices)
    cause = models.CharField(max_length=160)
    order = TenantKey("orders.Order", null=True)
    payment = TenantKey("payments.Payment", null=True)
    state = models.CharField(max_length=8, default="open")
    moved = models.JSONField()
    owner = models.ForeignKey("customers.User", models.PROTECT, null=True, related_name="+")
    summary = models.CharField(max_length=300)
    proposal = models.CharField(max_length=300)
    evidence = models.JSONField(default=dict)
    opened_at = models.DateTimeField()
    deadline_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "kind", "cause"], name="cases_once_per_cause"),
            Moves(CASE, name="cases_case_moves"),
            Frozen(
                name="cases_case_frozen",
                columns=["merchant_id", "kind", "cause", "summary", "evidence", "opened_at"],
            ),
            Permanent(name="cases_case_permanent"),
        ]
        indexes = [
            models.Index(fields=["merchant", "deadline_at"], condition=Q(state="open"), name="cases_open"),
            models.Index(fields=["order"], condition=Q(order__isnull=False), name="cases_of_order"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.summary}"
