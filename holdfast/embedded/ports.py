"""The port: chosen once, kept, given up only when someone else has it."""

import logging
import random
import socket
from pathlib import Path

from holdfast.embedded.errors import EmbeddedError

HOST = "127.0.0.1"
#: Below the range that systems take outgoing connections from, so that a kept port is not lost to a browser tab.
RANGE = range(15_000, 30_000)
TRIES = 50

logger = logging.getLogger(__name__)


class PortTaken(EmbeddedError):
    """The port that was asked for belongs to another program."""


def choose_port(*, asked: int, kept_in: Path) -> int:
    """The port that was asked for, else the kept one, else a free one. Raises PortTaken only for one that was asked for."""
    if asked:
        if not is_free(asked):
            raise PortTaken(f"Port {asked}, asked for PostgreSQL, is used by another program: stop that one or choose another.")
        return asked
    kept = read_port(kept_in)
    if kept and is_free(kept):
        return kept
    port = _any_free()
    if kept:
        logger.warning("PostgreSQL's port %d is now used by another program, so it moves to %d.", kept, port)
    return port


def keep_port(port: int, kept_in: Path) -> None:
    fresh = kept_in.with_name(f"{kept_in.name}.new")
    fresh.write_text(f"{port}\n")
    fresh.replace(kept_in)


def read_port(kept_in: Path) -> int:
    """The kept port, 0 when there is none."""
    try:
        return int(kept_in.read_text())
    except (OSError, ValueError):
        return 0


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # Connections that are still being closed by the last server must not make its port look taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _any_free() -> int:
    for _ in range(TRIES):
        if is_free(port := random.choice(RANGE)):
            return port
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
