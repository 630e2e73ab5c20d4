"""One `/v1` call from request to answer: who, what, which mood, once."""

import base64
import binascii
import json
import logging

from starlette.requests import Request
from starlette.responses import Response

from holdfast.gateway import errors, faults, forms, ids
from holdfast.gateway.call import API_VERSION, Call, Operation
from holdfast.gateway.errors import ApiError
from holdfast.gateway.expand import expand
from holdfast.gateway.idempotency import Answer, check_key, fingerprint, once
from holdfast.gateway.moods import Mood
from holdfast.gateway.params import check, many, text
from holdfast.gateway.tx import Tx

EXPAND = {"expand": many(text(), most=20)}

log = logging.getLogger(__name__)


def secret_key(request: Request) -> str:
    """From `Authorization: Bearer sk_…`, or Basic with the key as user name, as curl sends it."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(credentials).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return "malformed"
    raise errors.unauthorized(
        "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer"
        " auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
    )


def handler(operation: Operation):
    async def answer(request: Request) -> Response:
        world = request.app.state.world
        world.count(f"request {operation.name}")
        request_id = ids.new("req", 14)
        try:
            account = await world.account(secret_key(request))
            return await _once_at_a_time(request, operation, account, request_id)
        except ApiError as error:
            return render(request, Answer(error.status, error.rendered(request_id), request_id))
        except Exception:
            log.exception("%s broke", operation.name)
            body = errors.broken().rendered(request_id)
            return render(request, Answer(500, body, request_id))

    return answer


async def _once_at_a_time(request: Request, operation: Operation, account: str, request_id: str) -> Response:
    """A key is running until its request is executed; the answer may still be on its way after that."""
    world = request.app.state.world
    key = request.headers.get("idempotency-key") if request.method == "POST" else None
    if key:
        check_key(key)
        world.running.enter(account, key)
    try:
        told = {mood.name: mood for mood in world.moods.for_request(operation.name)}
        response = await _fail_before(request, operation, request_id, told)
        if response is not None:
            return response
        answer = await _execute(request, operation, account, request_id, key, told)
    finally:
        if key:
            world.running.leave(account, key)
    for name in ("timeout_after", "reset_after", "truncate"):
        if name in told:
            world.count_mood(name, operation.name)
    return await spoil(request, render(request, answer), told)


async def _fail_before(request: Request, operation: Operation, request_id: str, told: dict[str, Mood]) -> Response | None:
    """What goes wrong before anything is executed: then there is an answer already."""
    world = request.app.state.world
    for name in ("latency", "fail_before", "timeout_before"):
        if name in told:
            world.count_mood(name, operation.name)
    if "latency" in told:
        await faults.hold(world.stopping, world.moods.somewhere_within(told["latency"].seconds))
    if "fail_before" in told:
        return render(request, Answer(500, errors.broken().rendered(request_id), request_id))
    if "timeout_before" in told:
        return await cut_after(request, told["timeout_before"].seconds)
    return None


async def spoil(request: Request, response: Response, told: dict[str, Mood]) -> Response:
    """What can still go wrong after the commit."""
    if "timeout_after" in told:
        return await cut_after(request, told["timeout_after"].seconds)
    if "reset_after" in told:
        return await cut_after(request, 0)
    if "truncate" in told:
        return faults.Truncated(bytes(response.body), response.status_code, dict(response.headers))
    return response


async def cut_after(request: Request, seconds: float) -> Response:
    line = faults.line_of(request)
    await faults.hold(request.app.state.world.stopping, seconds)
    faults.cut(line)
    return faults.Silence()


async def _execute(
    request: Request, operation: Operation, account: str, request_id: str, key: str | None, told: dict[str, Mood]
) -> Answer:
    world = request.app.state.world
    body = await request.body()
    raw = body if request.method == "POST" else request.url.query.encode()
    call = Call(
        account=account,
        livemode=secret_key(request).startswith("sk_live_"),
        request_id=request_id,
        key=key,
        id=request.path_params.get("id", ""),
        base_url=world.base_url,
        path=request.url.path,
    )

    def work(tx: Tx) -> Answer:
        given = forms.decode(raw.decode("utf-8", "replace"))
        paths = check({k: v for k, v in given.items() if k == "expand"}, EXPAND).get("expand", [])
        given.pop("expand", None)
        call.values = check(given, operation.fields, operation.required)
        return _answer(tx, operation, call, paths, told)

    if request.method == "GET":
        return await world.books.read(work)
    print_ = fingerprint(request.method, request.url.path, raw)
    return await world.books.write(lambda tx: once(tx, account=account, key=key, print_=print_, request_id=request_id, work=work))


def _answer(tx: Tx, operation: Operation, call: Call, paths: list[str], told: dict[str, Mood]) -> Answer:
    """Run the operation. What was refused after it had begun is an answer too, and undoes what it had written."""
    if "fail_during" in told:
        tx.world.count_mood("fail_during", operation.name)
        return Answer(500, errors.broken().rendered(call.request_id), call.request_id)
    tx.execute("SAVEPOINT operation")
    try:
        shown = expand(tx, operation.run(tx, call), paths)
    except ApiError as error:
        tx.execute("ROLLBACK TO operation")
        if not error.kept:
            raise
        return Answer(error.status, error.rendered(call.request_id), call.request_id)
    finally:
        tx.execute("RELEASE operation")
    if "error_after" in told:
        tx.world.count_mood("error_after", operation.name)
        return Answer(500, errors.broken().rendered(call.request_id), call.request_id)
    return Answer(200, shown, call.request_id)


def render(request: Request, answer: Answer) -> Response:
    headers = {
        "Content-Type": "application/json",
        "Request-Id": answer.request_id,
        "Stripe-Version": request.headers.get("stripe-version", API_VERSION),
        "Cache-Control": "no-cache, no-store",
    }
    key = request.headers.get("idempotency-key")
    if key and request.method == "POST":
        headers["Idempotency-Key"] = key.encode("ascii", "replace").decode()
        if answer.original:
            headers["Original-Request"] = answer.original
    if answer.replayed:
        headers["Idempotent-Replayed"] = "true"
    if answer.status == 409:
        headers["Stripe-Should-Retry"] = "true"
    elif answer.status >= 400 and (answer.replayed or answer.status < 500):
        headers["Stripe-Should-Retry"] = "false"
    indent = 2 if request.headers.get("user-agent", "").startswith("curl") else None  # People read curl's output.
    return Response(json.dumps(answer.body, indent=indent, ensure_ascii=False), answer.status, headers)
