"""Writes of cases."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from holdfast.cases.models import Case
from holdfast.cases.states import CASE
from holdfast.db import writes
from holdfast.db.moves import Cause, move

#: A person looks at money that fits nowhere within a working day.
DEADLINE = timedelta(hours=24)


def open_case(
    *,
    merchant_id: UUID,
    kind: str,
    cause: str,
    summary: str,
    proposal: str,
    evidence: dict[str, Any],
    order_id: UUID | None,
    payment_id: UUID | None,
    now: datetime,
    deadline_at: datetime | None = None,
) -> None:
    """Ask a person to decide. The same kind and cause is the same case: a second discovery adds nothing."""
    row = Case(
        merchant_id=merchant_id,
        kind=kind,
        cause=cause,
        summary=summary[:300],
        proposal=proposal[:300],
        evidence=evidence,
        order_id=order_id,
        payment_id=payment_id,
        moved=Cause(summary).as_json(),
        opened_at=now,
        deadline_at=deadline_at or now + DEADLINE,
    )
    writes.insert(row, or_ignore=True)


def open_again(*, kind: str, cause: str, why: str) -> None:
    """What resolved itself came back. Nothing happens where there is no such case, or it is open."""
    writes.send()
    row = Case.objects.select_for_update(no_key=True).filter(kind=kind, cause=cause, state="resolved").first()
    if row is not None:
        move(row, "open", machine=CASE, cause=Cause(why))


def resolve(*, kind: str, cause: str, why: str) -> None:
    """It resolved itself: what the case asked about has come to an end. Nothing happens where there is no such open case."""
    writes.send()
    row = Case.objects.select_for_update(no_key=True).filter(kind=kind, cause=cause, state="open").first()
    if row is not None:
        move(row, "resolved", machine=CASE, cause=Cause(why))
