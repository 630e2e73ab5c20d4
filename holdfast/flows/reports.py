"""THE DOOR: every fact about money enters here and nowhere else.

A provider's reply, its webhook, our poll and a statement line are all the same `ProviderReport`. Applied twice, late or out of
order, a report changes nothing that it should not: knowledge of money only grows, and every follow-up hangs on the change and
not on the path by which it came.

One report is no fact about money: that there was nothing to pay (`settled`). It is our own word, taken only of a payment of zero,
and comes this way so that there is no second way to a paid order.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from holdfast.cases import services as cases
from holdfast.db.moves import Cause
from holdfast.db.statements import Question as Ahead
from holdfast.db.tenancy import writing
from holdfast.flows import answers, paid
from holdfast.flows.dossiers import Dossiers, HasMode
from holdfast.idempotency.services import Answer
from holdfast.inventory import services as inventory
from holdfast.kernel.errors import Conflict
from holdfast.kernel.money import Money
from holdfast.ledger import services as ledger
from holdfast.orders import services as orders
from holdfast.orders.models import Order
from holdfast.outbox import services as outbox
from holdfast.payments import queries as payment_queries
from holdfast.payments import services as payments
from holdfast.payments.models import NOTHING, Payment
from holdfast.payments.states import IN_FLIGHT, PAYMENT
from holdfast.promotions import services as promotions
from holdfast.providers.contract import Kind, ProviderReport, Source


class NoSuchPayment(Conflict):
    """The report names a payment of ours that is not there (yet): look again later."""


class NotOurs(Conflict):
    """The report names nothing of ours: something else was sold with this provider account."""


@dataclass(frozen=True)
class Applied:
    """What a report did. `verdict`: applied, nothing_new, or refused (recorded as a case, and nothing of ours moved)."""

    verdict: str
    order_id: UUID
    payment_id: UUID
    #: What the client's key was answered by it.
    answer: Answer | None = None


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A report, and what brought it: the provider's event or our question, which knows the order."""

    report: ProviderReport
    event_id: UUID | None = None
    operation_id: UUID | None = None
    order_id: UUID | None = None


@dataclass(frozen=True)
class _Visit:
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


def apply(report: ProviderReport, *, merchant_id: UUID, now: datetime) -> Applied:
    """Apply a report in a transaction of its own. Safe to repeat. Raises NoSuchPayment, NotOurs, Busy."""
    with writing(merchant_id, step="reports.apply"):
        return record(report, now=now)


def record(report: ProviderReport, *, now: datetime, event_id: UUID | None = None) -> Applied:
    """Apply a report in the caller's transaction. Raises NoSuchPayment, NotOurs, Busy."""
    (told,) = record_all([Arrival(report=report, event_id=event_id)], now=now)
    if isinstance(told, Applied):
        return told
    raise told


def record_all(
    arrivals: Sequence[Arrival], *, now: datetime, accounts: Mapping[UUID, HasMode] | None = None
) -> list[Applied | NoSuchPayment | NotOurs]:
    """Apply reports in the caller's transaction, one after the other, with the rows of all of them read together.

    What each of them did, in the same order; one that names nothing of ours did nothing. `accounts` are those that the caller
    has read. Raises Busy.
    """
    if not arrivals:
        return []
    named = _named_by([arrival.report for arrival in arrivals], now=now)
    # The order row is the lock on everything that is paid for it: the payments are read again under it.
    dossiers = Dossiers(
        {payment.order_id for payment in named if isinstance(payment, Payment)},
        objects={(each.report.account_id, each.report.object_id) for each in arrivals if each.report.object_id},
        accounts=accounts or {},
    )
    told: list[Applied | NoSuchPayment | NotOurs] = []
    for arrival, payment in zip(arrivals, named, strict=True):
        told.append(_record(arrival, payment.pk, dossiers, now=now) if isinstance(payment, Payment) else payment)
    return told


def questions_of(arrival: Arrival) -> Sequence[Ahead]:
    """What recording the answer to a question of ours begins with: the order's lock, and what is read under it."""
    asked: list[Ahead] = []
    if arrival.order_id is not None:
        order_id = arrival.order_id
        asked += [lambda: orders.lock_orders([order_id]), lambda: payment_queries.of_orders([order_id])]
    if arrival.operation_id is not None:
        operation_id = arrival.operation_id
        asked.append(lambda: payment_queries.operation_now(operation_id))
    return [*asked, lambda: _rows_named([arrival.report])]


