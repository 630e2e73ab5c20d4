"""The tenant of a transaction, and the only two ways to open one.

`writing` is for flows, `reading` for edges. Neither may span a call to a provider.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import UUID

import psycopg
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, connection, transaction

from holdfast.db.statements import Question, Statement, begin, forget, run
from holdfast.db.writes import gathering, send
from holdfast.kernel.errors import Broken, Conflict
from holdfast.kernel.faults import fault_point

ENTER = "SELECT set_config('holdfast.merchant', %s, true)"
ENTER_READING = "SELECT set_config('holdfast.merchant', %s, true), set_config('transaction_read_only', 'on', true)"


class Busy(Conflict):
    """Someone else is changing the same thing right now. Nothing was changed; try again in a moment."""

    retry_after_s = 1


class DatabaseAway(Broken):
    """The database does not answer. Nothing was lost; try again in a moment."""


class TooSlow(Broken):
    """A statement took longer than any of ours may. Nothing was changed."""


@contextmanager
def writing(merchant_id: UUID, *, step: str, ahead: Sequence[Question] = ()) -> Iterator[None]:
    """One write transaction of a flow, as one merchant. `ahead` are the questions with which it will begin (`db.statements`).

    `step` names the commit: the process may die just before it (`<step>:before`) and just after it (`<step>:after`).
    Raises Busy when a row lock cannot be had in time, DatabaseAway when the connection breaks.
    """
    with _clear_errors(), ExitStack() as stack:
        _begin(stack, (ENTER, [str(merchant_id)]), ahead)
        with gathering():
            yield
        fault_point(f"{step}:before")
    fault_point(f"{step}:after")


def undo() -> None:
    """Take back, at its end, all that this transaction writes: for finding out what it would do."""
    send()
    transaction.set_rollback(True)


@contextmanager
def reading(merchant_id: UUID, *, ahead: Sequence[Question] = ()) -> Iterator[None]:
    """One read-only transaction, as one merchant."""
    with _clear_errors(), ExitStack() as stack:
        _begin(stack, (ENTER_READING, [str(merchant_id)]), ahead)
        yield


def ask_unscoped(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """One question without a merchant, to a SECURITY DEFINER function, in a transaction of its own.

    After a restart of the database it is asked once more. Raises DatabaseAway.
    """
    with _clear_errors():
        try:
            return run(sql, parameters).rows
        except (OperationalError, InterfaceError):
            if connection.is_usable():
                raise
            _drop_dead_connections()
            return run(sql, parameters).rows


@contextmanager
def unscoped() -> Iterator[None]:
    """No merchant yet: only the SECURITY DEFINER functions answer here (see `db.doors`)."""
    with _clear_errors():
        try:
            connection.ensure_connection()
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except (OperationalError, InterfaceError):
            _drop_dead_connections()
        yield


def violated(error: DatabaseError) -> str:
    """The name of the constraint or law that refused, or an empty string."""
    cause = error.__cause__
    return (cause.diag.constraint_name or "") if isinstance(cause, psycopg.Error) else ""


def _begin(stack: ExitStack, entering: Statement, ahead: Sequence[Question]) -> None:
    """Open the transaction on `stack` and set its tenant; after a restart of the database, once more from a fresh pool."""
    try:
        attempt = ExitStack()
        with attempt:
            attempt.enter_context(transaction.atomic(durable=True))
            begin(entering, ahead)
            stack.push(attempt.pop_all())
    except (OperationalError, InterfaceError):
        _drop_dead_connections()
        stack.enter_context(transaction.atomic(durable=True))
        begin(entering, ahead)
    stack.callback(forget)


def _drop_dead_connections() -> None:
    """After a restart of the database the pool holds dead connections, each of which would cost one error."""
    connection.close()
    pool = getattr(connection, "pool", None)
    if pool is not None:
        pool.drain()


@contextmanager
def _clear_errors() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except (OperationalError, InterfaceError) as error:
        if isinstance(
            error.__cause__,
            psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure,
        ):
            raise Busy from error
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise TooSlow from error
        connection.close()
        raise DatabaseAway from error
