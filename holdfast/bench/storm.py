"""A storm of webhooks beside the checkout (R-F8): how much slower the slow checkouts become while 500 events/s arrive.

The same copy, the same processes, the same pace of checkouts, first in calm, then in the storm, and again. The worker runs, and
works on what arrives.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

from holdfast.bench import checkout, receive
from holdfast.bench.figures import Row
from holdfast.bench.ground import Ground
from holdfast.first_run import HOST

#: Events per second of the storm.
STORM_PER_S = 500.0
#: The pace of checkouts, as a share of what this machine can do in calm, and by how many clients: a busy shop, but not one that
#: waits for its own processor already.
SHARE, CLIENTS = 0.3, 8
#: Checkouts that tell what this machine can do.
TRIED = 60
#: Checkouts per second that carts are prepared for.
FASTEST_PER_S = 500.0
#: How much p95 may rise.
MOST_RISE = 0.5
#: The storm blows this long before and after the checkouts that are measured.
MARGIN_S = 1.5
#: What arrives: events that move no money, as most of a provider's do.
TYPE = "payment_intent.created"
#: The storm's own connections.
CONNECTIONS = 32


def sets(*, runs: int, seconds: float) -> dict[str, int]:
    """The sets of carts that `measure` needs in the base: enough for a pace that no machine of ours has."""
    carts = int(FASTEST_PER_S * SHARE * seconds)
    names = [f"spread_{kind}_{number}" for number in range(runs) for kind in ("calm", "storm")]
    return {**dict.fromkeys(names, carts), "spread_warm": checkout.WARM, "spread_pace": TRIED}


def measure(ground: Ground, *, runs: int, seconds: float) -> Iterator[Row]:
    """One row: p95 in calm and in the storm, and the rise within a run."""
    taken = []
    with ground.copy("ours") as env, ground.running("receiver", "web", "worker", env=env):
        checkout.warm(ground)
        tried = checkout.load(ground, checkout.checkouts(ground, "spread_pace"), clients=CLIENTS, expected="201")
        pace = SHARE * TRIED / tried["seconds"]
        for number in range(runs):
            calm = _check_out(ground, f"spread_calm_{number}", pace=pace, seconds=seconds)
            with ThreadPoolExecutor(1) as beside:
                blowing = beside.submit(_storm, ground, seconds=seconds + 2 * MARGIN_S)
                time.sleep(MARGIN_S)
                stormy = _check_out(ground, f"spread_storm_{number}", pace=pace, seconds=seconds)
                storm = blowing.result()
            taken.append((calm, stormy, storm))
    yield _row(pace, taken)


def _check_out(ground: Ground, name: str, *, pace: float, seconds: float) -> dict[str, Any]:
    asked = checkout.checkouts(ground, name)
    return checkout.load(ground, asked, clients=CLIENTS, expected="201", rate=pace, seconds=seconds)


def _storm(ground: Ground, *, seconds: float) -> dict[str, Any]:
    hooks = receive.webhooks(ground, count=int(STORM_PER_S * seconds), type=TYPE)
    wish = {"host": HOST, "port": ground.house.ports.receiver, "connections": CONNECTIONS, "rate": STORM_PER_S}
    told: dict[str, Any] = ground.child("load", {**wish, "webhooks": hooks}, env=ground.house.environment)
    return told


def _row(pace: float, taken: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]) -> Row:
    rise = median(stormy["p95_ms"] / calm["p95_ms"] - 1 for calm, stormy, _ in taken)
    figures: dict[str, Any] = {
        "checkouts_per_s": round(pace, 1),
        "calm_p95_ms": round(median(calm["p95_ms"] for calm, *_ in taken), 1),
        "p95_ms": round(median(stormy["p95_ms"] for _, stormy, _ in taken), 1),
        "rise": round(rise, 3),
        "webhooks_per_s": round(median(storm["statuses"].get("200", 0) / storm["seconds"] for *_, storm in taken)),
        "webhooks_p99_ms": round(median(storm["p99_ms"] for *_, storm in taken), 1),
        "runs": [{"calm_p95_ms": calm["p95_ms"], "p95_ms": stormy["p95_ms"]} for calm, stormy, _ in taken],
    }
    what = f"checkouts while {STORM_PER_S:.0f} webhooks/s arrive ({pace:.0f}/s; calm: p95 {figures['calm_p95_ms']:.0f} ms)"
    return Row(part="storm", what=what, figures=figures, floor=f"p95 rises by < {MOST_RISE:.0%}", met=rise < MOST_RISE)
