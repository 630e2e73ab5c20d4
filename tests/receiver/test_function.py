"""`holdfast_receive` by itself: what one flush leaves in the database."""

from datetime import UTC, datetime
from typing import Any

from holdfast.kernel.ids import new_id
from holdfast.providers.contract import Incoming
from holdfast.receiver.store import RECEIVE, Arrival

AT = datetime(2026, 11, 1, tzinfo=UTC)


def flush(house: Any, *events: tuple[str, bytes]) -> int:
    """Store these as the receiver does; how many were new."""
    arrivals = [
        Arrival(house.merchant_id, house.account_id, "stripe", Incoming(event_id=id, type="t", created_at=AT, body=body), {})
        for id, body in events
    ]
    columns = [list(column) for column in zip(*(arrival.columns() for arrival in arrivals), strict=True)]
    sql = RECEIVE
    for number in range(12, 0, -1):
        sql = sql.replace(f"${number}::", "%s::")
    with house.database.as_app(None) as connection:
        return int(connection.execute(sql, columns).fetchone()[0])


def names(count: int) -> list[str]:
    return [f"evt_{new_id().hex}" for _ in range(count)]


def test_one_event_twice_in_a_flush_is_one_event_with_two_deliveries(house):
    before, (id,) = house.rows(), names(1)
    assert flush(house, (id, b"first"), (id, b"second")) == 1
    events, deliveries, payloads = house.rows()
    assert (events - before[0], deliveries - before[1], payloads - before[2]) == (1, 2, 1)


def test_new_and_known_events_of_a_flush_are_told_apart(house):
    known, fresh, other = names(3)
    assert flush(house, (known, b"1")) == 1
    before = house.rows()
    assert flush(house, (fresh, b"2"), (known, b"3"), (other, b"4")) == 2
    events, deliveries, payloads = house.rows()
    assert (events - before[0], deliveries - before[1], payloads - before[2]) == (2, 3, 2)


def test_a_flush_never_reads_the_whole_table(house):
    """A plan that was made while the table was small would read all of it for every flush."""
    with house.database.as_app(None) as connection, connection.transaction():
        asked = "SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'inbox_event'"
        arguments = (
            "ARRAY[%(m)s::uuid], ARRAY[%(a)s::uuid], ARRAY['stripe'], ARRAY[gen_random_uuid()], ARRAY[%(e)s], ARRAY['t'], "
        )
        arguments += "ARRAY[now()], ARRAY[%(p)s::uuid], ARRAY[repeat('0', 64)], ARRAY['{}'::jsonb], ARRAY['x'::bytea], "
        arguments += "ARRAY[gen_random_uuid()]"
        before = connection.execute(asked).fetchone()
        for id in names(12):
            values = {"m": house.merchant_id, "a": house.account_id, "e": id, "p": new_id()}
            connection.execute(f"SELECT holdfast_receive({arguments})", values)
        assert connection.execute(asked).fetchone() == before
