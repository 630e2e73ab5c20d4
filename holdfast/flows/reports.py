"""THE DOOR: every fact about money enters here and nowhere else.

A provider's reply, its webhook, our poll and a statement line are all the same `ProviderReport`. Applied twice, late or out of
order, a report changes nothing that it should not: knowledge of money only grows, and every follow-up hangs on the change and
not on the path by which it came.

One report is no fact about money: that there was nothing to pay (`settled`). It is our own word, taken only of a payment of zero,
and comes this way so that there is no second way to a paid order.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from holdfast.db.moves import Cause
from holdfast.db.statements import Question as Ahead
from holdfast.db.tenancy import writing
from holdfast.flows import answers, attempts, disputes, returns
from holdfast.flows.dossiers import Dossiers, HasMode
from holdfast.flows.naming import Applied, Early, NoSuchPayment, NotOurs, binding, named_by, rows_named, security
from holdfast.flows.visit import Visit, unreadable
from holdfast.orders import services as orders
from holdfast.payments import queries as payment_queries
from holdfast.payments import services as payments
from holdfast.payments.models import Operation, Payment
from holdfast.providers.contract import DISPUTE_KINDS, REFUND_KINDS, Kind, ProviderReport

__all__ = ["Applied", "Arrival", "Early", "NoSuchPayment", "NotOurs", "apply", "questions_of", "record", "record_all"]

#: What naming and recording may tell of a report instead of having applied it.
Unplaced = NoSuchPayment | NotOurs | Early
#: Whose a report is: an attempt, or what else became of it.
Named = Payment | Applied | Unplaced
#: Kinds that speak of money which has to be known before.
ABOUT_MONEY = REFUND_KINDS | DISPUTE_KINDS | {Kind.FEE}


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A report, and what brought it: the provider's event or our question, which knows the order.

    `outcome`: how the question ended, where the report's kind alone does not tell.
    """

    report: ProviderReport
    event_id: UUID | None = None
    operation_id: UUID | None = None
    order_id: UUID | None = None
    outcome: str | None = None


def apply(report: ProviderReport, *, merchant_id: UUID, now: datetime) -> Applied:
    """Apply a report in a transaction of its own. Safe to repeat. Raises NoSuchPayment, NotOurs, Early, Busy."""
    with writing(merchant_id, step="reports.apply"):
        return record(report, now=now)


def record(report: ProviderReport, *, now: datetime, event_id: UUID | None = None) -> Applied:
    """Apply a report in the caller's transaction. Raises NoSuchPayment, NotOurs, Early, Busy."""
    (told,) = record_all([Arrival(report=report, event_id=event_id)], now=now)
    if isinstance(told, Applied):
        return told
    raise told


def record_all(
    arrivals: Sequence[Arrival], *, now: datetime, accounts: Mapping[UUID, HasMode] | None = None
) -> list[Applied | Unplaced]:
    """Apply reports in the caller's transaction, one after the other, with the rows of all of them read together.

    What each of them did, with what the same answer told besides (`also`), in the same order; one that names nothing of ours
    did nothing. `accounts` are those that the caller has read. Raises Busy.
    """
    if not arrivals:
        return []
    said = [[*_opened_up(arrival)] for arrival in arrivals]
    reports = [each.report for group in said for each in group]
    named = iter(named_by(reports, now=now))
    placed = [_placed([(each, next(named)) for each in group]) for group in said]
    # The order row is the lock on everything that is paid for it: the payments are read again under it.
    dossiers = Dossiers(
        {found.order_id for group in placed for _, found in group if isinstance(found, Payment)},
        objects={(report.account_id, name) for report in reports for name in (report.object_id, report.money_id) if name},
        accounts=accounts or {},
    )
    return [_told_together([_record_named(each, found, dossiers, now=now) for each, found in group]) for group in placed]


def questions_of(arrival: Arrival) -> Sequence[Ahead]:
    """What recording the answer to a question of ours begins with: the order's lock, and what is read under it."""
    asked: list[Ahead] = []
    if arrival.order_id is not None:
        order_id = arrival.order_id
        asked += [lambda: orders.lock_orders([order_id]), lambda: payment_queries.of_orders([order_id])]
    if arrival.operation_id is not None:
        operation_id = arrival.operation_id
        asked.append(lambda: payment_queries.operation_now(operation_id))
    return [*asked, lambda: rows_named([each.report for each in _opened_up(arrival)])]


def _opened_up(arrival: Arrival) -> Iterator[Arrival]:
    """The report that was asked for, then what the same answer told besides."""
    yield arrival
    for report in arrival.report.also:
        yield Arrival(report=report, event_id=arrival.event_id, order_id=arrival.order_id)


