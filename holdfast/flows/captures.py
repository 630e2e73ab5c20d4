"""Take money that a provider holds for us: all of it, or a part; what is not taken is let go of. Intend, ask, apply.

A capture that the provider declined may be tried again, with a key of its own. Letting go of all of it is cancelling the order
(`flows.expiry.cancel`).
"""

from datetime import datetime
from uuid import UUID

from holdfast.db.tenancy import reading, writing
from holdfast.flows import answers, moneyback, questions
from holdfast.flows.dossiers import Dossiers
from holdfast.idempotency import services as idempotency
from holdfast.idempotency.services import Answer, Use
from holdfast.kernel.errors import Conflict, NotFound, Refused
from holdfast.orders import queries as order_queries
from holdfast.payments import queries as payment_queries
from holdfast.payments import services as payments
from holdfast.payments.services import FINAL

#: Orders whose money is held and may be taken.
CAPTURABLE = ("payment_authorized", "capture_failed")


class NotHeld(Conflict):
    """The provider holds no money for this payment (any more)."""


class MoreThanHeld(Refused):
    """That is more than the provider holds for this payment."""


def capture(*, merchant_id: UUID, order_id: UUID, payment_id: UUID, amount_minor: int | None, use: Use, now: datetime) -> Answer:
    """Capture a held payment. Safe to repeat with the same key: taken once.

    201 with `captured` or `declined`, 202 while nobody knows. Raises NotHeld, MoreThanHeld,
    NotFound, KeyReused, InProgress, Busy.
    """
    with writing(merchant_id, step="captures.intend"):
        claimed = idempotency.claim(use, merchant_id=merchant_id, subject="capture", subject_id=use.id, now=now)
        if claimed.answer is not None:
            return claimed.answer
        if claimed.fresh:
            question = _intend(order_id, payment_id, amount_minor, operation_id=use.id, now=now)
        else:
            operation = payment_queries.operation(claimed.subject_id)
            question = questions.of(operation, operation.payment)
    if question is not None:
        questions.ask(question, now=now)
    with reading(merchant_id):
        stored = idempotency.answered(claimed.subject_id)
        payment = payment_queries.get(payment_id)
        return stored or answers.capture(order_queries.get(order_id), payment, declined=False)


def _intend(
    order_id: UUID, payment_id: UUID, amount_minor: int | None, *, operation_id: UUID, now: datetime
) -> questions.Question | None:
    dossiers = Dossiers([order_id])
    payment = dossiers.payments.get(payment_id)
    if payment is None:
        raise NotFound("This order has no such payment.")
    if payment.state != "authorized" or dossiers.orders[order_id].state not in CAPTURABLE:
        raise NotHeld
    amount = amount_minor or payment.amount_minor
    if amount > payment.amount_minor:
        raise MoreThanHeld(held_minor=payment.amount_minor, currency=payment.currency)
    last = payment_queries.operation_of(payment.pk, "capture")
    if last is not None and last.state not in FINAL:
        raise Conflict("A capture of this payment is under way. Its answer comes in a moment.")
    request = {"amount_minor": amount, "money": vars(moneyback.taken(dossiers, payment))}
    key = f"{payment.pk.hex}:capture:{operation_id.hex}"
    operation = payments.intend(payment, id=operation_id, kind="capture", request=request, key=key, now=now)
    return questions.of(operation, payment, request=request)
