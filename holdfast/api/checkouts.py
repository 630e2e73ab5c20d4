"""A cart becomes an order, and an attempt to take its money begins."""

import json
from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router
from pydantic import BaseModel

from holdfast.api import keys, problems
from holdfast.api.keys import ApiKey, CartToken, IdempotencyKey, OrderToken, merchant_id
from holdfast.api.problems import Problem
from holdfast.api.schemas import EMAIL, PLAIN, Body, LongText, Region, ShortText, WebAddress
from holdfast.flows import checkout
from holdfast.flows.checkout import Wish
from holdfast.idempotency.services import Answer
from holdfast.kernel import clock
from holdfast.kernel.ids import parsed
from holdfast.merchants import queries as merchants

router = Router(tags=["Checkout"], auth=ApiKey())

#: Seconds after which it is worth looking again while nobody knows how an attempt began.
LOOK_AGAIN_S = 2


class Address(Body):
    """Where it goes, as the shopper writes it; whole where something is shipped. Kept apart, so that it can be erased."""

    line1: LongText = ""
    line2: LongText = ""
    city: ShortText = ""
    postal_code: str = Field("", max_length=20, pattern=PLAIN)
    state: ShortText = ""
    country: Region | Literal[""] = ""


class Attempt(Body):
    """How it is to be paid."""

    provider: str = Field(max_length=20, pattern="^[a-z0-9_]+$", description="One the merchant offers.", examples=["stripe"])
    method: str = Field(
        "", max_length=20, pattern="^[a-z0-9_]*$", description="One of the provider's ways; empty is its first.", examples=["pix"]
    )
    success_url: WebAddress
    cancel_url: WebAddress
    email: str = Field("", max_length=254, pattern=f"{EMAIL}|^$", examples=["ada@example.com"])


class Checkout(Attempt):
    """What checkout needs besides the cart. There are no amounts: the server computes every one."""

    email: str = Field(max_length=254, pattern=EMAIL, examples=["ada@example.com"])
    name: ShortText = ""
    phone: str = Field("", max_length=40, pattern=PLAIN)
    address: Address = Address()
    accept_quote: str = Field(
        "",
        pattern="^([0-9a-f]{64})?$",
        description="The `sha256` of the quote that the shopper saw: they pay that one or none. After 409 price_changed "
        "its `quote`, once they have agreed.",
    )


class Payment(BaseModel):
    """One attempt. `url` is where to pay while it is open, and `show` what is needed to pay without a page: `{"pix": code}`,
    or a bank account with a reference. Provider `none`: there was nothing to pay."""

    id: str = Field(examples=["pay_018f6e5c9b7a7c3d8e1f2a3b4c5d6e7f"])
    provider: str
    method: str
    state: str = Field(description="created, open, authorized, captured, failed, expired, cancelled or unknown.")
    amount_minor: int
    currency: str
    url: str
    show: dict[str, Any]
    expires_at: datetime


class PlacedOrder(BaseModel):
    """The order, with the token that shows it again."""

    id: str = Field(examples=["ord_018f6e5c9b7a7c3d8e1f2a3b4c5d6e7f"])
    number: str = Field(examples=["K7QXM-2RDPA"])
    status: Literal["pending", "paid", "failed", "cancelled", "refunded"]
    state: str
    currency: str
    total_minor: int
    placed_at: datetime
    expires_at: datetime = Field(description="Payable until then.")
    paid_at: datetime | None
    token: str = Field(description="The Order-Token.")


class CheckedOut(BaseModel):
    """201: send the shopper to `payment.url`; an order over zero has none: it is paid. 202: nobody knows yet; look again soon."""

    order: PlacedOrder
    payment: Payment


@router.post(
    "/carts/{cart_id}/checkout",
    response={201: CheckedOut, 202: CheckedOut, problems.WRITE: Problem},
    operation_id="checkout",
    summary="Check a cart out",
)
def check_out(request: HttpRequest, cart_id: str, token: CartToken, key: IdempotencyKey, said: Checkout) -> HttpResponse:
    """Price, reserve, place the order and open the provider's page: one order, however often it is repeated with its key.

    Who may call: any API key with the Cart-Token.
    """
    wanted = parsed("cart", cart_id)
    answer = checkout.place(
        merchant_id=merchant_id(request),
        cart_id=wanted,
        cart_token_sha256=merchants.token_hash(token),
        wish=Wish(
            provider=said.provider,
            method=said.method,
            success_url=said.success_url,
            cancel_url=said.cancel_url,
            email=said.email,
            name=said.name,
            phone=said.phone,
            address={name: value for name, value in said.address.model_dump().items() if value},
            accept_quote=said.accept_quote,
        ),
        use=keys.use(request, key=key, owner=f"cart:{wanted}", said=said),
        now=clock.now(),
    )
    return told(answer)


@router.post(
    "/orders/{order_id}/payments",
    response={201: CheckedOut, 202: CheckedOut, problems.WRITE: Problem},
    operation_id="payAgain",
    summary="Pay another way",
)
def pay_again(request: HttpRequest, order_id: str, key: IdempotencyKey, said: Attempt, token: OrderToken = None) -> HttpResponse:
    """Another attempt for an order that was not paid. Who may call: any API key with the Order-Token; a secret key without."""
    order = keys.own_order(request, order_id, token)
    answer = checkout.pay_again(
        merchant_id=merchant_id(request),
        order_id=order.pk,
        wish=Wish(
            provider=said.provider,
            method=said.method,
            success_url=said.success_url,
            cancel_url=said.cancel_url,
            email=said.email,
        ),
        use=keys.use(request, key=key, owner=f"order:{order.pk}", said=said),
        now=clock.now(),
    )
    return told(answer)


def told(answer: Answer) -> HttpResponse:
    """A stored answer, byte for byte, and where to look."""
    response = HttpResponse(answer.body, status=answer.status, content_type="application/json")
    response["Location"] = f"/v1/orders/{json.loads(answer.body)['order']['id']}"
    if answer.status == 202:
        response["Retry-After"] = str(LOOK_AGAIN_S)
    return response
