"""Durable storage of events in natural batches: what gathered while the last flush ran is the next one."""

import asyncio
import hashlib
import json
import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any
from uuid import UUID

import structlog

from holdfast.kernel import limits
from holdfast.kernel.errors import Broken
from holdfast.kernel.faults import fault_point
from holdfast.kernel.ids import new_id
from holdfast.providers.contract import Incoming
from holdfast.receiver.link import DatabaseAway, Link, NotStorable

#: New events with their payloads, and a delivery for each arrival; says how many were new.
RECEIVE = """
SELECT holdfast_receive($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::timestamptz[],
                        $8::uuid[], $9::text[], $10::jsonb[], $11::bytea[], $12::uuid[])
"""
#: Flushes at once. One makes the largest batches; two showed no gain on two busy cores, within the noise. Worth measuring
#: again where commits are slow and cores are free.
WRITERS = 1
#: What the text columns take (see `inbox.models.Event`): no NUL and no half of a surrogate pair.
EVENT_ID = re.compile(r"[^\0\ud800-\udfff]{1,255}")
TYPE = re.compile(r"[^\0\ud800-\udfff]{1,120}")

log = structlog.get_logger()


class QueueFull(Broken):
    """More events are waiting than the receiver takes. Nothing was lost; send it again in a moment."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One event whose proof held, on its way into the inbox."""

    merchant_id: UUID
    account_id: UUID
    provider: str
    event: Incoming
    headers: Mapping[str, str]

    def fits(self) -> bool:
        """Whether text columns can hold it: a row that the database refuses would fail its whole batch."""
        return bool(EVENT_ID.fullmatch(self.event.event_id) and TYPE.fullmatch(self.event.type))

    def columns(self) -> tuple[Any, ...]:
        """The arguments of RECEIVE, for one row. The event, its payload and this delivery share an id: one is made, not three."""
        event, id = self.event, new_id()
        return (
            self.merchant_id,
            self.account_id,
            self.provider,
            id,
            event.event_id,
            event.type,
            event.created_at,
            id,
            hashlib.sha256(event.body).hexdigest(),
            json.dumps(self.headers),
            event.body,
            id,
        )


@dataclass(slots=True, eq=False)
class Waiting:
    """What one request brought, and its answer to come. All of it is stored, or none."""

    arrivals: Sequence[Arrival]
    stored: asyncio.Future[None]


class Store:
    """A bounded queue and its writers."""

    def __init__(self, links: Sequence[Link], *, talkative: bool = False) -> None:
        self._links, self._talkative = links, talkative
        self._queue: deque[Waiting] = deque()
        self._arrived = asyncio.Event()
        self.pending = 0

    async def keep(self, arrivals: Sequence[Arrival]) -> None:
        """Return when they are committed. Safe to repeat. Raises QueueFull, DatabaseAway, NotStorable."""
        if self.pending + len(arrivals) > limits.RECEIVER_QUEUE:
            raise QueueFull
        waiting = Waiting(arrivals, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self.pending += len(arrivals)
        self._arrived.set()
        await waiting.stored

    async def write_for_ever(self) -> None:
        """The writers. Ends only by cancellation or by a defect, which the process must not survive."""
        async with asyncio.TaskGroup() as writers:
            for link in self._links:
                writers.create_task(self._write_for_ever(link))

    async def _write_for_ever(self, link: Link) -> None:
        while True:
            await self._arrived.wait()
            batch = self._gather()
            if batch:
                await self._write(link, batch)
            else:
                self._arrived.clear()

    def _gather(self) -> list[Waiting]:
        """Whole requests up to RECEIVER_BATCH rows; at least one, also when it is larger."""
        batch: list[Waiting] = []
        rows = 0
        while self._queue and (not batch or rows + len(self._queue[0].arrivals) <= limits.RECEIVER_BATCH):
            batch.append(self._queue.popleft())
            rows += len(batch[-1].arrivals)
        return batch

    async def _write(self, link: Link, batch: Sequence[Waiting]) -> None:
        try:
            await self._insert(link, batch)
        except NotStorable as error:
            # One row spoils its batch: each request alone tells which.
            if len(batch) == 1:
                self._settle(batch, error)
            for waiting in batch if len(batch) > 1 else ():
                await self._write(link, [waiting])
        except DatabaseAway as error:
            # Whoever waits would only wait for the same; providers send again.
            self._settle(chain(batch, self._queue), error)
            self._queue.clear()
        except BaseException:
            self._settle(chain(batch, self._queue), DatabaseAway())
            self._queue.clear()
            raise
        else:
            self._settle(batch, None)

    async def _insert(self, link: Link, batch: Sequence[Waiting]) -> None:
        arrivals = [arrival for waiting in batch for arrival in waiting.arrivals]
        # In one order, so that two receivers with the same events wait for each other and never in a circle.
        arrivals.sort(key=lambda arrival: (arrival.account_id, arrival.event.event_id))
        columns = [list(column) for column in zip(*(arrival.columns() for arrival in arrivals), strict=True)]
        fault_point("receiver.store:before")
        fresh = await link.ask(lambda connection: connection.fetchval(RECEIVE, *columns))
        if self._talkative:
            log.info("webhooks stored", deliveries=len(arrivals), new=fresh)
        fault_point("receiver.store:after")

    def _settle(self, batch: Iterable[Waiting], error: Exception | None) -> None:
        for waiting in batch:
            self.pending -= len(waiting.arrivals)
            if waiting.stored.done():
                continue  # its client went away
            if error is None:
                waiting.stored.set_result(None)
            else:
                waiting.stored.set_exception(error)
