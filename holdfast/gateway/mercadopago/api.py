"""One call from request to answer: whose token, which mood, which operation, once per key."""

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from holdfast.gateway import faults
from holdfast.gateway.api import cut_after, spoil
from holdfast.gateway.errors import ApiError
from holdfast.gateway.mercadopago import problems, store
from holdfast.gateway.mercadopago.problems import Problem, invalid
from holdfast.gateway.moods import Mood
from holdfast.gateway.tx import Tx, encode
from holdfast.gateway.world import MERCADO_PAGO, World

LONGEST_KEY = 64
KEY_LIVES_S = 24 * 60 * 60

log = logging.getLogger(__name__)


@dataclass
class Call:
    """One authenticated call: whose, and what was said in the path, the query and the body."""

    account: str
    live: bool
    base_url: str
    path: dict
    query: dict
    body: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Operation:
    """`makes` is the kind of what a POST makes: repeated under its key, it is shown as it is by then."""

    method: str
    path: str
    run: Callable[[Tx, Call], dict | list]
    makes: str = ""
    needs_key: bool = False

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def handler(operation: Operation):
    async def answer(request: Request) -> Response:
        world = request.app.state.world
        world.count(f"request {operation.name}")
        try:
            account = await world.account(token(request), of=MERCADO_PAGO)
        except ApiError:
            return render(Problem(401, "invalid access token"))
        try:
            return await _once_at_a_time(request, operation, account)
        except Problem as problem:
            return render(problem)
        except Exception:
            log.exception("%s broke", operation.name)
            return render(problems.broken())

    return answer


def token(request: Request) -> str:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else ""


def render(said: Problem | dict | list, status: int = 200) -> Response:
    if isinstance(said, Problem):
        return render(said.body, said.status)
    return Response(encode(said), status, media_type="application/json")


async def _once_at_a_time(request: Request, operation: Operation, account: str) -> Response:
    world: World = request.app.state.world
    key = request.headers.get("x-idempotency-key", "") if operation.method == "POST" else ""
    if operation.needs_key and not key:
        raise invalid("Header X-Idempotency-Key can't be null", 4292)
    if len(key) > LONGEST_KEY:
        raise invalid("Header X-Idempotency-Key is too long", 4292)
    if key:
        try:
            world.running.enter(account, key)
        except ApiError as busy:
            raise Problem(409, "A request with this idempotency key is in progress", error="conflict") from busy
    try:
        told = {mood.name: mood for mood in world.moods.for_request(operation.name)}
        for name in told:
            world.count_mood(name, operation.name)
        response = await _before(request, told)
        if response is not None:
            return response
        status, shown = await _execute(request, operation, account, key)
    finally:
        if key:
            world.running.leave(account, key)
    if "error_after" in told:
        raise problems.broken()
    return await spoil(request, render(shown, status), told)


async def _before(request: Request, told: dict[str, Mood]) -> Response | None:
    """What goes wrong before anything is done: then there is an answer already."""
    world = request.app.state.world
    if "latency" in told:
        await faults.hold(world.stopping, world.moods.somewhere_within(told["latency"].seconds))
    if "fail_before" in told or "fail_during" in told:
        raise problems.broken()
    if "timeout_before" in told:
        return await cut_after(request, told["timeout_before"].seconds)
    return None


async def _execute(request: Request, operation: Operation, account: str, key: str) -> tuple[int, dict | list]:
    world: World = request.app.state.world
    raw = await request.body()
    live = token(request).startswith(MERCADO_PAGO[1])
    call = Call(account, live, world.base_url, dict(request.path_params), dict(request.query_params))
    if operation.method != "GET":
        call.body = _object(raw)
    if operation.method == "GET":
        return 200, await world.books.read(lambda tx: operation.run(tx, call))
    if not key or (operation.makes == store.PREFERENCE and not world.moods.settings["mp_preference_keys"]):
        status = 201 if operation.method == "POST" else 200
        return status, await world.books.write(lambda tx: operation.run(tx, call))
    print_ = hashlib.sha256(f"{request.url.path}\n".encode() + raw).hexdigest()
    return await world.books.write(lambda tx: _once(tx, operation, call, key, print_))


def _once(tx: Tx, operation: Operation, call: Call, key: str, print_: str) -> tuple[int, dict | list]:
    """What was made under this key is shown as it is now. A refusal makes nothing and is not kept. Raises Problem."""
    row = tx.execute(
        "SELECT * FROM idempotency_keys WHERE account = ? AND key = ? AND created > ?",
        [call.account, key, tx.now - KEY_LIVES_S],
    ).fetchone()
    if row is not None:
        if row["fingerprint"] != print_:
            message = "This idempotency key was already used with another request"
            raise Problem(409, message, error="idempotency_key_already_used")
        tx.world.count("mercadopago replays")
        return 200, store.get(tx, operation.makes, json.loads(row["body"])["id"])
    shown = operation.run(tx, call)
    assert isinstance(shown, dict)
    tx.execute(
        "REPLACE INTO idempotency_keys VALUES (?, ?, ?, '', 201, ?, ?)",
        [call.account, key, print_, json.dumps({"id": shown["id"]}), tx.now],
    )
    return 201, shown


def _object(raw: bytes) -> dict:
    """An empty body is an empty object. Raises Problem."""
    try:
        said = json.loads(raw) if raw else {}
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise invalid("The body is not a JSON object", 1)
    return said
