"""What a client is told about an order and its payment, and the storing of final answers under their keys.

The answer is stored by whoever applies the outcome (the request or recovery), so that a retry gets it byte for byte.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from config.settings import SECRET_KEY
from holdfast.idempotency import services as idempotency
from holdfast.idempotency.services import Answer
from holdfast.kernel import ids
from holdfast.orders import queries as order_queries
from holdfast.orders.models import Order
from holdfast.payments.models import Payment, Refund
from holdfast.payments.states import IN_FLIGHT

NOT_PAID = "It was not paid. Try again or pay another way."
IN_DOUBT = "Your bank has not answered yet. If the money arrives, you get what you ordered, or your money back."


def order_token(order_id: UUID) -> str:
    """The lookup token of an order: unguessable, and the same each time it is asked for."""
    return hmac.new(SECRET_KEY.encode(), b"order-token:" + order_id.bytes, hashlib.sha256).hexdigest()


def cart_token(cart_id: UUID) -> str:
    """The token of a cart, unguessable, and the same each time it is told: to who may reopen it, or has claimed it."""
    return hmac.new(SECRET_KEY.encode(), b"cart-token:" + cart_id.bytes, hashlib.sha256).hexdigest()


def order_json(order: Order, payment: Payment | None) -> dict[str, Any]:
    """An order as its customer sees it. Amounts in minor units of `currency`."""
    captured = payment.captured_minor if payment else 0
    refunded = payment.refunded_minor if payment else 0
    return {
        "id": ids.shown("ord", order.pk),
        "number": order.number,
        "status": order_queries.public_status(order, captured_minor=captured, refunded_minor=refunded),
        "state": order.state,
        "currency": order.currency,
        "total_minor": order.total_minor,
        "placed_at": order.placed_at.isoformat(),
        "expires_at": order.expires_at.isoformat(),
        "paid_at": order.paid_at.isoformat() if order.paid_at else None,
    }


def payment_json(payment: Payment) -> dict[str, Any]:
    """A payment as its customer sees it. `url` is where to pay while it is open and nothing took its place."""
    payable = payment.state == "open" and payment.superseded_at is None
    return {
        "id": ids.shown("pay", payment.pk),
        "provider": payment.provider,
        "state": payment.state,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "url": payment.pay_url if payable else "",
        "method": payment.method,
        "show": payment.show if payable else {},
        "expires_at": payment.expires_at.isoformat(),
    }


def next_step(order: Order, attempts: Sequence[Payment], *, holds_money: bool) -> dict[str, str]:
    """What the customer does next (pay at `url`, wait, pay_again or none), from where order and attempts (in order) stand. While
    one may still take the money, nobody is told that nothing was taken (D7)."""
    latest = attempts[-1] if attempts else None
    in_doubt = any(row.state in IN_FLIGHT for row in attempts)
    if holds_money and order.state in ("payment_failed", "expired", "cancelled"):
        return {"action": "wait", "detail": "Your money came in after the order had ended. We are looking into it.", "url": ""}
    if order.state == "payment_pending" and latest is not None and latest.state == "open" and (latest.pay_url or latest.show):
        detail = "Pay with what `show` of the payment says." if latest.show else "Pay on the provider's page."
        return {"action": "pay", "detail": detail, "url": latest.pay_url}
    if order.state in ("payment_pending", "payment_authorized", "capture_failed"):
        return {"action": "wait", "detail": "We are checking with your bank.", "url": ""}
    if order.state in ("payment_failed", "expired"):
        return {"action": "pay_again", "detail": IN_DOUBT if in_doubt else NOT_PAID, "url": ""}
    return {"action": "none", "detail": "", "url": ""}


def checkout(order: Order, payment: Payment) -> Answer:
    """201 once the provider has spoken, 202 while nobody knows: then the order is the place to look."""
    known = payment.state not in ("created", "unknown")
    body = {
        "order": {**order_json(order, payment), "token": order_token(order.pk)},
        "payment": payment_json(payment),
    }
    return Answer(201 if known else 202, as_bytes(body))


def settle(order: Order, payment: Payment) -> Answer | None:
    """Store the answer for the keys that wait for this payment, and give it, once it is final."""
    if payment.state in ("created", "unknown"):
        return None
    final = checkout(order, payment)
    idempotency.answer(merchant_id=order.merchant_id, subject_id=payment.pk, status=final.status, body=final.body)
    return final


def refund_json(refund: Refund) -> dict[str, Any]:
    """A refund as its merchant sees it. Amounts in minor units of `currency`."""
    return {
        "id": ids.shown("ref", refund.pk),
        "order": ids.shown("ord", refund.order_id),
        "payment": ids.shown("pay", refund.payment_id),
        "origin": refund.origin,
        "state": refund.state,
        "amount_minor": refund.amount_minor,
        "currency": refund.currency,
        "reason": refund.reason,
        "lines": [{**line, "line": ids.shown("olin", UUID(line["line"]))} for line in refund.lines],
        "error": refund.error,
        "created_at": refund.created_at.isoformat(),
        "succeeded_at": refund.succeeded_at.isoformat() if refund.succeeded_at else None,
    }


def refund(row: Refund) -> Answer:
    """201 once the provider has spoken, 202 while nobody knows: then the refund is the place to look."""
    known = row.state in ("pending", "succeeded", "failed")
    return Answer(201 if known else 202, as_bytes({"refund": refund_json(row)}))


def settle_refund(row: Refund) -> Answer | None:
    """Store the answer for the keys that wait for this refund, and give it, once the provider has spoken."""
    final = refund(row)
    if final.status != 201:
        return None
    idempotency.answer(merchant_id=row.merchant_id, subject_id=row.pk, status=final.status, body=final.body)
    return final


def capture(order: Order, payment: Payment, *, declined: bool) -> Answer:
    """201 once the provider has spoken: `captured`, or `declined` while the money is still held; 202 while nobody knows."""
    outcome = "captured" if payment.state == "captured" else "declined" if declined else "pending"
    body = {"capture": outcome, "order": order_json(order, payment), "payment": payment_json(payment)}
    return Answer(202 if outcome == "pending" else 201, as_bytes(body))


def settle_capture(order: Order, payment: Payment, *, operation_id: UUID, declined: bool) -> Answer:
    """Store the answer for the key that wants this capture, once it is final."""
    final = capture(order, payment, declined=declined)
    if final.status == 201:
        idempotency.answer(merchant_id=order.merchant_id, subject_id=operation_id, status=final.status, body=final.body)
    return final


def leave_open(*, subject_id: UUID) -> None:
    """Nothing final to say: a retry with the key may ask again at once."""
    idempotency.let_go(subject_id=subject_id)


def as_bytes(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
