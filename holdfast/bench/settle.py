"""Settling: how fast one worker process applies the webhooks that say an order is paid.

Orders wait for their money and the signed events that bring it are stored, but not due yet. One worker is started as `./dev up`
starts it; then the events become due, and the clock runs from the first claim until all orders are paid. All its other lanes run
too: what follows a payment, the parcel and the e-mail, competes with it as it does in life. The limit is the events' lane alone,
statement by statement, by one client.
"""

import time
from collections.abc import Iterator, Mapping

import psycopg

from holdfast.bench import pgbench
from holdfast.bench.figures import Row, Run, row
from holdfast.bench.ground import Ground
from holdfast.bench.tape import Step, round_trips, statements

#: Paid events per second by one worker on two cores.
FLOOR = 200.0
#: How often the worker's progress is looked at, and for how long at most.
LOOK_EVERY_S = 0.01
WITHIN_S = 120.0
#: A worker has loaded its code and looks for work after this; if it has not, the clock waits for its first claim all the same.
STARTED_S = 2.0

HOLD = "UPDATE inbox_event SET due_at = now() + interval '1 hour'"
RELEASE = "UPDATE inbox_event SET due_at = now()"
LOOK = "SELECT count(*) FILTER (WHERE attempts > 0), count(*) FILTER (WHERE state = 'done') FROM inbox_event"
PAID = "SELECT count(*) FROM orders_order WHERE paid_at IS NOT NULL"


class NotSettled(Exception):
    """The worker did not get through the events, or did not pay every order."""


def measure(ground: Ground, *, runs: int) -> Iterator[Row]:
    """One row. Raises NotSettled."""
    pieces = record(ground)
    counted = per_unit(pieces, units=ground.facts["orders"])
    taken = []
    for _ in range(runs):
        with ground.copy("ours") as env:
            ours = _one_worker(ground, env)
        limit = None
        if pgbench.find():
            with ground.copy("bound") as env:
                told = pgbench.replay(pieces, clients=1, env=env, file=ground.folder / "settle.sql")
                _require_paid(ground, env)  # the replay did the work, and not only some of it
                limit = ground.facts["orders"] / told.seconds
        taken.append(Run(per_second=ours, limit_per_second=limit, more=counted))
    yield row(part="settle", what="paid events, one worker", runs=taken, at_least=FLOOR)


def record(ground: Ground) -> list[list[Step]]:
    """The statements of settling all prepared orders, by batches."""
    with ground.copy("recorded") as env:
        pieces: list[list[Step]] = ground.child("record", {"flow": "settle"}, env=env)
        _require_paid(ground, env)
    return pieces


def per_unit(pieces: list[list[Step]], *, units: int) -> dict[str, float]:
    """Statements and round trips for each order."""
    return {
        "statements": sum(map(statements, pieces)) / units,
        "round_trips": sum(map(round_trips, pieces)) / units,
    }


def _one_worker(ground: Ground, env: Mapping[str, str]) -> float:
    """Events per second from the first claim to the last event that is done."""
    orders = ground.facts["orders"]
    with psycopg.connect(env["DATABASE_OWNER_URL"], autocommit=True) as connection:
        connection.execute(HOLD)
        with ground.running("worker", env=env):
            time.sleep(STARTED_S)
            connection.execute(RELEASE)
            until = time.monotonic() + WITHIN_S
            began = 0.0
            while True:
                claimed, done = connection.execute(LOOK).fetchone() or (0, 0)
                at = time.perf_counter()
                began = began or (at if claimed else 0.0)
                if done == orders:
                    break
                if time.monotonic() > until:
                    raise NotSettled(f"{done} of {orders} events are done after {WITHIN_S:.0f} s")
                time.sleep(LOOK_EVERY_S)
    _require_paid(ground, env)
    return float(orders) / max(at - began, LOOK_EVERY_S)


def _require_paid(ground: Ground, env: Mapping[str, str]) -> None:
    (paid,) = ground.ask(env, PAID)
    if paid != ground.facts["orders"]:
        raise NotSettled(f"{paid} of {ground.facts['orders']} orders are paid")
