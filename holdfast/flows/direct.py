"""The direct payment API (D8), for shops that have their own orders. Their order_id, per merchant, is the key.

An order of ours stands for theirs, so that everything else (door, ledger, recovery, the list) is the same.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError

from holdfast.db import payloads
from holdfast.db.moves import Cause
from holdfast.db.tenancy import reading, violated, writing
from holdfast.flows import answers
from holdfast.flows.questions import Question, ask, of
from holdfast.idempotency.services import Answer
from holdfast.kernel import ids
from holdfast.kernel.errors import Refused
from holdfast.kernel.ids import new_id
from holdfast.merchants import queries as merchants
from holdfast.orders import queries as order_queries
from holdfast.orders import services as orders
from holdfast.orders.models import Order
from holdfast.payments import queries as payment_queries
from holdfast.payments import services as payments
from holdfast.payments.models import Payment
from holdfast.providers import registry
from holdfast.providers.contract import Purchase

PROVIDER = "sandbox"

#: What the API's caller is told of a payment's state.
STATUS = {"captured": "COMPLETED", "failed": "FAILED", "expired": "FAILED", "cancelled": "FAILED"}


class OtherAmount(Refused):
    """This order_id was started with another amount."""


def start(*, merchant_id: UUID, order_id: str, amount_minor: int, currency: str, now: datetime) -> Answer:
    """Take a payment for a shop's own order, once. Safe to repeat: the same order_id never starts a second payment.

    200 {"payment_id"} when it was taken; 502 {"error"} when every try said no; 202 {"payment_id"} while nobody knows.
    Raises OtherAmount, ProviderNotOffered, Busy.
    """
    question: Question | None = None
    try:
        with writing(merchant_id, step="direct.intend"):
            order = order_queries.of_external(order_id)
            if order is None:
                question = _intend(merchant_id, order_id, amount_minor, currency, now=now)
    except IntegrityError as error:
        if violated(error) != "orders_one_per_external_id":
            raise
        question = None  # somebody was first with this order_id: theirs is the payment
    if question is not None:
        ask(question, now=now)
    with reading(merchant_id):
        order = order_queries.of_external(order_id)
        assert order is not None  # it is committed, by us or by who was first
        if (order.total_minor, order.currency) != (amount_minor, currency):
            raise OtherAmount
        return answer(payment_queries.of_order(order.pk)[0])


def track(*, merchant_id: UUID, payment_id: UUID) -> tuple[Payment, Order]:
    """The payment and the order that stands for the shop's own. Raises NotFound."""
    with reading(merchant_id):
        payment = payment_queries.get(payment_id)
        return payment, order_queries.get(payment.order_id)


def answer(payment: Payment) -> Answer:
    """The same bytes for the same state, for ever."""
    if payment.state == "captured":
        return Answer(200, answers.as_bytes({"payment_id": ids.shown("pay", payment.pk)}))
    if STATUS.get(payment.state) == "FAILED":
        return Answer(502, answers.as_bytes({"error": "Gateway error"}))
    return Answer(202, answers.as_bytes({"payment_id": ids.shown("pay", payment.pk), "status": "PENDING"}))


def _intend(merchant_id: UUID, external_id: str, amount_minor: int, currency: str, *, now: datetime) -> Question | None:
    """The order that stands for theirs, and the attempt. A second one fails on `orders_one_per_external_id`."""
    merchant = merchants.current(merchant_id)
    account = merchants.account_for(PROVIDER)
    cause = Cause("direct payment", actor="merchant")
    until = now + timedelta(seconds=merchant.payment_window_s)
    our_id, payment_id = new_id(), new_id()
    totals = {"net_minor": amount_minor, "tax_minor": 0, "shipping_net_minor": 0, "total_minor": amount_minor}
    snapshot = {"external_id": external_id, "currency": currency, "lines": [], "totals": totals}
    order = orders.place(
        id=our_id,
        merchant_id=merchant_id,
        token_sha256=merchants.token_hash(answers.order_token(our_id)),
        cart_id=None,
        external_id=external_id,
        contact_id=None,
        customer_id=None,
        currency=currency,
        total_minor=amount_minor,
        snapshot=snapshot,
        quote_sha256=payloads.fingerprint(snapshot),
        lines=[],
        expires_at=until,
        cause=cause,
        now=now,
    )
    request = registry.provider(PROVIDER).compose(
        Purchase(
            payment_id=payment_id,
            order_id=order.pk,
            order_number=external_id,
            amount_minor=amount_minor,
            currency=currency,
            lines=[(f"Order {external_id}", amount_minor, 1)],
            email="",
            manual_capture=False,
            expires_at=until,
            success_url="",
            cancel_url="",
        ),
        merchants.handle(account),
    )
    payment = payments.start(
        id=payment_id,
        merchant_id=merchant_id,
        order_id=order.pk,
        account_id=account.pk,
        provider=PROVIDER,
        amount_minor=amount_minor,
        currency=currency,
        capture="automatic",
        expires_at=until,
        metadata_sha256=payloads.fingerprint({}),
        cause=cause,
        now=now,
    )
    operation = payments.intend(payment, kind="open", request=request, now=now)
    return of(operation, payment, request=request, account=account)
