"""Writes of refunds and disputes. Callers hold the order's lock; the database judges once more what may be refunded."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from holdfast.db import due, writes
from holdfast.db.moves import Cause, move
from holdfast.kernel import limits
from holdfast.payments.models import Payment
from holdfast.payments.returns import Dispute, Refund
from holdfast.payments.states import DISPUTE, REFUND, REFUND_OPEN


def request(
    payment: Payment,
    *,
    id: UUID,
    amount_minor: int,
    reason: str,
    lines: Sequence[Mapping[str, Any]] = (),
    requested_by: str,
    cause: Cause,
    now: datetime,
) -> Refund:
    """A refund that we are about to ask for. The database refuses what is not left (`payments_refund_within_captured`)."""
    refund = Refund(
        id=id,
        merchant_id=payment.merchant_id,
        order_id=payment.order_id,
        payment_id=payment.pk,
        account_id=payment.account_id,
        origin=Refund.Origin.REQUESTED,
        amount_minor=amount_minor,
        currency=payment.currency,
        moved=cause.as_json(),
        reason=reason,
        lines=[*lines],
        requested_by=requested_by,
        created_at=now,
    )
    writes.insert(refund)
    return refund


def of_provider(
    payment: Payment, *, provider_id: str, amount_minor: int, state: str, reason: str, cause: Cause, now: datetime
) -> Refund:
    """A refund that nobody here asked for: always recorded, also when it is more than there was."""
    refund = Refund(
        merchant_id=payment.merchant_id,
        order_id=payment.order_id,
        payment_id=payment.pk,
        account_id=payment.account_id,
        provider_id=provider_id,
        origin=Refund.Origin.PROVIDER,
        amount_minor=amount_minor,
        currency=payment.currency,
        state=state,
        moved=cause.as_json(),
        reason=reason[:140],
        created_at=now,
        succeeded_at=now if state == "succeeded" else None,
        due_at=due.after(limits.poll_after(0)) if state in REFUND_OPEN else None,
    )
    writes.insert(refund)
    return refund


def go(refund: Refund, target: str, *, cause: Cause, **changes: Any) -> None:
    """Move a refund along its table. One that is pending is asked about by itself; before, its operation is asked again."""
    pause = due.after(limits.poll_after(0)) if target == "pending" else None
    move(refund, target, machine=REFUND, cause=cause, **{"due_at": pause, "attempts": 0, **changes})


def learn_id(refund: Refund, provider_id: str | None) -> None:
    """The provider's id of it, once."""
    if provider_id and refund.provider_id is None:
        writes.change(refund, provider_id=provider_id)


def ask_again(refund_id: UUID, *, attempts: int) -> None:
    """Plan the next question about a refund that is pending."""
    Refund.objects.filter(pk=refund_id, due_at__isnull=False).update(due_at=due.after(limits.poll_after(attempts)))


def open_dispute(
    payment: Payment,
    *,
    provider_id: str,
    amount_minor: int,
    state: str,
    reason: str,
    evidence_due_at: datetime | None,
    cause: Cause,
    now: datetime,
) -> Dispute:
    """A dispute as it was first heard of, in whatever state."""
    dispute = Dispute(
        merchant_id=payment.merchant_id,
        order_id=payment.order_id,
        payment_id=payment.pk,
        account_id=payment.account_id,
        provider_id=provider_id,
        amount_minor=amount_minor,
        currency=payment.currency,
        state=state,
        moved=cause.as_json(),
        reason=reason[:80],
        evidence_due_at=evidence_due_at,
        created_at=now,
    )
    writes.insert(dispute)
    return dispute


def decide(dispute: Dispute, target: str, *, cause: Cause) -> None:
    """Move a dispute along its table."""
    move(dispute, target, machine=DISPUTE, cause=cause)


def write_off(dispute: Dispute, *, lost_minor: int) -> None:
    """What the ledger has written off as lost of it, in all."""
    writes.change(dispute, lost_minor=lost_minor)
