"""One call of the API from request to answer: whose token, which mood, which operation."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from holdfast.gateway import faults
from holdfast.gateway.api import cut_after, spoil
from holdfast.gateway.moods import Mood
from holdfast.gateway.pix import clients, problems
from holdfast.gateway.pix.problems import Problem
from holdfast.gateway.tx import Tx, encode

PREFIX = "/pix/api/v2"
#: A mood's place among the API's own errors. Nothing was done in the first two; in the last everything was.
FAULTS = {"fail_before": problems.broken, "fail_during": problems.unavailable, "error_after": problems.too_late}

log = logging.getLogger(__name__)


@dataclass
class Call:
    """One authenticated call: whose, and what was said in the path, the query and the body."""

    account: str
    base_url: str
    path: dict
    query: dict
    body: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Operation:
    """`run(tx, call)` answers with a status and what is shown, or nothing."""

    method: str
    path: str
    scope: str
    run: Callable[[Tx, Call], tuple[int, dict | None]]

    @property
    def name(self) -> str:
        return f"{self.method} {PREFIX}{self.path}"


def handler(operation: Operation):
    async def answer(request: Request) -> Response:
        world = request.app.state.world
        world.count(f"request {operation.name}")
        try:
            return await _answer(request, operation)
        except Problem as problem:
            return problem.response()
        except Exception:
            log.exception("%s broke", operation.name)
            return problems.broken().response()

    return answer


async def _answer(request: Request, operation: Operation) -> Response:
    world = request.app.state.world
    authorization = request.headers.get("authorization", "")
    account = await world.books.read(partial(clients.proven, authorization=authorization, scope=operation.scope))
    told = {mood.name: mood for mood in world.moods.for_request(operation.name)}
    for name in told:
        world.count_mood(name, operation.name)
    response = await _before(request, told)
    if response is not None:
        return response
    call = Call(account, world.base_url, dict(request.path_params), dict(request.query_params))
    if operation.method in ("PUT", "PATCH"):
        call.body = _object(await request.body())
    books = world.books.read if operation.method == "GET" else world.books.write
    status, shown = await books(lambda tx: operation.run(tx, call))
    if "error_after" in told:
        raise problems.too_late()
    content = b"" if shown is None else encode(shown).encode()
    answer = Response(content, status, media_type="application/json" if content else None)
    return await spoil(request, answer, told)


async def _before(request: Request, told: dict[str, Mood]) -> Response | None:
    """What goes wrong before anything is done: then there is an answer already."""
    world = request.app.state.world
    if "latency" in told:
        await faults.hold(world.stopping, world.moods.somewhere_within(told["latency"].seconds))
    for name in ("fail_before", "fail_during"):
        if name in told:
            raise FAULTS[name]()
    if "timeout_before" in told:
        return await cut_after(request, told["timeout_before"].seconds)
    return None


def _object(raw: bytes) -> dict:
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise problems.invalid("RequisicaoInvalida", "O corpo da requisição não é um objeto JSON.", "", "")
    return said
