"""Money that goes back: refunds, whoever asked for them, and disputes."""

from django.db import models
from django.db.models import Q

from holdfast.db.fields import CurrencyField, DueRow, MinorField, TenantKey, TenantRow
from holdfast.db.laws import Frozen, Moves, Permanent, Rule
from holdfast.payments.states import DISPUTE, REFUND

#: A refund that we ask for must fit into what is left: captured, less every refund that did not fail, less what a dispute holds.
#: The payment's row is locked first, so that two at once are judged one after the other, whoever writes them and however. A
#: transaction that looks at the past (REPEATABLE READ) would not see the other's after waiting for it: it may not judge.
WITHIN_CAPTURED = """
  IF NEW.origin = 'requested' THEN
    PERFORM 1 FROM public.payments_payment WHERE id = NEW.payment_id AND merchant_id = NEW.merchant_id FOR NO KEY UPDATE;
    IF current_setting('transaction_isolation') <> 'read committed'
       OR NEW.currency IS DISTINCT FROM (SELECT currency FROM public.payments_payment WHERE id = NEW.payment_id)
       OR NEW.amount_minor > (SELECT captured_minor - disputed_minor FROM public.payments_payment WHERE id = NEW.payment_id)
          - (SELECT coalesce(sum(amount_minor), 0) FROM public.payments_refund
             WHERE payment_id = NEW.payment_id AND state <> 'failed') THEN
      {refuse}
    END IF;
  END IF;
  RETURN NEW;
"""


class Refund(TenantRow, DueRow):
    """Money of one payment that goes back to the customer: asked for by us (`requested`), or made by the provider or in its
    dashboard (`provider`), which is always recorded.

    `due_at` is when to ask about it again while it is pending; null once nothing more is expected.
    """

    class Origin(models.TextChoices):
        REQUESTED = "requested"
        PROVIDER = "provider"

    order = TenantKey("orders.Order")
    payment = TenantKey("payments.Payment")
    account = TenantKey("merchants.Account")
    provider_id = models.CharField(max_length=255, null=True)  # noqa: DJ001 - unique where present
    origin = models.CharField(max_length=9, choices=Origin.choices)
    amount_minor = MinorField()
    currency = CurrencyField()
    state = models.CharField(max_length=9, default="intended")
    moved = models.JSONField()
    reason = models.CharField(max_length=140, blank=True)
    #: What is refunded by line: `[{"line": id, "quantity": 1, "restock": true}]`; empty for an amount.
    lines = models.JSONField(default=list)
    requested_by = models.CharField(max_length=120, blank=True)
    #: Why it failed, for people.
    error = models.TextField(blank=True)
    created_at = models.DateTimeField()
    succeeded_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "provider_id"], name="payments_refund_provider_id"),
            models.CheckConstraint(name="payments_refund_amount_positive", condition=Q(amount_minor__gt=0)),
            Moves(REFUND, name="payments_refund_moves"),
            Rule(
                name="payments_refund_within_captured",
                when="BEFORE INSERT",
                sql=WITHIN_CAPTURED,
                message="a refund is within what was captured and is not refunded or disputed yet, judged in READ COMMITTED",
            ),
            Frozen(
                name="payments_refund_frozen",
                columns=[
                    "merchant_id",
                    "order_id",
                    "payment_id",
                    "account_id",
                    "origin",
                    "amount_minor",
                    "currency",
                    "reason",
                    "lines",
                    "requested_by",
                    "created_at",
                ],
                once=["provider_id", "succeeded_at"],
            ),
            Permanent(name="payments_refund_permanent"),
        ]
        indexes = [
            models.Index(fields=["payment"], name="payments_refund_payment"),
            models.Index(fields=["order"], name="payments_refund_order"),
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="payments_refund_due"),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} {self.currency} {self.state}"


class Dispute(TenantRow):
    """A customer's bank asks for money back. Its state says who won; who holds the money is told by the facts alone."""

    order = TenantKey("orders.Order")
    payment = TenantKey("payments.Payment")
    account = TenantKey("merchants.Account")
    provider_id = models.CharField(max_length=255)
    amount_minor = MinorField()
    currency = CurrencyField()
    state = models.CharField(max_length=8, default="open")
    moved = models.JSONField()
    reason = models.CharField(max_length=80, blank=True)
    evidence_due_at = models.DateTimeField(null=True)
    #: What the ledger has written off as lost.
    lost_minor = MinorField(default=0)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "provider_id"], name="payments_dispute_provider_id"),
            models.CheckConstraint(name="payments_dispute_amounts", condition=Q(amount_minor__gt=0, lost_minor__gte=0)),
            Moves(DISPUTE, name="payments_dispute_moves"),
            Frozen(
                name="payments_dispute_frozen",
                columns=["merchant_id", "order_id", "payment_id", "account_id", "provider_id", "currency", "created_at"],
            ),
            Permanent(name="payments_dispute_permanent"),
        ]
        indexes = [models.Index(fields=["payment"], name="payments_dispute_payment")]

    def __str__(self) -> str:
        return f"{self.provider_id} {self.state}"
