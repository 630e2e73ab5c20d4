"""Orders, for their customer by token and for their merchant by secret key. Orders are made by checkout only."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Field, Query, Router
from pydantic import BaseModel

from holdfast.api import keys, problems
from holdfast.api.carts import Fee, ShippingMethod, UsedPromotion
from holdfast.api.checkouts import Payment
from holdfast.api.keys import ApiKey, IdempotencyKey, OrderToken, SecretKey, merchant_id
from holdfast.api.problems import Problem
from holdfast.api.products import PAGE
from holdfast.db.tenancy import reading
from holdfast.flows import answers, cancelling, recovery
from holdfast.fulfilment import queries as fulfilments
from holdfast.fulfilment.models import Fulfilment, Handover
from holdfast.kernel import clock, limits
from holdfast.kernel.errors import NotFound
from holdfast.kernel.ids import parsed, shown
from holdfast.orders import queries as orders
from holdfast.orders.models import Order, OrderLine
from holdfast.payments import queries as payments
from holdfast.payments.models import Payment as PaymentRow

router = Router(tags=["Orders"], auth=ApiKey())

Status = Literal["pending", "paid", "failed", "cancelled", "refunded"]
#: What a looker is told of an attempt. In doubt it is `checking`, never `failed`.
LOOKED = {
    "created": "checking",
    "unknown": "checking",
    "open": "pending",
    "authorized": "authorized",
    "captured": "paid",
    "failed": "failed",
    "expired": "expired",
    "cancelled": "cancelled",
}


class OrderHead(BaseModel):
    """An order in short."""

    id: str = Field(examples=["ord_018f6e5c9b7a7c3d8e1f2a3b4c5d6e7f"])
    number: str = Field(examples=["K7QXM-2RDPA"])
    status: Status
    state: str
    currency: str
    total_minor: int
    placed_at: datetime
    expires_at: datetime
    paid_at: datetime | None


class OrderPage(BaseModel):
    """A page, newest first; `next` is the `after` of the one that follows, null at the end."""

    orders: list[OrderHead]
    next: str | None


class LineOfOrder(BaseModel):
    """A line as it was accepted; it never changes."""

    id: str = Field(examples=["olin_018f6e5c9b7a7c3d8e1f2a3b4c5d6e7f"])
    kind: str
    name: str
    sku: str
    quantity: int
    unit_price_minor: int
    discount_minor: int
    tax_minor: int
    total_minor: int
    tax_basis: dict[str, Any] | None


class Machine(BaseModel):
    """A part of fulfilment: shipment, download or voucher, and how far it is."""

    way: str
    state: str


class Machines(BaseModel):
    """The three machines side by side. `payment` is the latest attempt's."""

    order: str
    payment: str | None
    fulfilment: list[Machine]


class HandedOver(BaseModel):
    """Something handed over: a parcel with its tracking, a download's or a voucher's code."""

    line: str
    way: str
    quantity: int
    code: str | None
    tracking: dict[str, Any]
    at: datetime


class Next(BaseModel):
    """What the customer does next: pay (at `url`), wait, pay_again or nothing."""

    action: Literal["pay", "wait", "pay_again", "none"]
    detail: str
    url: str


class OrderView(OrderHead):
    """An order on one page. Amounts, names and rules are the snapshot's: whatever the shop changes later, they stay."""

    machines: Machines
    lines: list[LineOfOrder]
    promotions: list[UsedPromotion]
    discount_minor: int
    region: str | None = Field(description="Where it goes, which decided tax and shipping.")
    prices_include_tax: bool
    shipping_method: ShippingMethod | None
    shipping_minor: int = Field(description="With its tax.")
    fees: list[Fee]
    tax_minor: int
    payments: list[Payment]
    handovers: list[HandedOver]
    next: Next


class PaymentStatus(Payment):
    """An attempt, looked at. While nobody knows, `status` is checking."""

    status: Literal["checking", "pending", "authorized", "paid", "failed", "expired", "cancelled"]


class Cancelled(BaseModel):
    order: OrderHead


@router.get(
    "",
    auth=SecretKey(),
    response={200: OrderPage, problems.READ | problems.SECRET: Problem},
    operation_id="listOrders",
    summary="List orders",
)
def list_orders(
    request: HttpRequest,
    after: str | None = Query(None, pattern="^ord_[0-9a-f]{32}$", description="`next` of the page before."),
    limit: int = Query(PAGE, ge=1, le=limits.MAX_PAGE),
) -> dict[str, Any]:
    """The merchant's orders, newest first. Who may call: a secret key."""
    with reading(merchant_id(request)):
        found = orders.newest(before=parsed("ord", after) if after else None, limit=limit + 1)
        page = found[:limit]
        money = payments.money_of([row.pk for row in page]) if page else {}
    more = len(found) > limit
    return {
        "orders": [_head(row, *money.get(row.pk, (0, 0))) for row in page],
        "next": shown("ord", page[-1].pk) if more else None,
    }


