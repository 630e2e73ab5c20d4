"""A small HTTP/1.1 client that only posts and only wants to know the status.

A storm of webhooks is the sandbox's business, so a delivery must cost little: connections are kept per receiver and
nothing of an answer is looked at but its status.
"""

import asyncio
import ssl
from urllib.parse import urlsplit

KEPT = 32  # Idle connections per receiver.
MOST_HEADERS = 100
LARGEST_ANSWER = 65536  # Of a longer answer nothing is read; its connection is closed instead.

Place = tuple[str, int, bool]
Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Courier:
    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        """`tls` is whom it trusts and who it is; without one it is nobody and trusts whom the world trusts."""
        self._idle: dict[Place, list[Line]] = {}
        self._tls = tls or ssl.create_default_context()

    async def post(self, url: str, *, body: bytes, headers: dict[str, str], timeout_s: float) -> str:
        """The status as text, or the name of what went wrong. Redirects are not followed."""
        try:
            return await asyncio.wait_for(self._post(url, body, headers), timeout_s)
        except (OSError, ValueError, EOFError, TimeoutError, asyncio.LimitOverrunError) as error:
            return type(error).__name__

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> str:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        place = (parts.hostname or "", parts.port or (443 if secure else 80), secure)
        line = await self._line(place)
        keep = False
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            told = {"Host": parts.netloc, "Content-Length": str(len(body)), **headers}
            head = f"POST {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in told.items())
            line[1].write(head.encode() + b"\r\n" + body)
            await line[1].drain()
            status, keep = await _answer(line[0])
            return status
        finally:
            self._put_back(place, line, keep)

    async def _line(self, place: Place) -> Line:
        idle = self._idle.get(place, [])
        while idle:
            line = idle.pop()
            if not (line[0].at_eof() or line[1].is_closing()):
                return line
            line[1].close()
        host, port, secure = place
        return await asyncio.open_connection(host, port, ssl=self._tls if secure else None)

    def _put_back(self, place: Place, line: Line, keep: bool) -> None:
        idle = self._idle.setdefault(place, [])
        if keep and len(idle) < KEPT:
            idle.append(line)
        else:
            line[1].close()


async def _answer(reader: asyncio.StreamReader) -> tuple[str, bool]:
    """The status, and whether the connection can be used again."""
    words = (await reader.readuntil(b"\r\n")).split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise ValueError("not an HTTP answer")
    headers = {}
    for _ in range(MOST_HEADERS):
        text = (await reader.readuntil(b"\r\n")).strip()
        if not text:
            break
        name, _, value = text.partition(b":")
        headers[name.lower()] = value.strip().lower()
    status = words[1].decode()
    length = 0 if status == "204" else int(headers.get(b"content-length", -1))
    keep = words[0] == b"HTTP/1.1" and headers.get(b"connection") != b"close" and 0 <= length <= LARGEST_ANSWER
    if keep:
        await reader.readexactly(length)
    return status, keep
