"""Settling: how fast one worker process applies the webhooks that say an order is paid.

Orders wait for their money and the signed events that bring it are stored. One worker is started as `./dev up` starts it, and
the clock runs from the first event that is done to the last. All its other lanes run too: what follows a payment, the parcel
and the e-mail, competes with it as it does in life. The limit is the events' lane alone, statement by statement, by one client.
"""

import time
from collections.abc import Iterator, Mapping

from holdfast.bench import pgbench
from holdfast.bench.figures import Row, Run, row
from holdfast.bench.ground import Ground
from holdfast.bench.tape import Step, round_trips, statements

#: Paid events per second by one worker on two cores.
FLOOR = 200.0
#: How often the worker's progress is looked at, and for how long at most.
LOOK_EVERY_S = 0.05
WITHIN_S = 120.0

DONE = "SELECT count(*) FILTER (WHERE state = 'done'), count(*) FILTER (WHERE state <> 'received') FROM inbox_event"
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
    """Events per second from the first look that found one done to the last."""
    orders = ground.facts["orders"]
    until = time.monotonic() + WITHIN_S
    first: tuple[float, int] | None = None
    with ground.running("worker", env=env):
        while True:
            done, tried = ground.ask(env, DONE)
            at = time.perf_counter()
            if first is None and done:
                first = at, done
            if done == orders:
                break
            if tried > done or time.monotonic() > until:
                raise NotSettled(f"{done} of {orders} events are done, {tried} were tried")
            time.sleep(LOOK_EVERY_S)
    _require_paid(ground, env)
    assert first is not None
    return float(orders - first[1]) / max(at - first[0], LOOK_EVERY_S)


def _require_paid(ground: Ground, env: Mapping[str, str]) -> None:
    (paid,) = ground.ask(env, PAID)
    if paid != ground.facts["orders"]:
        raise NotSettled(f"{paid} of {ground.facts['orders']} orders are paid")
