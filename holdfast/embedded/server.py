"""One PostgreSQL of our own: started, healed, watched, stopped."""

import atexit
import fcntl
import logging
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Self
from urllib.parse import quote

from holdfast.embedded import cluster, ports, processes
from holdfast.embedded.account import account_for, clean_environment
from holdfast.embedded.binaries import find_binaries, within_reach
from holdfast.embedded.errors import EmbeddedError
from holdfast.embedded.places import data_root, make_home, pointed_from
from holdfast.embedded.watch import Watch

#: A first start makes the data folder, a start after a crash replays the log: both can take many seconds on a slow disk.
START_TIMEOUT_S = 120.0
#: A fast shutdown writes a checkpoint; after this the server is stopped without one and recovers at its next start.
FAST_STOP_S = 20.0
IMMEDIATE_STOP_S = 5.0
STOP_STEPS = ((signal.SIGINT, FAST_STOP_S), (signal.SIGQUIT, IMMEDIATE_STOP_S), (signal.SIGKILL, IMMEDIATE_STOP_S))
#: After a SIGKILL the memory of the dead server is in use until its last process has ended: look again this often.
RETRY_EVERY_S = 0.2
#: The log starts anew above this size; nobody reads further back, and a laptop's disk is not an archive.
LOG_BYTES = 5 * 2**20
#: What every server of ours is started with; the caller's options come after these.
DEFAULTS = {
    "listen_addresses": ports.HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

logger = logging.getLogger(__name__)


class NotStarted(EmbeddedError):
    """PostgreSQL did not become ready."""


class InUse(EmbeddedError):
    """Another process of ours runs this home's server."""


class Server:
    """The PostgreSQL of one home. One process at a time runs it; others may ask it for `url`, `pid` and `is_alive`.

    `options` are settings of the server: `{"fsync": "off"}` for a cluster that tests throw away. Nothing happens before `start`.
    """

    def __init__(self, home: Path, *, binaries: Path | None = None, port: int = 0, options: Mapping[str, str] | None = None):
        self.home = Path(home).resolve()
        self.options = dict(options or {})
        self._binaries = binaries
        self._asked_port = port
        self._password_file = self.home / "password"
        self._port_file = self.home / "port"
        self._log_file = self.home / "server.log"
        self._postmaster: subprocess.Popen[bytes] | None = None
        self._watch: Watch | None = None
        self._lock: IO[str] | None = None
        self._supervisor = 0
        #: One thread may watch and start while another stops.
        self._turn = threading.RLock()

    # -- Running it -----------------------------------------------------------------------------------------------------

    def start(self, timeout_s: float = START_TIMEOUT_S) -> Self:
        """Make what is missing, heal what was left behind, start, and wait until it is ready.

        Safe to repeat: a running server of ours stays. Raises EmbeddedError with one sentence that says what to do.
        """
        until = time.monotonic() + timeout_s
        with self._turn:
            if self._postmaster is None or self._postmaster.poll() is not None:
                self._start(until)
        return self

    def _start(self, until: float) -> None:
        self._dismiss_watch()
        make_home(self.home)
        self._take_lock()
        try:
            self._account = account_for(self.data)
            self._programs = within_reach(find_binaries(self._binaries), self._account)
            self._root = data_root(self.home, self._account)
            self._account = account_for(self.data)
            self._make_cluster()
            self._clear_the_ground()
            self._start_postmaster(until)
        except BaseException:
            self._abandon()
            raise
        atexit.register(self.stop)

    def stop(self) -> None:
        """Fast shutdown, then immediate, then SIGKILL. Safe to repeat; in a forked child it does nothing."""
        if self._supervisor != os.getpid():
            return
        self._abandon()

    def kill(self) -> None:
        """SIGKILL to the server alone, as a storm does it: its processes and its lock file stay behind for `start` to heal."""
        if (pid := self.pid) is not None:
            processes.send(pid, signal.SIGKILL)
            if self._postmaster is not None and self._postmaster.pid == pid:
                self._postmaster.wait()
            processes.wait_gone(pid, IMMEDIATE_STOP_S)

    def remove(self) -> None:
        """Stop the server and delete all it has written: for clusters that tests throw away."""
        if self._supervisor == os.getpid():
            self._abandon(without_checkpoint=True)
        place = pointed_from(self.home)
        for folder in (place, self.home):
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @contextmanager
    def borrowed(self) -> Iterator[Self]:
        """The server for one block: the one that runs already, else one that is started for the block and stopped after it."""
        if self.is_ready():
            yield self
            return
        with self:
            yield self

    # -- Asking about it: from any process ------------------------------------------------------------------------------

    @property
    def data(self) -> Path:
        """The data folder; elsewhere than the home when the server's account cannot enter the home."""
        return (pointed_from(self.home) or self.home) / "data"

    @property
    def pid(self) -> int | None:
        """The process of the server on this home's data, whoever started it."""
        return processes.postmaster_of(self.data)

    @property
    def port(self) -> int:
        return ports.read_port(self._port_file)

    def is_alive(self) -> bool:
        if self._postmaster is not None and self._supervisor == os.getpid():
            self._postmaster.poll()
        return self.pid is not None

    def is_ready(self) -> bool:
        written = processes.read_pid_file(self.data)
        return written is not None and written.ready and self.is_alive()

    def url(self, database: str = "postgres") -> str:
        """Where the owner of everything reaches it. Valid after the first start, also across restarts while the port is kept."""
        password = cluster.read_password(self._password_file)
        return f"postgresql://{cluster.OWNER}:{password}@{ports.HOST}:{self.port}/{quote(database, safe='')}"

    # -- The steps of a start -------------------------------------------------------------------------------------------

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        lock = open(self.home / "lock", "a+")  # noqa: SIM115 - held as long as the server runs
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            said = f"The PostgreSQL in {self.home} is run by another Holdfast (process {holder}): stop that one first."
            raise InUse(said) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        self._lock = lock
        self._supervisor = os.getpid()

    def _make_cluster(self) -> None:
        data = self._root / "data"
        known = cluster.read_password(self._password_file)
        password = known or cluster.new_password(self._password_file)
        synced = self.options.get("fsync", "on") != "off"
        made = cluster.make(data, binaries=self._programs, account=self._account, password=password, synced=synced)
        if not made and not known:
            self._clear_the_ground()
            cluster.set_password(data, binaries=self._programs, account=self._account, password=password)

    def _clear_the_ground(self) -> None:
        """Nothing of an earlier server is left when this returns.

        We hold the home's lock, so a server that still runs has lost its supervisor. It is stopped and started afresh, not
        adopted: then it is our child, has our options, and one path is tested instead of two.
        """
        data = self.data
        if (running := processes.postmaster_of(data)) is not None:
            logger.warning(
                "A PostgreSQL of this home (process %d) lost its supervisor; it is stopped and started afresh.", running
            )
            self._stop_process(running)
        if (data / "postmaster.pid").exists():
            self._end_orphans()
            # PostgreSQL believes this file when its number happens to be another live process of the same account.
            (data / "postmaster.pid").unlink(missing_ok=True)
            logger.warning("PostgreSQL's lock file in %s was left by a server that is gone; it is removed.", data)

    def _end_orphans(self) -> None:
        orphans = processes.orphans_of(self.data, self._account)
        for orphan in orphans:
            processes.send(orphan, signal.SIGKILL)
        if orphans:
            logger.warning("PostgreSQL was killed and left %d processes; they are ended, the data are recovered.", len(orphans))
        for orphan in orphans:
            processes.wait_gone(orphan, IMMEDIATE_STOP_S)

    def _start_postmaster(self, until: float) -> None:
        while True:
            port = ports.choose_port(asked=self._asked_port, kept_in=self._port_file)
            said = self._try_start(port, until)
            if said is None:
                ports.keep_port(port, self._port_file)
                return
            memory_in_use = "shared memory block" in said
            if not (memory_in_use or "could not bind" in said) or time.monotonic() > until:
                raise NotStarted(f"PostgreSQL in {self.home} did not start: {said} (more in {self._log_file}).")
            if memory_in_use:
                self._end_orphans()
            time.sleep(RETRY_EVERY_S)

    def _try_start(self, port: int, until: float) -> str | None:
        """None when it is ready on the port, else why it is not. Ready is what our own child writes into its pid file."""
        if self._log_file.exists() and self._log_file.stat().st_size > LOG_BYTES:
            self._log_file.replace(self._log_file.with_suffix(".log.1"))
        data = self._root / "data"
        settings = DEFAULTS | self.options | {"port": str(port)}
        # What failed statements said may be in it, so nobody else reads it.
        with open(self._log_file, "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as log:
            read_from = log.tell()
            self._postmaster = subprocess.Popen(
                [self._programs.postgres, "-D", data, *(f"--{name}={value}" for name, value in settings.items())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=clean_environment(),
                start_new_session=True,
                **self._account.switch,
            )
        self._watch = Watch(self._postmaster.pid, data, self._account)
        while self._postmaster.poll() is None:
            written = processes.read_pid_file(data)
            if written is not None and written.pid == self._postmaster.pid and written.ready:
                return None
            if time.monotonic() > until:
                return "it was not ready in time"
            time.sleep(processes.LOOK_EVERY_S)
        self._dismiss_watch()
        with self._log_file.open("rb") as log:
            log.seek(read_from)
            return _reason(log.read().decode(errors="replace"))

    # -- The steps of a stop --------------------------------------------------------------------------------------------

    def _abandon(self, *, without_checkpoint: bool = False) -> None:
        with self._turn:
            atexit.unregister(self.stop)
            if self._postmaster is not None:
                self._stop_process(self._postmaster.pid, STOP_STEPS[1:] if without_checkpoint else STOP_STEPS)
                self._postmaster = None
            self._dismiss_watch()
            if self._lock is not None:
                self._lock.close()
                self._lock = None

    def _stop_process(self, pid: int, steps: Sequence[tuple[signal.Signals, float]] = STOP_STEPS) -> None:
        child = self._postmaster if self._postmaster is not None and self._postmaster.pid == pid else None
        for number, grace_s in steps:
            if child is not None and child.poll() is not None:
                return
            processes.send(pid, number)
            if child is None:
                if processes.wait_gone(pid, grace_s):
                    return
                continue
            try:
                child.wait(grace_s)
            except subprocess.TimeoutExpired:
                continue
            return

    def _dismiss_watch(self) -> None:
        if self._watch is not None:
            self._watch.dismiss()
            self._watch = None


def _reason(log: str) -> str:
    lines = [line for line in log.splitlines() if line.strip()]
    fatal = [line for line in lines if "FATAL:" in line or "PANIC:" in line]
    bind = [line for line in lines if "could not bind" in line]
    chosen = (bind or fatal or lines or ["it said nothing"])[-1]
    return chosen.partition("FATAL:")[2].strip() or chosen.strip()
