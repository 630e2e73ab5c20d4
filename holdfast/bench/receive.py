"""Receiving: distinct, signed webhooks that are on disk before they are answered.

The receiver runs as `holdfast receive` starts it; the load comes over kept-alive connections from a process of its own, with
bodies signed beforehand. The limit is pgbench storing one such event per transaction through the same function, from as many
clients: the same three rows, without HTTP, JSON and signatures. The receiver may pass it: it stores in batches.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from holdfast.bench import pgbench, requests
from holdfast.bench.figures import Row, Run, row
from holdfast.bench.ground import Ground
from holdfast.first_run import HOST
from holdfast.kernel import clock
from holdfast.kernel.ids import new_id

#: Events per second on two cores, and the slowest answers at 64 connections.
FLOOR, P99_MS = 3_000.0, 50.0
CONNECTIONS = (32, 64, 128)
#: Events made before a run: more than can be sent in its time, so that it ends by the clock.
EVENTS_PER_S = 16_000

#: pgbench's time begins before its clients are connected.
CONNECT_S = 2

#: One event with its payload and delivery. The ids begin with the time, as ours do, so that they fall into the same pages.
INSERT = """SELECT holdfast_receive(
  ARRAY['{merchant}'::uuid], ARRAY['{account}'::uuid], ARRAY['stripe'], ARRAY[{id}],
  ARRAY['evt_' || gen_random_uuid()::text], ARRAY['checkout.session.completed'], ARRAY[now()], ARRAY[{id}],
  ARRAY['{hash}'], ARRAY['{{"content-type": "application/json"}}'::jsonb], ARRAY[:body::bytea], ARRAY[{id}]);
"""


class NotStored(Exception):
    """Not every answer was 200, or not everything that was answered 200 is in the inbox."""


def measure(ground: Ground, *, runs: int, seconds: float, connections: Sequence[int] = CONNECTIONS) -> Iterator[Row]:
    """A row for each number of connections. Raises NotStored."""
    taken: dict[int, list[Run]] = {count: [] for count in connections}
    for _ in range(runs):
        with ground.copy("ours") as env, ground.running("receiver", env=env):
            ours = {count: _receive(ground, env, connections=count, seconds=seconds) for count in connections}
        limits = {}
        if pgbench.find():
            with ground.copy("bound") as env:
                limits = {count: _insert(ground, env, clients=count, seconds=seconds) for count in connections}
        for count, told in ours.items():
            more = {"p50_ms": told["p50_ms"], "p99_ms": told["p99_ms"]}
            rate = told["statuses"]["200"] / told["seconds"]
            taken[count].append(Run(per_second=rate, limit_per_second=limits.get(count), more=more))
    for count, of_count in taken.items():
        bound = ("p99_ms", P99_MS) if count == 64 else None
        yield row(part="receive", what=f"events stored, {count} connections", runs=of_count, at_least=FLOOR, at_most=bound)


def webhooks(ground: Ground, *, count: int, type: str = "checkout.session.completed") -> dict[str, Any]:
    """What the load has to make and sign."""
    return {"account": ground.facts["account"], "secret": ground.facts["secret"], "type": type, "count": count}


def _receive(ground: Ground, env: Mapping[str, str], *, connections: int, seconds: float) -> dict[str, Any]:
    (before,) = ground.ask(env, "SELECT count(*) FROM inbox_event")
    hooks = webhooks(ground, count=int(EVENTS_PER_S * seconds))
    wish = {"host": HOST, "port": ground.house.ports.receiver, "connections": connections, "seconds": seconds}
    told: dict[str, Any] = ground.child("load", {**wish, "webhooks": hooks}, env=ground.house.environment)
    (after,) = ground.ask(env, "SELECT count(*) FROM inbox_event")
    if told["statuses"] != {"200": after - before}:
        raise NotStored(f"answers were {told['statuses']}, and {after - before} events are stored")
    return told


def _insert(ground: Ground, env: Mapping[str, str], *, clients: int, seconds: float) -> float:
    file = ground.folder / "receive.sql"
    file.write_text(_script(UUID(ground.facts["merchant_id"]), UUID(ground.facts["account_id"])))
    body = requests.event(event_id=f"evt_{'0' * 20}", type="checkout.session.completed", at=int(clock.now().timestamp())).decode()
    options = [f"--time={round(seconds) + CONNECT_S}", "--protocol=prepared", f"--define=body={body}"]
    told = pgbench.run(Path(file), clients=clients, env=env, options=options)
    return told.transactions / told.seconds


def _script(merchant: UUID, account: UUID) -> str:
    fresh = f"overlay(gen_random_uuid()::text placing '{str(new_id())[:14]}7' from 1 for 15)::uuid"
    return INSERT.format(merchant=merchant, account=account, id=fresh, hash="0" * 64)
