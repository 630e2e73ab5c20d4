"""Idempotency keys of clients and the answers they got."""

from django.db import models
from django.db.models import Q

from holdfast.db.fields import TenantRow
from holdfast.db.laws import Frozen


class Key(TenantRow):
    """A client's key, written in the transaction of the change it protects. The answer is stored once it is final."""

    app_rights = "SELECT, INSERT, UPDATE, DELETE"

    #: Who may see the answer: a secret key, a customer, a cart token. Never a publishable key alone.
    scope = models.CharField(max_length=80)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    #: What it did: ("order", id) …
    subject = models.CharField(max_length=24)
    subject_id = models.UUIDField()
    #: Until then another request with this key is told to wait; after it, it resumes the work.
    leased_until = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    answer_id = models.UUIDField(null=True)
    answer_sha256 = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "scope", "key"], name="idempotency_key_once"),
            models.CheckConstraint(
                name="idempotency_answer_whole",
                condition=Q(status__isnull=True, answer_id__isnull=True) | Q(status__isnull=False, answer_id__isnull=False),
            ),
            models.CheckConstraint(
                name="idempotency_no_5xx",
                condition=Q(status__isnull=True) | Q(status__lt=500) | Q(status=502),
            ),
            Frozen(
                name="idempotency_key_frozen",
                columns=["merchant_id", "scope", "key", "fingerprint", "subject", "subject_id"],
                once=["status", "answer_id"],
            ),
        ]
        indexes = [
            models.Index(fields=["subject_id"], name="idempotency_subject"),
            models.Index(fields=["expires_at"], name="idempotency_expiry"),
        ]

    def __str__(self) -> str:
        return self.key
