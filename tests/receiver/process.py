"""The real receiver as a process, a signer of webhooks, and a wire to the database that can be cut."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from holdfast.kernel.ids import new_id
from tests.gateway_process import free_port

STOP_WITHIN_S = 15


class ReceiverProcess:
    """One receiver. `log` is what it wrote to standard error, once it has ended."""

    def __init__(self, environment: dict[str, str], **more: str):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {**os.environ, **environment, **more}
        self.client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)
        self.log = ""

    def start(self) -> "ReceiverProcess":
        command = [sys.executable, "-m", "holdfast.receiver", "--port", str(self.port)]
        self.process = subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        line = self.process.stdout.readline()
        assert line == f"receiver ready {self.url}\n", (line, self.log)
        return self

    def _read_log(self) -> None:
        for line in self.process.stderr:
            self.log += line

    def post(self, path: str, body: bytes, headers: dict[str, Any] | None = None) -> httpx.Response:
        return self.client.post(path, content=body, headers=headers or {})

    def raw(self, data: bytes, *, patience_s: float = 15) -> bytes:
        """Send bytes as they are; the whole answer, or what came of it until the connection closed or patience ended."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=patience_s) as connection:
            answer = b""
            with contextlib.suppress(ConnectionError, TimeoutError):
                connection.sendall(data)
            with contextlib.suppress(ConnectionError, TimeoutError):
                while not _is_whole(answer) and (chunk := connection.recv(65_536)):
                    answer += chunk
            return answer

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def kill(self) -> int:
        self.process.kill()
        return self._ended()

    def _ended(self) -> int:
        status = self.process.wait(STOP_WITHIN_S)
        self._reader.join(STOP_WITHIN_S)
        self.process.stdout.close()
        return status

    def __enter__(self) -> "ReceiverProcess":
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()
        self.client.close()


def _is_whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(found) and len(body) >= int(lengths[0] if lengths else 0)


def event(id: str | None = None, **more: Any) -> bytes:
    """A body of Stripe's shape."""
    body = {"id": id or f"evt_{new_id().hex}", "object": "event", "type": "invoice.paid", "created": 1_700_000_000, **more}
    return json.dumps(body).encode()


def signed(body: bytes, secret: str, *, at: float | None = None) -> dict[str, str]:
    """The headers of a webhook. https://docs.stripe.com/webhooks#verify-manually"""
    moment = int(time.time() if at is None else at)
    signature = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={moment},v1={signature}", "Content-Type": "application/json", "User-Agent": "Stripe/1.0"}


class Wire:
    """A TCP wire to the database in a thread of its own: `cut` refuses and breaks, `mute` swallows, `mend` heals."""

    def __init__(self, url: str):
        self._to = urlsplit(url)
        self._port = free_port()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._muted = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        login = self._to.netloc.rpartition("@")[0]
        return urlunsplit(self._to._replace(netloc=f"{login}@127.0.0.1:{self._port}"))

    def mend(self) -> None:
        self._muted = False
        self._call(self._listen())

    def cut(self) -> None:
        self._call(self._close())

    def mute(self) -> None:
        self._muted = True

    def __enter__(self) -> "Wire":
        self._thread.start()
        self.mend()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _call(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._to.hostname, self._to.port)
        self._writers |= {writer, back}
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer), return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if not self._muted:
                writer.write(data)
        writer.close()
