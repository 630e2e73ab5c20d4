"""Rows by a condition that is said on every purchase: without the ORM's compiling and PostgreSQL's planning.

What waits in `writes` is sent before, as before any other read.
"""

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import connection, models

from holdfast.db import writes
from holdfast.db.statements import Told, run, run_together

Row = TypeVar("Row", bound=models.Model)
Other = TypeVar("Other", bound=models.Model)


def rows(model: type[Row], condition: str, *parameters: Any) -> list[Row]:
    """Rows of a model. `condition` is SQL after FROM …: `WHERE id = %s FOR NO KEY UPDATE`."""
    writes.send(about=model)
    return _built(model, run(_sql(model, condition), parameters))


def pair(one: tuple[type[Row], str, Any], other: tuple[type[Other], str, Any]) -> tuple[list[Row], list[Other]]:
    """Rows of two models in one round trip: `(model, condition, parameter)` each."""
    writes.send(about=one[0])
    writes.send(about=other[0])
    told = run_together([(_sql(model, condition), [parameter]) for model, condition, parameter in (one, other)])
    return _built(one[0], told[0]), _built(other[0], told[1])


def first(model: type[Row], condition: str, *parameters: Any) -> Row | None:
    """The first of them, or None."""
    found = rows(model, condition, *parameters)
    return found[0] if found else None


def _sql(model: type[models.Model], condition: str) -> str:
    return f"SELECT {_shape(model).columns} FROM {model._meta.db_table} {condition}"


def _built(model: type[Row], told: Told) -> list[Row]:
    shape = _shape(model)
    return [model.from_db(connection.alias, shape.names, shape.read(row)) for row in told.rows]


class _Shape:
    """How a model's row is read: its columns, and those whose value Django keeps in another form."""

    def __init__(self, model: type[models.Model]) -> None:
        fields = model._meta.concrete_fields
        self.names = [field.attname for field in fields]
        self.columns = ", ".join(f'{model._meta.db_table}."{field.column}"' for field in fields)
        readers: dict[str, Callable[[Any], Any]] = {"JSONField": json.loads}
        kinds = [readers.get(field.get_internal_type()) for field in fields]
        self.converted = [(place, kind) for place, kind in enumerate(kinds) if kind is not None]

    def read(self, row: Sequence[Any]) -> Sequence[Any]:
        if not self.converted:
            return row
        values = list(row)
        for place, convert in self.converted:
            values[place] = None if values[place] is None else convert(values[place])
        return values


@cache
def _shape(model: type[models.Model]) -> _Shape:
    return _Shape(model)
