"""Stored events are applied: claim a batch in a transaction of its own, then apply it, a merchant's events together.

The whole effect of an event commits in one transaction, with the mark that it is done. Events that cannot be applied together
are applied one by one. A failure is recorded separately, so that its evidence survives the rollback, and an event that kills
its process is parked.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

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
from holdfast.providers.contract import Pointer

log = structlog.get_logger()


def work(*, stopping: Callable[[], bool] = due.never) -> int:
    """Claim due events and apply them. Returns how many were claimed. A stop is heard between two batches."""
    claims = due.claim("events", batch=limits.EVENT_BATCH)
    of_merchant: dict[UUID, list[Claim]] = defaultdict(list)
    for claim in claims:
        of_merchant[claim.merchant_id].append(claim)
    for merchant_id, batch in of_merchant.items():
        if stopping():
            break
        now = clock_now()
        for claim in _handle_together(merchant_id, batch, now=now):
            handle_one(claim, now=now)
    return len(claims)


def _handle_together(merchant_id: UUID, claims: Sequence[Claim], *, now: datetime) -> Sequence[Claim]:
    """Apply what can be applied together. Returns the claims that have to be looked at one by one."""
    first_tries = [claim for claim in claims if claim.attempts == 1]
    if len(first_tries) < 2:
        return claims
    try:
        with writing(merchant_id, step="webhooks.apply_together"):
            told = _apply([claim.id for claim in first_tries], now=now)
    except DatabaseAway:
        raise
    except Exception as error:  # noqa: BLE001 - each of them is tried again alone, which tells whose error it is
        log.info("events.one_by_one", events=len(first_tries), error=f"{type(error).__name__}: {error}")
        return claims
    log.info("events applied", **Counter(each for each in told.values() if isinstance(each, str)))
    return [claim for claim in claims if not isinstance(told.get(claim.id), str)]


def handle_one(claim: Claim, *, now: datetime) -> str:
    """Try one claimed event; whatever happens is on its row afterwards."""
    try:
        if claim.attempts > 1 and is_poison(claim, now=now):
            return "parked"
        return _apply_one(claim, now=now)
    except Busy:
        with writing(claim.merchant_id, step="webhooks.postpone"):
            inbox.postpone(claim.id)
        return "postponed"
    except DatabaseAway:
        raise
    except reports.NoSuchPayment as early:
        return fail(claim, f"early: {early.detail}", now=now)
    except Exception as error:
        log.exception("event.failed", event_id=str(claim.id))
        return fail(claim, f"{type(error).__name__}: {error}", now=now)


def _apply_one(claim: Claim, *, now: datetime) -> str:
    """Raises NoSuchPayment, Busy, and whatever else is wrong with this one event."""
    with writing(claim.merchant_id, step="webhooks.apply"):
        told = _apply([claim.id], now=now)[claim.id]
        if isinstance(told, reports.NotOurs):
            inbox.finish(inbox.lock_event(claim.id), "ignored", why=told.detail, now=now)
            return "ignored"
        if isinstance(told, reports.NoSuchPayment):
            raise told
    log.info("events applied", **{told: 1})
    return told


def _apply(event_ids: Sequence[UUID], *, now: datetime) -> dict[UUID, str | reports.NotOurs | reports.NoSuchPayment]:
    """Apply events in the caller's transaction: done, ignored or pointed, by event. One that names nothing of ours is left as it
    is; one that only says where to look, or speaks of money that we have not heard of, is left to `lookups`."""
    events = inbox.lock_events(event_ids)
    accounts = merchants.accounts({event.account_id for event in events.values()})
    handles = {account_id: merchants.handle(row) for account_id, row in accounts.items()}
    bodies = payloads.load_all(event.payload_id for event in events.values())
    told: dict[UUID, str | reports.NotOurs | reports.NoSuchPayment] = {}
    arrivals: dict[UUID, reports.Arrival] = {}
    for event in events.values():
        if event.state in ("done", "ignored"):
            told[event.pk] = event.state
            continue
        body = bodies.get(event.payload_id)
        adapter = registry.provider(event.provider)
        report = adapter.read(body=body, type=event.type, account=handles[event.account_id]) if body is not None else None
        if isinstance(report, Pointer):
            told[event.pk] = inbox.point(event)
            continue
        if report is not None:
            arrivals[event.pk] = reports.Arrival(report=report, event_id=event.pk)
            continue
        why = "its payload is past retention" if body is None else f"{event.type} moves no money"
        inbox.finish(event, "ignored", why=why, now=now)
        told[event.pk] = "ignored"
    for event_id, applied in zip(arrivals, reports.record_all([*arrivals.values()], now=now, accounts=accounts), strict=True):
        if isinstance(applied, reports.Early):
            told[event_id] = inbox.point(events[event_id])
            continue
        told[event_id] = applied if isinstance(applied, Exception) else "done"
        if isinstance(applied, reports.Applied):
            about = {"order_id": applied.order_id, "payment_id": applied.payment_id}
            inbox.finish(events[event_id], "done", why=applied.verdict, now=now, **about)
    return told


def is_poison(claim: Claim, *, now: datetime) -> bool:
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


def fail(claim: Claim, error: str, *, now: datetime) -> str:
    """Note a try that failed: again after a pause, or parked for people."""
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
