"""No more is asked back than came in, whoever writes and however: in pieces, in one statement, at the same instant (R-J1).

Each payment here took 1250; `payments_refund_within_captured` is the law.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from holdfast.payments.states import REFUND
from tests.laws.conftest import World
from tests.laws.refusals import refused, unheld
from tests.laws.rows import BUILDERS, Rows, new_id

LAW = "payments_refund_within_captured"
#: How long a writer that has to wait is watched before it counts as waiting.
WATCHED_S = 0.3


def asked(rows: Rows, payment_id: Any) -> list[int]:
    """The refunds of a payment, the largest first."""
    found = rows.execute(
        "SELECT amount_minor FROM payments_refund WHERE payment_id = %s ORDER BY amount_minor DESC", payment_id
    ).fetchall()
    return [amount for (amount,) in found]


@pytest.fixture(params=["owner", "app"])
def rows(request: pytest.FixtureRequest) -> Rows:
    found: Rows = request.getfixturevalue(request.param)
    return found


def test_all_of_it_in_pieces_and_not_a_cent_more(rows: Rows) -> None:
    payment_id = rows.insert("payments_payment")
    for amount in (1000, 249, 1):
        rows.insert("payments_refund", payment_id=payment_id, amount_minor=amount)
    with refused(rows.connection, LAW):
        rows.insert("payments_refund", payment_id=payment_id, amount_minor=1)
    assert asked(rows, payment_id) == [1000, 249, 1]


@pytest.mark.parametrize("state", REFUND.states)
def test_only_a_refund_that_failed_makes_room(owner: Rows, state: str) -> None:
    payment_id = owner.insert("payments_payment")
    with unheld(owner.connection):
        owner.insert("payments_refund", payment_id=payment_id, amount_minor=1250, state=state)
    if state == "failed":
        owner.insert("payments_refund", payment_id=payment_id, amount_minor=1250)
        assert asked(owner, payment_id) == [1250, 1250]
    else:
        with refused(owner.connection, LAW):
            owner.insert("payments_refund", payment_id=payment_id, amount_minor=1)
        assert asked(owner, payment_id) == [1250]


def test_what_a_dispute_holds_cannot_be_asked_back(rows: Rows) -> None:
    payment_id = rows.insert("payments_payment", disputed_minor=1000)
    with refused(rows.connection, LAW):
        rows.insert("payments_refund", payment_id=payment_id, amount_minor=251)
    rows.insert("payments_refund", payment_id=payment_id, amount_minor=250)
    assert asked(rows, payment_id) == [250]


def test_what_was_not_captured_cannot_be_asked_back(rows: Rows) -> None:
    """A part of what was asked for was captured: that part is all there is."""
    payment_id = rows.insert("payments_payment", captured_minor=400)
    with refused(rows.connection, LAW):
        rows.insert("payments_refund", payment_id=payment_id, amount_minor=401)
    assert asked(rows, payment_id) == []


def test_another_currency_is_refused(rows: Rows) -> None:
    payment_id = rows.insert("payments_payment")
    with refused(rows.connection, LAW):
        rows.insert("payments_refund", payment_id=payment_id, currency="USD")
    assert asked(rows, payment_id) == []


def test_the_providers_own_refund_is_always_recorded_and_takes_the_room(rows: Rows) -> None:
    payment_id = rows.insert("payments_payment")
    theirs = {"origin": "provider", "state": "succeeded", "due_at": None}
    rows.insert("payments_refund", payment_id=payment_id, amount_minor=5000, **theirs)
    with refused(rows.connection, LAW):
        rows.insert("payments_refund", payment_id=payment_id, amount_minor=1)
    assert asked(rows, payment_id) == [5000]


def test_a_refund_grows_no_more_once_it_is_there(rows: Rows) -> None:
    payment_id = rows.insert("payments_payment")
    refund_id = rows.insert("payments_refund", payment_id=payment_id, amount_minor=1)
    with refused(rows.connection, "payments_refund_frozen"):
        rows.update("payments_refund", refund_id, amount_minor=1251)
    assert asked(rows, payment_id) == [1]


def in_one_statement(rows: Rows, payment_id: Any, *amounts: int) -> psycopg.Cursor[Any]:
    """One INSERT of several refunds."""
    made = [{**BUILDERS["payments_refund"](rows), "payment_id": payment_id, "amount_minor": amount} for amount in amounts]
    values = [[value(rows) if callable(value) else value for value in each.values()] for each in made]
    marks = ", ".join(f"({', '.join(['%s'] * len(each))})" for each in values)
    statement = f"INSERT INTO payments_refund ({', '.join(made[0])}) VALUES {marks}"
    return rows.connection.execute(statement, [value for each in values for value in each])


def test_several_in_one_statement_are_judged_one_after_the_other(rows: Rows) -> None:
    """The rows before it in the same INSERT count; where one is too much, none is written."""
    payment_id = rows.insert("payments_payment")
    with refused(rows.connection, LAW):
        in_one_statement(rows, payment_id, 500, 700, 51)
    assert asked(rows, payment_id) == []
    assert in_one_statement(rows, payment_id, 500, 700, 50).rowcount == 3
    assert asked(rows, payment_id) == [700, 500, 50]


def test_one_bigger_row_among_small_ones_is_refused_with_all_of_them(rows: Rows) -> None:
    payment_id = rows.insert("payments_payment")
    with refused(rows.connection, LAW):
        in_one_statement(rows, payment_id, 1, 1251, 1)
    assert asked(rows, payment_id) == []


# -- Two at the same instant ------------------------------------------------------------------------------------------------


class Writer:
    """Another transaction that asks 700 of a payment back, in a thread, because it may have to wait."""

    def __init__(self, rows: Rows, payment_id: Any):
        self.rows, self.payment_id = rows, payment_id
        self.refusal: psycopg.Error | None = None
        self.thread = threading.Thread(target=self._write)

    def _write(self) -> None:
        try:
            self.rows.insert("payments_refund", payment_id=self.payment_id, amount_minor=700)
        except psycopg.Error as error:
            self.refusal = error

    def waits(self) -> bool:
        self.thread.join(WATCHED_S)
        return self.thread.is_alive()

    def told(self) -> tuple[str | None, str | None] | None:
        """How it was refused, or None."""
        self.thread.join(10)
        return (self.refusal.sqlstate, self.refusal.diag.constraint_name) if self.refusal else None


@contextmanager
def two(world: World, role: str) -> Iterator[tuple[Rows, Rows, Any]]:
    """Two connections of one role, each in a transaction of its own, and a payment of 1250 that both can see."""
    connect = world.database.as_owner if role == "owner" else lambda: world.database.as_app(world.merchant_id)
    with world.database.as_owner() as founder, connect() as first, connect() as second:
        payment_id = Rows(founder, world.merchant_id, world.ours).insert("payments_payment")
        yield Rows(first, world.merchant_id, world.ours), Rows(second, world.merchant_id, world.ours), payment_id


@pytest.mark.parametrize("role", ["owner", "app"])
def test_the_second_of_two_at_once_waits_and_is_refused(world: World, role: str) -> None:
    with two(world, role) as (mine, yours, payment_id):
        mine.execute("BEGIN")
        yours.execute("BEGIN")
        mine.insert("payments_refund", payment_id=payment_id, amount_minor=700)
        writer = Writer(yours, payment_id)
        writer.thread.start()
        assert writer.waits()
        mine.execute("COMMIT")
        assert writer.told() == ("23514", LAW)
        yours.execute("ROLLBACK")
        assert asked(yours, payment_id) == [700]


@pytest.mark.parametrize("role", ["owner", "app"])
def test_the_second_of_two_at_once_is_taken_where_the_first_takes_its_word_back(world: World, role: str) -> None:
    with two(world, role) as (mine, yours, payment_id):
        mine.execute("BEGIN")
        yours.execute("BEGIN")
        mine.insert("payments_refund", payment_id=payment_id, amount_minor=700)
        writer = Writer(yours, payment_id)
        writer.thread.start()
        assert writer.waits()
        mine.execute("ROLLBACK")
        assert writer.told() is None
        yours.execute("COMMIT")
        assert asked(yours, payment_id) == [700]


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_transaction_that_looks_at_the_past_may_not_judge(world: World, isolation: str) -> None:
    """Its snapshot is older than the other's refund: it would find room that is gone."""
    with two(world, "app") as (mine, yours, payment_id):
        yours.execute(f"BEGIN ISOLATION LEVEL {isolation}")
        assert asked(yours, payment_id) == []
        mine.insert("payments_refund", payment_id=payment_id, amount_minor=700)
        with pytest.raises(psycopg.errors.CheckViolation) as caught:
            yours.insert("payments_refund", payment_id=payment_id, amount_minor=700)
        assert caught.value.diag.constraint_name == LAW
        yours.execute("ROLLBACK")
        assert asked(yours, payment_id) == [700]


def test_without_the_law_two_at_once_would_take_more_than_came_in(world: World) -> None:
    """The race is real: held by nothing, both are written. Rolled back."""
    with two(world, "owner") as (mine, yours, payment_id):
        for rows in (mine, yours):
            rows.execute("BEGIN")
            rows.execute("SET LOCAL session_replication_role = replica")
            rows.insert("payments_refund", payment_id=payment_id, amount_minor=700, id=new_id(), lines=Jsonb([]))
        mine.execute("COMMIT")
        assert asked(yours, payment_id) == [700, 700]
        yours.execute("ROLLBACK")
