"""Writes that go to the database together: gathered while a flow decides, sent in one round trip before the next read or commit.

A service says `insert`, `change` or `add`; inside `gathering` (every `writing` transaction is) the rows wait and are sent as one
statement per table, prepared once per connection. Any other statement of the transaction sends them first, so nobody ever
reads around his own writes: gathering changes the number of round trips and nothing else. Outside of it each write is sent at
once. What a constraint refuses is raised when the writes are sent, inside the same transaction.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models

from holdfast.db.clock import DatabaseNow
from holdfast.db.statements import forget, run_together
from holdfast.kernel.errors import Conflict

Model = type[models.Model]


class Overtaken(Conflict):
    """The row has moved on since it was read."""


def insert(row: models.Model, *, or_ignore: bool = False, after: Model | None = None) -> None:
    """A new row. With `or_ignore` a row that a unique constraint refuses is left out in silence.

    A row that refers to a counted one names its table in `after` when that is about to be added to: it is sent behind it, so
    that its foreign key meets our own lock and nobody shares the key of a hot row.
    """
    values = {column.attname: getattr(row, column.attname) for column in _columns(type(row))}
    pending = _pending()
    if after is not None:
        pending.insert_after_counters(type(row), values)
    else:
        pending.insert(type(row), row.pk, or_ignore, values)
    row._state.adding, row._state.db = False, connection.alias
    pending.send_unless_gathering()


def insert_all(rows: Sequence[models.Model]) -> None:
    """New rows, in this order."""
    for row in rows:
        insert(row)


def change(row: models.Model, *, was: str | None = None, or_leave: bool = False, **values: Any) -> None:
    """New values for columns of a row, on the row at once. With `was` the row has to be in that state still.

    Raises Overtaken, when it is sent, if the row is not there or not in that state; with `or_leave` it is left as it is then.
    """
    pending = _pending()
    for name, value in values.items():
        setattr(row, name, value)
    pending.change(type(row), row.pk, _Guard(was, or_leave), values)
    pending.send_unless_gathering()


def add(model: Model, key: UUID, **deltas: int) -> None:
    """Add to counters of a row. Locks it last of all, in the order of ids, so that it is held for the fewest round trips.

    Counters of several tables are locked by their models' `lock_rank`.
    """
    pending = _pending()
    sums = pending.sums.setdefault((model, tuple(deltas)), {})
    known = sums.get(key, [0] * len(deltas))
    sums[key] = [a + b for a, b in zip(known, deltas.values(), strict=True)]
    pending.send_unless_gathering()


def say(sql: str, *parameters: Any, refused: Callable[[], Exception] | None = None) -> None:
    """A statement of one's own, sent with the others. With `refused` it has to touch a row; if not, what that gives is raised."""
    pending = _pending()
    pending.groups[object()] = _Said(sql, list(parameters), refused)
    pending.send_unless_gathering()


def send(*, about: Model | None = None) -> None:
    """Send what waits, before a read of one's own. Counters wait on unless the read is about them."""
    pending = _pending()
    pending.send(counters=about is None or about in pending.waiting_last())


@contextmanager
def gathering() -> Iterator[None]:
    """Gather until the end of the block, which is inside the transaction; after an error what waits is forgotten with it."""
    pending = _LOCAL.pending = _Pending(gathering=True)
    try:
        with connection.execute_wrapper(pending.before_statement):
            yield
            pending.send(counters=True)
    finally:
        _LOCAL.pending = _Pending(gathering=False)


# -- What waits -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Guard:
    """The state that a row has to be in to be changed; whether another one is an error."""

    was: str | None
    or_leave: bool


@dataclass(eq=False)
class _Insert:
    """Rows of one table, in the order of its columns."""

    model: Model
    clock: tuple[str, ...]
    or_ignore: bool
    rows: list[list[Any]] = field(default_factory=list)

    def statement(self) -> str:
        return _insert_sql(self.model, self.clock, self.or_ignore, len(self.rows) == 1)

    def parameters(self) -> list[Any]:
        return _parameters(_columns(self.model), self.rows)

    def judge(self, touched: int) -> None:
        if touched != len(self.rows) and not self.or_ignore:
            raise Overtaken


@dataclass(eq=False)
class _Update:
    """Changes of the same columns of one table: `[id, (was,) value, …]`."""

    model: Model
    names: tuple[str, ...]
    clock: tuple[str, ...]
    moves: bool
    or_leave: bool
    rows: list[list[Any]] = field(default_factory=list)

    def taken_back(self, key: UUID) -> dict[str, Any]:
        """The values of a row that waits here; it waits here no more."""
        row = next(row for row in self.rows if row[0] == key)
        self.rows.remove(row)
        return dict(zip(self.names, row[-len(self.names) :], strict=True))

    def statement(self) -> str:
        return _update_sql(self.model, self.names, self.clock, self.moves, len(self.rows) == 1)

    def parameters(self) -> list[Any]:
        return _parameters(
            [_column(self.model, name) for name in ("id", *(["state"] if self.moves else []), *self.names)], self.rows
        )

    def judge(self, touched: int) -> None:
        if touched != len(self.rows) and not self.or_leave:
            raise Overtaken