def _placed(group: Sequence[tuple[Arrival, Named]]) -> list[tuple[Arrival, Named]]:
    """What an answer tells besides of the very money that it reports is about the attempt that it names.

    Until that money is recorded nothing else may say whose it is: a refund in the dashboard and a dispute carry no reference.
    """
    (first, owner), *rest = group
    if not isinstance(owner, Payment):
        return [*group]
    mine = [isinstance(found, Early) and each.report.money_id == first.report.object_id for each, found in rest]
    return [(first, owner), *((each, owner if own else found) for (each, found), own in zip(rest, mine, strict=True))]


def _told_together(told: Sequence[Applied | Unplaced]) -> Applied | Unplaced:
    """What an answer did as a whole: what its first report did, or that one of the others changed something."""
    first = told[0]
    if isinstance(first, Applied) and first.verdict == "nothing_new" and any(_changed(each) for each in told[1:]):
        return replace(first, verdict="applied")
    return first


def _changed(told: Applied | Unplaced) -> bool:
    return isinstance(told, Applied) and told.verdict == "applied"


def _record_named(arrival: Arrival, found: Named, dossiers: Dossiers, *, now: datetime) -> Applied | Unplaced:
    if not isinstance(found, Payment):
        return found
    report, payment = arrival.report, dossiers.payments[found.pk]
    if report.kind in ABOUT_MONEY:
        taken = dossiers.facts.capture_of(report.account_id, report.money_id) if report.money_id else None
        if taken is None and arrival.operation_id is None:
            return Early(report) if report.money_id else NotOurs()
        if taken is not None and taken.payment_id not in dossiers.payments:
            return security(report, payment, what="The money that it speaks of is another order's", now=now)
        payment = dossiers.payments[taken.payment_id] if taken else payment
    return _record(arrival, payment, dossiers, now=now)


def _record(arrival: Arrival, payment: Payment, dossiers: Dossiers, *, now: datetime) -> Applied:
    report, event_id = arrival.report, arrival.event_id
    operation = payment_queries.operation_now(arrival.operation_id) if arrival.operation_id else None
    order = dossiers.orders[payment.order_id]
    before = payment.state
    cause = Cause(f"{report.provider} {report.source}: {report.raw_status or report.kind}", actor=report.provider, event=event_id)
    visit = Visit(report, dossiers, order, payment, cause, event_id, now)

    refused = binding(visit)
    if refused is not None:
        if operation is not None:
            payments.settle(operation, "unknown", error="the answer was refused at the door: see the case", now=now)
        return refused
    if report.kind not in ABOUT_MONEY:
        payments.learn(payment, **_identity(visit))
    outcome = arrival.outcome or _OUTCOMES.get(report.kind, "succeeded")
    verdict = _effect(visit, operation, outcome)
    if operation is not None:
        payments.settle(operation, outcome, now=now)
    opening = operation is not None and operation.kind in ("open", "close")
    told = answers.settle(order, payment) if opening or before in ("created", "unknown") else None
    # Only who moves it out of doubt knows that no earlier answer stands.
    return Applied(verdict, order.pk, payment.pk, told if before in ("created", "unknown") else None)


def _effect(visit: Visit, operation: Operation | None, outcome: str) -> str:
    if operation is not None and operation.kind == "capture":
        return attempts.capture_answered(visit, operation, declined=outcome == "declined", effect=_EFFECTS[visit.report.kind])
    return _EFFECTS[visit.report.kind](visit)


def _identity(visit: Visit) -> dict[str, Any]:
    """What the provider told of the attempt besides its state."""
    report, payment = visit.report, visit.payment
    known: dict[str, Any] = {"raw_status": report.raw_status[:80]} if report.raw_status else {}
    if report.provider_id and payment.provider_id is None:
        known["provider_id"] = report.provider_id
    if report.pay_url and not payment.pay_url:
        known["pay_url"] = report.pay_url
    if report.show and not payment.show:
        known["show"] = dict(report.show)
    return known


#: How the operation ended that brought such a report; any other was done.
_OUTCOMES = {
    Kind.FAILED: "declined",
    Kind.REFUND_FAILED: "declined",
    Kind.UNREADABLE: "unknown",
}

_EFFECTS: dict[Kind, Callable[[Visit], str]] = {
    Kind.OPENED: attempts.opened,
    Kind.PENDING: attempts.opened,
    Kind.AUTHORIZED: attempts.authorized,
    Kind.CAPTURED: attempts.captured,
    Kind.SETTLED: attempts.settled,
    Kind.FAILED: attempts.ended,
    Kind.EXPIRED: attempts.ended,
    Kind.CANCELLED: attempts.ended,
    Kind.UNREADABLE: unreadable,
    **dict.fromkeys(REFUND_KINDS, returns.told),
    **dict.fromkeys(DISPUTE_KINDS, disputes.told),
    Kind.FEE: returns.fee,
}
