"""What a report about an attempt changes: opened, held, taken, ended; and money that does not fit."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from holdfast.cases import services as cases
from holdfast.db.moves import Cause
from holdfast.flows import answers, paid
from holdfast.flows.dossiers import Dossiers
from holdfast.flows.visit import Visit, evidence, fact, unreadable
from holdfast.inventory import services as inventory
from holdfast.kernel.money import Money
from holdfast.ledger import services as ledger
from holdfast.orders import services as orders
from holdfast.orders.models import Order
from holdfast.outbox import services as outbox
from holdfast.payments import services as payments
from holdfast.payments.models import NOTHING, Operation, Payment
from holdfast.payments.states import IN_FLIGHT, PAYMENT
from holdfast.promotions import services as promotions
from holdfast.providers.contract import Kind, Source


def opened(visit: Visit) -> str:
    """The customer can pay, or tries to. A decline inside an open session ends nothing (D4)."""
    if visit.payment.state not in ("created", "unknown"):
        return "nothing_new"
    payments.go(visit.payment, "open", cause=visit.cause)
    if visit.payment.superseded_at is not None:
        # While it was being opened, another attempt paid the order, or its time was over.
        paid.close_page(visit.payment, now=visit.now)
    return "applied"


def authorized(visit: Visit) -> str:
    """The provider holds the money for us."""
    payment, order = visit.payment, visit.order
    if not _fits(visit):
        return unreadable(visit)
    if payment.state not in IN_FLIGHT or payment.state == "authorized":
        return "nothing_new"
    fact(visit, "authorization")
    payments.go(payment, "authorized", cause=visit.cause)
    ledger.authorization(
        visit.subject,
        cause=payment.pk.hex,
        amount=Money(payment.amount_minor, payment.currency),
        effective_at=visit.report.occurred_at,
        now=visit.now,
    )
    if order.state in ("payment_pending", "capture_failed"):
        orders.go(order, "payment_authorized", cause=visit.cause)
    return "applied"


def captured(visit: Visit) -> str:
    """The provider took the money: the one way in which an order becomes paid."""
    if not _fits(visit) or _took_a_part(visit):
        return _unapplied(visit)
    report, facts = visit.report, visit.dossiers.facts
    if visit.payment.state not in IN_FLIGHT and not facts.knows_capture(visit.payment, report.object_id or ""):
        visit = _late(visit)
    known = facts.known_of_object(visit.payment, report.object_id or "", visit.payment.currency)
    growth = fact(visit, "capture")
    if growth == 0:
        return "nothing_new"
    _take(visit)
    _book(visit, growth=growth, before=known, after={**known, "capture": report.amount_minor or 0})
    paid.money_arrived(
        visit.dossiers,
        payment=visit.payment,
        paid_at=report.occurred_at,
        cause=visit.cause,
        evidence=evidence(report),
        now=visit.now,
    )
    return "applied"


def _book(visit: Visit, *, growth: int, before: Mapping[str, int], after: Mapping[str, int]) -> None:
    """One object's money stands in the ledger once, as the most that was ever said of it.

    What was kept apart of it, because an earlier word did not fit, is now the customer's deposit.
    """
    report = visit.report
    fresh = max(after.values()) - max(before.values(), default=0)
    cause = f"{report.object_id}:{report.amount_minor}"
    more: dict[str, Any] = {"cause": cause, "effective_at": report.occurred_at, "now": visit.now}
    if growth > fresh:
        ledger.applied(visit.subject, amount=Money(growth - fresh, visit.payment.currency), **more)
    if fresh:
        ledger.capture(visit.subject, provider=report.provider, amount=Money(fresh, visit.payment.currency), **more)


def _late(visit: Visit) -> Visit:
    """The attempt had ended, or had its money already: it never takes more. What came is a payment of its own (D4)."""
    late = payments.late_money(
        visit.payment,
        object_id=visit.report.object_id or "",
        amount_minor=visit.report.amount_minor or 0,
        cause=visit.cause,
        now=visit.now,
    )
    return replace(visit, payment=visit.dossiers.payments.setdefault(late.pk, late))


def _take(visit: Visit) -> None:
    """What the payment says was captured is always the sum of the facts."""
    payment = visit.payment
    total = visit.dossiers.facts.captured_minor(payment.pk)
    if payment.state == "authorized":
        _close_authorization(visit.order, payment, effective_at=visit.report.occurred_at, now=visit.now)
    if payment.state == "captured":
        payments.learn(payment, captured_minor=total)
    else:
        payments.go(payment, "captured", cause=visit.cause, captured_minor=total)


def settled(visit: Visit) -> str:
    """There was nothing to pay (B7): a settlement of zero pays the order. No money moved, so no fact and no entry is made."""
    payment = visit.payment
    if (payment.provider, payment.amount_minor, visit.report.source) != (NOTHING, 0, Source.OWN):
        return unreadable(visit)
    if payment.state != "created":
        return "nothing_new"
    payments.go(payment, "captured", cause=visit.cause)
    said = evidence(visit.report)
    paid.money_arrived(visit.dossiers, payment=payment, paid_at=visit.now, cause=visit.cause, evidence=said, now=visit.now)
    return "applied"


def ended(visit: Visit) -> str:
    """The provider confirmed that this attempt can no longer take money."""
    target = str(visit.report.kind)
    if visit.payment.state not in IN_FLIGHT:
        return "nothing_new"
    if not PAYMENT.allows(visit.payment.state, target):
        return unreadable(visit)
    close_attempt(visit.dossiers, visit.payment, target=target, cause=visit.cause, now=visit.now)
    return "applied"


def close_attempt(dossiers: Dossiers, payment: Payment, *, target: str, cause: Cause, now: datetime) -> None:
    """End an attempt that can no longer take money: `failed`, `expired` or `cancelled`. Its order lets go of the stock.

    An attempt that another one replaced moves nothing but itself.
    """
    order = dossiers.orders[payment.order_id]
    if payment.state == "authorized":
        _close_authorization(order, payment, effective_at=now, now=now)
    payments.go(payment, target, cause=cause)
    if payment.superseded_at is not None or order.state not in _AFTER_END:
        return
    order_target = _AFTER_END[order.state][target]
    orders.go(order, order_target, cause=cause, due_at=None)
    let_go = "expired" if order_target == "expired" else "released"
    promotions.release(dossiers.redemptions(order.pk), cause=cause)
    inventory.release(dossiers.reservations(order.pk), to=let_go, cause=cause)
    outbox.write(merchant_id=order.merchant_id, topic="payment_problem", cause=payment.pk.hex, order_id=order.pk, now=now)


def _close_authorization(order: Order, payment: Payment, *, effective_at: datetime, now: datetime) -> None:
    ledger.authorization_closed(
        ledger.Subject(order.merchant_id, order.pk, payment.pk),
        cause=payment.pk.hex,
        amount=Money(payment.amount_minor, payment.currency),
        effective_at=effective_at,
        now=now,
    )


def capture_answered(visit: Visit, operation: Operation, *, declined: bool, effect: Callable[[Visit], str]) -> str:
    """The answer to a capture that we asked for: taken, or refused while the money is still held, or gone."""
    still_held = declined and visit.report.kind is Kind.AUTHORIZED
    verdict = _capture_declined(visit) if still_held else effect(visit)
    answers.settle_capture(visit.order, visit.payment, operation_id=operation.pk, declined=declined)
    return verdict


def _capture_declined(visit: Visit) -> str:
    """The provider holds the money and did not take it: it may be tried again, or let go of."""
    order, payment = visit.order, visit.payment
    if order.state != "payment_authorized":
        return "nothing_new"
    orders.go(order, "capture_failed", cause=visit.cause)
    cases.open_case(
        merchant_id=order.merchant_id,
        kind="capture_failed",
        cause=payment.pk.hex,
        summary=f"The capture for order {order.number} was declined: {visit.report.raw_status}",
        proposal="Capture it again, or cancel the order, before the authorization lapses.",
        evidence=evidence(visit.report),
        order_id=order.pk,
        payment_id=payment.pk,
        now=visit.now,
    )
    return "applied"


#: Where an order goes when its attempt ends, by the order's state.
_AFTER_END = {
    "payment_pending": {"failed": "payment_failed", "expired": "expired", "cancelled": "payment_failed"},
    "payment_authorized": {"failed": "cancelled", "expired": "expired", "cancelled": "cancelled"},
    "capture_failed": {"failed": "cancelled", "expired": "cancelled", "cancelled": "cancelled"},
}


# -- Money that does not fit ------------------------------------------------------------------------------------------


def _fits(visit: Visit) -> bool:
    """Amount and currency are exactly what the attempt asked for, and the money has a name.

    Of money that was held first, less may be captured: the rest is let go of.
    """
    report, payment = visit.report, visit.payment
    amount, currency = report.amount_minor or 0, report.currency
    partly = payment.capture == Payment.Capture.MANUAL and report.kind is Kind.CAPTURED and 0 < amount < payment.amount_minor
    return (amount == payment.amount_minor or partly) and currency == payment.currency and bool(report.object_id)


def _took_a_part(visit: Visit) -> bool:
    """Less of this money was captured before, and the rest was let go of: the order is sold for that part and never for more."""
    fact = visit.dossiers.facts.find(visit.payment, "capture", visit.report.object_id or "")
    return fact is not None and fact.amount_minor < (visit.report.amount_minor or 0)


def _unapplied(visit: Visit) -> str:
    """Another amount or currency than asked: the money is real and is kept apart; the order does not move.

    Only what exceeds the money already booked of that object is new: a smaller word adds nothing but a case.
    """
    report, payment = visit.report, visit.payment
    if not report.amount_minor or report.amount_minor < 0 or not report.currency or not report.object_id:
        return unreadable(visit)
    known = visit.dossiers.facts.known_of_object(payment, report.object_id, report.currency)
    if fact(visit, "unapplied") == 0:
        return "nothing_new"
    growth = report.amount_minor - max(known.values(), default=0)
    if growth > 0:
        ledger.unapplied(
            visit.subject,
            provider=payment.provider,
            cause=f"{report.object_id}:{report.amount_minor}",
            amount=Money(growth, report.currency),
            effective_at=report.occurred_at,
            now=visit.now,
        )
    cases.open_case(
        merchant_id=payment.merchant_id,
        kind="amount_conflict",
        cause=f"{payment.pk.hex}:{report.object_id}:{report.amount_minor}",
        summary=(
            f"{report.provider} took {report.amount_minor} {report.currency} (minor units); "
            f"we asked for {payment.amount_minor} {payment.currency}. The order was not marked paid."
        ),
        proposal="Refund it, or allocate it to the order it was meant for.",
        evidence=evidence(report),
        order_id=payment.order_id,
        payment_id=payment.pk,
        now=visit.now,
    )
    return "refused"
