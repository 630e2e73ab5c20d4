"""Several statements in one round trip, prepared once per connection: libpq's pipeline, through psycopg's own wrapper of it.

psycopg's `Connection.pipeline` writes to the socket and looks for answers after every statement; of ten small statements that
is most of what they cost. Here all are written at once, and then all answers are read.
"""

import re
import select
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ExecStatus, Format, TransactionStatus

Connection = psycopg.Connection[Any]
Statement = tuple[str, Sequence[Any]]

#: Names of prepared statements by connection, SQL and types. A name is never used twice: a refused PREPARE leaves none behind.
_PREPARED: "WeakKeyDictionary[Connection, dict[tuple[str, tuple[int, ...]], bytes]]" = WeakKeyDictionary()
_NUMBERS = count(1)
FAILED = (ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE)


@dataclass(frozen=True)
class Told:
    """What a statement gave: its rows, and how many it touched."""

    rows: list[tuple[Any, ...]]
    touched: int


def send(raw: Connection, work: Sequence[Statement]) -> list[Told]:
    """Run statements one after the other, in a transaction if the connection is not in autocommit.

    Raises the psycopg error of the first that is refused; those after it are not run.
    """
    adapters = Transformer(raw)
    known = _PREPARED.setdefault(raw, {})
    steps = [_Step.of(sql, parameters, adapters, known) for sql, parameters in work]
    if not raw.autocommit and raw.pgconn.transaction_status == TransactionStatus.IDLE:
        steps.insert(0, BEGIN)
    try:
        answers = _answered(raw.pgconn, steps)
    except BaseException:
        raw.close()  # answers that nobody has read would be taken for those of the next question
        raise
    for answer in answers:
        if answer.status in FAILED:
            raise psycopg.errors.error_from_result(answer, raw.info.encoding)
    known.update({step.key: step.name for step in steps if step.fresh})
    return [_told(adapters, answer) for step, answer in zip(steps, answers, strict=True) if step is not BEGIN]


@dataclass(frozen=True)
class _Step:
    """A statement in the form in which it is sent."""

    query: bytes
    key: tuple[str, tuple[int, ...]] = ("", ())
    name: bytes = b""
    fresh: bool = False
    values: Sequence[Any] = ()
    formats: Sequence[Any] = ()

    @classmethod
    def of(cls, sql: str, parameters: Sequence[Any], adapters: Any, known: Mapping[Any, bytes]) -> "_Step":
        query, formats = _numbered(sql)
        values = adapters.dump_sequence(parameters, formats)
        key = (sql, adapters.types or ())
        name = known.get(key)
        return cls(
            query=query,
            key=key,
            name=name or b"holdfast_%d" % next(_NUMBERS),
            fresh=name is None,
            values=values,
            formats=adapters.formats or (),
        )

    def write(self, pg: Any) -> None:
        if not self.name:
            pg.send_query_params(self.query, None)
            return
        if self.fresh:
            pg.send_prepare(self.name, self.query, self.key[1])
        pg.send_query_prepared(self.name, self.values, self.formats, Format.TEXT)


BEGIN = _Step(b"BEGIN")


def _answered(pg: Any, steps: Sequence[_Step]) -> list[Any]:
    """The result of each step; for one that could not be prepared, that."""
    pg.enter_pipeline_mode()
    for step in steps:
        step.write(pg)
    pg.pipeline_sync()
    came = _answers(pg)
    results = []
    for step in steps:
        prepared = next(came) if step.fresh else None
        result = next(came)
        results.append(prepared if prepared is not None and prepared.status in FAILED else result)
    for _ in came:
        raise psycopg.OperationalError("The server answered more than it was asked.")
    pg.exit_pipeline_mode()
    return results


def _answers(pg: Any) -> Iterator[Any]:
    """One result per statement, up to the end of the pipeline. Other threads run while we wait."""
    waiting = select.poll()
    waiting.register(pg.socket, select.POLLIN | select.POLLOUT)
    while pg.flush():
        waiting.poll()
        pg.consume_input()
    waiting.modify(pg.socket, select.POLLIN)
    while True:
        while pg.is_busy():
            waiting.poll()
            pg.consume_input()
        answer = pg.get_result()
        if answer is None:
            continue  # the end of one statement
        if answer.status == ExecStatus.PIPELINE_SYNC:
            return
        yield answer


def _told(adapters: Any, answer: Any) -> Told:
    touched = answer.command_tuples or 0
    if answer.status != ExecStatus.TUPLES_OK:
        return Told([], touched)
    adapters.set_pgresult(answer, set_loaders=True)
    return Told(adapters.load_rows(0, answer.ntuples, tuple), touched)


@cache
def _numbered(sql: str) -> tuple[bytes, list[PyFormat]]:
    """psycopg's placeholders (%s, %b) as PostgreSQL's ($1, $2). Ours is the only SQL here: it has no other percent sign."""
    formats = [PyFormat.BINARY if mark == "%b" else PyFormat.AUTO for mark in re.findall("%[sb]", sql)]
    numbers = count(1)
    return re.sub("%[sb]", lambda _: f"${next(numbers)}", sql).encode(), formats
