import asyncio

import pytest

from holdfast.gateway.courier import Courier


def deliver(answer: bytes, times: int = 1, timeout_s: float = 1) -> tuple[list[str], int]:
    """The statuses of `times` posts to a receiver that answers these bytes, and how many connections they took."""

    async def run() -> tuple[list[str], int]:
        connections = 0

        async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            while b"Content-Length: 2" in await reader.readuntil(b"\r\n\r\n") and await reader.readexactly(2) == b"{}":
                writer.write(answer)
                if b"close" in answer:
                    return writer.close()

        server = await asyncio.start_server(_until_the_end(receive), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        courier = Courier()
        statuses = [
            await courier.post(f"http://127.0.0.1:{port}/hook?a=b", body=b"{}", headers={}, timeout_s=timeout_s)
            for _ in range(times)
        ]
        server.close()
        return statuses, connections

    return asyncio.run(run())


def _until_the_end(receive):
    async def quietly(reader, writer):
        try:
            await receive(reader, writer)
        except (EOFError, ConnectionError):
            writer.close()

    return quietly


def test_connection_is_used_again_when_the_answer_has_a_length():
    assert deliver(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", times=3) == (["200", "200", "200"], 1)
    assert deliver(b"HTTP/1.1 204 No Content\r\n\r\n", times=2) == (["204", "204"], 1)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "200"),
        (b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", "503"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n", "200"),
        (b"HTTP/1.0 200 OK\r\n\r\n", "200"),
    ],
)
def test_other_connections_are_not_used_again(answer, status):
    assert deliver(answer, times=2) == ([status, status], 2)


@pytest.mark.parametrize(
    ("answer", "status"),
    [(b"hello\r\n", "ValueError"), (b"\r\n", "ValueError"), (b"", "TimeoutError"), (b"x" * 70_000, "LimitOverrunError")],
)
def test_nonsense_and_silence_are_failures_with_a_name(answer, status):
    assert deliver(answer, timeout_s=0.3)[0] == [status]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "http://nobody.invalid/", "http:///", "http://127.0.0.1:99999/"])
def test_nobody_there_is_a_failure_with_a_name(url):
    status = asyncio.run(Courier().post(url, body=b"{}", headers={}, timeout_s=2))
    assert not status.isdigit()