def _record(arrival: Arrival, payment_id: UUID, dossiers: Dossiers, *, now: datetime) -> Applied:
    report, event_id = arrival.report, arrival.event_id
    operation = payment_queries.operation_now(arrival.operation_id) if arrival.operation_id else None
    payment = dossiers.payments[payment_id]
    order = dossiers.orders[payment.order_id]
    before = payment.state
    cause = Cause(f"{report.provider} {report.source}: {report.raw_status or report.kind}", actor=report.provider, event=event_id)
    visit = _Visit(report, dossiers, order, payment, cause, event_id, now)

    refused = _binding(visit)
    if refused is not None:
        if operation is not None:
            payments.settle(operation, "unknown", error="the answer was refused at the door: see the case", now=now)
        return refused
    payments.learn(payment, **_identity(visit))
    verdict = _EFFECTS[report.kind](visit)
    if operation is not None:
        payments.settle(operation, _OUTCOMES.get(report.kind, "succeeded"), now=now)
    told = answers.settle(order, payment) if operation is not None or before in ("created", "unknown") else None
    # Only who moves it out of doubt knows that no earlier answer stands.
    return Applied(verdict, order.pk, payment.pk, told if before in ("created", "unknown") else None)


# -- Whose report is this? --------------------------------------------------------------------------------------------


def _named_by(reports: Sequence[ProviderReport], *, now: datetime) -> list[Payment | Applied | NoSuchPayment | NotOurs]:
    """The attempts that reports name."""
    rows = _rows_named(reports)
    return [_named(report, rows, now=now) for report in reports]


def _rows_named(reports: Sequence[ProviderReport]) -> list[Payment]:
    references = dict.fromkeys(_uuid(report.reference) for report in reports)
    names = dict.fromkeys((report.account_id, report.provider_id) for report in reports if report.provider_id)
    return payment_queries.find(references=[each for each in references if each], names=names)


def _named(report: ProviderReport, rows: Sequence[Payment], *, now: datetime) -> Payment | Applied | NoSuchPayment | NotOurs:
    """The attempt that a report names by the provider's id, by our reference, or by both alike."""
    reference, name = _uuid(report.reference), (report.account_id, report.provider_id)
    by_id = next((row for row in rows if report.provider_id and (row.account_id, row.provider_id) == name), None)
    by_reference = next((row for row in rows if row.pk == reference), None)
    named = by_id or by_reference
    if named is None:
        return NoSuchPayment() if reference is not None else NotOurs()
    contradicts = by_id is not None and by_reference is not None and by_id.pk != by_reference.pk
    other_attempt = by_id is None and report.provider_id is not None and named.provider_id not in (None, report.provider_id)
    if contradicts or other_attempt or (reference is not None and by_reference is None):
        return _security(report, named, "The reference and the provider's id name different payments", now=now)
    return named


def _binding(visit: _Visit) -> Applied | None:
    """Account, provider and mode must be those we asked (D5). Amount and currency are judged where money is spoken of."""
    report, payment = visit.report, visit.payment
    if (payment.account_id, payment.provider) != (report.account_id, report.provider):
        return _security(report, payment, "Another account speaks of this payment", now=visit.now)
    if report.live != visit.dossiers.account(payment.account_id).live:
        return _security(report, payment, "Test and live mode are mixed", now=visit.now)
    late = visit.dossiers.late_of(payment)
    if report.object_id and visit.dossiers.facts.belongs_to_another(payment, report.object_id, late):
        return _security(report, payment, "This money is known as that of another payment", now=visit.now)
    return None


def _security(report: ProviderReport, payment: Payment, what: str, *, now: datetime) -> Applied:
    """Refuse, and record it: a report that does not belong to the payment it names."""
    cases.open_case(
        merchant_id=payment.merchant_id,
        kind="foreign_reference",
        cause=f"{report.account_id.hex}:{report.provider_id or report.object_id or '-'}:{payment.pk.hex}",
        summary=f"{what}. Nothing was changed.",
        proposal="Find out who sent it. If money came in, refund it with the provider.",
        evidence=_evidence(report),
        order_id=payment.order_id,
        payment_id=payment.pk,
        now=now,
    )
    return Applied("refused", payment.order_id, payment.pk)


def _identity(visit: _Visit) -> dict[str, str]:
    """What the provider told of the attempt besides its state."""
    report, payment = visit.report, visit.payment
    known = {"raw_status": report.raw_status[:80]} if report.raw_status else {}
    if report.provider_id and payment.provider_id is None:
        known["provider_id"] = report.provider_id
    if report.pay_url and not payment.pay_url:
        known["pay_url"] = report.pay_url
    return known


# -- What does it change? ---------------------------------------------------------------------------------------------


def _opened(visit: _Visit) -> str:
    """The customer can pay, or tries to. A decline inside an open session ends nothing (D4)."""
    if visit.payment.state not in ("created", "unknown"):
        return "nothing_new"
    payments.go(visit.payment, "open", cause=visit.cause)
    if visit.payment.superseded_at is not None:
        # While it was being opened, another attempt paid the order, or its time was over.
        paid.close_page(visit.payment, now=visit.now)
    return "applied"


def _authorized(visit: _Visit) -> str:
    """The provider holds the money for us."""
    payment, order = visit.payment, visit.order
    if not _fits(visit):
        return _unreadable(visit)
    if payment.state not in IN_FLIGHT or payment.state == "authorized":
        return "nothing_new"
    _fact(visit, "authorization")
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


