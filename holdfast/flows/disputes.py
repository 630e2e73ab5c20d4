"""What a report about a dispute changes. Who holds the money is told by funds, who won by the state; they come in any order."""

from holdfast.cases import services as cases
from holdfast.flows import afterwards
from holdfast.flows.visit import Visit, evidence, fact, unreadable
from holdfast.kernel.money import Money, shown
from holdfast.ledger import services as ledger
from holdfast.payments import refunds
from holdfast.payments import services as payments
from holdfast.payments.models import Dispute
from holdfast.payments.states import DISPUTE
from holdfast.providers.contract import Kind

#: The state that each kind of report speaks of; funds speak of none.
STATES = {
    Kind.DISPUTE_OPENED: "open",
    Kind.DISPUTE_REVIEWED: "reviewed",
    Kind.DISPUTE_WON: "won",
    Kind.DISPUTE_LOST: "lost",
}
FUNDS = {Kind.FUNDS_WITHDRAWN: "withdrawn", Kind.FUNDS_REINSTATED: "reinstated"}


def told(visit: Visit) -> str:
    """Record the dispute, move it, book the funds, write off what was lost, and keep a person's case in step."""
    report = visit.report
    if not report.object_id or report.currency not in (None, visit.payment.currency):
        return unreadable(visit)
    known = next((row for row in visit.dossiers.disputes(visit.order.pk) if row.provider_id == report.object_id), None)
    if known is None and not report.amount_minor:
        return unreadable(visit)
    before = afterwards.back_minor(visit)
    dispute = known or _open(visit)
    changed = _decide(visit, dispute) or known is None
    changed = _move_funds(visit) or changed
    _write_off(visit, dispute, before=before)
    if changed:
        _keep_case(visit, dispute)
    return "applied" if changed else "nothing_new"


def _open(visit: Visit) -> Dispute:
    report = visit.report
    dispute = refunds.open_dispute(
        visit.payment,
        provider_id=report.object_id or "",
        amount_minor=report.amount_minor or 0,
        state=STATES.get(report.kind, "open"),
        reason=str(report.detail.get("reason") or ""),
        evidence_due_at=report.due_at,
        cause=visit.cause,
        now=visit.now,
    )
    visit.dossiers.disputes(visit.order.pk).append(dispute)
    return dispute


def _decide(visit: Visit, dispute: Dispute) -> bool:
    """Move the dispute; a late word about an earlier stage changes nothing."""
    target = STATES.get(visit.report.kind)
    if target is None or dispute.state == target or not DISPUTE.allows(dispute.state, target):
        return False
    refunds.decide(dispute, target, cause=visit.cause)
    return True


def _move_funds(visit: Visit) -> bool:
    """Book what the provider took or returned: only what is new."""
    report, kind = visit.report, FUNDS.get(visit.report.kind)
    if kind is None or not report.amount_minor:
        return False
    growth = fact(visit, kind)
    if growth == 0:
        return False
    post = ledger.withdrawn if kind == "withdrawn" else ledger.reinstated
    post(
        visit.subject,
        provider=report.provider,
        cause=f"{report.object_id}:{report.amount_minor}",
        amount=Money(growth, visit.payment.currency),
        effective_at=report.occurred_at,
        now=visit.now,
    )
    payments.learn(visit.payment, disputed_minor=visit.dossiers.facts.disputed_minor(visit.payment.pk))
    return True


def _write_off(visit: Visit, dispute: Dispute, *, before: int) -> None:
    """What a lost dispute holds went back to the customer for good: it counts as a refund (R-C9). An appeal undoes it."""
    held = visit.dossiers.facts.disputed_minor(visit.payment.pk, dispute.provider_id)
    should = held if dispute.state == "lost" else 0
    growth = should - dispute.lost_minor
    if growth == 0:
        return
    parts = afterwards.parts(visit, before=before, growth=growth)
    ledger.lost(
        visit.subject,
        cause=f"{dispute.provider_id}:{dispute.state}:{visit.now.isoformat()}",
        parts=parts,
        currency=dispute.currency,
        effective_at=visit.report.occurred_at,
        now=visit.now,
    )
    refunds.write_off(dispute, lost_minor=should)
    afterwards.order_follows(visit)


def _keep_case(visit: Visit, dispute: Dispute) -> None:
    """A person's case, with the bank's deadline; it ends with the dispute."""
    payment = visit.payment
    cases.open_case(
        merchant_id=payment.merchant_id,
        kind="dispute",
        cause=dispute.pk.hex,
        summary=f"The customer's bank disputes {shown(dispute.amount_minor, dispute.currency)} of order {visit.order.number}.",
        proposal="Send the evidence to the provider before the deadline, or accept the loss.",
        evidence=evidence(visit.report),
        order_id=payment.order_id,
        payment_id=payment.pk,
        deadline_at=dispute.evidence_due_at,
        now=visit.now,
    )
    if dispute.state in ("won", "lost"):
        cases.resolve(kind="dispute", cause=dispute.pk.hex, why=f"the dispute was {dispute.state}")
