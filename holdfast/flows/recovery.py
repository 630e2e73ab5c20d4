"""What was intended and not answered is asked again with its key; what is in doubt is looked up. Nothing else needs recovery."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import structlog

from holdfast.db import due
from holdfast.db.due import Claim
from holdfast.db.moves import Cause
from holdfast.db.tenancy import reading, writing
from holdfast.flows import answers, attempts, questions
from holdfast.flows.dossiers import Dossiers
from holdfast.kernel import limits
from holdfast.kernel.clock import now as clock_now
from holdfast.payments import queries as payment_queries
from holdfast.payments import refunds
from holdfast.payments import services as payments
from holdfast.payments.models import Operation
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
    if question.kind in ("capture", "refund"):
        return _resume_by_looking(claim, question, now=now)
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


def _resume_by_looking(claim: Claim, question: questions.Question, *, now: datetime) -> str:
    """A capture or a refund: looked up first when it was tried before, and asked again with its key where the provider certainly
    has not done it. Neither ends by itself: money that was promised goes back however long it takes."""
    if claim.attempts > 1 or now - question.intended_at > limits.KEY_SAFE_AGE:
        if question.refund_id is not None:
            found = questions.look_up_refund(merchant_id=claim.merchant_id, refund_id=question.refund_id, now=now)
        else:
            found = questions.look_up(merchant_id=claim.merchant_id, payment_id=question.payment_id, now=now)
        if found == "unknown":
            return _later(claim, now=now)
        if found != "absent" and _known(claim, now=now):
            return found
    return questions.ask(question, now=now).outcome


def work_refunds(*, stopping: Callable[[], bool] = due.never) -> int:
    """Refunds that are pending: asked about on the same schedule as payments."""
    return due.each("refunds", lambda claim: poll_refund(claim, now=clock_now()), stopping=stopping, batch=limits.ASKING_BATCH)


def poll_refund(claim: Claim, *, now: datetime) -> str:
    """Ask about one refund, and plan the next question."""
    found = questions.look_up_refund(merchant_id=claim.merchant_id, refund_id=claim.id, now=now)
    with writing(claim.merchant_id, step="recovery.poll_refund"):
        refunds.ask_again(claim.id, attempts=claim.attempts)
    return found


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
        told = _told(operation)
        if told:
            payments.settle(operation, "succeeded", now=now)
            _answer(operation)
    return told


def _told(operation: Operation) -> bool:
    """Does the state of what it was about answer the question?"""
    state = operation.payment.state
    if operation.refund is not None:
        return operation.refund.state in ("pending", "succeeded", "failed")
    return state not in ("created", "unknown") if operation.kind == "open" else state not in IN_FLIGHT


def _answer(operation: Operation) -> None:
    """Store what its client's key was waiting for."""
    payment = operation.payment
    if operation.refund is not None:
        answers.settle_refund(operation.refund)
    elif operation.kind == "capture":
        answers.settle_capture(payment.order, payment, operation_id=operation.pk, declined=payment.state != "captured")
    else:
        answers.settle(payment.order, payment)


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
            attempts.close_attempt(dossiers, payment, target=str(Kind.EXPIRED), cause=cause, now=now)
            answers.settle(dossiers.orders[payment.order_id], payment)
    return "given_up"