def _captured(visit: _Visit) -> str:
    """The provider took the money: the one way in which an order becomes paid."""
    if not _fits(visit):
        return _unapplied(visit)
    report, facts = visit.report, visit.dossiers.facts
    if visit.payment.state not in IN_FLIGHT and not facts.knows_capture(visit.payment, report.object_id or ""):
        visit = _late(visit)
    known = facts.known_of_object(visit.payment, report.object_id or "", visit.payment.currency)
    growth = _fact(visit, "capture")
    if growth == 0:
        return "nothing_new"
    _take(visit)
    _book(visit, growth=growth, before=known, after={**known, "capture": report.amount_minor or 0})
    paid.money_arrived(visit.dossiers, payment=visit.payment, cause=visit.cause, evidence=_evidence(report), now=visit.now)
    return "applied"


def _book(visit: _Visit, *, growth: int, before: Mapping[str, int], after: Mapping[str, int]) -> None:
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


def _late(visit: _Visit) -> _Visit:
    """The attempt had ended, or had its money already: it never takes more. What came is a payment of its own (D4)."""
    late = payments.late_money(
        visit.payment,
        object_id=visit.report.object_id or "",
        amount_minor=visit.report.amount_minor or 0,
        cause=visit.cause,
        now=visit.now,
    )
    return replace(visit, payment=visit.dossiers.payments.setdefault(late.pk, late))


def _take(visit: _Visit) -> None:
    """What the payment says was captured is always the sum of the facts."""
    payment = visit.payment
    total = visit.dossiers.facts.captured_minor(payment.pk)
    if payment.state == "authorized":
        _close_authorization(visit.order, payment, effective_at=visit.report.occurred_at, now=visit.now)
    if payment.state == "captured":
        payments.learn(payment, captured_minor=total)
    else:
        payments.go(payment, "captured", cause=visit.cause, captured_minor=total)


def _settled(visit: _Visit) -> str:
    """There was nothing to pay (B7): a settlement of zero pays the order. No money moved, so no fact and no entry is made."""
    payment = visit.payment
    if (payment.provider, payment.amount_minor, visit.report.source) != (NOTHING, 0, Source.OWN):
        return _unreadable(visit)
    if payment.state != "created":
        return "nothing_new"
    payments.go(payment, "captured", cause=visit.cause)
    paid.money_arrived(visit.dossiers, payment=payment, cause=visit.cause, evidence=_evidence(visit.report), now=visit.now)
    return "applied"


def _ended(visit: _Visit) -> str:
    """The provider confirmed that this attempt can no longer take money."""
    target = str(visit.report.kind)
    if visit.payment.state not in IN_FLIGHT:
        return "nothing_new"
    if not PAYMENT.allows(visit.payment.state, target):
        return _unreadable(visit)
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


#: Where an order goes when its attempt ends, by the order's state.
_AFTER_END = {
    "payment_pending": {"failed": "payment_failed", "expired": "expired", "cancelled": "payment_failed"},
    "payment_authorized": {"failed": "cancelled", "expired": "expired", "cancelled": "cancelled"},
}


def _unreadable(visit: _Visit) -> str:
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
        evidence=_evidence(report),
        order_id=payment.order_id,
        payment_id=payment.pk,
        now=visit.now,
    )
    return "refused"


#: How the operation ended that brought such a report; any other was done.
_OUTCOMES = {Kind.FAILED: "declined", Kind.UNREADABLE: "unknown"}

_EFFECTS: dict[Kind, Callable[[_Visit], str]] = {
    Kind.OPENED: _opened,
    Kind.PENDING: _opened,
    Kind.AUTHORIZED: _authorized,
    Kind.CAPTURED: _captured,
    Kind.SETTLED: _settled,
    Kind.FAILED: _ended,
    Kind.EXPIRED: _ended,
    Kind.CANCELLED: _ended,
    Kind.UNREADABLE: _unreadable,
}


# -- Money that does not fit ------------------------------------------------------------------------------------------


def _fits(visit: _Visit) -> bool:
    """Amount and currency are exactly what the attempt asked for, and the money has a name."""
    report, payment = visit.report, visit.payment
    asked = (payment.amount_minor, payment.currency)
    return (report.amount_minor, report.currency) == asked and bool(report.object_id)


def _unapplied(visit: _Visit) -> str:
    """Another amount or currency than asked: the money is real and is kept apart; the order does not move.

    Only what exceeds the money already booked of that object is new: a smaller word adds nothing but a case.
    """
    report, payment = visit.report, visit.payment
    if not report.amount_minor or report.amount_minor < 0 or not report.currency or not report.object_id:
        return _unreadable(visit)
    known = visit.dossiers.facts.known_of_object(payment, report.object_id, report.currency)
    if _fact(visit, "unapplied") == 0:
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
        evidence=_evidence(report),
        order_id=payment.order_id,
        payment_id=payment.pk,
        now=visit.now,
    )
    return "refused"


def _fact(visit: _Visit, kind: str) -> int:
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


def _evidence(report: ProviderReport) -> dict[str, object]:
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


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(hex=text) if text else None
    except ValueError:
        return None
