"""Ask a provider what was intended, and bring its word to the door. The middle and the end of intend → ask → apply.

Checkout, retries of clients, recovery and expiry all ask here, with the same key and the same exact request.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from holdfast.db import payloads
from holdfast.db.moves import Cause
from holdfast.db.tenancy import reading, writing
from holdfast.flows import answers, moneyback, reports
from holdfast.idempotency.services import Answer
from holdfast.kernel.faults import asking
from holdfast.merchants import queries as merchants
from holdfast.merchants.models import Account
from holdfast.orders import services as orders
from holdfast.payments import queries as payment_queries
from holdfast.payments import refunds
from holdfast.payments import services as payments
from holdfast.payments.models import Operation, Payment, Refund
from holdfast.payments.states import REFUND
from holdfast.providers import registry
from holdfast.providers.contract import AccountHandle, Declined, NotSent, Provider, ProviderReport, Taken, Unknown

log = structlog.get_logger()

#: The fault points of asking, one per kind of question (see kernel.faults).
STEPS = ("ask.open", "ask.close", "ask.capture", "ask.refund", "ask.fetch", "ask.look")


@dataclass(frozen=True, kw_only=True)
class Question:
    """Everything that asking needs, read while a transaction was open; none is open while we ask."""

    merchant_id: UUID
    operation_id: UUID
    order_id: UUID
    payment_id: UUID
    refund_id: UUID | None
    kind: str
    key: str
    intended_at: datetime
    provider: str
    request: Mapping[str, Any]
    account: AccountHandle
    #: Is the money still wanted? Once the order lets go, opening again would charge for nothing: then only looking is left.
    wanted: bool = True


def of(
    operation: Operation, payment: Payment, *, request: Mapping[str, Any] | None = None, account: Account | None = None
) -> Question | None:
    """The question of an operation; None when its outcome is known. Call it with a transaction open.

    Whoever has just written the operation hands over its request and account; otherwise they are read.
    """
    if operation.state in ("succeeded", "declined"):
        return None
    if request is None:
        body = payloads.load(operation.request_id)
        if body is None:
            return None
        request = json.loads(body)
    return Question(
        merchant_id=operation.merchant_id,
        operation_id=operation.pk,
        order_id=payment.order_id,
        payment_id=payment.pk,
        refund_id=operation.refund_id,
        kind=operation.kind,
        key=operation.key,
        intended_at=operation.intended_at,
        provider=payment.provider,
        request=request or {},
        account=merchants.handle(account or merchants.account(payment.account_id)),
    )


def load(*, merchant_id: UUID, operation_id: UUID) -> Question | None:
    """The question of a committed operation; None when there is nothing to ask any more."""
    with reading(merchant_id):
        operation = payment_queries.operation(operation_id)
        payment = operation.payment
        question = of(operation, payment)
        wanted = payment.superseded_at is None and payment.order.state == "payment_pending"
        return replace(question, wanted=wanted) if question else None


@dataclass(frozen=True)
class Asked:
    """How a question ended: succeeded, declined, not_sent, unknown; and what its client's key was answered by it, if it was."""

    outcome: str
    answer: Answer | None = None


def ask(question: Question, *, now: datetime) -> Asked:
    """Ask, and apply the answer. Safe to repeat."""
    report: ProviderReport | None = None
    try:
        with asking(f"ask.{question.kind}"):
            report = _PUT[question.kind](registry.provider(question.provider), question)
    except Declined as declined:
        return _apply(question, declined.report, "declined", now=now)
    except NotSent as error:
        return _note_silence(question, "not_sent", str(error), now=now)
    except Unknown as error:
        return _note_silence(question, "unknown", str(error), now=now)
    except Exception as error:
        # A defect in an adapter must not be taken for an answer.
        log.exception("provider.broke", provider=question.provider, operation=str(question.operation_id))
        return _note_silence(question, "unknown", f"{type(error).__name__}: {error}", now=now)
    return _apply(question, report, "succeeded", now=now)


def _open(adapter: Provider, question: Question) -> ProviderReport:
    return adapter.open(request=question.request, key=question.key, account=question.account)


def _close(adapter: Provider, question: Question) -> ProviderReport:
    return adapter.close(provider_id=str(question.request["provider_id"]), key=question.key, account=question.account)


def _capture(adapter: Provider, question: Question) -> ProviderReport:
    money, amount = Taken(**question.request["money"]), question.request["amount_minor"]
    return adapter.capture(money=money, amount_minor=amount, key=question.key, account=question.account)


