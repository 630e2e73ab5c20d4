"""Statements in one round trip: what each gave, who was refused, and that a connection is never left with unread answers."""

import threading

import pytest
from django.db import DataError, IntegrityError, connection

from holdfast.db import pipeline
from holdfast.db.statements import run, run_together
from holdfast.db.tenancy import DatabaseAway, reading, writing
from tests import build


@pytest.fixture
def shop(database, gateway, secret_key):
    return build.shop(gateway_url=gateway.url, secret_key=secret_key)


def test_each_statement_gives_its_own_rows(database, shop):
    with reading(shop.id):
        told = run_together(
            [("SELECT %s::int, %s::text", [1, "a"]), ("SELECT id FROM merchants_merchant", []), ("SELECT 1 WHERE false", [])]
        )
    assert [answer.rows for answer in told] == [[(1, "a")], [(shop.id,)], []]


def test_a_statement_is_prepared_once_by_its_types(database, shop):
    with reading(shop.id):
        for value in (1, 2, 3, 70_000):
            assert run("SELECT %s + 1", [value]).rows == [(value + 1,)]
        prepared = run("SELECT parameter_types::text FROM pg_prepared_statements WHERE statement = %s", ["SELECT $1 + 1"]).rows
    assert sorted(prepared) == [("{integer}",), ("{smallint}",)]


def test_the_first_that_is_refused_is_told_and_nothing_of_the_transaction_stays(database, shop):
    new = "INSERT INTO db_payload (id, merchant_id, kind, headers, body) VALUES (gen_random_uuid(), %s, %s, '{}', '')"

    def flow() -> None:
        with writing(shop.id, step="test.refused"):
            run_together([(new, [shop.id, "kept"]), ("SELECT 1 / %s::int", [0]), (new, [shop.id, "after"])])

    with pytest.raises(DataError, match="division by zero"):
        flow()
    assert database.count("db_payload", "kind IN ('kept', 'after')") == 0
    with reading(shop.id):
        assert run("SELECT %s::text", ["the connection lives"]).rows == [("the connection lives",)]


def test_a_statement_that_could_not_be_prepared_is_prepared_the_next_time(database, shop):
    said = ("SELECT id FROM made_later WHERE id = %s::int", [1])

    def flow() -> None:
        with reading(shop.id):
            run(*said)

    with pytest.raises(Exception, match="made_later"):
        flow()
    with database.as_owner() as owner:
        owner.execute("CREATE TABLE made_later (id int); GRANT SELECT ON made_later TO holdfast_app")
    with reading(shop.id):
        assert run(*said).rows == []


def test_text_that_the_database_cannot_keep_is_refused_before_anything_is_sent(database, shop):
    with reading(shop.id):
        with pytest.raises(DataError, match="NUL"):
            run("SELECT %s::text", ["a\x00b"])
        assert run("SELECT 1", []).rows == [(1,)]


def test_a_constraint_is_told_by_its_name(database, shop):
    from holdfast.db.tenancy import violated

    def flow() -> None:
        with writing(shop.id, step="test.constraint"):
            run("UPDATE inventory_stock SET reserved = on_hand + 1", [])

    with pytest.raises(IntegrityError) as told:
        flow()
    assert violated(told.value) == "inventory_available_not_negative"


def test_a_connection_whose_answers_were_not_read_is_not_used_again(database, shop, monkeypatch):
    class Stop(BaseException):
        pass

    def interrupted(pg):
        raise Stop

    taken = []

    def flow() -> None:
        with reading(shop.id):
            taken.append(connection.connection)
            monkeypatch.setattr(pipeline, "_answers", interrupted)
            run("SELECT 'lost'", [])

    with pytest.raises(Stop):
        flow()
    monkeypatch.undo()
    assert taken[0].closed
    with reading(shop.id):
        assert run("SELECT 1", []).rows == [(1,)]


def test_a_server_that_ends_in_the_middle_is_told_as_away(database, shop):
    def flow() -> None:
        with reading(shop.id):
            run("SELECT pg_terminate_backend(pg_backend_pid())", [])

    with pytest.raises(DatabaseAway):
        flow()
    with reading(shop.id):
        assert run("SELECT 1", []).rows == [(1,)]


def test_many_statements_with_large_answers_and_parameters_do_not_block_each_other(database, shop):
    """Both sides' socket buffers fill: whoever only wrote would wait for ever."""
    large = "x" * 200_000
    finished = []

    def work() -> None:
        with reading(shop.id):
            told = run_together([("SELECT repeat(%s::text, 10)", [large])] * 20)
            finished.append({len(answer.rows[0][0]) for answer in told})
        connection.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(30)
    assert finished == [{2_000_000}]
