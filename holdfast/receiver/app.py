"""The ASGI application: `POST /webhooks/{provider}/{account}` and two questions about health."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

import structlog

from holdfast.kernel import clock, ids, limits
from holdfast.kernel.errors import Broken, HoldfastError, NotFound, Refused
from holdfast.providers import registry
from holdfast.providers.contract import Incoming, Provider, Unproven
from holdfast.receiver.accounts import Account, Accounts
from holdfast.receiver.store import Arrival, Store

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

#: Seconds for the body of a webhook to arrive.
READ_WITHIN_S = 10.0
#: Bytes of all bodies held at a time: a flood of large ones must not end in the kernel's killer.
MAX_HELD_BYTES = 64 * 1024 * 1024
#: Headers that are evidence or help support; everything else (cookies, addresses, authorization) is forgotten.
KEPT_HEADERS = frozenset(
    ["content-type", "date", "idempotency-key", "request-id", "stripe-signature", "user-agent", "x-request-id", "x-signature"]
)
#: Characters kept of one header.
MAX_HEADER = 1_000
STORED = b'{"received":true}'
WELL = b'{"status":"ok"}'
JSON_TYPE = b"application/json"

log = structlog.get_logger("receiver")


class TooLarge(Refused):
    """The webhook is larger than 1 MiB."""

    status = 413


class TooSlow(Refused):
    """The webhook did not arrive in time."""

    status = 408


class WrongMethod(Refused):
    """Only POST is answered here."""

    status = 405


class Overloaded(Broken):
    """The receiver holds as much as it can. Nothing was lost; send it again in a moment."""


class Stopping(Broken):
    """This receiver is stopping; another one answers in a moment."""


class BrokeOff(Refused):
    """The webhook broke off before its end."""

    status = 400


class Receiver:
    """Callable as ASGI. `stopping` refuses what comes after it; what was accepted before is still stored and answered."""

    def __init__(self, *, accounts: Accounts, store: Store, is_ready: Callable[[], Awaitable[None]]) -> None:
        self._accounts = accounts
        self._store = store
        self._is_ready = is_ready
        self._held_bytes = 0
        self.open_requests = 0
        self.stopping = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self.open_requests += 1
        try:
            await _answer(send, 200, await self._body_of_answer(scope, receive))
        except HoldfastError as error:
            self._note(scope, error)
            await _problem(send, error)
        except Exception as error:  # noqa: BLE001 - the provider sends it again; its body must not reach the log
            log.error("receiver failed", error=type(error).__name__)
            await _problem(send, Broken("Something went wrong here. Nothing was lost; send it again in a moment."))
        finally:
            self.open_requests -= 1

    async def _body_of_answer(self, scope: Scope, receive: Receive) -> bytes:
        """Raises NotFound, WrongMethod and everything below."""
        method, address = scope["method"], Address.of(scope)
        if address is not None:
            if method != "POST":
                raise WrongMethod(allow="POST")
            await self._take(address, scope["headers"], receive)
            return STORED
        if scope["path"] not in {"/health/live", "/health/ready"}:
            raise NotFound("There is nothing here. Webhooks go to /webhooks/{provider}/{account}.")
        if method not in {"GET", "HEAD"}:
            raise WrongMethod("Only GET is answered here.", allow="GET, HEAD")
        if scope["path"] == "/health/ready":
            if self.stopping:
                raise Stopping
            await self._is_ready()
        return WELL

    async def _take(self, address: "Address", raw_headers: Headers, receive: Receive) -> None:
        """Read, prove, store. Returns when it is committed. Raises Unproven, TooLarge, TooSlow, Broken."""
        if self.stopping:
            raise Stopping
        headers = _decoded(raw_headers)
        held = _Held(self)
        try:
            body = await held.read(headers, receive)
            owner, events = await self._prove(address, headers, body)
            kept = {name: value[:MAX_HEADER] for name, value in headers.items() if name in KEPT_HEADERS}
            arrivals = [Arrival(owner.merchant_id, owner.id, owner.provider, event, kept) for event in events]
            if not all(arrival.fits() for arrival in arrivals):
                raise Unproven("An event's id or type is not text that the inbox can keep.")
            if arrivals:
                await self._store.keep(arrivals)
        finally:
            held.release()

    async def _prove(self, address: "Address", headers: Mapping[str, str], body: bytes) -> tuple[Account, Sequence[Incoming]]:
        """Whose it is and what is in it. Everything that does not prove its origin looks the same from outside."""
        adapter, account_id = _named(address.provider, address.account)
        owner = await self._accounts.find(address.provider, account_id)
        if owner is None:
            raise Unproven("There is no such account.")
        try:
            return owner, _verify(adapter, address, headers, body, owner)
        except Unproven:
            owner = await self._accounts.find_again(owner)
            if owner is None:
                raise
        return owner, _verify(adapter, address, headers, body, owner)

    def _note(self, scope: Scope, error: HoldfastError) -> None:
        """One line per refusal, without body or secrets. The path is a stranger's: escaped and cut."""
        if scope["path"].startswith("/health/"):
            return
        write = log.error if error.status >= 500 else log.warning
        # What follows the account may be a secret between the provider and us.
        path = "/".join(scope["path"].split("/")[:4])[:120].encode("ascii", "backslashreplace").decode()
        write("webhook refused", status=error.status, code=error.code, path=path, reason=error.detail)


