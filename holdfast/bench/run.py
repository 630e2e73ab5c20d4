"""`holdfast bench`: how fast this machine receives, checks out and settles, on a database of its own that is thrown away.

Durable: `synchronous_commit` and `fsync` are on. The provider answers at once, so that the figures are ours. Absolute figures
differ from machine to machine; compare runs of one machine only.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from holdfast.bench import receive
from holdfast.first_run import HOST, House, Ports, free_ports
from holdfast.supervisor import Supervisor

#: Connections of the load on the receiver, and seconds of each.
CONNECTIONS, RECEIVE_S = (32, 64, 128), 4.0
#: Orders placed and settled, and how many customers place them at once.
ORDERS, CUSTOMERS = 300, 8

Figures = dict[str, Any]


def main(*, only: str, as_json: bool) -> int:
    """Measure what was asked for, and print it. Returns the exit status."""
    known = {"receive", "checkout", "settle"}
    if only and only not in known:
        print(f"holdfast: there is no measurement {only!r}; there are {', '.join(sorted(known))}.", file=sys.stderr)
        return 2
    wanted = {only} if only else known
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DATABASE_")}
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        with House(Path(folder), Ports(*free_ports(3)), keep=False, outside=clean) as house:
            rows = list(_measure(house, wanted))
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        _print(rows)
    return 0


def _measure(house: House, wanted: set[str]) -> Iterator[Figures]:
    """Receiving comes last: what it stores would stand in the queue of settling."""
    if wanted & {"checkout", "settle"}:
        os.environ.update(house.environment)
        yield from _checkout_and_settle(wanted)
    if "receive" in wanted:
        programs = [program for program in house.programs() if program.name == "receiver"]
        with Supervisor(programs):
            yield from _receive(house)


def _receive(house: House) -> Iterator[Figures]:
    account = house.secrets["stripe_account"].replace("-", "")
    url = f"http://{HOST}:{house.ports.receiver}/webhooks/stripe/acc_{account}"
    for connections in CONNECTIONS:
        work = receive.measure(url=url, secret=house.secrets["webhook_secret"], connections=connections, seconds=RECEIVE_S)
        seen = asyncio.run(work)
        yield {
            "what": f"receive, {connections} connections",
            "per_second": round(seen.stored / seen.seconds),
            "p50_ms": round(seen.p50_ms, 1),
            "p99_ms": round(seen.p99_ms, 1),
            "refused": seen.refused,
        }


def _checkout_and_settle(wanted: set[str]) -> Iterator[Figures]:
    """Needs Django pointed at the house's database."""
    import django

    django.setup()
    from holdfast.bench import purchases

    shop = purchases.open_shop()
    with _answering_at_once():
        times: list[float] = []
        began = time.perf_counter()
        sessions = _in_threads(lambda: _timed(times, lambda: purchases.check_out(shop)), ORDERS)
        seconds = time.perf_counter() - began
        times.sort()
        if "checkout" in wanted:
            yield {
                "what": f"checkout, {CUSTOMERS} customers, spread stock",
                "per_second": round(ORDERS / seconds),
                "p50_ms": round(times[len(times) // 2] * 1000, 1),
                "p95_ms": round(times[len(times) * 95 // 100] * 1000, 1),
                "statements": purchases.statements(lambda: purchases.check_out(shop)),
            }
        if "settle" in wanted:
            purchases.arrive(shop, sessions)
            counted, seconds = purchases.settle()
            yield {"what": "settle, one worker thread", "per_second": round(len(sessions) / seconds), "statements": counted}


@contextmanager
def _answering_at_once() -> Iterator[None]:
    """Stripe's adapter with a provider behind it that says yes without a network."""
    from holdfast.bench.instant import InstantStripe
    from holdfast.providers import registry

    registry.ADAPTERS["stripe"], before = f"{InstantStripe.__module__}:{InstantStripe.__name__}", registry.ADAPTERS["stripe"]
    registry.provider.cache_clear()
    try:
        yield
    finally:
        registry.ADAPTERS["stripe"] = before
        registry.provider.cache_clear()


def _in_threads(work: Any, count: int) -> list[Any]:
    """Run `work` that often from a few threads, each with a connection of its own."""
    from django.db import connections

    def one(_: int) -> Any:
        return work()

    with ThreadPoolExecutor(CUSTOMERS) as pool:
        done = list(pool.map(one, range(count)))
        list(pool.map(lambda _: connections.close_all(), range(CUSTOMERS * 4)))
    return done


def _timed(times: list[float], work: Any) -> Any:
    began = time.perf_counter()
    result = work()
    times.append(time.perf_counter() - began)
    return result


def _print(rows: list[Figures]) -> None:
    table = Table(title="holdfast bench (durable; compare runs of one machine only)")
    columns = list(dict.fromkeys(name for row in rows for name in row))
    for column in columns:
        table.add_column(column.replace("_", " "), justify="left" if column == "what" else "right")
    for row in rows:
        table.add_row(*(str(row.get(column, "")) for column in columns))
    Console(width=120).print(table)
