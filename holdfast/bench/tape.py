"""Everything that psycopg sends while the tape runs, in order, so that pgbench can send it again.

Three kinds of steps: `sql`, a statement with its values in the text, one round trip; `call`, a statement with parameters that is
prepared once per connection; `pipeline` and `sync` around what travels together in one round trip. BEGIN and COMMIT are
statements like others: psycopg sends BEGIN by itself before the first statement of a transaction.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from holdfast.db import pipeline as ours

#: ["sql", text], ["call", statement, arguments], ["pipeline"] or ["sync"].
Step = list[str]

#: A placeholder of psycopg's, or a doubled percent sign.
PLACEHOLDER = re.compile(r"%%|%[sbt]")
#: A literal with a colon before a letter: pgbench would take it for a variable of its own.
LITERAL = re.compile(r"( ?E)?'((?:[^']|'')*)'")


class NotReplayable(Exception):
    """Something was sent in a way that the tape does not know."""


class Tape:
    """Steps of one thread's work."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._depth = 0

    def taken(self) -> list[Step]:
        """What was recorded since the last call."""
        steps, self.steps = self.steps, []
        return steps

    @contextmanager
    def running(self) -> Iterator[None]:
        """Listen at psycopg's doors, and at our own way around them (`db.pipeline`)."""
        doors = (
            (ours, "send", self._send),
            (psycopg.Cursor, "execute", self._execute),
            (psycopg.Cursor, "executemany", self._refuse),
            (psycopg.Cursor, "copy", self._refuse),
            (psycopg.Connection, "commit", self._end("COMMIT")),
            (psycopg.Connection, "rollback", self._end("ROLLBACK")),
            (psycopg.Connection, "pipeline", self._pipeline),
        )
        before = [(owner, name, getattr(owner, name)) for owner, name, _ in doors]
        try:
            for (owner, name, door), (*_, original) in zip(doors, before, strict=True):
                setattr(owner, name, door(original))
            yield
        finally:
            for owner, name, original in before:
                setattr(owner, name, original)

    def _execute(self, original: Any) -> Any:
        def execute(cursor: Any, query: Any, params: Any = None, **how: Any) -> Any:
            status = cursor.connection.pgconn.transaction_status
            if status == TransactionStatus.IDLE and not cursor.connection.autocommit:
                self.steps.append(["sql", "BEGIN"])
                # Within a pipeline psycopg waits for its BEGIN before it goes on.
                self.steps += [["sync"], ["pipeline"]] if self._depth else []
            self.steps.append(_step(cursor, _text(query, cursor), params))
            return original(cursor, query, params, **how)

        return execute

    def _send(self, original: Any) -> Any:
        def send(raw: Any, work: Any) -> Any:
            self.steps.append(["pipeline"])
            if raw.pgconn.transaction_status == TransactionStatus.IDLE and not raw.autocommit:
                self.steps.append(["sql", "BEGIN"])
            self.steps += [_step(psycopg.Cursor(raw), sql, parameters) for sql, parameters in work]
            self.steps.append(["sync"])
            return original(raw, work)

        return send

    def _end(self, word: str) -> Any:
        def door(original: Any) -> Any:
            def end(connection: Any) -> Any:
                if connection.pgconn.transaction_status != TransactionStatus.IDLE:
                    self.steps.append(["sql", word])
                return original(connection)

            return end

        return door

    def _pipeline(self, original: Any) -> Any:
        @contextmanager
        def pipeline(connection: Any) -> Iterator[Any]:
            if not self._depth:
                self.steps.append(["pipeline"])
            self._depth += 1
            try:
                with original(connection) as opened:
                    yield opened
            finally:
                self._depth -= 1
                if not self._depth:
                    self.steps.append(["sync"])

        return pipeline

    def _refuse(self, original: Any) -> Any:
        def refuse(*_: Any, **__: Any) -> Any:
            raise NotReplayable(f"psycopg's {original.__name__} was used")

        return refuse


def statements(steps: list[Step]) -> int:
    """How many statements, BEGIN and COMMIT included."""
    return sum(step[0] in ("sql", "call") for step in steps)


def round_trips(steps: list[Step]) -> int:
    """How often one side waits for the other: a pipeline is one."""
    trips, within = 0, False
    for kind, *_ in steps:
        if kind == "pipeline":
            trips, within = trips + 1, True
        elif kind == "sync":
            within = False
        elif not within:
            trips += 1
    return trips


def _text(query: Any, cursor: Any) -> str:
    if isinstance(query, bytes):
        return query.decode()
    return query if isinstance(query, str) else str(query.as_string(cursor))


def _step(cursor: Any, query: str, params: Any) -> Step:
    """A client-side cursor puts the values into the text; any other binds them, and prepares what it sends often."""
    quoting = psycopg.ClientCursor(cursor.connection)
    if isinstance(cursor, psycopg.ClientCursor) or not params:
        return ["sql", _without_variables(quoting.mogrify(query, params) if params else query)]
    numbers = iter(range(1, len(params) + 1))
    statement = PLACEHOLDER.sub(lambda found: "%" if found[0] == "%%" else f"${next(numbers)}", query)
    return ["call", statement, _without_variables(", ".join(quoting.mogrify("%s", [value]) for value in params))]


def _without_variables(text: str) -> str:
    """The same text with the colons inside literals written in another way."""
    return LITERAL.sub(_without_colons, text) if ":" in text else text


def _without_colons(found: re.Match[str]) -> str:
    escaped, inside = found[1] is not None, found[2]
    if ":" not in inside:
        return found[0]
    if not escaped:
        inside = inside.replace("\\", "\\\\")
    return " E'" + inside.replace(":", r"\x3a") + "'"
