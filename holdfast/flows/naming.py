"""Whose report is it, and does it belong there (R-D5)?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from holdfast.cases import services as cases
from holdfast.flows.visit import Visit, evidence
from holdfast.idempotency.services import Answer
from holdfast.kernel.errors import Conflict
from holdfast.payments import queries as payment_queries
from holdfast.payments.models import Payment
from holdfast.providers.contract import MONEY, Pointer, ProviderReport


class NoSuchPayment(Conflict):
    """The report names a payment of ours that is not there (yet): look again later."""


class NotOurs(Conflict):
    """The report names nothing of ours: something else was sold with this provider account."""


class Early(Conflict):
    """It speaks of money that we have not heard of yet: the provider is asked about that money first."""

    def __init__(self, report: ProviderReport) -> None:
        super().__init__()
        #: Where to look.
        self.pointer = Pointer(kind=MONEY, id=report.money_id or "")


@dataclass(frozen=True)
class Applied:
    """What a report did. `verdict`: applied, nothing_new, or refused (recorded as a case, and nothing of ours moved)."""

    verdict: str
    order_id: UUID
    payment_id: UUID
    #: What the client's key was answered by it.
    answer: Answer | None = None


def named_by(reports: Sequence[ProviderReport], *, now: datetime) -> list[Payment | Applied | NoSuchPayment | NotOurs | Early]:
    """The attempts that reports name."""
    rows = rows_named(reports)
    taken = dict(payment_queries.with_money({(report.account_id, report.money_id) for report in reports if report.money_id}))
    return [_named(report, rows, taken, now=now) for report in reports]


def rows_named(reports: Sequence[ProviderReport]) -> list[Payment]:
    """The attempts whose reference or provider's id stands in these reports."""
    references = dict.fromkeys(_uuid(report.reference) for report in reports)
    names = dict.fromkeys((report.account_id, report.provider_id) for report in reports if report.provider_id)
    return payment_queries.find(references=[each for each in references if each], names=names)


def _named(
    report: ProviderReport, rows: Sequence[Payment], taken: Mapping[tuple[UUID, str], Payment], *, now: datetime
) -> Payment | Applied | NoSuchPayment | NotOurs | Early:
    """The attempt that a report names by the provider's id, by our reference, by both alike, or by the money it speaks of."""
    reference, name = _uuid(report.reference), (report.account_id, report.provider_id)
    by_id = next((row for row in rows if report.provider_id and (row.account_id, row.provider_id) == name), None)
    by_reference = next((row for row in rows if row.pk == reference), None)
    named = by_id or by_reference or taken.get((report.account_id, report.money_id or ""))
    if named is None:
        if report.money_id:
            return Early(report)
        return NoSuchPayment() if reference is not None else NotOurs()
    contradicts = by_id is not None and by_reference is not None and by_id.pk != by_reference.pk
    other_attempt = by_id is None and report.provider_id is not None and named.provider_id not in (None, report.provider_id)
    if contradicts or other_attempt or (reference is not None and by_reference is None):
        return security(report, named, what="The reference and the provider's id name different payments", now=now)
    return named


def binding(visit: Visit) -> Applied | None:
    """Account, provider and mode must be those we asked (D5). Amount and currency are judged where money is spoken of."""
    report, payment = visit.report, visit.payment
    if (payment.account_id, payment.provider) != (report.account_id, report.provider):
        return security(report, payment, what="Another account speaks of this payment", now=visit.now)
    if report.live != visit.dossiers.account(payment.account_id).live:
        return security(report, payment, what="Test and live mode are mixed", now=visit.now)
    late = visit.dossiers.late_of(payment)
    if report.object_id and visit.dossiers.facts.belongs_to_another(payment, report.object_id, late):
        return security(report, payment, what="This money is known as that of another payment", now=visit.now)
    return None


def security(report: ProviderReport, payment: Payment, *, what: str, now: datetime) -> Applied:
    """Refuse, and record it: a report that does not belong to the payment it names."""
    cases.open_case(
        merchant_id=payment.merchant_id,
        kind="foreign_reference",
        cause=f"{report.account_id.hex}:{report.provider_id or report.object_id or '-'}:{payment.pk.hex}",
        summary=f"{what}. Nothing was changed.",
        proposal="Find out who sent it. If money came in, refund it with the provider.",
        evidence=evidence(report),
        order_id=payment.order_id,
        payment_id=payment.pk,
        now=now,
    )
    return Applied("refused", payment.order_id, payment.pk)


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(hex=text) if text else None
    except ValueError:
        return None
