"""One database per file of tests, with a row of each table for two merchants; each test's own writes are rolled back."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from holdfast.kernel.ids import new_id
from tests.conftest import Database, clone, drop
from tests.laws.rows import Rows


@dataclass
class World:
    """Two merchants, each with one legal row of every table."""

    database: Database
    ours: dict[str, Any]
    theirs: dict[str, Any]

    @property
    def merchant_id(self) -> UUID:
        return self.ours["merchants_merchant"]

    @property
    def other_id(self) -> UUID:
        return self.theirs["merchants_merchant"]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    database = clone()
    with database.as_owner() as connection:
        first: list[dict[str, Any]] = []
        for _ in range(2):
            rows = Rows(connection, new_id())
            rows.found()
            first.append(rows.first)
    yield World(database, *first)
    drop(database)


@pytest.fixture
def owner(world: World) -> Iterator[Rows]:
    """Our merchant's rows, written as the tables' owner, whom no wall holds. Rolled back."""
    with world.database.as_owner() as connection, connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL lock_timeout = '5s'")
        yield Rows(connection, world.merchant_id, world.ours)


@pytest.fixture
def app(world: World) -> Iterator[Rows]:
    """Our merchant's rows, written as the application. Rolled back."""
    with world.database.as_app(world.merchant_id) as connection, connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL lock_timeout = '5s'")
        yield Rows(connection, world.merchant_id, world.ours)
