"""Customers of a shop that has its own accounts: its server says who a guest turned out to be."""

from datetime import datetime

from django.http import HttpRequest
from ninja import Field, Router, Status
from pydantic import BaseModel

from holdfast.api import problems
from holdfast.api.checkouts import Address
from holdfast.api.keys import SecretKey, merchant_id
from holdfast.api.problems import Problem
from holdfast.api.schemas import EMAIL, PLAIN, Body, ShortText
from holdfast.flows import members
from holdfast.kernel import clock
from holdfast.kernel.ids import shown

router = Router(tags=["Customers"], auth=SecretKey())


class NewCustomer(Body):
    """Who it is in your own system. Contact data is kept apart, so that it can be erased; the reference stays."""

    reference: str = Field(min_length=1, max_length=120, pattern=PLAIN, description="Yours, no personal data.", examples=["4711"])
    email: str = Field("", max_length=254, pattern=f"{EMAIL}|^$", examples=["ada@example.com"])
    name: ShortText = ""
    phone: str = Field("", max_length=40, pattern=PLAIN)
    address: Address = Address()


class CustomerView(BaseModel):
    """A customer."""

    id: str = Field(examples=["cus_018f6e5c9b7a7c3d8e1f2a3b4c5d6e7f"])
    reference: str
    email: str
    name: str
    created_at: datetime


@router.post(
    "",
    response={200: CustomerView, 201: CustomerView, problems.WRITE | problems.SECRET: Problem},
    operation_id="registerCustomer",
    summary="Find or make a customer",
)
def register(request: HttpRequest, said: NewCustomer) -> Status:
    """The customer of your reference: 201 when new, 200 when it was there and stays as it is. Who may call: a secret key."""
    customer, fresh = members.register(
        merchant_id=merchant_id(request),
        reference=said.reference,
        email=said.email,
        name=said.name,
        phone=said.phone,
        address={name: value for name, value in said.address.model_dump().items() if value},
        now=clock.now(),
    )
    view = {
        "id": shown("cus", customer.pk),
        "reference": customer.reference,
        "email": customer.contact.email,
        "name": customer.contact.name,
        "created_at": customer.created_at,
    }
    return Status(201 if fresh else 200, view)
