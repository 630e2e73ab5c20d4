"""How a call goes wrong on the wire."""

import asyncio
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


def cut(request: Request) -> None:
    """End the caller's TCP connection without a word.

    The server library has no such call, but the socket is a descriptor of this process: the one whose peer is the
    caller. A linger of zero turns the server's own close into a reset.
    """
    client = request.scope["client"]
    peer = (client[0], int(client[1]))
    for name in os.listdir("/dev/fd"):
        _shut_if(int(name), peer)


def _shut_if(descriptor: int, peer: tuple[str, int]) -> None:
    try:
        connection = socket.socket(fileno=os.dup(descriptor))
    except OSError:  # Not a socket, or closed since it was listed.
        return
    with connection:
        try:
            if connection.getpeername()[:2] == peer:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.shutdown(socket.SHUT_RDWR)
        except OSError:  # A listening socket has no peer; a closed one needs no shutting.
            return


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