@router.get("/{order_id}", response={200: OrderView, problems.READ: Problem}, operation_id="getOrder", summary="One order")
def get_order(request: HttpRequest, order_id: str, token: OrderToken = None) -> dict[str, Any]:
    """The order on one page. Who may call: any API key with the Order-Token; a secret key without."""
    with reading(merchant_id(request)):
        order = keys.order_of(request, order_id, token)
        attempts = payments.of_order(order.pk)
        parts = fulfilments.of_order(order.pk)
        given = fulfilments.handovers(order.pk) if parts else []
        lines = orders.lines(order.pk)
    latest = attempts[-1] if attempts else None
    head = _head(order, sum(row.captured_minor for row in attempts), sum(row.refunded_minor for row in attempts))
    return {
        **head,
        "machines": _machines(order, latest, parts),
        "lines": _lines(order, lines),
        **_reckoned(order.snapshot),
        "payments": [answers.payment_json(row) for row in attempts],
        "handovers": [_handover(row) for row in given],
        "next": answers.next_step(order, attempts, holds_money=any(row.captured_minor for row in attempts)),
    }


@router.get(
    "/{order_id}/payments/{payment_id}",
    response={200: PaymentStatus, problems.READ: Problem},
    operation_id="getPayment",
    summary="One attempt, asked about",
)
def get_payment(request: HttpRequest, order_id: str, payment_id: str, token: OrderToken = None) -> dict[str, Any]:
    """How an attempt stands. While it is in doubt the provider is asked again soon, and the answer is `checking`.

    Who may call: any API key with the Order-Token; a secret key without.
    """
    wanted = parsed("pay", payment_id)
    with reading(merchant_id(request)):
        order = keys.order_of(request, order_id, token)
        if payments.get(wanted).order_id != order.pk:
            raise NotFound("There is no such payment.")
    recovery.look(merchant_id=order.merchant_id, payment_id=wanted, now=clock.now())
    with reading(merchant_id(request)):
        payment = payments.get(wanted)
    return {**answers.payment_json(payment), "status": LOOKED[payment.state]}


@router.post(
    "/{order_id}/cancellation",
    response={200: Cancelled, problems.WRITE: Problem},
    operation_id="cancelOrder",
    summary="Cancel an unpaid order",
)
def cancel_order(request: HttpRequest, order_id: str, key: IdempotencyKey, token: OrderToken = None) -> HttpResponse:
    """Cancel once the provider can no longer take the money; until then 409 still_payable. A paid order is refunded instead.

    Who may call: any API key with the Order-Token; a secret key without.
    """
    order = keys.own_order(request, order_id, token)
    answer = cancelling.cancel(
        merchant_id=order.merchant_id,
        order_id=order.pk,
        actor="merchant" if token is None else "shopper",
        use=keys.use(request, key=key, owner=f"order:{order.pk}", said=None),
        now=clock.now(),
    )
    return HttpResponse(answer.body, status=answer.status, content_type="application/json")


def _head(order: Order, captured_minor: int, refunded_minor: int) -> dict[str, Any]:
    """Money of all attempts together decides the public status."""
    status = orders.public_status(order, captured_minor=captured_minor, refunded_minor=refunded_minor)
    return {**answers.order_json(order, None), "status": status}


def _machines(order: Order, latest: PaymentRow | None, parts: Sequence[Fulfilment]) -> dict[str, Any]:
    return {
        "order": order.state,
        "payment": latest.state if latest else None,
        "fulfilment": [{"way": row.way, "state": row.state} for row in parts],
    }


def _lines(order: Order, rows: Sequence[OrderLine]) -> list[dict[str, Any]]:
    """The rows of the snapshot; the tax basis stands only in the snapshot itself, in the same order."""
    return [
        {
            "id": shown("olin", row.pk),
            "kind": row.kind,
            "name": row.name,
            "sku": row.sku,
            "quantity": row.quantity,
            "unit_price_minor": row.unit_price_minor,
            "discount_minor": row.discount_minor,
            "tax_minor": row.tax_minor,
            "total_minor": row.total_minor,
            "tax_basis": kept.get("tax_basis"),
        }
        for row, kept in zip(rows, order.snapshot["lines"], strict=True)
    ]


def _reckoned(kept: Mapping[str, Any]) -> dict[str, Any]:
    """What the snapshot says beside the lines; that of a shop's own order says little."""
    return {
        "promotions": kept.get("promotions", []),
        "discount_minor": kept.get("discount_minor", 0),
        "region": kept.get("region"),
        "prices_include_tax": kept.get("prices_include_tax", True),
        "shipping_method": kept.get("shipping_method"),
        "shipping_minor": kept.get("shipping_total_minor", 0),
        "fees": kept.get("fees", []),
        "tax_minor": kept["totals"]["tax_minor"],
    }


def _handover(row: Handover) -> dict[str, Any]:
    return {
        "line": shown("olin", row.order_line_id),
        "way": row.fulfilment.way,
        "quantity": row.quantity,
        "code": row.code,
        "tracking": row.tracking,
        "at": row.at,
    }
