"""How a call goes wrong on the wire."""

import asyncio
import contextlib
import os
import socket
import struct

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send


async def hold(stopping: asyncio.Event, seconds: float) -> None:
    """Keep the caller waiting, but never the shutdown."""
    try:
        await asyncio.wait_for(stopping.wait(), seconds)
    except TimeoutError:
        return


def line_of(request: Request) -> socket.socket | None:
    """The caller's TCP connection, to be cut later.

    The server library does not hand it out, but it is a descriptor of this process: the one whose peer is the caller.
    Found while the caller waits, because its port may be somebody else's after it has given up.
    """
    client = request.scope["client"]
    peer = (client[0], int(client[1]))
    for name in os.listdir("/dev/fd"):
        connection = _socket_of(int(name))
        if connection is None:
            continue
        if _peer(connection) == peer:
            return connection
        connection.close()
    return None


def _socket_of(descriptor: int) -> socket.socket | None:
    """A socket object of our own over a descriptor; None for a file, or for one that was closed since it was listed."""
    try:
        own = os.dup(descriptor)
    except OSError:
        return None
    try:
        return socket.socket(fileno=own)
    except OSError:
        os.close(own)
        return None


def _peer(connection: socket.socket) -> tuple | None:
    try:
        return connection.getpeername()[:2]
    except OSError:  # A listening socket has none.
        return None


def cut(line: socket.socket | None) -> None:
    """End a connection without a word. A linger of zero turns the server's own close into a reset."""
    if line is None:
        return
    with line, contextlib.suppress(OSError):  # The caller may have gone first.
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.shutdown(socket.SHUT_RDWR)


class Silence(Response):
    """For a connection that was cut: there is nobody left to answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Truncated(Response):
    """Promises the whole body, sends half of it and ends."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
