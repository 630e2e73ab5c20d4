"""Rows that are due: the rows are the queue.

Claiming moves `due_at` ahead by a lease and counts the try, in a transaction of its own; settling sets it again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from holdfast.db.clock import DatabaseNow, after, database_now
from holdfast.db.tenancy import DatabaseAway, ask_unscoped
from holdfast.kernel import limits
from holdfast.kernel.errors import Broken

__all__ = ["Claim", "DatabaseNow", "DiesOnIt", "after", "claim", "database_now", "each", "never"]


class DiesOnIt(Broken):
    """The worker died again and again on this."""


@dataclass(frozen=True)
class Claim:
    """A row leased to this worker. `attempts` counts this try."""

    merchant_id: UUID
    id: UUID
    attempts: int


def never() -> bool:
    """The worker is not stopping."""
    return False


def each(lane: str, handle: Callable[[Claim], object], *, stopping: Callable[[], bool] = never, batch: int = limits.BATCH) -> int:
    """Claim due rows of a lane and handle one after the other. Returns how many were claimed.

    A stop is heard between two rows; the rest of the batch is due again when its lease ends. A row that breaks does not hold
    up its neighbours, which would be claimed with it again and again: its error is raised after them.
    """
    claims = claim(lane, batch=batch)
    errors: list[Exception] = []
    for claimed in claims:
        if stopping():
            break
        try:
            handle(claimed)
        except DatabaseAway:
            raise
        except Exception as error:  # noqa: BLE001 - it is raised below
            errors.append(error)
    if errors:
        raise errors[0]
    return len(claims)


def claim(lane: str, *, batch: int = limits.BATCH, lease: timedelta = limits.LEASE) -> list[Claim]:
    """Up to `batch` due rows of a lane, of any merchant, skipping those another worker is claiming."""
    asked = "SELECT merchant_id, id, attempts FROM holdfast_claim_due(%s, %s, %s)"
    return [Claim(*row) for row in ask_unscoped(asked, lane, batch, lease.total_seconds())]
