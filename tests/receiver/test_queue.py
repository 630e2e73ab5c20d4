"""The queue and its batches, with a database that is slow, away or choosy on command."""

import asyncio
import hashlib
from typing import Any
from uuid import UUID

import pytest

from holdfast.kernel import limits
from holdfast.providers.contract import Incoming
from holdfast.receiver.link import DatabaseAway, NotStorable
from holdfast.receiver.store import Arrival, QueueFull, Store

HERE = UUID(int=1)


def arrival(id: str, type: str = "t") -> Arrival:
    event = Incoming(event_id=id, type=type, created_at=None, body=b"body")
    return Arrival(HERE, HERE, "stripe", event, {"user-agent": "x"})


class SlowLink:
    """Stands for one connection: remembers the ids of each flush and answers when `gate` opens."""

    def __init__(self) -> None:
        self.flushes: list[list[str]] = []
        self.gate = asyncio.Event()
        self.error: Exception | None = None
        self.spoilt = ""

    async def ask(self, question: Any) -> int:
        return await question(self)

    async def fetchval(self, _: str, *columns: list[Any]) -> int:
        self.flushes.append(columns[4])
        await self.gate.wait()
        if self.error:
            raise self.error
        if self.spoilt in columns[4]:
            raise NotStorable
        return len(columns[4])


def run(scene: Any) -> Any:
    """Play a scene with a store of one writer."""

    async def play() -> Any:
        link = SlowLink()
        store = Store([link])
        writing = asyncio.create_task(store.write_for_ever())
        try:
            async with asyncio.timeout(5):
                return await scene(store, link)
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    return asyncio.run(play())


async def keep_all(store: Store, ids: list[str]) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(store.keep([arrival(id)])) for id in ids]
    await asyncio.sleep(0.01)
    return tasks


def test_what_gathered_while_a_flush_ran_is_the_next_flush():
    async def scene(store, link):
        first = await keep_all(store, ["a"])
        rest = await keep_all(store, [f"b{n:03}" for n in range(100)])
        link.gate.set()
        await asyncio.gather(*first, *rest)
        return link.flushes

    flushes = run(scene)
    assert [len(flush) for flush in flushes] == [1, 64, 36]
    assert [id for flush in flushes for id in flush] == ["a", *(f"b{n:03}" for n in range(100))]


def test_rows_go_in_one_order_so_that_two_receivers_never_wait_in_a_circle():
    async def scene(store, link):
        link.gate.set()
        await store.keep([arrival("c"), arrival("a"), arrival("b")])
        return link.flushes

    assert run(scene) == [["a", "b", "c"]]


def test_the_events_of_one_request_are_never_parted():
    async def scene(store, link):
        await keep_all(store, ["first"])
        large = asyncio.create_task(store.keep([arrival(f"l{n:03}") for n in range(70)]))
        small = await keep_all(store, ["small"])
        link.gate.set()
        await asyncio.gather(large, *small)
        return [len(flush) for flush in link.flushes]

    assert run(scene) == [1, 70, 1]


def test_a_full_queue_refuses_what_comes_and_keeps_what_it_has():
    async def scene(store, link):
        kept = await keep_all(store, [f"k{n}" for n in range(limits.RECEIVER_QUEUE)])
        assert store.pending == limits.RECEIVER_QUEUE
        with pytest.raises(QueueFull):
            await store.keep([arrival("one too many")])
        link.gate.set()
        await asyncio.gather(*kept)
        assert store.pending == 0
        await store.keep([arrival("again")])
        return sum(len(flush) for flush in link.flushes)

    assert run(scene) == limits.RECEIVER_QUEUE + 1


def test_when_the_database_is_away_everybody_who_waits_is_told_at_once():
    async def scene(store, link):
        waiting = await keep_all(store, [f"w{n}" for n in range(200)])
        link.error = DatabaseAway()
        link.gate.set()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(answer) for answer in answers} == {DatabaseAway}
        assert (len(link.flushes), store.pending) == (1, 0)
        link.error = None
        await store.keep([arrival("healed")])
        return link.flushes[-1]

    assert run(scene) == ["healed"]


def test_a_database_that_goes_between_two_flushes_refuses_exactly_what_it_did_not_store() -> None:
    async def scene(store: Store, link: SlowLink) -> list[Any]:
        early = [asyncio.create_task(store.keep([arrival(id)])) for id in ("a", "b")]
        await asyncio.sleep(0.01)
        late = [asyncio.create_task(store.keep([arrival(id)])) for id in ("c", "d", "e")]
        await asyncio.sleep(0.01)
        link.gate.set()
        link.gate.clear()  # lets through who waits now, and nobody else
        await asyncio.gather(*early)
        link.error = DatabaseAway()
        link.gate.set()
        return [await asyncio.gather(*late, return_exceptions=True), link.flushes, store.pending]

    told, flushes, pending = run(scene)
    stored = [id for flush in flushes[:-1] for id in flush]
    assert stored == ["a", "b"]
    assert flushes[-1] == ["c", "d", "e"]
    assert [type(error) for error in told] == [DatabaseAway] * 3
    assert pending == 0


def test_one_bad_row_is_told_apart_from_its_batch():
    async def scene(store, link):
        link.spoilt = "c"
        await keep_all(store, ["first"])
        waiting = await keep_all(store, ["a", "b", "c", "d"])
        link.gate.set()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        return [type(answer) for answer in answers], link.flushes

    answers, flushes = run(scene)
    assert answers == [type(None), type(None), NotStorable, type(None)]
    assert flushes == [["first"], ["a", "b", "c", "d"], ["a"], ["b"], ["c"], ["d"]]


def test_a_client_that_goes_away_does_not_stop_its_event():
    async def scene(store, link):
        [task] = await keep_all(store, ["gone"])
        task.cancel()
        await asyncio.sleep(0.01)
        link.gate.set()
        await store.keep([arrival("next")])
        return link.flushes, store.pending

    assert run(scene) == ([["gone"], ["next"]], 0)


def test_a_defect_ends_the_writers_and_leaves_nobody_waiting():
    async def scene(store, link):
        link.error = ZeroDivisionError()
        link.gate.set()
        with pytest.raises(DatabaseAway):
            await store.keep([arrival("x")])
        return store.pending

    assert run(scene) == 0


@pytest.mark.parametrize(
    ("id", "type", "fits"),
    [
        ("evt_1", "a.b", True),
        ("é", "é", True),
        ("😀", "t", True),
        ("x" * 255, "t" * 120, True),
        ("x" * 256, "t", False),
        ("x", "t" * 121, False),
        ("", "t", False),
        ("x", "", False),
        ("a\0b", "t", False),
        ("x", "a\0b", False),
        ("\ud800", "t", False),
        ("x", "\udfff", False),
        ("line\nbreak", "t", True),
    ],
)
def test_only_text_that_the_columns_take_goes_into_a_batch(id, type, fits):
    assert arrival(id, type).fits() is fits


def test_a_row_has_its_columns_in_the_functions_order():
    row = arrival("evt", "type").columns()
    assert row[:3] == (HERE, HERE, "stripe")
    assert row[3].version == 7
    assert row[3] == row[7] == row[11]
    assert row[4:7] == ("evt", "type", None)
    assert row[8:11] == (hashlib.sha256(b"body").hexdigest(), '{"user-agent": "x"}', b"body")
