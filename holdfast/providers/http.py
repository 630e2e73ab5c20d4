"""The HTTP client of the adapters that have no SDK: one for all threads, every timeout set."""

from functools import cache

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


@cache
def client() -> httpx.Client:
    """Keeps connections open; safe for threads. Follows no redirect: an API that redirects a POST is not the one we know."""
    return httpx.Client(timeout=httpx.Timeout(limits.PROVIDER_READ_S, connect=limits.PROVIDER_CONNECT_S))
