"""`python -m holdfast.bench.receive URL --secret whsec_…`: durable events per second of a running receiver.

Sends distinct, signed events of Stripe's shape over kept-alive connections, each waiting for its answer before it sends the
next, and counts only answers of 200. Runs on the same machine as the receiver, so its own work is part of the figure.
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import sys
import time
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import uuid4

#: Bytes of one event: a usual checkout.session.completed.
EVENT_BYTES = 2_500


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What one run showed. Times in milliseconds."""

    connections: int
    seconds: float
    stored: int
    refused: int
    p50_ms: float
    p99_ms: float

    def __str__(self) -> str:
        rate = self.stored / self.seconds
        return (
            f"{self.connections:4} connections: {rate:7.0f} events/s, p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms,"
            f" {self.stored} stored, {self.refused} refused"
        )


async def measure(*, url: str, secret: str, connections: int, seconds: float) -> Figures:
    """Load one receiver for a time. Raises OSError if it is not there."""
    run = uuid4().hex[:12]
    until = time.perf_counter() + seconds
    times: list[float] = []
    statuses: dict[bytes, int] = {}
    began = time.perf_counter()
    senders = (_send(url, secret, f"{run}{number:04}", until, times, statuses) for number in range(connections))
    await asyncio.gather(*senders)
    times.sort()
    stored = statuses.get(b"200", 0)
    return Figures(
        connections=connections,
        seconds=time.perf_counter() - began,
        stored=stored,
        refused=sum(statuses.values()) - stored,
        p50_ms=times[len(times) // 2] * 1000,
        p99_ms=times[len(times) * 99 // 100] * 1000,
    )


async def _send(url: str, secret: str, name: str, until: float, times: list[float], statuses: dict[bytes, int]) -> None:
    """One connection: ask, wait, ask again."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    number = 0
    while time.perf_counter() < until:
        number += 1
        request = signed_request(parts.path, parts.netloc, secret, f"evt_{name}{number}")
        sent_at = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(_length(head))
        times.append(time.perf_counter() - sent_at)
        status = head[9:12]
        statuses[status] = statuses.get(status, 0) + 1
    writer.close()


def signed_request(path: str, host: str, secret: str, event_id: str) -> bytes:
    """The bytes of one webhook. https://docs.stripe.com/webhooks#verify-manually"""
    now = int(time.time())
    event = {"id": event_id, "object": "event", "type": "checkout.session.completed", "created": now, "livemode": False}
    body = json.dumps({**event, "data": {"object": {"padding": "x" * (EVENT_BYTES - 150)}}}).encode()
    signature = hmac.new(secret.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Stripe-Signature: t={now},v1={signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line[15:])
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="holdfast.bench.receive", description=__doc__)
    parser.add_argument("url", help="http://127.0.0.1:8001/webhooks/stripe/acc_…")
    parser.add_argument("--secret", required=True, help="the account's webhook secret")
    parser.add_argument("--connections", type=int, nargs="+", default=[32, 64, 128])
    parser.add_argument("--seconds", type=float, default=5.0)
    args = parser.parse_args()
    for connections in args.connections:
        figures = asyncio.run(measure(url=args.url, secret=args.secret, connections=connections, seconds=args.seconds))
        sys.stdout.write(f"{figures}\n")


if __name__ == "__main__":
    main()
