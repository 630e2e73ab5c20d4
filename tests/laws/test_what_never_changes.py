"""Rows that are never changed, never removed, frozen in part, or only grow; whoever writes (R-B6, R-C3, R-S1)."""

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import models
from psycopg.types.json import Jsonb

from holdfast.db.laws import AppendOnly, Frozen, Grows, Permanent
from holdfast.kernel.ids import new_id
from tests.laws.refusals import NO_RIGHT, refused
from tests.laws.rows import AT, Rows


def laws_of(kind: type) -> list[tuple[type[models.Model], Any]]:
    return [(model, law) for model in apps.get_models() for law in model._meta.constraints if type(law) is kind]


def named(kind: type) -> list[Any]:
    return [pytest.param(model._meta.db_table, law.name, id=law.name) for model, law in laws_of(kind)]


def columns_of(attribute: str) -> list[Any]:
    return [
        pytest.param(model, law.name, column, id=f"{model._meta.db_table}.{column}")
        for model, law in laws_of(Frozen)
        for column in (*(["id"] if attribute == "columns" else []), *getattr(law, attribute))
    ]


def some(rows: Rows, table: str) -> Any:
    return rows.first.get(table) or rows.value(f"SELECT id FROM {table} LIMIT 1")


def another(model: type[models.Model], column: str, n: int = 1) -> Any:
    """A value that the column can hold and no test row has; for another `n`, another one."""
    field = next(field for field in model._meta.concrete_fields if field.column == column)
    if isinstance(field, models.ForeignKey | models.UUIDField):
        return new_id()
    if isinstance(field, models.JSONField):
        return Jsonb({"another": n})
    if isinstance(field, models.DateTimeField):
        return AT + timedelta(days=n)
    if isinstance(field, models.BooleanField):
        return n % 2 == 0
    if isinstance(field, models.IntegerField):
        return 77 + n
    return "XYZ"[n] * min(field.max_length or 3, 3)


@pytest.mark.parametrize(("table", "name"), named(AppendOnly))
def test_an_added_row_is_never_changed_or_removed(owner: Rows, table: str, name: str) -> None:
    row_id = some(owner, table)
    with refused(owner.connection, name):
        owner.execute(f"UPDATE {table} SET id = id WHERE id = %s", row_id)
    with refused(owner.connection, name):
        owner.delete(table, row_id)
    with refused(owner.connection, name):
        owner.execute(f"TRUNCATE {table} CASCADE")
    assert owner.value(f"SELECT count(*) FROM {table} WHERE id = %s", row_id) == 1


@pytest.mark.parametrize(("table", "name"), named(AppendOnly))
def test_the_application_has_no_right_to_try(app: Rows, table: str, name: str) -> None:
    for statement in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}", f"TRUNCATE {table}"):
        with refused(app.connection, None, NO_RIGHT):
            app.execute(statement)


@pytest.mark.parametrize(("table", "name"), named(Permanent))
def test_a_permanent_row_is_never_removed(owner: Rows, table: str, name: str) -> None:
    row_id = some(owner, table)
    with refused(owner.connection, name):
        owner.delete(table, row_id)
    with refused(owner.connection, name):
        owner.execute(f"TRUNCATE {table} CASCADE")
    assert owner.value(f"SELECT count(*) FROM {table} WHERE id = %s", row_id) == 1


@pytest.mark.parametrize(("table", "name"), named(Permanent))
def test_the_application_has_no_right_to_remove_it(app: Rows, table: str, name: str) -> None:
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        with refused(app.connection, None, NO_RIGHT):
            app.execute(statement)


@pytest.mark.parametrize(("model", "name", "column"), columns_of("columns"))
def test_a_frozen_column_keeps_its_value(owner: Rows, model: type[models.Model], name: str, column: str) -> None:
    table = model._meta.db_table
    row_id = owner.insert(table)
    with refused(owner.connection, name):
        owner.update(table, row_id, **{column: another(model, column)})


@pytest.mark.parametrize(("model", "name", "column"), columns_of("columns"))
def test_a_frozen_column_holds_for_the_application(app: Rows, model: type[models.Model], name: str, column: str) -> None:
    table = model._meta.db_table
    row_id = app.insert(table)
    with refused(app.connection, name):
        app.update(table, row_id, **{column: another(model, column)})


@pytest.mark.parametrize(("model", "name", "column"), columns_of("once"))
def test_a_column_is_filled_in_once(app: Rows, model: type[models.Model], name: str, column: str) -> None:
    table = model._meta.db_table
    row_id = app.insert(table, **{column: None})
    # A key's status and answer come together, and a payment refers to a payment that is there.
    whole: dict[str, Any] = {"status": 200, "answer_id": new_id()} if table == "idempotency_key" else {}
    value = app.first["payments_payment"] if column == "late_of_id" else whole.get(column, another(model, column))
    assert app.update(table, row_id, **{**whole, column: value}) == 1
    assert app.update(table, row_id, **{**whole, column: value}) == 1
    with refused(app.connection, name):
        app.update(table, row_id, **{column: None})
    with refused(app.connection, name):
        app.update(table, row_id, **{column: another(model, column, 2)})


@pytest.mark.parametrize(
    ("table", "name", "column"),
    [
        pytest.param(model._meta.db_table, law.name, column, id=f"{model._meta.db_table}.{column}")
        for model, law in laws_of(Grows)
        for column in law.columns
    ],
)
def test_knowledge_of_money_only_grows(app: Rows, owner: Rows, table: str, name: str, column: str) -> None:
    for rows in (owner, app):
        row_id = rows.insert(table, **{column: 500})
        with refused(rows.connection, name):
            rows.update(table, row_id, **{column: 499})
        assert rows.update(table, row_id, **{column: 501}) == 1
