"""Several processes as one: started in order, kept alive, their output told apart, stopped in reverse. Knows nothing of Holdfast.

`Supervisor(programs).run()` is `holdfast up`; `with Supervisor(programs) as all_of_them:` is a storm, which kills by `pids()`.
No process outlives the supervisor, however it dies: a small shell, the guard, waits for its end and stops every group.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TextIO

#: A program that is asked to stop finishes what it has begun: requests last up to about 10 s (a provider's timeouts).
STOP_GRACE_S = 12.0
#: The pause before a restart: short, so that a storm's killed worker is soon back; doubled while it keeps crashing.
RESTART_FIRST_S = 0.2
RESTART_LONGEST_S = 5.0
#: A program that lived this long was healthy: its next crash counts as the first.
HEALTHY_AFTER_S = 3.0
#: How soon a crash, a readiness or a Ctrl-C is noticed.
LOOK_EVERY_S = 0.05
#: The last lines of a program that has ended are still in its pipe for a moment.
LAST_WORDS_S = 1.0
#: The guard's own grace: longer than ours, because nobody waits for it.
GUARD_GRACE_S = 15
COLOURS = (36, 33, 35, 32, 34, 31)
OWN_NAME = "holdfast"

#: Told of every process group by `mind` and `forget`. The end of the file without `bye` means that the supervisor is gone.
GUARD = f"""
trap '' HUP INT TERM
groups=
while read -r verb group; do
    case $verb in
        mind) groups="$groups $group" ;;
        forget) kept=; for one in $groups; do [ "$one" = "$group" ] || kept="$kept $one"; done; groups=$kept ;;
        bye) exit 0 ;;
    esac
done
for one in $groups; do kill -s TERM -- "-$one"; done
waited=0
while [ "$waited" -lt {GUARD_GRACE_S} ]; do
    living=
    for one in $groups; do kill -s 0 -- "-$one" && living="$living $one"; done
    [ -n "$living" ] || exit 0
    sleep 1
    waited=$((waited + 1))
done
for one in $living; do kill -s KILL -- "-$one"; done
"""


class NotReady(Exception):
    """A program did not start; the message is one sentence."""


class PortTaken(Exception):
    """Another program listens where ours has to."""


def require_free_port(host: str, port: int, what: str, setting: str) -> None:
    """Raises PortTaken with one sentence: what needs the port and which setting moves it."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(
                f"Port {port}, needed for {what}, cannot be used on {host} ({error.strerror}): "
                f"stop the program that has it, or set {setting} to another port."
            ) from None


