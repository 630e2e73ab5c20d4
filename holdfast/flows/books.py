"""Read providers' own books: fees, and refunds and disputes whose webhooks were lost. Claim, ask page by page, apply by the door.

Windows overlap, and what is told twice changes nothing, so a run may stop anywhere and begin anew.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from uuid import UUID

import structlog

from holdfast.db import due
from holdfast.db.due import Claim
from holdfast.db.tenancy import reading, writing
from holdfast.flows import reports
from holdfast.kernel import limits
from holdfast.kernel.clock import now as clock_now
from holdfast.kernel.faults import asking
from holdfast.merchants import queries as merchants
from holdfast.merchants import services as accounts
from holdfast.providers import registry
from holdfast.providers.contract import NotSent, ProviderReport, Unknown

log = structlog.get_logger()


def work(*, stopping: Callable[[], bool] = due.never) -> int:
    """Accounts whose books are due. Returns how many were claimed."""
    return due.each("books", lambda claim: read(claim, now=clock_now()), stopping=stopping, batch=1)


def read(claim: Claim, *, now: datetime) -> dict[str, int]:
    """Read one account's books since the last time, with an overlap. What was told, by verdict. Safe to repeat."""
    with reading(claim.merchant_id):
        row = merchants.account(claim.id)
        account = merchants.handle(row)
    since = (row.books_until or row.created_at) - limits.BOOKS_OVERLAP
    told: Counter[str] = Counter()
    try:
        with asking("ask.statement"):
            pages = _pages(registry.provider(row.provider).statement(since=since, until=now, account=account))
            for page in pages:
                told += _apply(claim.merchant_id, page, now=now)
    except (NotSent, Unknown) as silence:
        log.info("books.silent", provider=row.provider, account=str(claim.id), error=str(silence))
        with writing(claim.merchant_id, step="books.later"):
            accounts.read_books_later(claim.id, attempts=claim.attempts)
        return dict(told)
    with writing(claim.merchant_id, step="books.read"):
        accounts.books_read(claim.id, until=now)
    return dict(told)


def _pages(said: Iterator[ProviderReport]) -> Iterator[list[ProviderReport]]:
    """Some reports at a time: a transaction stays short, however long the books are."""
    while page := list(islice(said, limits.BOOKS_PAGE)):
        yield page


def _apply(merchant_id: UUID, page: list[ProviderReport], *, now: datetime) -> Counter[str]:
    """Each report by the door. Money that is nobody's here is left to reconciliation."""
    with writing(merchant_id, step="books.apply"):
        told = reports.record_all([reports.Arrival(report=report) for report in page], now=now)
    return Counter(each.verdict if isinstance(each, reports.Applied) else "not_ours" for each in told)
