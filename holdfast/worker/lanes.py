"""Threads per lane: work until nothing is due, then wait, longer each time. A stop is heard between two rows."""

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from django.db import connections

from holdfast.flows import expiry, fulfil, housekeeping, lookups, messages, recovery, webhooks
from holdfast.kernel import limits
from holdfast.kernel.errors import Broken, Conflict

log = structlog.get_logger()

Work = Callable[..., int]


@dataclass(frozen=True)
class Lane:
    """A loop: what it works on, its longest pause in seconds, and how many threads turn it."""

    name: str
    work: Work
    idle_max_s: float = limits.IDLE_MAX_S
    threads: int = 1


LANES = (
    Lane("events", webhooks.work, limits.EVENTS_IDLE_MAX_S, limits.EVENT_THREADS),
    Lane("operations", recovery.work_operations),
    Lane("payments", recovery.work_payments),
    Lane("refunds", recovery.work_refunds),
    Lane("lookups", lookups.work, limits.EVENTS_IDLE_MAX_S),
    Lane("orders", expiry.work),
    Lane("fulfilments", fulfil.work),
    Lane("messages", messages.work),
    Lane("housekeeping", housekeeping.work, limits.HOUSEKEEPING_EVERY_S),
)


class Worker:
    """All lanes of one process. `run` returns after a SIGTERM or SIGINT, once the rows in hand are done."""

    def __init__(self, lanes: tuple[Lane, ...] = LANES) -> None:
        self.lanes = lanes
        self._stop = threading.Event()

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())
        turned = [lane for lane in self.lanes for _ in range(lane.threads)]
        threads = [threading.Thread(target=self._loop, args=(lane,), name=lane.name, daemon=True) for lane in turned]
        for thread in threads:
            thread.start()
        self._stop.wait()
        for thread in threads:
            thread.join(timeout=limits.STOP_GRACE_S)
        log.info("worker.stopped", unfinished=[thread.name for thread in threads if thread.is_alive()])

    def stop(self) -> None:
        self._stop.set()

    def _loop(self, lane: Lane) -> None:
        pause = limits.IDLE_MIN_S
        while not self._stop.is_set():
            if self._turn(lane):
                pause = limits.IDLE_MIN_S
            else:
                self._stop.wait(pause)
                pause = min(pause * 2, lane.idle_max_s)
        connections.close_all()

    def _turn(self, lane: Lane) -> int:
        """One batch. A lane outlives every error: what failed is on its rows, or becomes due again with its lease."""
        try:
            return lane.work(stopping=self._stop.is_set)
        except (Broken, Conflict) as error:
            log.warning("lane.waits", lane=lane.name, error=error.detail)
        except Exception:
            log.exception("lane.failed", lane=lane.name)
        connections.close_all()
        return 0
