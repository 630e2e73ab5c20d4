"""A guest turns out to be a customer: the shop's own server says so (a login of ours will). Carts come together, once."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError

from holdfast.carts import queries as cart_queries
from holdfast.carts import services as carts
from holdfast.carts.models import Cart
from holdfast.customers import queries as customer_queries
from holdfast.customers import services as customers
from holdfast.customers.models import Customer
from holdfast.db.moves import Cause
from holdfast.db.tenancy import reading, violated, writing
from holdfast.flows import back
from holdfast.flows.expiry import StillPayable
from holdfast.flows.quotes import WrongCurrency
from holdfast.kernel.errors import Conflict


class CartTaken(Conflict):
    """This cart belongs to another customer."""


def register(
    *, merchant_id: UUID, reference: str, email: str, name: str, phone: str, address: Mapping[str, Any], now: datetime
) -> tuple[Customer, bool]:
    """The customer of this reference, with the contact, and whether it is new. Safe to repeat: who is there stays as they are."""
    try:
        with writing(merchant_id, step="members.register"):
            known = customer_queries.of_reference(reference)
            if known is not None:
                return known, False
            told: dict[str, Any] = {"email": email, "name": name, "phone": phone, "address": dict(address)}
            contact = customers.record_contact(merchant_id=merchant_id, now=now, **told)
            customer = customers.register(merchant_id=merchant_id, reference=reference, contact=contact, now=now)
        return customer, True
    except IntegrityError as error:
        if violated(error) != "customers_one_per_reference":
            raise
    with reading(merchant_id):
        known = customer_queries.of_reference(reference)
    assert known is not None  # somebody was first with this reference
    return known, False


def claim(*, merchant_id: UUID, cart_id: UUID, token_sha256: str, customer_id: UUID, now: datetime) -> Cart:
    """Give a guest's cart to a customer; where they have one, its lines go into that. Returns the customer's cart.

    Safe to repeat and to race: lines are moved once. A reopened cart whose content goes into another one leaves no open order
    behind. Raises NotFound, CartTaken, CartLocked, CartFull, WrongCurrency, StillPayable, PaidMeanwhile, Busy.
    """
    request: dict[str, Any] = {"cart_id": cart_id, "token_sha256": token_sha256, "customer_id": customer_id}
    try:
        return _claim(merchant_id, **request)
    except back.CloseFirst as first:
        back.close(first, merchant_id=merchant_id, now=now)
    try:
        return _claim(merchant_id, **request)
    except back.CloseFirst:
        raise StillPayable from None  # somebody opened another page in between


def _claim(merchant_id: UUID, *, cart_id: UUID, token_sha256: str, customer_id: UUID) -> Cart:
    """The customer's row is locked first, so that two logins have an order; then the guest's cart, then the customer's."""
    with writing(merchant_id, step="members.claim"):
        customers.lock_customer(customer_id)
        guest = carts.lock_any(cart_id, token_sha256)
        if guest.state == "merged":
            guest = cart_queries.merged_into(guest)
        if guest.customer_id is not None:
            if guest.customer_id != customer_id:
                raise CartTaken
            return guest  # claimed before, and perhaps in checkout by now
        if guest.state != "active":
            raise carts.CartLocked
        own = cart_queries.of_customer(customer_id)
        if own is None:
            carts.give(guest, customer_id=customer_id)
            return guest
        if own.currency != guest.currency:
            raise WrongCurrency
        back.let_go(guest)
        carts.merge(guest, into=own, cause=Cause("its guest is a customer who has a cart", actor="merchant"))
        return own
