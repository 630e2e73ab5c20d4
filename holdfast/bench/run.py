"""`holdfast bench`: measure, compare with the limit of the same run, say which floors are met.

Ours and the limit alternate, each on a fresh copy of one database, durable on both sides; figures are medians, ratios are medians
of the ratios within a run. Absolute figures differ from machine to machine, ratios much less. Read docs/performance.md.
"""

import itertools
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from holdfast.bench import checkout, memory, pgbench, receive, settle, storm, tape
from holdfast.bench.figures import Row
from holdfast.bench.ground import Ground

PARTS = ("receive", "settle", "checkout", "storm", "memory")
#: Columns of the table, in order; whatever else a row has is in the JSON.
COLUMNS = {
    "per_second": "per s", "limit_per_second": "limit per s", "ratio": "ratio", "p50_ms": "p50 ms", "p95_ms": "p95 ms",
    "p99_ms": "p99 ms", "statements": "SQL", "round_trips": "trips", "rise": "rise", "rss_mb": "RSS MB", "pss_mb": "PSS MB",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is measured."""

    runs: int = 5
    seconds: float = 2.0
    orders: int = 480
    carts: int = 160
    connections: tuple[int, ...] = receive.CONNECTIONS
    clients: tuple[int, ...] = checkout.CLIENTS
    storms: int = 3
    storm_s: float = 6.0


#: `--quick`: enough to see that every part works. Its figures say little.
QUICK = Size(runs=1, seconds=1.0, orders=80, carts=24, connections=(64,), clients=(8,), storms=1, storm_s=3.0)


def main(*, only: str, file: Path | None, quick: bool, runs: int, floors: bool, statements: Path | None) -> int:
    """Measure what was asked for, and print it. Returns the exit status: 1 when `floors` is asked for and one is not met."""
    asked = tuple(only.split(",")) if only else PARTS
    if unknown := [name for name in asked if name not in PARTS]:
        print(f"holdfast: there is no measurement {unknown[0]!r}; there are {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    size, wanted = QUICK if quick else Size(), tuple(part for part in PARTS if part in asked)
    size = replace(size, runs=runs or size.runs, storms=min(runs, size.storms) or size.storms)
    say = Console(stderr=True, highlight=False).print
    if not pgbench.find():
        say("There is no pgbench beside PostgreSQL nor on the PATH: limits and ratios are left out.")
    with open(os.devnull, "w") as quiet, Ground(out=quiet) as ground:
        began = time.monotonic()
        say("preparing goods, orders and carts …")
        ground.prepare(**_sets(size, wanted))
        told: dict[str, Any] = {"machine": _machine(ground), "prepared_s": round(time.monotonic() - began, 1)}
        if statements is not None:
            return _show_statements(ground, statements)
        rows, told["seconds"] = _measure(ground, size, wanted, say)
    told["rows"] = [row.as_json() for row in rows]
    if file is not None:
        file.write_text(json.dumps(told, indent=2) + "\n")
    _print(told, rows)
    missed = [row for row in rows if row.met is False]
    return 1 if floors and missed else 0


def _sets(size: Size, wanted: tuple[str, ...]) -> dict[str, int]:
    sets = {"orders": size.orders if "settle" in wanted else 0}
    if "checkout" in wanted:
        sets |= checkout.sets(carts=size.carts, clients=size.clients)
    if "storm" in wanted:
        sets |= storm.sets(runs=size.storms, seconds=size.storm_s)
    return sets


def _measure(
    ground: Ground, size: Size, wanted: tuple[str, ...], say: Callable[[str], None]
) -> tuple[list[Row], dict[str, float]]:
    """Every wanted part in turn, and how long each took."""
    works: dict[str, Callable[[], Iterator[Row]]] = {
        "receive": lambda: receive.measure(ground, runs=size.runs, seconds=size.seconds, connections=size.connections),
        "settle": lambda: settle.measure(ground, runs=size.runs),
        "checkout": lambda: checkout.measure(ground, runs=size.runs, clients=size.clients),
        "storm": lambda: storm.measure(ground, runs=size.storms, seconds=size.storm_s),
        "memory": lambda: memory.measure(ground),
    }
    rows: list[Row] = []
    seconds: dict[str, float] = {}
    for part in wanted:
        say(f"measuring {part} …")
        began = time.monotonic()
        rows += works[part]()
        seconds[part] = round(time.monotonic() - began, 1)
        say(f"measuring {part} took {seconds[part]:.0f} s")
    return rows, seconds


def _show_statements(ground: Ground, folder: Path) -> int:
    """Write the statements of one settled batch and of one checkout, as pgbench replays them."""
    folder.mkdir(parents=True, exist_ok=True)
    pieces = {"settle": settle.record(ground)} if ground.facts["orders"] else {}
    if ground.facts["carts"]:
        pieces["checkout"] = checkout.record(ground, next(iter(ground.facts["carts"])))
    for name, recorded in pieces.items():
        (folder / f"{name}.sql").write_text("".join(itertools.chain(*pgbench.lines(recorded[0]))))
        print(f"{folder / f'{name}.sql'}: {tape.statements(recorded[0])} statements, {tape.round_trips(recorded[0])} round trips")
    return 0


def _machine(ground: Ground) -> dict[str, Any]:
    """Where the figures come from: they mean little without."""
    settings = ground.settings()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cores": cores, "system": platform.platform(), "python": platform.python_version(), "postgresql": settings}


def _print(told: dict[str, Any], rows: list[Row]) -> None:
    machine = told["machine"]
    table = Table(
        title=f"holdfast bench: {machine['cores']} cores, PostgreSQL {machine['postgresql']['server_version']}, durable"
    )
    used = {name: title for name, title in COLUMNS.items() if any(name in row.figures for row in rows)}
    for title in ("what", *used.values(), "floor", ""):
        table.add_column(title, justify="left" if title in ("what", "floor", "") else "right")
    part = ""
    for row in rows:
        if part and row.part != part:
            table.add_section()
        part = row.part
        verdict = "" if row.met is None else "met" if row.met else "NOT MET"
        table.add_row(row.what, *(_told(row.figures.get(name)) for name in used), row.floor, verdict)
    Console(width=160).print(table)


def _told(value: Any) -> str:
    return "" if value is None else f"{value:,.0f}" if isinstance(value, float) and value >= 100 else str(value)
