"""Writes of contacts."""

from datetime import datetime
from typing import Any
from uuid import UUID

from holdfast.customers.models import Contact
from holdfast.db import writes


def record_contact(*, merchant_id: UUID, email: str, name: str, phone: str, address: dict[str, Any], now: datetime) -> Contact:
    """Keep what a guest told us, in a row of its own that can be erased."""
    contact = Contact(
        merchant_id=merchant_id,
        email=email,
        email_normalised=email.strip().lower(),
        name=name,
        phone=phone,
        address=address,
        created_at=now,
    )
    writes.insert(contact)
    return contact
