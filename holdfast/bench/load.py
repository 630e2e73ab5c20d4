"""`python -m holdfast.bench.load`: HTTP load from a process of its own, by one thread over plain sockets.

In: {"host", "port", "connections", and "requests": [text, …] or "webhooks": {account, secret, type, count}; perhaps "seconds",
"rate" (requests a second in all; 0 is as fast as the answers come), "keep" (return the answers' bodies)}.
Out: {"seconds", "statuses": {"200": n}, "p50_ms", "p95_ms", "p99_ms", "bodies"}.

Every connection waits for its answer before it asks again. With a rate, a request's time begins when it was due: an answer
that is late because no connection was free counts as late.
"""

import json
import selectors
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from holdfast.bench import requests

#: A load that hears nothing for this long has lost its server.
SILENCE_S = 30.0


@dataclass
class Wire:
    """One connection and the answer it waits for."""

    socket: socket.socket
    began_at: float = 0.0
    heard: bytes = b""


@dataclass
class Load:
    """One run. `drive` returns when every request is answered, or the time is over and the last answers are there."""

    address: tuple[str, int]
    requests: Sequence[bytes]
    connections: int
    seconds: float = 0.0
    rate: float = 0.0
    keep: bool = False
    times: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    bodies: list[str] = field(default_factory=list)

    def drive(self) -> dict[str, Any]:
        """Send, hear, send again. Raises OSError when the server is not there or hangs up."""
        self._selector = selectors.DefaultSelector()
        self._idle = deque(self._connect() for _ in range(self.connections))
        self._busy = self._next = 0
        self._began_at = time.perf_counter()
        self._until = self._began_at + self.seconds if self.seconds else float("inf")
        while True:
            wait = self._send_what_is_due()
            if not self._busy and wait is None:
                break
            heard = self._selector.select(SILENCE_S if wait is None else wait)
            if not heard and wait is None:
                raise TimeoutError(f"no answer within {SILENCE_S:.0f} s")
            for key, _ in heard:
                self._hear(key.data)
        return self._figures(time.perf_counter() - self._began_at)

    def _connect(self) -> Wire:
        wire = Wire(socket.create_connection(self.address))
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(wire.socket, selectors.EVENT_READ, wire)
        return wire

    def _send_what_is_due(self) -> float | None:
        """Seconds until the next one is due; None when there is none, or no connection to send it on."""
        while self._next < len(self.requests) and self._idle:
            now = time.perf_counter()
            due_at = self._began_at + self._next / self.rate if self.rate else now
            if max(due_at, now) >= self._until:
                return None
            if due_at > now:
                return due_at - now
            wire = self._idle.popleft()
            wire.began_at, wire.heard = due_at, b""
            wire.socket.sendall(self.requests[self._next])
            self._next += 1
            self._busy += 1
        return None

    def _hear(self, wire: Wire) -> None:
        data = wire.socket.recv(65_536)
        if not data:
            raise ConnectionError("the server hung up")
        wire.heard = wire.heard + data if wire.heard else data
        head, found, body = wire.heard.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        self.times.append(time.perf_counter() - wire.began_at)
        self.statuses[head[9:12].decode()] += 1
        if self.keep:
            self.bodies.append(body.decode())
        self._busy -= 1
        self._idle.append(wire)

    def _figures(self, seconds: float) -> dict[str, Any]:
        self.times.sort()
        at = {f"p{share}_ms": round(self.times[len(self.times) * share // 100] * 1000, 2) for share in (50, 95, 99) if self.times}
        return {"seconds": seconds, "statuses": dict(self.statuses), **at, "bodies": self.bodies}


def _length(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(b"content-length:")
    return int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


def main() -> None:
    wish: dict[str, Any] = json.load(sys.stdin)
    address = (wish.pop("host"), wish.pop("port"))
    hooks = wish.pop("webhooks", None)
    asked = [text.encode() for text in wish.pop("requests", [])] if hooks is None else _webhooks(**hooks)
    json.dump(Load(address, asked, **wish).drive(), sys.stdout)


def _webhooks(*, account: str, secret: str, type: str, count: int) -> list[bytes]:
    run = uuid4().hex[:12]
    made = (requests.webhook(account=account, secret=secret, event_id=f"evt_{run}{n:07}", type=type) for n in range(count))
    return [bytes(request) for request in made]


if __name__ == "__main__":
    main()
