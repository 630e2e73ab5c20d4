"""Cancel an order once per client's key. The cancelling itself (`expiry.cancel`) is safe to repeat; this keeps its answer."""

from datetime import datetime
from uuid import UUID

from holdfast.db.tenancy import reading, writing
from holdfast.flows import answers, expiry
from holdfast.idempotency import services as idempotency
from holdfast.idempotency.services import Answer, Use
from holdfast.kernel.ids import new_id
from holdfast.orders import queries as order_queries


def cancel(*, merchant_id: UUID, order_id: UUID, actor: str, use: Use, now: datetime) -> Answer:
    """Cancel an order that is not paid. A refusal lets go of the key, so that the same request may be repeated.

    Raises StillPayable, NotCancellable, KeyReused, InProgress, Busy.
    """
    with writing(merchant_id, step="cancelling.claim"):
        claimed = idempotency.claim(use, merchant_id=merchant_id, subject="cancellation", subject_id=new_id(), now=now)
    if claimed.answer is not None:
        return claimed.answer
    try:
        expiry.cancel(merchant_id=merchant_id, order_id=order_id, actor=actor, now=now, held=actor == "merchant")
    except Exception:
        with writing(merchant_id, step="cancelling.let_go"):
            idempotency.let_go(subject_id=claimed.subject_id)
        raise
    with reading(merchant_id):
        body = answers.as_bytes({"order": answers.order_json(order_queries.get(order_id), None)})
    with writing(merchant_id, step="cancelling.answer"):
        idempotency.answer(merchant_id=merchant_id, subject_id=claimed.subject_id, status=200, body=body)
    return Answer(200, body)
