"""Writes of customers and contacts."""

from datetime import datetime
from typing import Any
from uuid import UUID

from holdfast.customers.models import Contact, Customer
from holdfast.db import writes
from holdfast.db.moves import lock


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


def register(*, merchant_id: UUID, reference: str, contact: Contact, now: datetime) -> Customer:
    """A new customer by the merchant's own reference. A second one fails on `customers_one_per_reference`."""
    customer = Customer(merchant_id=merchant_id, reference=reference, contact=contact, created_at=now)
    writes.insert(customer)
    return customer


def lock_customer(customer_id: UUID) -> Customer:
    """The customer under a lock: logins of one customer have an order. Locked before any cart. Raises NotFound, Busy."""
    return lock(Customer.objects.all(), customer_id, "customer")
