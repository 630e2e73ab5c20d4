"""A refund of a transfer is paid out by a person, who says so here: the last word about it, by the door like any provider's."""

from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from holdfast.db.tenancy import writing
from holdfast.flows import answers, moneyback, reports
from holdfast.flows.dossiers import Dossiers
from holdfast.flows.statements import beginning_of
from holdfast.idempotency import services as idempotency
from holdfast.idempotency.services import Answer, Use
from holdfast.kernel.errors import Conflict, NotFound
from holdfast.merchants import queries as merchants
from holdfast.payments import queries as payment_queries
from holdfast.payments.states import REFUND
from holdfast.providers.contract import Kind, ProviderReport, Source
from holdfast.providers.transfer.adapter import payout_id


class NotPaidByHand(Conflict):
    """Only a refund of a transfer is paid out by hand; others are the provider's."""


class AlreadyPaidOut(Conflict):
    """This refund has ended that way, or cannot any more."""


def record(
    *,
    merchant_id: UUID,
    order_id: UUID,
    refund_id: UUID,
    paid: bool,
    paid_on: date,
    note: str,
    by: str,
    use: Use,
    now: datetime,
) -> Answer:
    """Record that a refund was paid out, or that it could not be or came back. 200 with the refund.

    Raises NotPaidByHand, AlreadyPaidOut, NotFound, KeyReused, InProgress, Busy.
    """
    with writing(merchant_id, step="payouts.record"):
        claimed = idempotency.claim(use, merchant_id=merchant_id, subject="payout", subject_id=use.id, now=now)
        if not claimed.fresh:
            return claimed.answer or answers.refund(payment_queries.refund(refund_id))
        dossiers = Dossiers([order_id])
        refund = next((row for row in dossiers.refunds(order_id) if row.pk == refund_id), None)
        if refund is None:
            raise NotFound("There is no such refund.")
        payment = dossiers.payments[refund.payment_id]
        if payment.provider != "transfer":
            raise NotPaidByHand
        if not REFUND.allows(refund.state, "succeeded" if paid else "failed"):
            raise AlreadyPaidOut(state=refund.state)
        account = merchants.account(payment.account_id)
        money = moneyback.taken(dossiers, payment)
        zone = ZoneInfo(merchants.current(merchant_id).time_zone)
        report = ProviderReport(
            provider="transfer",
            account_id=account.pk,
            live=account.live,
            kind=Kind.REFUNDED if paid else Kind.REFUND_FAILED,
            source=Source.OPERATOR,
            reference=money.reference,
            provider_id=money.provider_id,
            object_id=payout_id(refund.pk.hex),
            amount_minor=refund.amount_minor,
            currency=refund.currency,
            occurred_at=min(beginning_of(paid_on, zone), now),
            raw_status=f"{'paid out' if paid else 'not paid out'} by {by}"[:80],
            money_id=money.object_id,
            refund_reference=refund.pk.hex,
            detail={"message": note or "it could not be paid out", "by": by},
        )
        told = reports.record(report, now=now)
        if told.verdict != "applied":
            raise AlreadyPaidOut
        answer = Answer(200, answers.refund(payment_queries.refund(refund_id)).body)
        idempotency.answer(merchant_id=merchant_id, subject_id=use.id, status=answer.status, body=answer.body)
        return answer
