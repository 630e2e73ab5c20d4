"""The web process as `holdfast serve` starts it, with many visitors who keep their connections open."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest

from config.serving import web_arguments
from holdfast.first_run import HOST, ROOT, free_ports

#: More than the threads that answer, and more than granian would hold if its limit were made of them.
VISITORS = 100
READY_S = 20.0
#: A server that serves answers such a request within milliseconds; a busy machine needs its time.
PATIENCE_S = 5.0
ASKED = b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n"

pytestmark = pytest.mark.processes


@contextmanager
def served(arguments: Sequence[str], port: int) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        until = time.monotonic() + READY_S
        while True:
            try:
                socket.create_connection((HOST, port), 1).close()
                break
            except OSError:
                assert time.monotonic() < until, "the server did not start"
                time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait()


def ask(visitor: socket.socket) -> bytes:
    """One request on a connection that stays open afterwards; empty when nobody answers in time."""
    visitor.sendall(ASKED)
    try:
        return visitor.recv(4096)[:15]
    except TimeoutError:
        return b""


def answered(port: int, *, visitors: int, patience_s: float) -> list[bytes]:
    """What visitors who come one after the other, and stay connected, are answered."""
    with ExitStack() as stack:
        told = []
        for _ in range(visitors):
            told.append(ask(stack.enter_context(socket.create_connection((HOST, port), patience_s))))
            if not told[-1]:
                break
        return told


def test_visitors_who_stay_connected_do_not_hold_up_the_next_one():
    (port,) = free_ports(1)
    with served(web_arguments(application="tests.acceptance.greeting:application", port=port), port):
        assert answered(port, visitors=VISITORS, patience_s=PATIENCE_S) == [b"HTTP/1.1 200 OK"] * VISITORS


def test_without_room_for_connections_the_next_visitor_waits_in_vain():
    """The control: granian's `--backpressure` counts connections, not requests. With as many as there are threads, idle
    visitors shut the shop for everybody else until they are dropped after 30 s."""
    (port,) = free_ports(1)
    arguments = web_arguments(application="tests.acceptance.greeting:application", port=port)
    arguments[arguments.index("--backpressure") + 1] = "16"
    with served(arguments, port):
        told = answered(port, visitors=VISITORS, patience_s=1.0)
    assert told.count(b"HTTP/1.1 200 OK") < VISITORS
    assert told[-1] == b""