def _refund(adapter: Provider, question: Question) -> ProviderReport:
    return adapter.refund(wanted=moneyback.wanted(question.request), key=question.key, account=question.account)


#: How each kind of operation is put to the adapter.
_PUT: Mapping[str, Callable[[Provider, Question], ProviderReport]] = {
    "open": _open,
    "close": _close,
    "capture": _capture,
    "refund": _refund,
}


def look_up_refund(*, merchant_id: UUID, refund_id: UUID, now: datetime) -> str:
    """Ask the provider what it knows of a refund that we asked for, or that it made; apply it. As `look_up` answers."""
    with reading(merchant_id):
        refund = payment_queries.refund(refund_id)
        operation = payment_queries.operation_of_refund(refund_id)
        payment = payment_queries.get(refund.payment_id)
        account = merchants.handle(merchants.account(refund.account_id))
        request = payloads.load(operation.request_id) if operation else None
    if request is None:
        # Nobody here asked for it, or the request is past retention: the whole attempt tells of its refunds.
        return look_up(merchant_id=merchant_id, payment_id=payment.late_of_id or payment.pk, now=now)
    adapter, wanted = registry.provider(payment.provider), moneyback.wanted(json.loads(request))
    try:
        with asking("ask.fetch"):
            report = adapter.fetch_refund(wanted=wanted, provider_id=refund.provider_id, account=account)
    except (NotSent, Unknown) as error:
        log.info("provider.silent", provider=payment.provider, refund=str(refund_id), error=str(error))
        return "unknown"
    return "absent" if report is None else reports.apply(report, merchant_id=merchant_id, now=now).verdict


def look_up(*, merchant_id: UUID, payment_id: UUID, now: datetime) -> str:
    """Ask the provider what it knows of an attempt, and apply it. Returns applied, nothing_new, refused, absent or unknown.

    absent: the provider certainly knows nothing of it.
    """
    with reading(merchant_id):
        payment = payment_queries.get(payment_id)
        account = merchants.handle(merchants.account(payment.account_id))
    adapter = registry.provider(payment.provider)
    try:
        with asking("ask.fetch"):
            report = adapter.fetch(
                reference=payment.pk.hex, provider_id=payment.provider_id, account=account, since=payment.created_at
            )
    except (NotSent, Unknown) as error:
        log.info("provider.silent", provider=payment.provider, payment=str(payment_id), error=str(error))
        return "unknown"
    if report is None:
        return "absent"
    return reports.apply(report, merchant_id=merchant_id, now=now).verdict


def _apply(question: Question, report: ProviderReport, outcome: str, *, now: datetime) -> Asked:
    arrival = reports.Arrival(
        report=report,
        operation_id=question.operation_id,
        order_id=question.order_id,
        outcome="declined" if outcome == "declined" else None,
    )
    with writing(question.merchant_id, step="questions.apply", ahead=reports.questions_of(arrival)):
        (told,) = reports.record_all([arrival], now=now, accounts={question.account.id: question.account})
        if isinstance(told, Exception):
            raise told
    return Asked(outcome, told.answer)


def _note_silence(question: Question, outcome: str, error: str, *, now: datetime) -> Asked:
    """No answer, or it was never sent: note it; recovery asks again. Only the provider's word ends a doubt."""
    with writing(question.merchant_id, step="questions.silence"):
        payment = payment_queries.get(question.payment_id)
        orders.lock_order(payment.order_id)
        payment.refresh_from_db()
        operation = payment_queries.operation(question.operation_id)
        payments.settle(operation, outcome, error=error, now=now)
        cause = Cause(f"{question.provider} did not answer: {error}")
        if outcome == "unknown" and question.kind == "open" and payment.state == "created":
            payments.go(payment, "unknown", cause=cause)
        if question.refund_id is not None and operation.refund is not None:
            _doubt(operation.refund, outcome, error=error, cause=cause)
        subjects = {"refund": question.refund_id, "capture": question.operation_id}
        answers.leave_open(subject_id=subjects.get(question.kind) or payment.pk)
    return Asked(outcome)


def _doubt(refund: Refund, outcome: str, *, error: str, cause: Cause) -> None:
    """A refund that was not sent, or of which nobody knows; what was in doubt before stays so."""
    refund.refresh_from_db()
    if refund.state != outcome and REFUND.allows(refund.state, outcome):
        refunds.go(refund, outcome, cause=cause, error=error[:2000])
