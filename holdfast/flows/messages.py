"""Send what the outbox holds: e-mail to the order's contact. Never inside the transaction of the cause, never on its way.

One row per cause. A worker that dies between the mail server's word and our commit sends the mail again, with the same
Message-ID, so that mail programs show it once.
"""

import smtplib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.core.mail import EmailMessage

from holdfast.cases import services as cases
from holdfast.db import due
from holdfast.db.due import Claim
from holdfast.db.tenancy import reading, writing
from holdfast.kernel import limits, money
from holdfast.kernel.clock import now as clock_now
from holdfast.kernel.faults import asking
from holdfast.merchants import queries as merchants
from holdfast.orders.models import Order
from holdfast.outbox import queries as outbox_queries
from holdfast.outbox import services as outbox
from holdfast.outbox.models import Message
from holdfast.payments import queries as payment_queries
from holdfast.providers.transfer import reference
from holdfast.receipts import queries as receipts

log = structlog.get_logger()

#: (subject, text) by topic. {shop}, {number}, {total}, {name}, {account} (every amount, one a line), {amount}
#: (of a refund, or missing of a transfer) and {reference} (of a transfer) are filled in.
TEXTS = {
    "order_paid": (
        "Your order {number} is paid",
        "Hello {name},\n\nthank you: {total} arrived for order {number}.\n\n{account}\n\n{shop}\n",
    ),
    "payment_problem": (
        "Your order {number} is not paid yet",
        "Hello {name},\n\nthe payment of {total} for order {number} did not go through, and nothing was taken. "
        "You can order again at any time.\n\n{shop}\n",
    ),
    "payment_unclear": (
        "We are checking the payment of your order {number}",
        "Hello {name},\n\nwe are still checking with your bank whether {total} for order {number} was paid. "
        "Please do not pay again for now: if the money arrives late, you get the goods or your money back.\n\n{shop}\n",
    ),
    "transfer_underpaid": (
        "A part of your transfer for order {number} is missing",
        "Hello {name},\n\nyour transfer for order {number} arrived, but it was less than {total}. Still missing: {amount}. "
        "Please transfer that with the same reference: {reference}.\n\n{shop}\n",
    ),
    "refunded": (
        "A refund for your order {number}",
        "Hello {name},\n\nwe have sent {amount} of order {number} back to you. Until you see it, your bank may take some days."
        "\n\n{shop}\n",
    ),
    "money_returned": (
        "Your payment for order {number} goes back to you",
        "Hello {name},\n\n{amount} came in for order {number} when it could no longer be taken for it. We have sent it back to "
        "you. Until you see it, your bank may take some days.\n\n{shop}\n",
    ),
    "order_shipped": ("Your order {number} is on its way", "Hello {name},\n\na parcel of order {number} was sent.\n\n{shop}\n"),
    "download_ready": (
        "Your download of order {number}",
        "Hello {name},\n\nyour download is ready on your order's page.\n\n{shop}\n",
    ),
    "voucher_ready": (
        "Your vouchers of order {number}",
        "Hello {name},\n\nyour vouchers are ready on your order's page.\n\n{shop}\n",
    ),
}


@dataclass(frozen=True)
class _Letter:
    """A message with what its text needs."""

    id: UUID
    to: str
    sender: str
    subject: str
    text: str


def work(*, stopping: Callable[[], bool] = due.never) -> int:
    """Messages that are due. Returns how many were claimed."""
    return due.each("messages", lambda claim: send(claim, now=clock_now()), stopping=stopping, batch=limits.ASKING_BATCH)


