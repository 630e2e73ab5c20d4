"""Resident memory of everything that `./dev up` starts, after one purchase, so that the code a shop needs is loaded.

RSS counts what processes share once for each; PSS divides it among them, so that its sum is what the machine really gives.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from holdfast import smoke
from holdfast.bench.figures import Row
from holdfast.bench.ground import Ground
from holdfast.first_run import HOST, ROOT, free_ports

#: Megabytes of all processes together.
MOST_MB = 700.0
#: Everything is up within this.
WITHIN_S = 120.0
PROC = Path("/proc")
MB = 1024.0
#: Words in a command line, and what we call the process.
NAMES = (("postgres", "postgres"), ("holdfast.gateway", "gateway"), ("holdfast.receiver", "receiver"), ("granian", "web"),
         ("holdfast work", "worker"), ("holdfast up", "up (supervisor)"))  # fmt: skip


def measure(ground: Ground) -> Iterator[Row]:
    """A row for each kind of process and one for the whole; one that says so where there is no /proc."""
    if not (PROC / "self" / "smaps_rollup").exists():
        yield Row(part="memory", what="not measured: this system has no /proc", figures={})
        return
    with _everything(ground.folder / "up") as pid:
        found = _by_name(pid)
    for name, processes in sorted(found.items()):
        rss, pss = (round(sum(column) / MB, 1) for column in zip(*processes, strict=True))
        yield Row(part="memory", what=name, figures={"processes": len(processes), "rss_mb": rss, "pss_mb": pss})
    every = [process for processes in found.values() for process in processes]
    rss, pss = (round(sum(column) / MB, 1) for column in zip(*every, strict=True))
    figures = {"processes": len(every), "rss_mb": rss, "pss_mb": pss}
    yield Row(part="memory", what="the whole", figures=figures, floor=f"PSS < {MOST_MB:.0f} MB", met=pss < MOST_MB)


@contextlib.contextmanager
def _everything(home: Path) -> Iterator[int]:
    """`holdfast up` in a home of its own, with one purchase behind it: its process id."""
    web, receiver, gateway = free_ports(3)
    ports = {"HOLDFAST_WEB_PORT": web, "HOLDFAST_RECEIVER_PORT": receiver, "HOLDFAST_GATEWAY_PORT": gateway}
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "HOLDFAST_"))}
    env = {**clean, "HOLDFAST_HOME": str(home), **{name: str(port) for name, port in ports.items()}}
    words = [sys.executable, "-m", "holdfast", "up"]
    process = subprocess.Popen(words, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        _wait_until_up(process)
        keys = json.loads((home / "secrets.json").read_text())
        addresses = {"web": f"http://{HOST}:{web}", "gateway": f"http://{HOST}:{gateway}"}
        with contextlib.redirect_stdout(io.StringIO()) as said:
            bought = smoke.buy(**addresses, publishable_key=keys["publishable_key"], secret_key=keys["secret_key"])
        if not bought:
            raise SystemExit(f"holdfast: the purchase before measuring memory failed:\n{said.getvalue()}")
        yield process.pid
    finally:
        process.terminate()
        process.wait(WITHIN_S)


def _wait_until_up(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    heard: list[str] = []
    up = threading.Event()
    threading.Thread(target=_listen, args=(process.stdout, heard, up), daemon=True).start()
    until = time.monotonic() + WITHIN_S
    while not up.wait(0.1):
        if process.poll() is not None or time.monotonic() > until:
            raise SystemExit("holdfast: `holdfast up` did not start:\n" + "".join(heard[-20:]))


def _listen(stream: IO[str], heard: list[str], up: threading.Event) -> None:
    """Read on also after it is up, so that the processes do not wait for a full pipe."""
    for line in stream:
        heard.append(line)
        if line.startswith("Holdfast is up"):
            up.set()


def _by_name(root: int) -> dict[str, list[tuple[int, int]]]:
    """(RSS, PSS) in kB of a process and all below it."""
    children = defaultdict(list)
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError, IndexError):
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                children[int(parent)].append(int(entry.name))
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        waiting += children[pid]
        with contextlib.suppress(OSError):
            command = (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            found[_name(command)].append(_sizes(pid))
    return found


def _name(command: str) -> str:
    return next((name for word, name in NAMES if word in command), "watchers and shells")


def _sizes(pid: int) -> tuple[int, int]:
    lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    kb = {name.rstrip(":"): int(value) for name, value, *_ in (line.split() for line in lines)}
    return kb["Rss"], kb["Pss"]
