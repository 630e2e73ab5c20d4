"""What was intended and not answered is asked again with its key; what is in doubt is looked up. Nothing else needs recovery."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import structlog

from holdfast.db import due
from holdfast.db.due import Claim
from holdfast.db.moves import Cause
from holdfast.db.tenancy import reading, writing
from holdfast.flows import answers, questions, reports
from holdfast.flows.dossiers import Dossiers
from holdfast.kernel import limits
from holdfast.kernel.clock import now as clock_now
from holdfast.payments import queries as payment_queries
from holdfast.payments import services as payments
from holdfast.payments.states import IN_FLIGHT
from holdfast.providers.contract import Kind

log = structlog.get_logger()


def work_operations(*, stopping: Callable[[], bool] = due.never) -> int:
    """Operations without a final outcome. Returns how many were claimed."""
    return due.each("operations", lambda claim: resume(claim, now=clock_now()), stopping=stopping, batch=limits.ASKING_BATCH)


def resume(claim: Claim, *, now: datetime) -> str:
    """Find out how an operation ended: ask again with the same key, or look up what happened.

    An unanswered one is looked up first: its key may have stored a failure that says nothing (S-71). Past the time for which
    the provider certainly keeps the key, opening again could begin a second attempt; once the order has let go, it would
    charge for nothing. Then only looking is left.
    """
    question = questions.load(merchant_id=claim.merchant_id, operation_id=claim.id)
    if question is None:
        _rest(claim)
        return "known"
    age = now - question.intended_at
    only_look = question.kind == "open" and (age > limits.KEY_SAFE_AGE or not question.wanted)
    if claim.attempts > 1 or only_look or question.kind == "close":
        found = questions.look_up(merchant_id=claim.merchant_id, payment_id=question.payment_id, now=now)
        if found in ("applied", "nothing_new", "refused") and _known(claim, now=now):
            return found
        if found == "unknown":
            return _later(claim, now=now)
        if only_look and found == "absent" and age > limits.REQUEST_MAY_BE_ON_ITS_WAY:
            return _give_up(claim, now=now)
    if only_look:
        return _later(claim, now=now)
    return questions.ask(question, now=now).outcome


def work_payments(*, stopping: Callable[[], bool] = due.never) -> int:
    """Attempts without an end: ask the provider on the published schedule (`limits.POLL_AFTER`). Every webhook may be lost."""
    return due.each("payments", lambda claim: poll(claim, now=clock_now()), stopping=stopping, batch=limits.ASKING_BATCH)


def poll(claim: Claim, *, now: datetime) -> str:
    """Ask about one attempt, and plan the next question."""
    found = questions.look_up(merchant_id=claim.merchant_id, payment_id=claim.id, now=now)
    with writing(claim.merchant_id, step="recovery.poll"):
        payments.ask_again(claim.id, attempts=claim.attempts)
    return found


def look(*, merchant_id: UUID, payment_id: UUID, now: datetime) -> None:
    """Somebody looks at a payment in doubt: the worker asks at once, at most once in `limits.REFRESH_EVERY`."""
    with reading(merchant_id):
        payment = payment_queries.get(payment_id)
    if payment.state in IN_FLIGHT and payment.state != "created":
        with writing(merchant_id, step="recovery.look"):
            payments.ask_now(payment, now=now)


def _known(claim: Claim, *, now: datetime) -> bool:
    """The look-up told the outcome of the question itself: an attempt that is there was opened; one that ended is closed."""
    with writing(claim.merchant_id, step="recovery.known"):
        operation = payment_queries.operation(claim.id)
        state = operation.payment.state
        told = state not in ("created", "unknown") if operation.kind == "open" else state not in IN_FLIGHT
        if told:
            payments.settle(operation, "succeeded", now=now)
            answers.settle(operation.payment.order, operation.payment)
    return told


def _rest(claim: Claim) -> None:
    """Its outcome is known, or its exact request is past retention and cannot be asked again: looked at ever more rarely."""
    with writing(claim.merchant_id, step="recovery.rest"):
        payments.rest_operation(claim.id, attempts=claim.attempts)


def _later(claim: Claim, *, now: datetime) -> str:
    with writing(claim.merchant_id, step="recovery.later"):
        payments.settle(payment_queries.operation(claim.id), "unknown", error="the provider does not answer", now=now)
    return "unknown"


def _give_up(claim: Claim, *, now: datetime) -> str:
    """The provider knows nothing of it and it will not be asked again: it was never made, and now it never will be."""
    with writing(claim.merchant_id, step="recovery.give_up"):
        operation = payment_queries.operation(claim.id)
        dossiers = Dossiers([operation.payment.order_id])
        payment = dossiers.payments[operation.payment_id]
        payments.settle(operation, "declined", error="never reached the provider, and is not asked for any more", now=now)
        if operation.kind == "open" and payment.state in ("created", "unknown"):
            cause = Cause(f"{payment.provider} knows nothing of it, and it is not asked for any more")
            reports.close_attempt(dossiers, payment, target=str(Kind.EXPIRED), cause=cause, now=now)
            answers.settle(dossiers.orders[payment.order_id], payment)
    return "given_up"
