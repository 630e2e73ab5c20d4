"""Events that only say where to look: claim, ask the provider, apply what it says. No transaction is open while it is asked.

A lane of its own, so that a provider that is slow to answer holds up no event that carries its object.
"""

from collections.abc import Callable
from datetime import datetime

import structlog

from holdfast.db import due, payloads
from holdfast.db.due import Claim
from holdfast.db.tenancy import Busy, DatabaseAway, reading, writing
from holdfast.flows import reports, webhooks
from holdfast.inbox import queries as inbox_queries
from holdfast.inbox import services as inbox
from holdfast.kernel import limits
from holdfast.kernel.clock import now as clock_now
from holdfast.kernel.faults import asking
from holdfast.merchants import queries as merchants
from holdfast.providers import registry
from holdfast.providers.contract import MONEY, NotSent, Pointer, ProviderReport, Unknown

log = structlog.get_logger()


def work(*, stopping: Callable[[], bool] = due.never) -> int:
    """Events to be looked up. Returns how many were claimed."""
    return due.each("lookups", lambda claim: handle_one(claim, now=clock_now()), stopping=stopping, batch=limits.ASKING_BATCH)


def handle_one(claim: Claim, *, now: datetime) -> str:
    """Look up what one event points to; whatever happens is on its row afterwards. Safe to repeat."""
    try:
        if claim.attempts > 1 and webhooks.is_poison(claim, now=now):
            return "parked"
        report = _look(claim)
        return _apply(claim, report, now=now)
    except (NotSent, Unknown) as silence:
        with writing(claim.merchant_id, step="lookups.wait"):
            inbox.wait(claim.id, error=str(silence), attempts=claim.attempts)
        return "waiting"
    except Busy:
        with writing(claim.merchant_id, step="lookups.postpone"):
            inbox.postpone(claim.id)
        return "postponed"
    except DatabaseAway:
        raise
    except (reports.NoSuchPayment, reports.Early) as early:
        return webhooks.fail(claim, f"early: {early.detail}", now=now)
    except Exception as error:
        log.exception("lookup.failed", event_id=str(claim.id))
        return webhooks.fail(claim, f"{type(error).__name__}: {error}", now=now)


def _look(claim: Claim) -> ProviderReport | None:
    """Ask the provider about what the event names. Raises NotSent, Unknown."""
    with reading(claim.merchant_id):
        event = inbox_queries.get(claim.id)
        body = payloads.load(event.payload_id)
        account = merchants.handle(merchants.account(event.account_id))
    if event.state in ("done", "ignored") or body is None:
        return None
    adapter = registry.provider(event.provider)
    said = adapter.read(body=body, type=event.type, account=account)
    if isinstance(said, ProviderReport):
        said = Pointer(kind=MONEY, id=said.money_id or "")
    if said is None or not said.id:
        return None
    with asking("ask.look"):
        return adapter.look(pointer=said, account=account)


def _apply(claim: Claim, report: ProviderReport | None, *, now: datetime) -> str:
    """Raises NoSuchPayment, Early, Busy."""
    with writing(claim.merchant_id, step="lookups.apply"):
        event = inbox.lock_event(claim.id)
        if event.state in ("done", "ignored"):
            return event.state
        if report is None:
            inbox.finish(event, "ignored", why="the provider knows nothing of ours there", now=now)
            return "ignored"
        (told,) = reports.record_all([reports.Arrival(report=report, event_id=event.pk)], now=now)
        if isinstance(told, reports.NotOurs):
            inbox.finish(event, "ignored", why=told.detail, now=now)
            return "ignored"
        if isinstance(told, Exception):
            raise told
        inbox.finish(event, "done", why=told.verdict, order_id=told.order_id, payment_id=told.payment_id, now=now)
    return "done"
