"""Reads of contacts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from holdfast.customers.models import Contact, Customer
from holdfast.db.pages import after_prefix


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a customer told of themselves at checkout."""

    email: str
    name: str
    phone: str
    address: Mapping[str, Any]


def same(contact_id: UUID | None, told: Told) -> bool:
    """Did they tell the same before?"""
    known = Contact.objects.filter(pk=contact_id, erased_at__isnull=True).first() if contact_id else None
    if known is None:
        return False
    return (known.email, known.name, known.phone, known.address) == (told.email, told.name, told.phone, dict(told.address))


def of_reference(reference: str) -> Customer | None:
    """The customer whom the merchant's own system calls so, with the contact."""
    return Customer.objects.select_related("contact").filter(reference=reference).first()


def contacts(email: str, *, limit: int) -> list[UUID]:
    """Contacts whose e-mail is this, or begins with it; newest first among those found. A range, not LIKE: only what is
    leakproof may use an index behind the tenant's wall."""
    word = email.strip().lower()
    rows = Contact.objects.filter(email_normalised__gte=word, email_normalised__lt=after_prefix(word))
    return list(rows.order_by("email_normalised").values_list("pk", flat=True)[:limit])
