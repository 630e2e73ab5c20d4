"""One report at the door: the rows it is about, and what every effect needs of them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from holdfast.cases import services as cases
from holdfast.db.moves import Cause
from holdfast.flows.dossiers import Dossiers
from holdfast.ledger import services as ledger
from holdfast.orders.models import Order
from holdfast.payments import services as payments
from holdfast.payments.models import Payment
from holdfast.providers.contract import ProviderReport


@dataclass(frozen=True)
class Visit:
    """One report at the door, with the rows it is about: the order locked, the payment read under that lock."""

    report: ProviderReport
    dossiers: Dossiers
    order: Order
    payment: Payment
    cause: Cause
    event_id: UUID | None
    now: datetime

    @property
    def subject(self) -> ledger.Subject:
        return ledger.Subject(self.order.merchant_id, self.order.pk, self.payment.pk)


def fact(visit: Visit, kind: str) -> int:
    """Record what the report says of its object as a fact of this kind. By how much our knowledge grew, in minor units."""
    report = visit.report
    return payments.record_fact(
        visit.payment,
        visit.dossiers.facts,
        kind=kind,
        object_id=report.object_id or "",
        amount_minor=report.amount_minor or 0,
        currency=report.currency or "",
        source=str(report.source),
        event_id=visit.event_id,
        occurred_at=report.occurred_at,
        now=visit.now,
    )


def evidence(report: ProviderReport) -> dict[str, object]:
    """What a person needs to find the thing with the provider."""
    return {
        "provider": report.provider,
        "kind": str(report.kind),
        "source": str(report.source),
        "provider_id": report.provider_id,
        "object_id": report.object_id,
        "amount_minor": report.amount_minor,
        "currency": report.currency,
        "raw_status": report.raw_status,
        "detail": dict(report.detail),
    }


def unreadable(visit: Visit) -> str:
    """A word that we do not know: never guessed, never paid; a person looks, and we keep asking."""
    report, payment = visit.report, visit.payment
    if payment.state == "created":
        payments.go(payment, "unknown", cause=visit.cause)
    cases.open_case(
        merchant_id=payment.merchant_id,
        kind="unknown_status",
        cause=f"{payment.pk.hex}:{report.raw_status}",
        summary=f"{report.provider} says {report.raw_status!r} of a payment that is {payment.state}.",
        proposal="Look the payment up with the provider; Holdfast keeps asking.",
        evidence=evidence(report),
        order_id=payment.order_id,
        payment_id=payment.pk,
        now=visit.now,
    )
    return "refused"
