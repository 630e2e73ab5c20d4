"""The books on disk: one SQLite file, one thread that writes, one that reads.

The writer takes whatever requests are waiting, runs each in its own savepoint and commits them together (group
commit), with WAL and synchronous=FULL. A caller is answered only after that commit, so neither SIGKILL nor a power
cut loses anything that was ever answered; and many requests at once share one fsync.
"""

import asyncio
import fcntl
import queue
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from holdfast.gateway.tx import Tx

BATCH = 64  # Requests per commit: enough to share an fsync, few enough that the first does not wait long.
BUSY_TIMEOUT_S = 10  # Only another program that has the file open can make us wait.

Job = tuple[Callable[[Tx], Any], asyncio.Future]


class Books:
    """Opened in the event loop's thread; `write` and `read` are awaited there and run on their own threads."""

    def __init__(self, directory: Path, world):
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = _alone(directory / "lock")
        self._path = directory / "gateway.sqlite3"
        self._world = world
        self._loop = asyncio.get_running_loop()
        self._writes: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._reads: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._counts: Counter[str] = Counter()
        self._counts_lock = threading.Lock()
        connection = self._connect()
        connection.executescript(files(__package__).joinpath("schema.sql").read_text())
        self._threads = [
            threading.Thread(target=self._write_loop, args=[connection], name="books-writer"),
            threading.Thread(target=self._read_loop, args=[self._connect()], name="books-reader"),
        ]
        for thread in self._threads:
            thread.start()

    async def write(self, work: Callable[[Tx], Any]) -> Any:
        """Run `work` in a transaction; its result arrives after the commit. Its exception undoes only its own part."""
        return await self._ask(self._writes, work)

    async def read(self, work: Callable[[Tx], Any]) -> Any:
        """Run `work` on a snapshot that includes everything answered so far."""
        return await self._ask(self._reads, work)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter; it reaches the disk with the next commit."""
        with self._counts_lock:
            self._counts[name] += by

    async def flush_counts(self) -> None:
        if self._counts:
            await self.write(lambda tx: None)

    def close(self) -> None:
        """Finish what was asked, then close. The event loop has stopped asking."""
        self._writes.put(None)
        self._reads.put(None)
        for thread in self._threads:
            thread.join()

    async def _ask(self, jobs: queue.SimpleQueue, work: Callable[[Tx], Any]) -> Any:
        future = self._loop.create_future()
        jobs.put((work, future))
        return await future

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_S)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _write_loop(self, connection: sqlite3.Connection) -> None:
        while True:
            batch = self._batch()
            jobs = [job for job in batch if job is not None]
            if jobs:
                self._commit(connection, jobs)
            if None in batch:
                return connection.close()

    def _batch(self) -> list[Job | None]:
        batch = [self._writes.get()]
        while len(batch) < BATCH:
            try:
                batch.append(self._writes.get_nowait())
            except queue.Empty:
                break
        return batch

    def _commit(self, connection: sqlite3.Connection, jobs: list[Job]) -> None:
        outcomes = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            outcomes = [(future, *self._in_savepoint(connection, work)) for work, future in jobs]
            self._write_counts(connection)
            connection.execute("COMMIT")
        except sqlite3.Error as error:  # A full or broken disk: nobody in this batch is told that it worked.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            outcomes = [(future, None, error) for _, future in jobs]
        self._tell(outcomes)

    def _in_savepoint(self, connection: sqlite3.Connection, work) -> tuple[Any, BaseException | None]:
        connection.execute("SAVEPOINT job")
        try:
            result, error = work(Tx(connection, self._world)), None
        except Exception as raised:  # noqa: BLE001 - it travels to the caller through the future.
            connection.execute("ROLLBACK TO job")
            result, error = None, raised
        connection.execute("RELEASE job")
        return result, error

    def _write_counts(self, connection: sqlite3.Connection) -> None:
        with self._counts_lock:
            counts, self._counts = self._counts, Counter()
        connection.executemany(
            "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET count = count + excluded.count",
            counts.items(),
        )

    def _read_loop(self, connection: sqlite3.Connection) -> None:
        while (job := self._reads.get()) is not None:
            work, future = job
            error: BaseException | None
            try:
                connection.execute("BEGIN")
                result, error = work(Tx(connection, self._world)), None
            except Exception as raised:  # noqa: BLE001 - it travels to the caller through the future.
                result, error = None, raised
            finally:
                connection.execute("ROLLBACK")
            self._tell([(future, result, error)])
        connection.close()

    def _tell(self, outcomes) -> None:
        self._loop.call_soon_threadsafe(_resolve, outcomes)


def _alone(path: Path):
    """Hold the directory for this process; a killed one lets go of it. Raises SystemExit if another has it."""
    lock = path.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise SystemExit(f"gateway: another gateway has the books in {path.parent}") from error
    return lock


def _resolve(outcomes) -> None:
    for future, result, error in outcomes:
        if future.cancelled():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
