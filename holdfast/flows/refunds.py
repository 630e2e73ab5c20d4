"""Give a customer money back: intend, ask, apply. By an amount, by lines, or all that is left.

The order row is the lock: two operators at once are one after the other, and the second sees what is left. The database judges
once more (`payments_refund_within_captured`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError

from holdfast.db.moves import Cause
from holdfast.db.tenancy import reading, violated, writing
from holdfast.flows import answers, moneyback, questions
from holdfast.flows.dossiers import Dossiers
from holdfast.idempotency import services as idempotency
from holdfast.idempotency.services import Answer, Use
from holdfast.kernel.errors import Conflict, NotFound, Refused
from holdfast.kernel.money import allocate
from holdfast.orders.models import OrderLine
from holdfast.payments import queries as payment_queries
from holdfast.payments.models import Payment


class NothingLeft(Conflict):
    """Everything of it was refunded, is being refunded, or is disputed: already requested."""


class MoreThanLeft(Refused):
    """That is more than is left to refund."""


class NotRefundable(Conflict):
    """No money was taken for this order, so there is nothing to refund."""


class NoSuchLine(Refused):
    """The order has no such line, or not as many of it are left to refund."""


@dataclass(frozen=True, kw_only=True)
class LineBack:
    """Units of an order line that are refunded; `restock`: they can be sold again."""

    line_id: UUID
    quantity: int
    restock: bool = False


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What is to go back: an amount in minor units, or lines (with or without shipping), or neither: all that is left.

    `payment_id`: of this payment, where an order has several; else of the one that paid the order.
    """

    amount_minor: int | None = None
    currency: str = ""
    lines: Sequence[LineBack] = field(default_factory=tuple)
    shipping: bool = False
    reason: str = ""
    payment_id: UUID | None = None


def refund(*, merchant_id: UUID, order_id: UUID, ask: Ask, actor: str, use: Use, now: datetime) -> Answer:
    """Refund a part of an order, or all of it. Safe to repeat with the same key at any point: one refund.

    201 with the refund once the provider has spoken, 202 while nobody knows. Raises NothingLeft, MoreThanLeft, NotRefundable,
    NoSuchLine, KeyReused, InProgress, Busy.
    """
    try:
        with writing(merchant_id, step="refunds.intend"):
            claimed = idempotency.claim(use, merchant_id=merchant_id, subject="refund", subject_id=use.id, now=now)
            if claimed.answer is not None:
                return claimed.answer
            if claimed.fresh:
                question = _intend(order_id, ask, refund_id=use.id, actor=actor, now=now)
            else:
                operation = payment_queries.operation_of_refund(claimed.subject_id)
                question = questions.of(operation, operation.payment) if operation else None
    except IntegrityError as error:
        if violated(error) == "payments_refund_within_captured":
            raise MoreThanLeft from error
        raise
    if question is not None:
        questions.ask(question, now=now)
    with reading(merchant_id):
        stored = idempotency.answered(claimed.subject_id)
        return stored or answers.refund(payment_queries.refund(claimed.subject_id))


def _intend(order_id: UUID, ask: Ask, *, refund_id: UUID, actor: str, now: datetime) -> questions.Question | None:
    dossiers = Dossiers([order_id])
    payment = _payment(dossiers, order_id, ask.payment_id)
    left = moneyback.left_minor(dossiers, payment)
    if left == 0:
        raise NothingLeft
    if ask.currency and ask.currency != payment.currency:
        raise Refused(f"The payment is in {payment.currency}.")
    lines = [{"line": str(each.line_id), "quantity": each.quantity, "restock": each.restock} for each in ask.lines]
    amount = ask.amount_minor or (_of_lines(dossiers, order_id, ask) if lines or ask.shipping else left)
    if amount > left:
        raise MoreThanLeft(left_minor=left, wanted_minor=amount, currency=payment.currency)
    _, operation, request = moneyback.intend(
        dossiers,
        payment,
        id=refund_id,
        amount_minor=amount,
        reason=ask.reason,
        requested_by=actor,
        cause=Cause(ask.reason or "a refund was requested", actor=actor),
        lines=lines,
        now=now,
    )
    return questions.of(operation, payment, request=request)


def _payment(dossiers: Dossiers, order_id: UUID, wanted: UUID | None) -> Payment:
    """The payment that is refunded: the one named, else the one that paid the order."""
    attempts = dossiers.attempts(order_id)
    if wanted is not None:
        found = next((row for row in attempts if row.pk == wanted), None)
        if found is None:
            raise NotFound("This order has no such payment.")
        if not found.captured_minor:
            raise NotRefundable
        return found
    taken = [row for row in attempts if row.captured_minor]
    paid = [row for row in taken if row.surplus_at is None]
    if not taken:
        raise NotRefundable
    return (paid or taken)[0]


def _of_lines(dossiers: Dossiers, order_id: UUID, ask: Ask) -> int:
    """What these lines cost, tax included, counting what was refunded of them before: pieces never sum to more than the line."""
    order = dossiers.orders[order_id]
    known = {line.pk: line for line in dossiers.lines(order_id)}
    before = _refunded_units(dossiers, order_id)
    total = 0
    for each in ask.lines:
        line = known.get(each.line_id)
        if line is None or not 0 < each.quantity <= line.quantity - before.get(each.line_id, 0):
            raise NoSuchLine(line=str(each.line_id))
        had = before.get(each.line_id, 0)
        total += _cost(line, had + each.quantity) - _cost(line, had)
        before[each.line_id] = had + each.quantity
    shipping = order.snapshot.get("shipping_total_minor", 0) if ask.shipping else 0
    if total + shipping == 0:
        raise NoSuchLine("These lines cost nothing.")
    return int(total + shipping)


def _cost(line: OrderLine, units: int) -> int:
    """What the first `units` of a line cost."""
    return allocate(line.total_minor, [units, line.quantity - units])[0] if units < line.quantity else line.total_minor


def _refunded_units(dossiers: Dossiers, order_id: UUID) -> dict[UUID, int]:
    units: dict[UUID, int] = {}
    rows = [row for row in dossiers.refunds(order_id) if row.state != "failed"]
    said: Sequence[Mapping[str, object]] = [line for row in rows for line in row.lines]
    for line in said:
        key = UUID(str(line["line"]))
        units[key] = units.get(key, 0) + int(str(line["quantity"]))
    return units