@dataclass(frozen=True)
class Address:
    """`/webhooks/{provider}/{account}`, and what a provider adds to it: a path of its own, a query."""

    provider: str
    account: str
    path: str
    query: str

    @classmethod
    def of(cls, scope: Scope) -> "Address | None":
        """None for an address of something else."""
        parts = scope["path"].split("/", 4)
        if len(parts) < 4 or parts[:2] != ["", "webhooks"] or parts[4:] == [""]:
            return None
        query = scope.get("query_string", b"").decode("latin-1")
        return cls(parts[2], parts[3], parts[4] if len(parts) == 5 else "", query)


class _Held:
    """The body of one request, counted against MAX_HELD_BYTES until it is released."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._bytes = 0

    async def read(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        """Raises TooLarge, TooSlow, Overloaded, BrokeOff."""
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > limits.MAX_WEBHOOK_BYTES:
            raise TooLarge
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                return await self._read(receive)
        except TimeoutError:
            raise TooSlow from None

    async def _read(self, receive: Receive) -> bytes:
        chunks = []
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise BrokeOff
            chunk = message.get("body", b"")
            self._bytes += len(chunk)
            self._receiver._held_bytes += len(chunk)
            if self._bytes > limits.MAX_WEBHOOK_BYTES:
                raise TooLarge
            if self._receiver._held_bytes > MAX_HELD_BYTES:
                raise Overloaded
            chunks.append(chunk)
            if not message.get("more_body", False):
                return b"".join(chunks)

    def release(self) -> None:
        self._receiver._held_bytes -= self._bytes
        self._bytes = 0


def _named(provider: str, account: str) -> tuple[Provider, UUID]:
    """The adapter and the account id of an address. Raises Unproven."""
    try:
        return registry.provider(provider), ids.parsed("acc", account)
    except Refused as error:
        raise Unproven(error.detail) from error


def _verify(
    adapter: Provider, address: "Address", headers: Mapping[str, str], body: bytes, account: Account
) -> Sequence[Incoming]:
    """Raises Unproven, also for whatever a stranger's bytes make an adapter raise."""
    try:
        return adapter.verify(
            headers=headers,
            body=body,
            credentials=account.credentials,
            now=clock.now(),
            query=address.query,
            path=address.path,
        )
    except Unproven:
        raise
    except Exception as error:  # noqa: BLE001 - malformed input is never a 500
        raise Unproven(f"The adapter could not read it ({type(error).__name__}).") from None


def _decoded(raw: Headers) -> dict[str, str]:
    """Headers by lower-case name, as ASGI has them; repeated ones joined by a comma (RFC 9110, 5.3)."""
    headers: dict[str, str] = {}
    for name_bytes, value_bytes in raw:
        name, value = name_bytes.decode("latin-1"), value_bytes.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


async def _problem(send: Send, error: HoldfastError) -> None:
    """RFC 9457. Every lack of proof reads the same, so that nobody learns which accounts there are."""
    detail = Unproven().detail if isinstance(error, Unproven) else error.detail
    title = HTTPStatus(error.status).phrase
    body = {"type": "about:blank", "title": title, "status": error.status, "code": error.code, "detail": detail}
    extra = []
    if isinstance(error, Broken):
        extra.append((b"retry-after", str(error.retry_after_s).encode()))
    if "allow" in error.extra:
        extra.append((b"allow", error.extra["allow"].encode()))
    if error.status in {408, 413}:
        extra.append((b"connection", b"close"))
    await _answer(send, error.status, json.dumps(body).encode(), b"application/problem+json", extra)


async def _answer(send: Send, status: int, body: bytes, content_type: bytes = JSON_TYPE, extra: Headers | None = None) -> None:
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode()), *(extra or [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
