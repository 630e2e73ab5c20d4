"""How a test says that the database refused, and the book of what breaks each constraint."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from tests.laws.rows import Rows

#: What breaks a constraint: raw SQL through the rows it is given.
Breaker = Callable[[Rows], Any]
BREAKERS: dict[str, Breaker] = {}

CHECK_VIOLATION, UNIQUE_VIOLATION, FOREIGN_KEY_VIOLATION, NO_RIGHT = "23514", "23505", "23503", "42501"


def breaks(name: str) -> Callable[[Breaker], Breaker]:
    """Enter what breaks the constraint of this name into the book."""

    def enter(breaker: Breaker) -> Breaker:
        assert name not in BREAKERS, f"{name} has a breaker already"
        BREAKERS[name] = breaker
        return breaker

    return enter


@contextmanager
def refused(connection: psycopg.Connection[Any], name: str | None, state: str = CHECK_VIOLATION) -> Iterator[None]:
    """The block is refused with this SQLSTATE by the constraint of this name, and leaves nothing behind."""
    refusal: psycopg.Error | None = None
    try:
        with connection.transaction():
            yield
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except psycopg.Error as error:
        refusal = error
    assert refusal is not None, f"nothing refused it, {name or state} should have"
    assert (refusal.sqlstate, refusal.diag.constraint_name) == (state, name), str(refusal)


@contextmanager
def unheld(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """No trigger fires in the block: a superuser puts rows where no law would let them."""
    connection.execute("SET session_replication_role = replica")
    yield
    connection.execute("SET session_replication_role = origin")
