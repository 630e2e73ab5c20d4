"""Move a row along its table of states, naming the cause; lock rows in one order."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.db import models

from holdfast.db import writes
from holdfast.kernel.errors import NotFound
from holdfast.kernel.ids import new_id
from holdfast.kernel.machine import Machine

Row = TypeVar("Row", bound=models.Model)

#: Which process this is, for the history: set once by the entry points.
PROCESS = {"name": "shell"}


@dataclass(frozen=True)
class Cause:
    """Why something moved: a short sentence, who, and the provider's event if one brought it."""

    why: str
    actor: str = "system"
    event: UUID | None = None

    def as_json(self) -> dict[str, str]:
        """What a row's `moved` column holds. The nonce lets the database see that a move renewed its cause."""
        told = {
            "cause": self.why[:200],
            "actor": self.actor[:120],
            "process": PROCESS["name"],
            "nonce": new_id().hex,
        }
        return {**told, "event": str(self.event)} if self.event else told


def move(row: Any, target: str, *, machine: Machine, cause: Cause, **changes: Any) -> None:
    """Move a locked row to `target`, with other columns in the same statement.

    Raises IllegalMove when the table has no such edge; Overtaken, when it is sent, if the row is no longer where it was read.
    """
    machine.check(row.state, target)
    writes.change(row, was=row.state, state=target, moved=cause.as_json(), **changes)


def lock(query: models.QuerySet[Row], key: UUID, what: str) -> Row:
    """The row under FOR NO KEY UPDATE. Raises NotFound, and Busy after the lock timeout."""
    row = query.select_for_update(no_key=True, of=("self",)).filter(pk=key).first()
    if row is None:
        raise NotFound(f"There is no such {what}.")
    return row


def lock_all(query: models.QuerySet[Row], keys: Iterable[UUID]) -> dict[UUID, Row]:
    """Rows by id, locked in the order of their ids: the one global order that makes deadlock impossible."""
    wanted = sorted(set(keys))
    rows = query.select_for_update(no_key=True, of=("self",)).filter(pk__in=wanted).order_by("pk")
    return {row.pk: row for row in rows}