@dataclass(frozen=True)
class Program:
    """One process: `env` is added to our own environment; `ready` is asked until it says yes.

    A program that ends is started again when `restart` says so; otherwise its end with anything but 0 ends everything.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] | None = None
    ready_timeout_s: float = 60.0
    restart: bool = True


@dataclass
class _Child:
    """A program and the process it is just now."""

    program: Program
    colour: int
    process: "subprocess.Popen[bytes] | None" = None
    reader: threading.Thread | None = None
    started_at: float = 0.0
    crashes: int = 0
    #: Monotonic time of the next start while it is down.
    restart_at: float | None = None


class Supervisor:
    """Starts programs in their order and keeps them. `pid_file` gets `{"name": pid}` after every change."""

    def __init__(self, programs: Sequence[Program], *, pid_file: Path | None = None, out: TextIO | None = None):
        self._children = [_Child(program, COLOURS[at % len(COLOURS)]) for at, program in enumerate(programs)]
        self._pid_file = pid_file
        self._out = out or sys.stdout
        self._coloured = self._out.isatty() and "NO_COLOR" not in os.environ
        self._width = max([len(OWN_NAME), *(len(program.name) for program in programs)])
        self._writing = threading.Lock()
        self._changing = threading.RLock()
        self._watcher: threading.Thread | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self._stop_asked = 0
        self._failed: _Child | None = None

    # -- From outside ---------------------------------------------------------------------------------------------------

    def run(self, on_ready: Callable[[], None] | None = None) -> int:
        """Start, stay until Ctrl-C or SIGTERM, stop; the exit code. Only for the main thread. A second Ctrl-C stops at once."""
        before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            self.start()
            if on_ready is not None and not self._stop_asked:
                on_ready()
            while not self._stop_asked and self._failed is None:
                time.sleep(LOOK_EVERY_S)
        except NotReady as error:
            self._say(str(error))
            return 1
        finally:
            self.stop()
            for number, handler in before.items():
                signal.signal(number, handler)
        return 0 if self._failed is None else 1

    def start(self) -> Self:
        """Start every program in order, each when the one before is ready. Raises NotReady, and then nothing runs."""
        self._stopping = False
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", GUARD, "holdfast-guard"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        try:
            for child in self._children:
                if self._stop_asked:
                    break
                self._spawn(child)
                self._wait_ready(child)
        except BaseException:
            self.stop()
            raise
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._watcher.start()
        return self

    def stop(self) -> None:
        """Stop in reverse order: SIGTERM, after a grace SIGKILL. Safe to repeat."""
        self._stopping = True
        if self._watcher is not None and self._watcher is not threading.current_thread():
            self._watcher.join()
            self._watcher = None
        for child in reversed(self._children):
            self._stop_child(child)
        self._write_pids()
        if self._guard is not None:
            self._tell_guard("bye", 0)
            self._guard.communicate()
            self._guard = None

    def pids(self) -> dict[str, int]:
        """The process of every program that runs just now."""
        with self._changing:
            return {
                child.program.name: child.process.pid
                for child in self._children
                if child.process is not None and child.process.poll() is None
            }

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- Starting -------------------------------------------------------------------------------------------------------

    def _spawn(self, child: _Child) -> None:
        with self._changing:
            child.restart_at = None
            child.started_at = time.monotonic()
            child.process = subprocess.Popen(
                list(child.program.argv),
                env={**os.environ, **child.program.env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                # A group of its own: a Ctrl-C of the terminal reaches us alone, and we stop the others in their order.
                start_new_session=True,
            )
            self._tell_guard("mind", child.process.pid)
        child.reader = threading.Thread(target=self._read, args=(child, child.process), daemon=True)
        child.reader.start()
        self._write_pids()

    def _wait_ready(self, child: _Child) -> None:
        name, process = child.program.name, child.process
        until = time.monotonic() + child.program.ready_timeout_s
        while child.program.ready is not None and not self._stop_asked and process is not None:
            if process.poll() is not None:
                self._join_reader(child)
                raise NotReady(f"{name} did not start: it ended with code {process.returncode}; its last words are above.")
            if child.program.ready():
                return
            if time.monotonic() > until:
                raise NotReady(f"{name} was not ready within {child.program.ready_timeout_s:.0f} s; what it said is above.")
            time.sleep(LOOK_EVERY_S)

    # -- Watching, in a thread of its own -------------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._stopping:
            for child in self._children:
                if child.restart_at is not None and time.monotonic() >= child.restart_at:
                    self._spawn(child)
                elif child.process is not None and child.restart_at is None and child.process.poll() is not None:
                    self._after_end(child, child.process.returncode)
            time.sleep(LOOK_EVERY_S)

    def _after_end(self, child: _Child, code: int) -> None:
        """A program has ended by itself: end what it left of its group, then start it again or let it be."""
        process, child.process = child.process, None
        if process is not None:
            self._end_group(process)
        self._join_reader(child)
        self._write_pids()
        name, how = child.program.name, _how(code)
        if not child.program.restart:
            self._say(f"{name} {how}")
            if code != 0:
                self._failed = child
            return
        child.crashes = 1 if time.monotonic() - child.started_at > HEALTHY_AFTER_S else child.crashes + 1
        pause_s = min(RESTART_FIRST_S * 2 ** min(child.crashes - 1, 10), RESTART_LONGEST_S)
        self._say(f"{name} {how}; it is started again in {pause_s:.1f} s")
        child.restart_at = time.monotonic() + pause_s

    # -- Stopping -------------------------------------------------------------------------------------------------------

    def _on_signal(self, number: int, _frame: object) -> None:
        self._stop_asked += 1

    def _stop_child(self, child: _Child) -> None:
        process, child.process, child.restart_at = child.process, None, None
        if process is None:
            return
        until = time.monotonic() + STOP_GRACE_S
        process.terminate()
        while process.poll() is None and self._stop_asked < 2:
            if time.monotonic() > until:
                self._say(f"{child.program.name} did not stop within {STOP_GRACE_S:.0f} s and is killed")
                break
            time.sleep(LOOK_EVERY_S)
        self._end_group(process)
        self._join_reader(child)

    def _end_group(self, process: "subprocess.Popen[bytes]") -> None:
        """Also what the program started itself: a web server's workers would keep its port."""
        # Nothing may be left of the group; macOS says that with EPERM.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._tell_guard("forget", process.pid)

    def _tell_guard(self, verb: str, group: int) -> None:
        if self._guard is None or self._guard.stdin is None:
            return
        try:
            self._guard.stdin.write(f"{verb} {group}\n".encode())
            self._guard.stdin.flush()
        except BrokenPipeError:
            self._guard.stdin = None

    # -- Telling --------------------------------------------------------------------------------------------------------

    def _read(self, child: _Child, process: "subprocess.Popen[bytes]") -> None:
        if process.stdout is not None:
            with process.stdout as lines:
                for line in lines:
                    self._write(child.program.name, child.colour, line.decode(errors="replace").rstrip("\r\n"))

    def _join_reader(self, child: _Child) -> None:
        if child.reader is not None:
            child.reader.join(LAST_WORDS_S)

    def _say(self, line: str) -> None:
        self._write(OWN_NAME, 1, line)

    def _write(self, name: str, colour: int, line: str) -> None:
        label = f"{name:<{self._width}} |"
        if self._coloured:
            label = f"\033[{colour}m{label}\033[0m"
        with self._writing:
            self._out.write(f"{label} {line}\n")
            self._out.flush()

    def _write_pids(self) -> None:
        if self._pid_file is None:
            return
        pids = self.pids()
        if self._stopping and not pids:
            self._pid_file.unlink(missing_ok=True)
            return
        self._pid_file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._pid_file.with_name(f"{self._pid_file.name}.new")
        fresh.write_text(json.dumps(pids))
        fresh.replace(self._pid_file)


def _how(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
