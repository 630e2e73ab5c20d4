"""The journal balances at commit, per currency, whoever writes and however they try (R-S1)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.laws.conftest import World
from tests.laws.rows import Rows

Connect = Callable[[], psycopg.Connection[Any]]


@pytest.fixture(params=["owner", "application"])
def connect(request: pytest.FixtureRequest, world: World) -> Connect:
    if request.param == "owner":
        return world.database.as_owner
    return lambda: world.database.as_app(world.merchant_id)


@contextmanager
def refused_at_commit(world: World, connect: Connect, name: str) -> Iterator[Rows]:
    """Everything in the block is accepted; its commit is not, and nothing of it stays."""
    before = world.database.count("ledger_entry"), world.database.count("ledger_posting")
    with connect() as connection:
        connection.execute("BEGIN")
        yield Rows(connection, world.merchant_id, world.ours)
        with pytest.raises(psycopg.errors.CheckViolation) as caught:
            connection.execute("COMMIT")
    assert caught.value.diag.constraint_name == name
    assert (world.database.count("ledger_entry"), world.database.count("ledger_posting")) == before


def test_an_entry_without_postings_is_refused(world: World, connect: Connect) -> None:
    with refused_at_commit(world, connect, "ledger_entry_balances") as rows:
        rows.insert("ledger_entry")


def test_an_entry_that_does_not_balance_is_refused(world: World, connect: Connect) -> None:
    with refused_at_commit(world, connect, "ledger_entry_balances") as rows:
        entry_id = rows.insert("ledger_entry")
        rows.insert("ledger_posting", entry_id=entry_id, debit_minor=100, credit_minor=0)
        rows.insert("ledger_posting", entry_id=entry_id, debit_minor=0, credit_minor=99)


def test_two_currencies_do_not_balance_each_other(world: World, connect: Connect) -> None:
    with refused_at_commit(world, connect, "ledger_entry_balances") as rows:
        entry_id = rows.insert("ledger_entry")
        rows.insert("ledger_posting", entry_id=entry_id, currency="EUR", debit_minor=100, credit_minor=0)
        rows.insert("ledger_posting", entry_id=entry_id, currency="USD", debit_minor=0, credit_minor=100)


def test_a_posting_added_later_is_refused(world: World, connect: Connect) -> None:
    with refused_at_commit(world, connect, "ledger_posting_balances") as rows:
        rows.insert("ledger_posting", debit_minor=1, credit_minor=0)


def test_a_temporary_table_does_not_stand_in_for_the_postings(world: World, connect: Connect) -> None:
    with refused_at_commit(world, connect, "ledger_entry_balances") as rows:
        entry_id = rows.insert("ledger_entry")
        rows.insert("ledger_posting", entry_id=entry_id, debit_minor=100, credit_minor=0)
        rows.execute("CREATE TEMP TABLE ledger_posting (entry_id uuid, currency text, debit_minor bigint, credit_minor bigint)")
        rows.execute("INSERT INTO ledger_posting VALUES (%s, 'EUR', 1, 1)", entry_id)


def test_another_tenant_at_commit_does_not_hide_the_postings(world: World) -> None:
    with refused_at_commit(world, lambda: world.database.as_app(world.merchant_id), "ledger_entry_balances") as rows:
        entry_id = rows.insert("ledger_entry")
        rows.insert("ledger_posting", entry_id=entry_id, debit_minor=100, credit_minor=0)
        rows.execute("SELECT set_config('holdfast.merchant', %s, false)", str(world.other_id))


def test_several_postings_and_currencies_that_balance_are_accepted(world: World, connect: Connect) -> None:
    with connect() as connection, connection.transaction():
        rows = Rows(connection, world.merchant_id, world.ours)
        entry_id = rows.insert("ledger_entry")
        for currency, debit, credit in (("EUR", 70, 0), ("EUR", 30, 0), ("EUR", 0, 100), ("USD", 5, 0), ("USD", 0, 5)):
            rows.insert("ledger_posting", entry_id=entry_id, currency=currency, debit_minor=debit, credit_minor=credit)
    assert world.database.count("ledger_posting", "entry_id = %s", entry_id) == 5


@pytest.mark.parametrize(("debit", "credit"), [(1, 1), (0, 0), (-1, 0), (0, -1), (1, -1)])
def test_a_posting_has_one_side_and_it_is_positive(owner: Rows, debit: int, credit: int) -> None:
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        owner.insert("ledger_posting", debit_minor=debit, credit_minor=credit)
    assert caught.value.diag.constraint_name == "ledger_posting_one_side"
