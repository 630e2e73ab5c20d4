"""The tape hears everything that psycopg sends: what it missed would make pgbench's work easier than ours."""

import psycopg
import pytest

from holdfast.bench.tape import NotReplayable, Tape, round_trips


def test_everything_that_is_sent_is_on_the_tape_in_order(database):
    tape = Tape()
    with psycopg.connect(database.environment["DATABASE_OWNER_URL"]) as connection:
        connection.autocommit = True
        connection.execute("CREATE TABLE noted (id int PRIMARY KEY, word text)")
        connection.autocommit = False
        with tape.running():
            psycopg.ClientCursor(connection).execute("INSERT INTO noted VALUES (%s, %s)", [1, "it's a:b"])
            with connection.pipeline():
                psycopg.Cursor(connection).execute("INSERT INTO noted VALUES (%s, '100%%' || %s)", [2, "x"], prepare=True)
                psycopg.Cursor(connection).execute("INSERT INTO noted VALUES (3)")
            connection.commit()
            connection.rollback()  # nothing is open: nothing is sent
    assert tape.taken() == [
        ["sql", "BEGIN"],
        ["sql", r"INSERT INTO noted VALUES (1,  E'it''s a\x3ab')"],
        ["pipeline"],
        ["call", "INSERT INTO noted VALUES ($1, '100%' || $2)", "2, 'x'"],
        ["sql", "INSERT INTO noted VALUES (3)"],
        ["sync"],
        ["sql", "COMMIT"],
    ]
    assert tape.taken() == []


def test_a_transaction_that_begins_in_a_pipeline_costs_one_round_trip_more(database):
    tape = Tape()
    with psycopg.connect(database.environment["DATABASE_OWNER_URL"]) as connection, tape.running():
        with connection.pipeline():
            psycopg.Cursor(connection).execute("SELECT 1")
            psycopg.Cursor(connection).execute("SELECT 2")
    steps = tape.taken()
    expected = [["pipeline"], ["sql", "BEGIN"], ["sync"], ["pipeline"], ["sql", "SELECT 1"], ["sql", "SELECT 2"], ["sync"]]
    assert steps[:7] == expected
    assert round_trips(steps[:7]) == 2


def test_what_cannot_be_sent_again_is_refused(database):
    with psycopg.connect(database.environment["DATABASE_OWNER_URL"]) as connection, Tape().running():
        with pytest.raises(NotReplayable):
            connection.cursor().executemany("SELECT %s", [[1], [2]])


def test_psycopg_is_as_it_was_once_the_tape_stops(database):
    before = psycopg.Cursor.execute, psycopg.Connection.commit, psycopg.Connection.pipeline
    with Tape().running():
        assert psycopg.Cursor.execute is not before[0]
    assert (psycopg.Cursor.execute, psycopg.Connection.commit, psycopg.Connection.pipeline) == before
