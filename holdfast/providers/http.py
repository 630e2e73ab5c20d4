"""The HTTP client of the adapters that have no SDK: one for all threads, every timeout set."""

import re
from functools import cache
from typing import TypeGuard

import httpx

from holdfast.kernel import limits

#: All of these happen before a byte of the request is written.
BEFORE_THE_WRITE = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
    httpx.LocalProtocolError,
)

#: What can stand in an Authorization header: no blanks, no line ends, no letters beyond ASCII.
SECRET = re.compile(r"[!-~]{1,500}")


def is_secret(key: object) -> TypeGuard[str]:
    """Whether a merchant's key can be sent at all. One that cannot fails before the write, and says so (S-48)."""
    return isinstance(key, str) and SECRET.fullmatch(key) is not None


@cache
def client() -> httpx.Client:
    """Keeps connections open; safe for threads. Follows no redirect: an API that redirects a POST is not the one we know."""
    return httpx.Client(timeout=httpx.Timeout(limits.PROVIDER_READ_S, connect=limits.PROVIDER_CONNECT_S))
