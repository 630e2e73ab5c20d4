"""Money back, and money that is only held: by the merchant's server."""

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router
from pydantic import BaseModel, model_validator

from holdfast.api import keys, problems
from holdfast.api.checkouts import LOOK_AGAIN_S, Payment
from holdfast.api.keys import IdempotencyKey, SecretKey, merchant_id
from holdfast.api.orders import OrderHead
from holdfast.api.problems import Problem
from holdfast.api.schemas import PLAIN, Body, Quantity, YesNo
from holdfast.db.tenancy import reading
from holdfast.flows import answers, captures, refunds
from holdfast.idempotency.services import Answer
from holdfast.kernel import clock, limits
from holdfast.kernel.errors import NotFound
from holdfast.kernel.ids import parsed
from holdfast.payments import queries as payments

router = Router(tags=["Refunds"], auth=SecretKey())

PAYMENT_ID = "^pay_[0-9a-f]{32}$"


class LineBack(Body):
    line: str = Field(pattern="^olin_[0-9a-f]{32}$", examples=["olin_018f6e5c9b7a7c3d8e1f2a3b4c5d6e7f"])
    quantity: Quantity
    restock: YesNo = Field(False, description="These pieces or places can be sold again.")


class RefundAsk(Body):
    """An amount, or lines (with or without the shipping), or neither: all that is left of the payment."""

    amount_minor: int | None = Field(
        None, strict=True, ge=1, le=limits.MAX_AMOUNT_MINOR, description="In minor units of the payment."
    )
    currency: str = Field("", pattern="^([A-Z]{3})?$", description="Said for safety: another one than the payment's is refused.")
    lines: list[LineBack] = Field(default_factory=list, max_length=limits.MAX_CART_LINES)
    shipping: YesNo = Field(False, description="With lines or alone: what the shipping had cost goes back too.")
    reason: str = Field("", max_length=140, pattern=PLAIN)
    payment: str | None = Field(None, pattern=PAYMENT_ID, description="Of this payment, where an order has several.")

    @model_validator(mode="after")
    def _one_way(self) -> "RefundAsk":
        if self.amount_minor is not None and (self.lines or self.shipping):
            raise ValueError("Say an amount, or lines and shipping, and not both.")
        return self


class Refund(BaseModel):
    """`state`: intended, not_sent, unknown (being asked for), pending, succeeded, failed (also after it had succeeded)."""

    id: str = Field(examples=["ref_018f6e5c9b7a7c3d8e1f2a3b4c5d6e7f"])
    order: str
    payment: str
    origin: Literal["requested", "provider"] = Field(description="`provider`: made there, or in its dashboard.")
    state: str
    amount_minor: int
    currency: str
    reason: str
    lines: list[dict[str, Any]]
    error: str
    created_at: datetime
    succeeded_at: datetime | None


class Refunded(BaseModel):
    """201: the provider has spoken. 202: nobody knows yet, and it is found out; look again soon."""

    refund: Refund


class RefundList(BaseModel):
    refunds: list[Refund]
    left_minor: int = Field(description="What may still be refunded of all payments, in minor units.")


class CaptureAsk(Body):
    """Less than what is held takes a part and lets go of the rest."""

    amount_minor: int | None = Field(None, strict=True, ge=1, le=limits.MAX_AMOUNT_MINOR)


class Captured(BaseModel):
    """`declined`: the provider did not take it and still holds it; try again with another key, or cancel the order."""

    capture: Literal["captured", "declined", "pending"]
    order: OrderHead
    payment: Payment


@router.post(
    "/{order_id}/refunds",
    response={201: Refunded, 202: Refunded, problems.WRITE | problems.SECRET: Problem},
    operation_id="refundOrder",
    summary="Refund an order, or a part",
)
def refund_order(request: HttpRequest, order_id: str, key: IdempotencyKey, said: RefundAsk) -> HttpResponse:
    """Two equal refunds with two keys are two; one key is one, however often it is sent. Who may call: a secret key."""
    order = keys.own_order(request, order_id, None)
    ask = refunds.Ask(
        amount_minor=said.amount_minor,
        currency=said.currency,
        lines=[
            refunds.LineBack(line_id=parsed("olin", each.line), quantity=each.quantity, restock=each.restock)
            for each in said.lines
        ],
        shipping=said.shipping,
        reason=said.reason,
        payment_id=parsed("pay", said.payment) if said.payment else None,
    )
    answer = refunds.refund(
        merchant_id=merchant_id(request),
        order_id=order.pk,
        ask=ask,
        actor="merchant",
        use=keys.use(request, key=key, owner="", said=said),
        now=clock.now(),
    )
    return _told(answer)


@router.get(
    "/{order_id}/refunds",
    response={200: RefundList, problems.READ | problems.SECRET: Problem},
    operation_id="listRefunds",
    summary="The refunds of an order",
)
def list_refunds(request: HttpRequest, order_id: str) -> dict[str, Any]:
    """All refunds, oldest first, also those made with the provider. Who may call: a secret key."""
    with reading(merchant_id(request)):
        order = keys.order_of(request, order_id, None)
        rows = payments.refunds_of([order.pk])
        attempts = payments.of_order(order.pk)
    held = sum(row.captured_minor - row.disputed_minor for row in attempts)
    asked = sum(row.amount_minor for row in rows if row.state != "failed")
    return {"refunds": [answers.refund_json(row) for row in rows], "left_minor": max(held - asked, 0)}


@router.get(
    "/{order_id}/refunds/{refund_id}",
    response={200: Refunded, problems.READ | problems.SECRET: Problem},
    operation_id="getRefund",
    summary="One refund",
)
def get_refund(request: HttpRequest, order_id: str, refund_id: str) -> dict[str, Any]:
    """How a refund stands. Who may call: a secret key."""
    with reading(merchant_id(request)):
        order = keys.order_of(request, order_id, None)
        row = payments.refund(parsed("ref", refund_id))
    if row.order_id != order.pk:
        raise NotFound("There is no such refund.")
    return {"refund": answers.refund_json(row)}


@router.post(
    "/{order_id}/payments/{payment_id}/capture",
    response={201: Captured, 202: Captured, problems.WRITE | problems.SECRET: Problem},
    operation_id="capturePayment",
    summary="Take money that is held",
)
def capture_payment(request: HttpRequest, order_id: str, payment_id: str, key: IdempotencyKey, said: CaptureAsk) -> HttpResponse:
    """All of it or a part, once. To let go of all of it, cancel the order. Who may call: a secret key."""
    order = keys.own_order(request, order_id, None)
    answer = captures.capture(
        merchant_id=merchant_id(request),
        order_id=order.pk,
        payment_id=parsed("pay", payment_id),
        amount_minor=said.amount_minor,
        use=keys.use(request, key=key, owner="", said=said),
        now=clock.now(),
    )
    return _told(answer)


def _told(answer: Answer) -> HttpResponse:
    """A stored answer, byte for byte; while nobody knows, when to look again."""
    response = HttpResponse(answer.body, status=answer.status, content_type="application/json")
    if answer.status == 202:
        response["Retry-After"] = str(LOOK_AGAIN_S)
    return response