def send(claim: Claim, *, now: datetime) -> str:
    """Send one message, unless it was settled since it was claimed. A mail server that is down costs nothing but time (S-37).

    Whatever goes wrong is on its row afterwards: a text or an address that cannot be written is parked like any other failure.
    """
    with reading(claim.merchant_id):
        message = outbox_queries.with_order(claim.id)
        letter = _compose(message)
    if message.state != "pending":
        return "settled"
    if letter is None:
        with writing(claim.merchant_id, step="messages.drop"):
            outbox.drop(claim.id, why="there is no address to write to, or nothing to say any more")
        return "dropped"
    try:
        if claim.attempts > limits.MESSAGE_TRIES:
            raise due.DiesOnIt  # earlier tries ended without a word: each may have sent the mail
        with asking("ask.send"):
            EmailMessage(
                letter.subject,
                letter.text,
                letter.sender or None,
                [letter.to],
                headers={"Message-ID": f"<{letter.id.hex}@holdfast>"},
            ).send()
    except Exception as error:
        expected = isinstance(error, OSError | smtplib.SMTPException)
        log.warning("message.failed", message=str(claim.id), error=type(error).__name__, exc_info=not expected)
        with writing(claim.merchant_id, step="messages.fail"):
            if outbox.fail(claim.id, error=f"{type(error).__name__}: {error}", attempts=claim.attempts):
                _ask_person(claim, f"{type(error).__name__}: {error}", now=now)
        return "failed"
    with writing(claim.merchant_id, step="messages.sent"):
        outbox.sent(claim.id, now=now)
    log.info("message sent", topic=message.topic, order=message.order.number)
    return "sent"


def _compose(message: Message) -> _Letter | None:
    """The letter of a message; None when there is nobody to write to, or nothing to say any more."""
    contact = message.order.contact
    if contact is None or not contact.email:
        return None
    shop = merchants.current(message.merchant_id)
    order = message.order
    words = {
        "shop": shop.name,
        "number": order.number,
        "name": contact.name or "and welcome",
        "total": money.shown(order.total_minor, order.currency),
        "account": _account(order),
        "amount": _amount(message),
        "reference": "",
    }
    if message.topic == "transfer_underpaid":
        missing = _missing(message)
        if missing is None:
            return None
        words |= missing
    subject, text = TEXTS[message.topic]
    return _Letter(message.pk, contact.email, shop.email_from, subject.format(**words), text.format(**words))


def _amount(message: Message) -> str:
    """What a refund gave back; its message is written for its cause."""
    if message.topic not in ("refunded", "money_returned"):
        return ""
    refund = payment_queries.refund(UUID(hex=message.cause))
    return money.shown(refund.amount_minor, refund.currency)


def _missing(message: Message) -> dict[str, str] | None:
    """What is missing of a transfer when the message is sent; None once nothing is, or it was sent back. The message is written
    for the receipt that was too little."""
    receipt = receipts.get(UUID(hex=message.cause))
    if receipt.payment_id is None or receipt.state != "matched":
        return None
    payment = payment_queries.get(receipt.payment_id)
    came = sum(receipts.left_minor(row) for row in receipts.waiting_for(payment.pk)) + receipts.allocated_minor(payment.pk)
    return {
        "amount": money.shown(payment.amount_minor - came, payment.currency),
        "reference": reference.grouped(payment.provider_id or reference.of(payment.pk)),
    }


def _account(order: Order) -> str:
    """What was bought for how much, from the order's snapshot: the shop may have changed since."""
    kept: Mapping[str, Any] = order.snapshot
    rows = [(f"{line['quantity']} × {line['name']}", line["total_minor"]) for line in kept["lines"]]
    rows += [(fee["name"], fee["total_minor"]) for fee in kept.get("fees", [])]
    if kept.get("shipping_method"):
        rows.append((kept["shipping_method"]["name"], kept["shipping_total_minor"]))
    rows.append(("Total", order.total_minor))
    rows.append(("of which tax", kept["totals"]["tax_minor"]))
    if kept.get("discount_minor"):
        rows.append(("You saved", kept["discount_minor"]))
    return "\n".join(f"{name}: {money.shown(minor, order.currency)}" for name, minor in rows)


def _ask_person(claim: Claim, error: str, *, now: datetime) -> None:
    message = outbox_queries.with_order(claim.id)
    cases.open_case(
        merchant_id=claim.merchant_id,
        kind="parked",
        cause=f"message:{claim.id.hex}",
        summary=f"The message {message.topic} of order {message.order.number} could not be sent: {error}",
        proposal="Mend the mail server or the address, then retry the message.",
        evidence={"message": str(claim.id), "error": error[:1000]},
        order_id=message.order_id,
        payment_id=None,
        now=now,
    )
