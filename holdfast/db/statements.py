"""Statements of our own, prepared once per connection: what a flow says on every purchase is not planned anew each time.

The same transaction, errors and query log as Django's own statements. Through a transaction pooler prepared statements need
PgBouncer 1.21 or newer.

A flow may ask ahead: it names the questions with which it will begin, they are sent in one round trip with the BEGIN, and
whoever asks one of them gets the answer that is there. An answer is given once, and none after something was written.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection

from holdfast.db import pipeline
from holdfast.db.pipeline import Statement, Told

#: Something that will be asked: a query of a room, with what it will be called with.
Question = Callable[[], object]


class _Planned(BaseException):
    """Carries a statement out of the query that was about to say it. No error: nothing on the way may swallow it."""

    def __init__(self, statement: Statement) -> None:
        super().__init__()
        self.statement = statement


class _Local(threading.local):
    planning = False

    def __init__(self) -> None:
        self.answers: dict[str, Told] = {}


_LOCAL = _Local()


def run(sql: str, parameters: Sequence[Any]) -> Told:
    """One statement."""
    if _LOCAL.planning:
        raise _Planned((sql, parameters))
    answer = _LOCAL.answers.pop(_name(sql, parameters), None)
    return answer if answer is not None else run_together([(sql, parameters)])[0]


def run_together(work: Sequence[Statement]) -> list[Told]:
    """Statements one after the other, in one round trip. Raises what the first refused one raises."""
    connection.ensure_connection()
    with connection.wrap_database_errors:
        began = time.monotonic()
        told = pipeline.send(connection.connection, work)
        _log(work, time.monotonic() - began)
        return told


def begin(entering: Statement, ahead: Sequence[Question]) -> None:
    """The first statement of a transaction, with its BEGIN and the questions asked ahead, in one round trip."""
    planned = [statement for statement in map(_statement, ahead) if statement is not None]
    _, *told = run_together([entering, *planned])
    _LOCAL.answers = {_name(*statement): answer for statement, answer in zip(planned, told, strict=True)}


def forget() -> None:
    """What was asked ahead may be stale: something is written, or the transaction is over."""
    if _LOCAL.answers:
        _LOCAL.answers = {}


def _statement(question: Question) -> Statement | None:
    """What a query would say first; None when it asks nothing of ours."""
    _LOCAL.planning = True
    try:
        question()
    except _Planned as planned:
        return planned.statement
    finally:
        _LOCAL.planning = False
    return None


def _name(sql: str, parameters: Sequence[Any]) -> str:
    return f"{sql} {parameters!r}"


def _log(work: Sequence[Statement], seconds: float) -> None:
    if connection.queries_logged:
        connection.queries_log.extend({"sql": sql, "time": f"{seconds / len(work):.3f}"} for sql, _ in work)
