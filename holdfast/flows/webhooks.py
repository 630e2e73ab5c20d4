"""Stored events are applied: claim a batch in a transaction of its own, then one transaction per event.

A failure is recorded separately, so that its evidence survives the rollback, and an event that kills its process is parked.
"""

from collections.abc import Callable
from datetime import datetime

import structlog

from holdfast.cases import services as cases
from holdfast.db import due, payloads
from holdfast.db.due import Claim
from holdfast.db.tenancy import Busy, DatabaseAway, writing
from holdfast.flows import reports
from holdfast.inbox import services as inbox
from holdfast.inbox.models import Event
from holdfast.kernel import limits
from holdfast.kernel.clock import now as clock_now
from holdfast.merchants import queries as merchants
from holdfast.providers import registry

log = structlog.get_logger()


def work(*, stopping: Callable[[], bool] = due.never) -> int:
    """Claim due events and apply each. Returns how many were claimed."""
    return due.each("events", lambda claim: handle_one(claim, now=clock_now()), stopping=stopping)


def handle_one(claim: Claim, *, now: datetime) -> str:
    """Try one claimed event; whatever happens is on its row afterwards."""
    try:
        if claim.attempts > 1 and _is_poison(claim, now=now):
            return "parked"
        return _apply(claim, now=now)
    except Busy:
        with writing(claim.merchant_id, step="webhooks.postpone"):
            inbox.postpone(claim.id)
        return "postponed"
    except DatabaseAway:
        raise
    except reports.NoSuchPayment as early:
        return _fail(claim, f"early: {early.detail}", now=now)
    except Exception as error:
        log.exception("event.failed", event_id=str(claim.id))
        return _fail(claim, f"{type(error).__name__}: {error}", now=now)


def _apply(claim: Claim, *, now: datetime) -> str:
    """The whole effect of one event commits in one transaction, with the mark that it is done."""
    with writing(claim.merchant_id, step="webhooks.apply"):
        event = inbox.lock_event(claim.id)
        if event.state in ("done", "ignored"):
            return event.state
        body = payloads.load(event.payload_id)
        if body is None:
            inbox.finish(event, "ignored", order_id=None, payment_id=None, why="its payload is past retention", now=now)
            return "ignored"
        account = merchants.handle(merchants.account(event.account_id))
        report = registry.provider(event.provider).read(body=body, type=event.type, account=account)
        if report is None:
            inbox.finish(event, "ignored", order_id=None, payment_id=None, why=f"{event.type} moves no money", now=now)
            return "ignored"
        try:
            applied = reports.record(report, now=now, event_id=event.pk)
        except reports.NotOurs as foreign:
            inbox.finish(event, "ignored", order_id=None, payment_id=None, why=foreign.detail, now=now)
            return "ignored"
        inbox.finish(event, "done", order_id=applied.order_id, payment_id=applied.payment_id, why=applied.verdict, now=now)
    return "done"


def _is_poison(claim: Claim, *, now: datetime) -> bool:
    """An earlier try ended without a word: announce this one first. Too many announced deaths, and a person decides.

    Others of a dead worker's batch are announced once at most before they succeed; only what is tried kills again.
    """
    with writing(claim.merchant_id, step="webhooks.announce"):
        event = inbox.lock_event(claim.id)
        silent = claim.attempts - 1 - event.failures
        if silent <= 0 or event.state not in ("received", "waiting"):
            return False
        if inbox.announce(claim.id) <= limits.EVENT_DEATHS:
            return False
        _park(event, f"the worker died {limits.EVENT_DEATHS} times on this event", now=now)
        return True


def _fail(claim: Claim, error: str, *, now: datetime) -> str:
    with writing(claim.merchant_id, step="webhooks.fail"):
        event = inbox.lock_event(claim.id)
        if claim.attempts >= limits.EVENT_TRIES:
            _park(event, error, now=now)
            return "parked"
        inbox.fail(claim.id, error=error, attempts=claim.attempts)
    return "waiting"


def _park(event: Event, error: str, *, now: datetime) -> None:
    inbox.park(event.pk, error=error)
    cases.open_case(
        merchant_id=event.merchant_id,
        kind="parked",
        cause=f"event:{event.pk.hex}",
        summary=f"{event.provider} {event.type} {event.provider_event_id} could not be applied: {error}",
        proposal="Find the cause, then replay the event.",
        evidence={"event": str(event.pk), "provider_event_id": event.provider_event_id, "error": error[:1000]},
        order_id=None,
        payment_id=None,
        now=now,
    )