@dataclass(eq=False)
class _Said:
    """A statement that a service wrote itself."""

    sql: str
    said: list[Any]
    refused: Callable[[], Exception] | None
    rows: Sequence[int] = (1,)

    def statement(self) -> str:
        return self.sql

    def parameters(self) -> list[Any]:
        return self.said

    def judge(self, touched: int) -> None:
        if self.refused is not None and not touched:
            raise self.refused()


@dataclass(eq=False)
class _Sums:
    """What is added to counters of one table, by id. Several rows are locked in the order of their ids first."""

    model: Model
    names: tuple[str, ...]
    sums: Mapping[UUID, list[int]]

    def groups(self) -> Iterator[_Said]:
        keys, table = sorted(self.sums), self.model._meta.db_table
        if len(keys) > 1:
            yield _Said(f"SELECT 1 FROM {table} WHERE id = ANY(%s::uuid[]) ORDER BY id FOR NO KEY UPDATE", [keys], None)
        sets = ", ".join(f"{name} = t.{name} + v.{name}" for name in self.names)
        arrays = ", ".join("%s::bigint[]" for _ in self.names)
        values = f"unnest(%s::uuid[], {arrays}) AS v (id, {', '.join(self.names)})"
        deltas = [[self.sums[key][place] for key in keys] for place in range(len(self.names))]
        yield _Said(f"UPDATE {table} t SET {sets} FROM {values} WHERE t.id = v.id", [keys, *deltas], Overtaken)


