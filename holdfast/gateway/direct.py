"""The direct gateway: one JSON call, 200 or 500 at random. Its 500 always means "not charged"."""

import json
from decimal import Decimal, InvalidOperation

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from holdfast.gateway import faults, ids
from holdfast.gateway.api import cut_after, secret_key, spoil
from holdfast.gateway.errors import ApiError
from holdfast.gateway.moods import DIRECT
from holdfast.gateway.tx import Tx

LARGEST_AMOUNT = 10**18  # Far above any price, far below what would fill the books with digits.


class Unclear(Exception):
    """The request itself is wrong; a retry would be too."""


def _read(body: bytes, header_key: str | None) -> dict:
    """The amount keeps every digit that was sent: numbers are read as decimals, never as floats."""
    try:
        given = json.loads(body, parse_float=Decimal, parse_int=Decimal)
        amount = Decimal(given["amount"])
        order_id = str(given["order_id"])
    except (ValueError, KeyError, TypeError, InvalidOperation) as error:
        raise Unclear("Send JSON with order_id, amount and currency.") from error
    if not amount.is_finite() or not 0 < amount < LARGEST_AMOUNT:
        raise Unclear(f"amount must be above zero and below {LARGEST_AMOUNT}.")
    key = header_key or given.get("key") or ids.new("nokey")
    currency = str(given.get("currency", "usd")).lower()
    return {"order_id": order_id, "amount": format(amount, "f"), "currency": currency, "key": str(key)}


async def start(request: Request) -> Response:
    """A 200 is remembered under the key and said again; a 500 is not, so a retry is a fresh try."""
    world = request.app.state.world
    world.count(f"request {DIRECT}")
    try:
        account = await world.account(secret_key(request))
        given = _read(await request.body(), request.headers.get("idempotency-key"))
    except ApiError as error:
        return JSONResponse({"error": str(error)}, error.status)
    except Unclear as error:
        return JSONResponse({"error": str(error)}, 400)
    moods = {mood.name: mood for mood in world.moods.for_request(DIRECT)}
    for name in moods:
        world.count_mood(name, DIRECT)
    slow_s = moods["latency"].seconds if "latency" in moods else world.moods.settings["direct_latency_s"]
    await faults.hold(world.stopping, world.moods.somewhere_within(slow_s))
    if "fail_before" in moods:
        return JSONResponse({"error": "Gateway error"}, 500)
    if "timeout_before" in moods:
        return await cut_after(request, moods["timeout_before"].seconds)
    payment = await world.books.write(lambda tx: _charge(tx, account, given))
    if (Decimal(payment["amount"]), payment["currency"]) != (Decimal(given["amount"]), given["currency"]):
        return JSONResponse({"error": "This key was used with another amount."}, 409)
    return await spoil(request, JSONResponse(payment), moods)


def _charge(tx: Tx, account: str, given: dict) -> dict:
    tx.execute(
        "INSERT INTO direct_payments VALUES (?, ?, ?, ?, ?, ?, 'succeeded', ?) ON CONFLICT DO NOTHING",
        [
            account,
            given["key"],
            ids.new("fake"),
            given["order_id"],
            given["amount"],
            given["currency"],
            int(tx.now),
        ],
    )
    return shown(_row(tx, account, given["key"]))


def _row(tx: Tx, account: str, key: str):
    return tx.execute("SELECT * FROM direct_payments WHERE account = ? AND key = ?", [account, key]).fetchone()


def shown(row) -> dict:
    return {name: row[name] for name in ("id", "status", "order_id", "amount", "currency", "key", "created")}


async def look_up(request: Request) -> Response:
    world = request.app.state.world
    try:
        account = await world.account(secret_key(request))
    except ApiError as error:
        return JSONResponse({"error": str(error)}, error.status)
    row = await world.books.read(lambda tx: _row(tx, account, request.path_params["key"]))
    if row is None:
        return JSONResponse({"error": "Nothing was charged under this key."}, 404)
    return JSONResponse(shown(row))


ROUTES = [
    Route("/fake-gateway/start/", start, methods=["POST"]),
    Route("/fake-gateway/payments/{key:path}", look_up, methods=["GET"]),
]
