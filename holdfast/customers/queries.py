"""Reads of contacts."""

from uuid import UUID

from holdfast.customers.models import Contact
from holdfast.db.pages import after_prefix


def contacts(email: str, *, limit: int) -> list[UUID]:
    """Contacts whose e-mail is this, or begins with it; newest first among those found. A range, not LIKE: only what is
    leakproof may use an index behind the tenant's wall."""
    word = email.strip().lower()
    rows = Contact.objects.filter(email_normalised__gte=word, email_normalised__lt=after_prefix(word))
    return list(rows.order_by("email_normalised").values_list("pk", flat=True)[:limit])
