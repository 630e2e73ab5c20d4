"""The receiver's HTTP server: uvicorn on httptools and uvloop, one thread, with limits on what comes before a request's body.

One thread does everything of a request, so nothing is handed over (docs/adr/0011-one-thread-receives.md). The limits here are
those which the application cannot set, because it is called only once the head of a request is there.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from holdfast.kernel import limits
from holdfast.receiver.app import Receiver

#: Requests at once: more than the queue takes, so that a full queue is answered and not only waited for. Above it, 503.
MAX_REQUESTS = 2 * limits.RECEIVER_QUEUE
#: Connections that the kernel keeps for us while we are busy.
BACKLOG = 1024
#: Seconds for the head of a request to arrive, from its first byte, and of a connection's first from its opening.
HEAD_WITHIN_S = 10.0
#: Bytes of a head. Webhooks have about 1 kB.
MAX_HEAD_BYTES = 32 * 1024
#: Seconds that a connection may wait for its next request.
KEPT_ALIVE_S = 75
#: Seconds for the last answers at a stop.
LAST_ANSWERS_S = 5


class Server(uvicorn.Server):
    """Serves until it is told to stop; the signals are not its business."""

    def __init__(self, receiver: Receiver) -> None:
        config = uvicorn.Config(
            receiver,
            http=Guarded,
            ws="none",
            interface="asgi3",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=MAX_REQUESTS,
            timeout_keep_alive=KEPT_ALIVE_S,
            timeout_graceful_shutdown=LAST_ANSWERS_S,
        )
        super().__init__(config)

    def listen(self, host: str, port: int) -> socket.socket:
        """Take the port. Raises OSError when somebody has it."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=BACKLOG)

    def stop(self) -> None:
        """Take no more connections, close the idle ones, give the last answers."""
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Whoever runs us listens for signals and flushes first."""
        yield


class Guarded(HttpToolsProtocol):
    """A connection whose request's head has to come soon and be small."""

    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._deadline is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._deadline is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        self._head_is_there()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._deadline = self.loop.call_later(HEAD_WITHIN_S, self.transport.abort)

    def _head_is_there(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
