"""The server's own limits: what comes before a request's body, when the application is not asked yet."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from holdfast.receiver import http
from holdfast.receiver.http import Server
from tests.gateway_process import free_port

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]]
HEAD_WITHIN_S = 0.3


async def well(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body and says yes."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def talk(scene: Talk) -> Any:
    """One connection to a server of this process."""

    async def play() -> Any:
        server, port = Server(well), free_port()  # type: ignore[arg-type]
        serving = asyncio.create_task(server.serve(sockets=[server.listen("127.0.0.1", port)]))
        while not server.started:
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            async with asyncio.timeout(10):
                return await scene(reader, writer)
        finally:
            writer.close()
            server.stop()
            await serving

    return asyncio.run(play())


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "HEAD_WITHIN_S", HEAD_WITHIN_S)


async def until_closed(reader: asyncio.StreamReader) -> tuple[bytes, float]:
    """What was heard, and after how many seconds the connection ended."""
    began, heard = time.monotonic(), b""
    try:
        while chunk := await reader.read(1000):
            heard += chunk
    except ConnectionError:
        pass
    return heard, time.monotonic() - began


@pytest.mark.parametrize("sent", [b"", b"POST /webhooks", b"POST / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_a_head_that_does_not_come_ends_its_connection(sent):
    async def scene(reader, writer):
        writer.write(sent)
        return await until_closed(reader)

    heard, seconds = talk(scene)
    assert heard == b""
    assert HEAD_WITHIN_S * 0.8 < seconds < HEAD_WITHIN_S + 2


def test_a_head_that_comes_byte_by_byte_gets_no_more_time():
    async def scene(reader, writer):
        drip = asyncio.create_task(dripping(writer))
        heard = await until_closed(reader)
        drip.cancel()
        return heard

    async def dripping(writer):
        for byte in b"GET / HTTP/1.1\r\nX-Slow: " + b"x" * 1000:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.02)

    heard, seconds = talk(scene)
    assert heard == b""
    assert seconds < HEAD_WITHIN_S + 2


def test_a_head_without_end_ends_its_connection():
    async def scene(reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 2 * http.MAX_HEAD_BYTES)
        return await until_closed(reader)

    heard, seconds = talk(scene)
    assert heard == b""
    assert seconds < HEAD_WITHIN_S * 0.8


def test_a_body_may_take_longer_than_a_head_and_the_connection_lives_on():
    async def scene(reader, writer):
        for _ in range(2):
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
            await asyncio.sleep(HEAD_WITHIN_S * 1.5)
            writer.write(b"cd")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            await asyncio.sleep(HEAD_WITHIN_S * 1.5)
        return True

    assert talk(scene)
