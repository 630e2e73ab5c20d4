"""Receipts and their allocations. What a receipt says of the money never changes; only what it was for is found out."""

from django.db import models
from django.db.models import F, Q

from holdfast.db.fields import CurrencyField, MinorField, TenantKey, TenantRow
from holdfast.db.laws import AppendOnly, Frozen, Grows, Moves, Permanent, Rule
from holdfast.receipts.states import RECEIPT

#: An allocation is within what is left of its receipt, in its account and its currency. The receipt's row is locked first, so
#: that two at once are judged one after the other; it is asked after the foreign keys.
WITHIN_RECEIPT = """
  PERFORM 1 FROM public.receipts_receipt WHERE id = NEW.receipt_id AND merchant_id = NEW.merchant_id FOR NO KEY UPDATE;
  IF NOT EXISTS (SELECT 1 FROM public.receipts_receipt r JOIN public.payments_payment p ON p.id = NEW.payment_id
                 WHERE r.id = NEW.receipt_id AND r.state IN ('unmatched', 'matched', 'excess')
                   AND (r.account_id, r.currency) = (p.account_id, p.currency)
                   AND r.amount_minor - r.returned_minor
                     >= (SELECT sum(amount_minor) FROM public.receipts_allocation WHERE receipt_id = r.id)) THEN
    {refuse}
  END IF;
  RETURN NEW;
"""


class Receipt(TenantRow):
    """Money that came into a bank account, as the bank's statement or a person told it.

    `paid_at` is the beginning of the bank's value date where the merchant is. `payment` is the attempt that it is for, once
    that is known.
    """

    class Source(models.TextChoices):
        STATEMENT = "statement"
        OPERATOR = "operator"

    account = TenantKey("merchants.Account")
    source = models.CharField(max_length=9, choices=Source.choices)
    #: The bank's own id of the line; null for what a person entered, until a statement shows it.
    bank_id = models.CharField(max_length=255, null=True)  # noqa: DJ001 - unique where present
    amount_minor = MinorField()
    currency = CurrencyField()
    paid_at = models.DateTimeField()
    payer = models.CharField(max_length=140, blank=True)
    #: What the customer wrote into the transfer.
    text = models.CharField(max_length=500, blank=True)
    #: Who entered or imported it, and who said so too.
    entered_by = models.CharField(max_length=120)
    confirmed_by = models.CharField(max_length=120, null=True)  # noqa: DJ001 - null until somebody did
    payment = TenantKey("payments.Payment", null=True)
    state = models.CharField(max_length=11, default="unmatched")
    moved = models.JSONField()
    returned_minor = MinorField(default=0)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "bank_id"], name="receipts_bank_id"),
            models.CheckConstraint(name="receipts_amount_positive", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(
                name="receipts_returned_within", condition=Q(returned_minor__gte=0, returned_minor__lte=F("amount_minor"))
            ),
            models.CheckConstraint(
                name="receipts_two_people", condition=Q(confirmed_by__isnull=True) | ~Q(confirmed_by__iexact=F("entered_by"))
            ),
            models.CheckConstraint(
                name="receipts_statement_has_id", condition=Q(source="operator") | Q(source="statement", bank_id__isnull=False)
            ),
            Moves(RECEIPT, name="receipts_receipt_moves"),
            Frozen(
                name="receipts_receipt_frozen",
                columns=[
                    "merchant_id",
                    "account_id",
                    "source",
                    "amount_minor",
                    "currency",
                    "paid_at",
                    "payer",
                    "text",
                    "entered_by",
                    "created_at",
                ],
                once=["bank_id", "confirmed_by"],
            ),
            Grows(name="receipts_receipt_grows", columns=["returned_minor"]),
            Permanent(name="receipts_receipt_permanent"),
        ]
        indexes = [
            models.Index(fields=["payment"], condition=Q(payment__isnull=False), name="receipts_of_payment"),
            models.Index(fields=["merchant", "state", "id"], name="receipts_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} {self.currency} {self.state}"


class Allocation(TenantRow):
    """A part of a receipt, or all of it, that paid for an attempt. Added when the attempt's total is reached, and final."""

    receipt = TenantKey(Receipt)
    payment = TenantKey("payments.Payment")
    amount_minor = MinorField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["receipt", "payment"], name="receipts_allocated_once"),
            models.CheckConstraint(name="receipts_allocation_positive", condition=Q(amount_minor__gt=0)),
            Rule(
                name="receipts_allocation_within",
                when="AFTER INSERT",
                sql=WITHIN_RECEIPT,
                message="an allocation is within what is left of its receipt, in its account and currency",
            ),
            AppendOnly(name="receipts_allocation_append_only"),
        ]
        indexes = [models.Index(fields=["payment"], name="receipts_allocations_of")]

    def __str__(self) -> str:
        return f"{self.amount_minor} of {self.receipt_id}"