class _Pending:
    """The writes of one transaction that were not sent yet, in the order in which their groups began."""

    def __init__(self, *, gathering: bool) -> None:
        self.gathering = gathering
        self._clear()
        self.sums: dict[tuple[Model, tuple[str, ...]], dict[UUID, list[int]]] = {}
        #: Rows that are sent behind the counters.
        self.last: dict[Model, _Insert] = {}

    def _clear(self) -> None:
        self.groups: dict[Any, Any] = {}
        self.fresh: dict[tuple[Model, UUID], list[Any]] = {}
        self.changed: dict[tuple[Model, UUID], _Update] = {}

    def group(self, kind: Callable[..., Any], *key: Any) -> Any:
        found = self.groups.get((kind, *key))
        if found is None:
            found = self.groups[kind, *key] = kind(*key)
        return found

    def insert(self, model: Model, key: UUID, or_ignore: bool, values: Mapping[str, Any]) -> None:
        row = self.fresh[model, key] = [*values.values()]
        self.group(_Insert, model, _clock(values), or_ignore).rows.append(row)

    def waiting_last(self) -> set[Model]:
        """The tables whose writes wait for the end: counters, and the rows behind them."""
        return {model for model, _ in self.sums} | self.last.keys()

    def insert_after_counters(self, model: Model, values: Mapping[str, Any]) -> None:
        group = self.last.setdefault(model, _Insert(model, _clock(values), False))
        group.rows.append([*values.values()])

    def change(self, model: Model, key: UUID, guard: "_Guard", values: Mapping[str, Any]) -> None:
        """One change of a row waits at a time. What was learned just before a move goes along with it; a row that waits to be
        inserted is inserted as it is now; otherwise the first is sent before the second, so that each move is told."""
        was, fresh, earlier = guard.was, self.fresh.get((model, key)), self.changed.get((model, key))
        if fresh is not None and was is None and not _clock(values):
            places = {column.attname: place for place, column in enumerate(_columns(model))}
            for name, value in values.items():
                fresh[places[name]] = value
            return
        if earlier is not None and was is not None and not earlier.moves and not self._inserts_since(earlier):
            values = {**earlier.taken_back(key), **values}
            self.changed.pop((model, key))
        elif fresh is not None or earlier is not None:
            self.send()
        group = self.group(_Update, model, tuple(values), _clock(values), was is not None, guard.or_leave)
        group.rows.append([key, *([was] if was is not None else []), *values.values()])
        self.changed[model, key] = group

    def _inserts_since(self, earlier: _Update) -> bool:
        """Were rows of the same table added after it? One of them may need the change to be made first (a unique index)."""
        later = [*self.groups.values()]
        return any(isinstance(group, _Insert) and group.model is earlier.model for group in later[later.index(earlier) :])

    def before_statement(self, execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        """Whatever else is asked of the database sees what was written before. Counters wait on unless it is about them."""
        self.send(counters=any(model._meta.db_table in sql for model in self.waiting_last()))
        if not sql.startswith("SELECT"):
            forget()
        return execute(sql, parameters, many, context)

    def send_unless_gathering(self) -> None:
        if not self.gathering:
            self.send(counters=True)

    def send(self, *, counters: bool = False) -> None:
        groups = [group for group in self.groups.values() if group.rows]
        self._clear()
        if counters:
            groups += [group for (model, names), sums in self._ranked() for group in _Sums(model, names, sums).groups()]
            groups += self.last.values()
            self.sums, self.last = {}, {}
        if not groups:
            return
        forget()
        told = run_together([(group.statement(), group.parameters()) for group in groups])
        for group, answer in zip(groups, told, strict=True):
            group.judge(answer.touched)

    def _ranked(self) -> "list[tuple[tuple[Model, tuple[str, ...]], dict[UUID, list[int]]]]":
        return sorted(self.sums.items(), key=lambda item: getattr(item[0][0], "lock_rank", 0))


class _Local(threading.local):
    pending: _Pending | None = None


_LOCAL = _Local()


def _pending() -> _Pending:
    if _LOCAL.pending is None:
        _LOCAL.pending = _Pending(gathering=False)
    return _LOCAL.pending


# -- Statements -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Column:
    """A column as a parameter: one value, or an array of values, one by row."""

    name: str
    attname: str
    type: str
    convert: Callable[[Any], Any] | None

    def placeholder(self, clock: tuple[str, ...], *, one: bool) -> str:
        """A time that the database's clock decides travels as seconds from now."""
        kind = "float8" if self.attname in clock else self.type
        return f"{'%b' if kind == 'bytea' else '%s'}::{kind}{'' if one else '[]'}"

    def taken(self, clock: tuple[str, ...], value: str) -> str:
        return f"holdfast_now() + make_interval(secs => {value})" if self.attname in clock else value


def _parameters(columns: Sequence[_Column], rows: Sequence[Sequence[Any]]) -> list[Any]:
    """The values of one row, or of several as an array by column."""
    if len(rows) == 1:
        return [_plain(value, column.convert) for column, value in zip(columns, rows[0], strict=True)]
    return [
        [_plain(value, column.convert) for value in values]
        for column, values in zip(columns, zip(*rows, strict=True), strict=True)
    ]


def _clock(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns whose time the database's clock decides."""
    return tuple(name for name, value in values.items() if isinstance(value, DatabaseNow))


def _plain(value: Any, convert: Callable[[Any], Any] | None) -> Any:
    if isinstance(value, DatabaseNow):
        return value.pause_s
    return value if convert is None or value is None else convert(value)


def _as_json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder)


@cache
def _columns(model: Model) -> list[_Column]:
    return [_described(column) for column in model._meta.concrete_fields]


@cache
def _column(model: Model, name: str) -> _Column:
    return _described(model._meta.get_field(name))


def _described(column: Any) -> _Column:
    converters: dict[str, Callable[[Any], Any]] = {"JSONField": _as_json, "BinaryField": bytes}
    convert = converters.get(column.get_internal_type())
    kind = column.db_type(connection).split("(")[0]
    return _Column(column.column, column.attname, kind, convert)


@cache
def _insert_sql(model: Model, clock: tuple[str, ...], or_ignore: bool, one: bool) -> str:
    columns = _columns(model)
    names = ", ".join(column.name for column in columns)
    ignore = " ON CONFLICT DO NOTHING" if or_ignore else ""
    return (
        f"INSERT INTO {model._meta.db_table} ({names}) SELECT {_taken(columns, clock)} FROM {_given(columns, clock, one)}{ignore}"
    )


@cache
def _update_sql(model: Model, names: tuple[str, ...], clock: tuple[str, ...], moves: bool, one: bool) -> str:
    changed = [_column(model, name) for name in names]
    before = [_Column("key", "", "uuid", None), *([_Column("was", "", "varchar", None)] if moves else [])]
    sets = ", ".join(f"{column.name} = {column.taken(clock, f'v.{column.name}')}" for column in changed)
    still = " AND t.state = v.was" if moves else ""
    given = _given([*before, *changed], clock, one)
    return f"UPDATE {model._meta.db_table} t SET {sets} FROM {given} WHERE t.id = v.key{still}"


def _taken(columns: Sequence[_Column], clock: tuple[str, ...]) -> str:
    return ", ".join(column.taken(clock, f"v.{column.name}") for column in columns)


def _given(columns: Sequence[_Column], clock: tuple[str, ...], one: bool) -> str:
    """What was sent, as rows: one row is spared the arrays."""
    values = ", ".join(column.placeholder(clock, one=one) for column in columns)
    return f"{f'(VALUES ({values}))' if one else f'unnest({values})'} AS v ({', '.join(column.name for column in columns)})"
