"""What a report about a refund or a fee changes: the refund, the ledger, the order, what was handed over, and who is told."""

from dataclasses import replace
from typing import Any

from holdfast.cases import services as cases
from holdfast.flows import afterwards, answers
from holdfast.flows.visit import Visit, evidence, fact, unreadable
from holdfast.kernel.money import Money
from holdfast.ledger import services as ledger
from holdfast.outbox import services as outbox
from holdfast.payments import refunds
from holdfast.payments import services as payments
from holdfast.payments.models import Refund
from holdfast.payments.states import REFUND
from holdfast.providers.contract import Kind

#: The state that each kind of report speaks of.
STATES = {Kind.REFUND_PENDING: "pending", Kind.REFUNDED: "succeeded", Kind.REFUND_FAILED: "failed"}


def told(visit: Visit) -> str:
    """A refund is pending, done, or failed. What was done and failed afterwards is undone: the money is the merchant's again."""
    report = visit.report
    refund, target = _which(visit), STATES[report.kind]
    if refund is None:
        return _by_provider(visit, target) if _plain(visit) else unreadable(visit)
    if report.amount_minor not in (None, refund.amount_minor) or report.currency not in (None, refund.currency):
        return unreadable(visit)
    said = replace(report, amount_minor=refund.amount_minor, currency=refund.currency)
    visit = replace(visit, report=said)  # a failure need not repeat what it is about
    refunds.learn_id(refund, report.object_id)
    if refund.state == target or not REFUND.allows(refund.state, target):
        return "nothing_new"
    if target == "succeeded" and not report.object_id:
        return unreadable(visit)
    had_succeeded = refund.state == "succeeded"
    more: dict[str, Any] = {"succeeded_at": visit.now} if target == "succeeded" else {}
    if target == "failed":
        more["error"] = str(report.detail.get("message") or report.raw_status)[:2000]
    refunds.go(refund, target, cause=visit.cause, **more)
    if target == "succeeded":
        _gave_back(visit, refund)
    elif target == "failed":
        _failed(visit, refund, had_succeeded=had_succeeded)
    answers.settle_refund(refund)
    return "applied"


def fee(visit: Visit) -> str:
    """The provider kept money for its work. Booked once per object, and only ever more.

    In the currency in which it was kept, which is that of the merchant's account with the provider and need not be the payment's.
    """
    report = visit.report
    if not report.object_id or (report.amount_minor or 0) <= 0 or not report.currency:
        return unreadable(visit)
    growth = fact(visit, "fee")
    if growth == 0:
        return "nothing_new"
    ledger.fee(
        visit.subject,
        provider=report.provider,
        cause=f"{report.object_id}:{report.amount_minor}",
        amount=Money(growth, report.currency),
        effective_at=report.occurred_at,
        now=visit.now,
    )
    return "applied"


def _which(visit: Visit) -> Refund | None:
    """The refund that a report speaks of: by our reference, by the provider's id, or the one of this amount that is being asked
    for and has no id yet, where the provider gives no reference back."""
    report, rows = visit.report, visit.dossiers.refunds(visit.order.pk)
    mine = [row for row in rows if row.payment_id == visit.payment.pk]
    if report.refund_reference:
        return next((row for row in mine if row.pk.hex == report.refund_reference), None)
    known = next((row for row in mine if report.object_id and row.provider_id == report.object_id), None)
    if known is not None:
        return known
    waiting = [row for row in mine if row.provider_id is None and row.state in ("intended", "unknown")]
    return next((row for row in waiting if row.amount_minor == report.amount_minor), None)


def _plain(visit: Visit) -> bool:
    """It names an object and an amount of the payment's own currency."""
    report = visit.report
    return bool(report.object_id) and (report.amount_minor or 0) > 0 and report.currency == visit.payment.currency


def _by_provider(visit: Visit, state: str) -> str:
    """Nobody here asked for it: made in the dashboard, by the provider, or by the customer's bank. Always recorded (R-J1)."""
    report = visit.report
    refund = refunds.of_provider(
        visit.payment,
        provider_id=report.object_id or "",
        amount_minor=report.amount_minor or 0,
        state=state,
        reason=str(report.detail.get("reason") or "made by the provider"),
        cause=visit.cause,
        now=visit.now,
    )
    visit.dossiers.refunds(visit.order.pk).append(refund)
    if state == "succeeded":
        _gave_back(visit, refund)
    return "applied"


def _gave_back(visit: Visit, refund: Refund) -> None:
    """The money went back: ledger, order, stock, access and message follow."""
    payment = visit.payment
    before = afterwards.back_minor(visit)
    if fact(visit, "refund") == 0:
        return
    payments.learn(payment, refunded_minor=visit.dossiers.facts.refunded_minor(payment.pk))
    parts = afterwards.parts(visit, before=before, growth=refund.amount_minor)
    _post(ledger.refund, visit, parts)
    if payment.refunded_minor + payment.disputed_minor > payment.captured_minor:
        _excess(visit, refund)
    afterwards.taken_back(visit, refund)
    afterwards.order_follows(visit)
    topic = "money_returned" if payment.surplus_at else "refunded"
    outbox.write(merchant_id=payment.merchant_id, topic=topic, cause=refund.pk.hex, order_id=payment.order_id, now=visit.now)


def _failed(visit: Visit, refund: Refund, *, had_succeeded: bool) -> None:
    """It did not go through, or bounced after it had: a person finds another way to pay the customer back."""
    payment = visit.payment
    if had_succeeded:
        before = afterwards.back_minor(visit)
        fact(visit, "refund_failed")
        payments.learn(payment, refunded_minor=visit.dossiers.facts.refunded_minor(payment.pk))
        undone = afterwards.parts(visit, before=before - refund.amount_minor, growth=refund.amount_minor)
        _post(ledger.refund_failed, visit, undone)
        afterwards.order_follows(visit)
    cases.open_case(
        merchant_id=refund.merchant_id,
        kind="refund_failed",
        cause=refund.pk.hex,
        summary=(
            f"A refund of {refund.amount_minor} {refund.currency} (minor units) for order {visit.order.number} "
            f"{'bounced after it had succeeded' if had_succeeded else 'failed'}: {refund.error or visit.report.raw_status}"
        ),
        proposal="Refund it again, or pay the customer another way.",
        evidence=evidence(visit.report),
        order_id=refund.order_id,
        payment_id=refund.payment_id,
        now=visit.now,
    )


def _post(entry: Any, visit: Visit, parts: ledger.Parts) -> None:
    report = visit.report
    entry(
        visit.subject,
        provider=report.provider,
        cause=report.object_id or "",
        parts=parts,
        currency=visit.payment.currency,
        effective_at=report.occurred_at,
        now=visit.now,
    )


def _excess(visit: Visit, refund: Refund) -> None:
    """More went back than had come in: real, recorded, and a person's to explain."""
    payment = visit.payment
    cases.open_case(
        merchant_id=refund.merchant_id,
        kind="refund_excess",
        cause=refund.pk.hex,
        summary=(
            f"{payment.refunded_minor} refunded and {payment.disputed_minor} disputed of {payment.captured_minor} "
            f"{payment.currency} captured (minor units), order {visit.order.number}."
        ),
        proposal="Find out with the provider why more went back than had come in.",
        evidence=evidence(visit.report),
        order_id=refund.order_id,
        payment_id=refund.payment_id,
        now=visit.now,
    )
