"""The delivery loop: due rows become webhooks, and each failure becomes a later try.

Every try has a new timestamp and signature. Anything but a 2xx within the timeout is a failure, redirects too.
"""

import asyncio
import json
import logging
import time
from functools import partial

from holdfast.gateway import signing
from holdfast.gateway.courier import Courier
from holdfast.gateway.mercadopago import notices
from holdfast.gateway.pix import callbacks
from holdfast.gateway.tx import Tx, encode

AT_ONCE = 32  # Enough to be a storm to a receiver on the same machine, little enough for two cores.
IDLE_S = 0.5  # The longest nap; new rows wake the loop earlier.
PAUSED = "deliveries_paused"

log = logging.getLogger(__name__)


class Deliveries:
    def __init__(self, world) -> None:
        self._world = world
        self._courier = Courier()
        self._bank = Courier(world.pix_tls)
        self._flying: set[int] = set()
        self._tasks: set[asyncio.Task] = set()

    async def run(self) -> None:
        """Until cancelled. What was in the air when the process died is due again at the next start."""
        while True:
            self._world.deliveries_wanted.clear()
            looked_at = time.time()
            await self._start_due()
            await self._nap(await self._world.books.read(partial(_next_due, after=looked_at)))

    async def _nap(self, until: float) -> None:
        wait_s = min(max(until - time.time(), 0), IDLE_S) if len(self._flying) < AT_ONCE else IDLE_S
        try:
            await asyncio.wait_for(self._world.deliveries_wanted.wait(), wait_s)
        except TimeoutError:
            return

    async def _start_due(self) -> None:
        room = AT_ONCE - len(self._flying)
        if room <= 0:
            return
        flying = set(self._flying)
        parcels = await self._world.books.read(lambda tx: _due(tx, room, flying))
        for batch in callbacks.batches(parcels):
            self._flying.update(parcel["seq"] for parcel in batch)
            task = asyncio.create_task(self._deliver(batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _deliver(self, batch: list[dict]) -> None:
        """Parcels that travel together arrive together or not at all."""
        seqs = {parcel["seq"] for parcel in batch}
        try:
            status = await self._post(batch)
            await self._world.books.write(lambda tx: _record_all(tx, batch, status))
        except Exception:
            log.exception("deliveries %s could not be recorded", sorted(seqs))
        finally:
            self._flying -= seqs
            self._world.deliveries_wanted.set()

    async def _post(self, batch: list[dict]) -> str:
        parcel, courier, settings = batch[0], self._courier, self._world.moods.settings
        if parcel["kind"] == callbacks.WEBHOOK:
            url, body, headers = callbacks.wrap(batch)
            courier = self._bank if parcel["variant"] == "genuine" else self._courier
        elif parcel["kind"] == notices.WEBHOOK:
            url, body, headers = notices.wrap(parcel, now=time.time(), in_ms=bool(settings["mp_ts_ms"]))
        else:
            url, (body, headers) = parcel["url"], wrap(parcel, now=time.time())
        return await courier.post(url, body=body, headers=headers, timeout_s=settings["webhook_timeout_s"])


def wrap(parcel: dict, *, now: float) -> tuple[bytes, dict[str, str]]:
    """Body and headers; the body of a genuine delivery is the event exactly as it is in the books."""
    timestamp = int(now) + parcel["skew_s"]
    body, secret = parcel["body"].encode(), parcel["secret"]
    if parcel["variant"] == "forged":
        body, secret = encode(signing.forged(json.loads(body))).encode(), signing.FORGED_SECRET
    return body, signing.headers(body, secret=secret, timestamp=timestamp)


def _due(tx: Tx, room: int, flying: set[int]) -> list[dict]:
    if tx.switch(PAUSED) == "yes":
        return []
    rows = tx.execute(
        "SELECT deliveries.*, event.body AS body, json_extract(endpoint.body, '$.url') AS url,"
        " json_extract(endpoint.private, '$.secret') AS secret, endpoint.kind AS kind"
        " FROM deliveries JOIN objects AS event ON event.id = deliveries.event"
        " JOIN objects AS endpoint ON endpoint.id = deliveries.endpoint"
        " WHERE deliveries.state = 'due' AND deliveries.due_at <= ? ORDER BY deliveries.due_at, deliveries.seq LIMIT ?",
        [tx.now, room + len(flying)],
    )
    return [dict(row) for row in rows if row["seq"] not in flying][:room]


def _next_due(tx: Tx, *, after: float) -> float:
    """When the next delivery is due that was not when we looked; those in the air were, so they keep nobody awake."""
    sql = "SELECT min(due_at) FROM deliveries WHERE state = 'due' AND due_at > ?"
    return tx.execute(sql, [after]).fetchone()[0] or after + IDLE_S


def _record_all(tx: Tx, batch: list[dict], status: str) -> None:
    for parcel in batch:
        _record(tx, parcel, status)


def _record(tx: Tx, parcel: dict, status: str) -> None:
    """A forged or unsigned copy is tried once; a genuine one until it is accepted or the tries are used up."""
    attempts = parcel["attempts"] + 1
    settings = tx.world.moods.settings
    tx.world.count("webhook deliveries")
    if attempts > 1:
        tx.world.count("webhook retries")
    if parcel["variant"] == "forged":
        state = "refused" if not status.startswith("2") else "believed"
        tx.world.count(f"webhook forgeries {state}")
    elif parcel["variant"] == "ipn":
        state = "delivered" if status.startswith("2") else "given_up"
    elif status.startswith("2"):
        state = "delivered"
        tx.world.count("webhook delivered")
    else:
        state = "due" if attempts < settings["retry_times"] else "given_up"
        tx.world.count("webhook failures")
    wait_s = min(settings["retry_first_s"] * 2 ** (attempts - 1), settings["retry_longest_s"])
    tx.execute(
        "UPDATE deliveries SET state = ?, attempts = ?, due_at = ?, last_status = ? WHERE seq = ?",
        [state, attempts, tx.now + wait_s, status, parcel["seq"]],
    )
