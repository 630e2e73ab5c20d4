"""Journal entries and their postings. Insert-only; the database refuses an entry that does not balance at commit."""

from django.db import models
from django.db.models import Q

from holdfast.db.fields import CurrencyField, MinorField, TenantKey, TenantRow
from holdfast.db.laws import AppendOnly, Rule

#: At commit an entry has postings, and per currency its debits equal its credits. Checked from both tables. Names are qualified,
#: so that no temporary table can stand in.
BALANCED = """
  IF NOT EXISTS (SELECT 1 FROM public.ledger_posting WHERE entry_id = {entry})
     OR EXISTS (SELECT 1 FROM public.ledger_posting WHERE entry_id = {entry}
                GROUP BY currency HAVING sum(debit_minor) <> sum(credit_minor)) THEN
    {refuse}
  END IF;
  RETURN NULL;
"""


class Entry(TenantRow):
    """One movement of money and its cause. Unique by cause: applied twice, it is written once."""

    #: What happened: capture, sale, authorization, authorization_closed, unapplied …
    kind = models.CharField(max_length=24)
    #: What it is written for, once: the fact's id and amount, the order's id.
    cause = models.CharField(max_length=160)
    order = TenantKey("orders.Order", null=True)
    payment = TenantKey("payments.Payment", null=True)
    effective_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "kind", "cause"], name="ledger_entry_once"),
            Rule(
                name="ledger_entry_balances",
                when="AFTER INSERT",
                sql=BALANCED.replace("{entry}", "NEW.id"),
                message="debits equal credits",
                deferred=True,
            ),
            AppendOnly(name="ledger_entry_append_only"),
        ]
        indexes = [
            models.Index(fields=["order"], name="ledger_entry_order"),
            models.Index(fields=["payment"], name="ledger_entry_payment"),
            # A day's statement.
            models.Index(fields=["merchant", "recorded_at"], name="ledger_entry_recorded"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.cause}"


class Posting(TenantRow):
    """One side of an entry on one account: a debit or a credit, in minor units."""

    entry = TenantKey(Entry)
    account = models.CharField(max_length=60)
    currency = CurrencyField()
    debit_minor = MinorField(default=0)
    credit_minor = MinorField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="ledger_posting_one_side",
                condition=Q(debit_minor__gt=0, credit_minor=0) | Q(debit_minor=0, credit_minor__gt=0),
            ),
            Rule(
                name="ledger_posting_balances",
                when="AFTER INSERT",
                sql=BALANCED.replace("{entry}", "NEW.entry_id"),
                message="debits equal credits",
                deferred=True,
            ),
            AppendOnly(name="ledger_posting_append_only"),
        ]
        indexes = [models.Index(fields=["entry"], name="ledger_posting_entry")]

    def __str__(self) -> str:
        return f"{self.account} {self.debit_minor or -self.credit_minor} {self.currency}"
