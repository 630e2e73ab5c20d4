"""Two tables that every room writes through `db`: the history of moves, and payloads that retention may drop."""

from django.db import models

from holdfast.db.fields import MerchantKey, TenantRow
from holdfast.db.laws import AppendOnly


class Transition(models.Model):
    """One move of one thing, written by the database itself (`holdfast_record_move`); nobody can forge or edit it."""

    app_rights = "SELECT"

    id = models.BigAutoField(primary_key=True)
    merchant = MerchantKey("merchants.Merchant", models.PROTECT, related_name="+", db_index=False)
    subject = models.CharField(max_length=32)
    subject_id = models.UUIDField()
    source = models.CharField(max_length=32, null=True)  # noqa: DJ001 - a birth has no source
    target = models.CharField(max_length=32)
    cause = models.CharField(max_length=200)
    actor = models.CharField(max_length=120)
    process = models.CharField(max_length=60)
    event_id = models.UUIDField(null=True)
    #: Of the cause: no cause moves the same thing twice.
    nonce = models.CharField(max_length=32, null=True)  # noqa: DJ001 - raw SQL may bring none
    at = models.DateTimeField()

    class Meta:
        constraints = [AppendOnly(name="db_transition_append_only")]
        indexes = [models.Index(fields=["subject_id", "id"], name="db_transition_subject")]

    def __str__(self) -> str:
        return f"{self.subject}: {self.source} → {self.target}"


class Payload(TenantRow):
    """A raw webhook, an exact request or a stored answer.

    Partitioned by month through the time in its UUIDv7 id, so that retention drops whole months. Rows that stay for ever
    refer to it by plain id and keep its sha256.
    """

    app_rights = "SELECT, INSERT"

    kind = models.CharField(max_length=16)
    headers = models.JSONField(default=dict)
    body = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"
