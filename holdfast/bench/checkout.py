"""Checking out over HTTP: how fast carts become orders with an open payment page, the provider answering at once.

One checkout is the one POST: API key, quote, order, reservation, the exact request, the provider's answer, the stored answer.
The carts were filled before; filling one (open it, add a line) is reported by itself.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from holdfast.bench import pgbench, requests
from holdfast.bench.figures import Row, Run, row
from holdfast.bench.ground import Ground
from holdfast.bench.settle import per_unit
from holdfast.bench.tape import Step
from holdfast.first_run import HOST

#: Checkouts per second, and how much of the spread figure a hot row must reach.
FLOOR, HOT_SHARE = 100.0, 0.7
#: Who checks out at once.
CLIENTS = (8, 32, 64)
#: Checkouts before the clock runs: connections are opened and code is loaded.
WARM = 24

#: Pieces of the scarce thing; twice as many customers want one (`purchases` reads it from the number of carts).
SCARCE = 100

OVERSOLD = "SELECT count(*) FROM inventory_stock WHERE on_hand < reserved"
OPEN = "SELECT count(*) FROM payments_payment WHERE state = 'open'"


class WrongAnswers(Exception):
    """The web process answered something else than it should have."""


def sets(*, carts: int, clients: Sequence[int] = CLIENTS) -> dict[str, int]:
    """The sets of carts that `measure` needs in the base."""
    kinds = {f"{kind}_{count}": carts for count in clients for kind in ("spread", "hot")}
    return {**kinds, "spread_warm": WARM, "scarce": 2 * SCARCE}


def measure(ground: Ground, *, runs: int, clients: Sequence[int] = CLIENTS) -> Iterator[Row]:
    """Rows for each number of clients, spread and hot; then what may not be oversold. Raises WrongAnswers."""
    recorded = {name: record(ground, name) for name in sets(carts=0, clients=clients) if name[-1].isdigit()}
    taken: dict[str, list[Run]] = {name: [] for name in recorded}
    filled: list[Run] = []
    for number in range(runs):
        with ground.copy("ours") as env, ground.running("web", env=env):
            warm(ground)
            ours = {name: load(ground, checkouts(ground, name), clients=_clients(name), expected="201") for name in recorded}
            if number == 0:
                filled.append(_fill_carts(ground))
                yield _scarce(ground, env, clients=max(clients))
        limits = _limits(ground, recorded) if pgbench.find() else {}
        for name, told in ours.items():
            more = {**per_unit(recorded[name], units=len(recorded[name])), "p50_ms": told["p50_ms"]}
            rate = told["statuses"]["201"] / told["seconds"]
            taken[name].append(Run(per_second=rate, limit_per_second=limits.get(name), more={**more, "p95_ms": told["p95_ms"]}))
    for name, of_name in taken.items():
        kind = "one hot row" if name.startswith("hot") else "spread stock"
        at_least = FLOOR if kind == "spread stock" else 0.0
        yield row(part="checkout", what=f"checkouts, {_clients(name)} clients, {kind}", runs=of_name, at_least=at_least)
    for count in clients:
        yield _hot_row(count, taken[f"spread_{count}"], taken[f"hot_{count}"])
    yield row(part="checkout", what="carts opened and filled (two requests), 8 clients", runs=filled)


def record(ground: Ground, name: str) -> list[list[Step]]:
    """The statements of checking out each cart of a set."""
    with ground.copy("recorded") as env:
        wish = {"flow": "checkout", "key": ground.facts["key"], "carts": ground.facts["carts"][name]}
        pieces: list[list[Step]] = ground.child("record", wish, env=env)
    return pieces


def checkouts(ground: Ground, name: str) -> list[str]:
    """The requests of a set of carts."""
    key = ground.facts["key"]
    made = (requests.checkout(key=key, cart_id=cart, token=token) for cart, token in ground.facts["carts"][name])
    return [bytes(request).decode() for request in made]


def load(ground: Ground, asked: list[str], *, clients: int, expected: str = "", **more: Any) -> dict[str, Any]:
    """Send requests to the web process from a process of their own. Raises WrongAnswers."""
    wish = {"host": HOST, "port": ground.house.ports.web, "connections": clients, "requests": asked, **more}
    told: dict[str, Any] = ground.child("load", wish, env=ground.house.environment)
    if expected and set(told["statuses"]) != {expected}:
        raise WrongAnswers(f"{len(asked)} requests should have been answered {expected}, and were answered {told['statuses']}")
    return told


def warm(ground: Ground) -> None:
    """Some checkouts before the clock runs."""
    load(ground, checkouts(ground, "spread_warm"), clients=8, expected="201")


def _limits(ground: Ground, recorded: Mapping[str, list[list[Step]]]) -> dict[str, float]:
    """Checkouts per second by pgbench, for each set, one after the other on one copy."""
    file = ground.folder / "checkout.sql"
    with ground.copy("bound") as env:
        (before,) = ground.ask(env, OPEN)
        told = {name: pgbench.replay(pieces, clients=_clients(name), env=env, file=file) for name, pieces in recorded.items()}
        (after,) = ground.ask(env, OPEN)
    if after - before != sum(map(len, recorded.values())):
        raise WrongAnswers(f"the replay opened {after - before} payments instead of {sum(map(len, recorded.values()))}")
    return {name: len(recorded[name]) / limit.seconds for name, limit in told.items()}


def _hot_row(clients: int, spread: Sequence[Run], hot: Sequence[Run]) -> Row:
    """How much of the spread figure the hot row reaches, within each run."""
    share = median(h.per_second / s.per_second for h, s in zip(hot, spread, strict=True))
    figures = {"ratio": round(share, 3)}
    floor = f"≥ {HOT_SHARE:.0%} of spread"
    what = f"hot row as a share of spread, {clients} clients"
    return Row(part="checkout", what=what, figures=figures, floor=floor, met=share >= HOT_SHARE)


def _scarce(ground: Ground, env: Mapping[str, str], *, clients: int) -> Row:
    """Twice as many want it as there are: exactly those are sold, the others are told so, and no law is broken."""
    asked = checkouts(ground, "scarce")
    told = load(ground, asked, clients=clients)
    sold = told["statuses"].get("201", 0)
    (oversold,) = ground.ask(env, OVERSOLD)
    (placed,) = ground.ask(env, "SELECT count(*) FROM orders_orderline l WHERE l.sku = 'SCARCE'")
    figures = {"stock": SCARCE, "asked": len(asked), "sold": sold, "placed": placed, "oversold_rows": oversold}
    figures["statuses"] = json.dumps(told["statuses"])
    met = sold == placed == SCARCE and not oversold
    what = f"the last pieces, {clients} clients"
    return Row(part="checkout", what=what, figures=figures, floor=f"exactly {SCARCE} sold", met=met)


def _fill_carts(ground: Ground, *, count: int = 200, clients: int = 8) -> Run:
    """Open carts and put a line into each: carts per second over both requests."""
    key, variants = ground.facts["key"], ground.facts["variants"]
    opened = load(ground, [bytes(requests.open_cart(key=key)).decode()] * count, clients=clients, expected="201", keep=True)
    carts = [json.loads(body) for body in opened["bodies"]]
    lines = (
        requests.add_line(key=key, cart_id=cart["id"], token=cart["token"], variant=variants[at % len(variants)])
        for at, cart in enumerate(carts)
    )
    added = load(ground, [bytes(request).decode() for request in lines], clients=clients, expected="201")
    return Run(per_second=count / (opened["seconds"] + added["seconds"]), more={"p95_ms": opened["p95_ms"] + added["p95_ms"]})


def _clients(name: str) -> int:
    return int(name.rpartition("_")[2])
