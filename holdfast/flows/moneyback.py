"""Intend to give money back: the refund with its amount, and the operation with its key and exact request. Recovery asks."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from holdfast.db.moves import Cause
from holdfast.flows.dossiers import Dossiers
from holdfast.kernel.errors import Conflict
from holdfast.kernel.ids import new_id
from holdfast.payments import refunds
from holdfast.payments import services as payments
from holdfast.payments.models import Operation, Payment, Refund
from holdfast.payments.states import REFUND_OPEN
from holdfast.providers.contract import Return, Taken


class NothingTaken(Conflict):
    """The provider took no money for this payment, so there is nothing to give back."""


def intend(
    dossiers: Dossiers,
    payment: Payment,
    *,
    amount_minor: int,
    reason: str,
    requested_by: str,
    cause: Cause,
    now: datetime,
    lines: Sequence[Mapping[str, Any]] = (),
    id: UUID | None = None,
) -> tuple[Refund, Operation, dict[str, Any]]:
    """Write the refund and its question in the caller's transaction, with the order locked. Raises NothingTaken."""
    money = taken(dossiers, payment)
    refund = refunds.request(
        payment,
        id=id or new_id(),
        amount_minor=amount_minor,
        reason=reason[:140],
        lines=lines,
        requested_by=requested_by,
        cause=cause,
        now=now,
    )
    dossiers.refunds(payment.order_id).append(refund)
    request = {"refund": refund.pk.hex, "amount_minor": amount_minor, "reason": reason[:140], "money": vars(money)}
    operation = payments.intend(payment, kind="refund", request=request, refund=refund, now=now)
    return refund, operation, request


def wanted(request: Mapping[str, Any]) -> Return:
    """What a refund's exact request asks of the adapter."""
    return Return(
        reference=request["refund"],
        money=Taken(**request["money"]),
        amount_minor=request["amount_minor"],
        reason=request["reason"],
    )


def taken(dossiers: Dossiers, payment: Payment) -> Taken:
    """The money that the provider holds or took for a payment, as the provider knows it.

    Money that came late is known to the provider by the attempt that it came late for. Raises NothingTaken.
    """
    fact = dossiers.facts.money_of(payment.pk)
    if fact is None:
        raise NothingTaken
    attempt = dossiers.payments.get(payment.late_of_id, payment) if payment.late_of_id else payment
    return Taken(
        reference=attempt.pk.hex,
        provider_id=attempt.provider_id,
        object_id=fact.object_id,
        amount_minor=fact.amount_minor,
        currency=fact.currency,
    )


def left_minor(dossiers: Dossiers, payment: Payment) -> int:
    """What may still be refunded of a payment: captured, less refunds that did not fail, less what a dispute holds."""
    rows = [row for row in dossiers.refunds(payment.order_id) if row.payment_id == payment.pk]
    asked = sum(row.amount_minor for row in rows if row.state in (*REFUND_OPEN, "succeeded"))
    return max(payment.captured_minor - payment.disputed_minor - asked, 0)
