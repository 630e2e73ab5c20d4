"""Which processes belong to a data folder. A number in a file proves nothing: numbers are used again."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from holdfast.embedded.account import Account, clean_environment

#: How often a waiting loop looks again: a start is over in about a tenth of a second.
LOOK_EVERY_S = 0.02
PROC = Path("/proc")


@dataclass(frozen=True)
class PidFile:
    """What `postmaster.pid` says: line 1 the process, line 4 the port, line 8 the state."""

    pid: int
    port: int
    ready: bool


def read_pid_file(data: Path) -> PidFile | None:
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        return PidFile(abs(int(lines[0])), int(lines[3]), len(lines) > 7 and lines[7].strip() == "ready")
    except (OSError, ValueError, IndexError):
        return None


def postmaster_of(data: Path) -> int | None:
    """The server that runs on this data folder, whoever started it; none when the file is a dead server's."""
    written = read_pid_file(data)
    if written is None or not is_running(written.pid):
        return None
    return written.pid if str(data) in _command_line(written.pid) else None


def orphans_of(data: Path, account: Account) -> list[int]:
    """The processes of a server that itself is gone: each has the data folder as its working directory.

    Asked as the server's account, because in a container even root may not look at another account's processes.
    Where there is no /proc nothing is found, and the start waits for them to end.
    """
    look = 'for at in /proc/[0-9]*; do [ "$(readlink "$at/cwd")" != "$1" ] || echo "${at#/proc/} $(cat "$at/comm")"; done'
    found = subprocess.run(
        ["/bin/sh", "-c", look, "sh", str(data)],
        cwd="/",
        env=clean_environment(),
        capture_output=True,
        text=True,
        **account.switch,
    ).stdout
    return [int(pid) for pid, _, name in (line.partition(" ") for line in found.splitlines()) if name.startswith("postgres")]


def is_running(pid: int) -> bool:
    """A zombie does not count: it holds nothing any more."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return True


def send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def wait_gone(pid: int, timeout_s: float) -> bool:
    until = time.monotonic() + timeout_s
    while is_running(pid):
        if time.monotonic() > until:
            return False
        time.sleep(LOOK_EVERY_S)
    return True


def _command_line(pid: int) -> list[str]:
    if PROC.is_dir():
        try:
            return (PROC / str(pid) / "cmdline").read_text().split("\0")
        except OSError:
            return []
    return subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True).stdout.split(" ")
