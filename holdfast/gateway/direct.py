"""The direct gateway: one JSON call charges or returns, 200 or 500 at random. Its 500 always means that nothing moved."""

import json
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from holdfast.gateway import faults, ids
from holdfast.gateway.api import cut_after, secret_key, spoil
from holdfast.gateway.errors import ApiError
from holdfast.gateway.moods import DIRECT, DIRECT_REFUND
from holdfast.gateway.tx import Tx

LARGEST_AMOUNT = 10**18  # Far above any price, far below what would fill the books with digits.


class Unclear(Exception):
    """The request itself is wrong; a retry would be too."""


class Impossible(Exception):
    """What is in the books forbids it; a retry with this key will be told the same."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


def _amount(given: dict) -> str:
    """The amount keeps every digit that was sent: numbers were read as decimals, never as floats."""
    amount = Decimal(given["amount"])
    if not amount.is_finite() or not 0 < amount < LARGEST_AMOUNT:
        raise Unclear(f"amount must be above zero and below {LARGEST_AMOUNT}.")
    return format(amount, "f")


def _said(body: bytes, wanted: str, read: Callable[[dict], dict], header_key: str | None) -> dict:
    try:
        given = json.loads(body, parse_float=Decimal, parse_int=Decimal)
        key = header_key or given.get("key") or ids.new("nokey")
        return {**read(given), "amount": _amount(given), "key": str(key)}
    except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation) as error:
        raise Unclear(f"Send JSON with {wanted}.") from error


def _charge_said(given: dict) -> dict:
    return {"order_id": str(given["order_id"]), "currency": str(given.get("currency", "usd")).lower()}


def _refund_said(given: dict) -> dict:
    return {"payment": str(given["payment"])}


async def start(request: Request) -> Response:
    """Charge. A 200 is remembered under the key and said again; a 500 is not, so a retry is a fresh try."""
    return await _answer(request, DIRECT, "order_id, amount and currency", _charge_said, _charge)


async def give_back(request: Request) -> Response:
    """Return a part of a charge or all of it, never more than was charged. Keys and failures as in `start`."""
    return await _answer(request, DIRECT_REFUND, "payment (the charge's key) and amount", _refund_said, _refund)


async def _answer(
    request: Request,
    operation: str,
    wanted: str,
    read: Callable[[dict], dict],
    write: Callable[[Tx, str, dict], dict],
) -> Response:
    world = request.app.state.world
    world.count(f"request {operation}")
    try:
        account = await world.account(secret_key(request))
        given = _said(await request.body(), wanted, read, request.headers.get("idempotency-key"))
    except ApiError as error:
        return JSONResponse({"error": str(error)}, error.status)
    except Unclear as error:
        return JSONResponse({"error": str(error)}, 400)
    moods = {mood.name: mood for mood in world.moods.for_request(operation)}
    for name in moods:
        world.count_mood(name, operation)
    slow_s = moods["latency"].seconds if "latency" in moods else world.moods.settings["direct_latency_s"]
    await faults.hold(world.stopping, world.moods.somewhere_within(slow_s))
    if "fail_before" in moods:
        return JSONResponse({"error": "Gateway error"}, 500)
    if "timeout_before" in moods:
        return await cut_after(request, moods["timeout_before"].seconds)
    try:
        done = await world.books.write(lambda tx: write(tx, account, given))
    except Impossible as error:
        return JSONResponse({"error": str(error)}, error.status)
    return await spoil(request, JSONResponse(done), moods)


def _charge(tx: Tx, account: str, given: dict) -> dict:
    values = [account, given["key"], ids.new("fake"), given["order_id"], given["amount"], given["currency"], int(tx.now)]
    tx.execute("INSERT INTO direct_payments VALUES (?, ?, ?, ?, ?, ?, 'succeeded', ?) ON CONFLICT DO NOTHING", values)
    payment = shown(_row(tx, "direct_payments", account, given["key"]))
    if (Decimal(payment["amount"]), payment["currency"]) != (Decimal(given["amount"]), given["currency"]):
        raise Impossible(409, "This key was used with another amount.")
    return payment


def _refund(tx: Tx, account: str, given: dict) -> dict:
    known = _row(tx, "direct_refunds", account, given["key"])
    if known is not None:
        if (known["payment"], Decimal(known["amount"])) != (given["payment"], Decimal(given["amount"])):
            raise Impossible(409, "This key was used with another payment or amount.")
        return shown_refund(known)
    charge = _row(tx, "direct_payments", account, given["payment"])
    if charge is None:
        raise Impossible(404, "Nothing was charged under this key.")
    returned = sum(Decimal(each["amount"]) for each in _refunds_of(tx, account, given["payment"]))
    left = Decimal(charge["amount"]) - returned
    if Decimal(given["amount"]) > left:
        raise Impossible(422, f"Only {left:f} of this charge can still be returned.")
    values = [account, given["key"], ids.new("back"), given["payment"], given["amount"], charge["currency"], int(tx.now)]
    tx.execute("INSERT INTO direct_refunds VALUES (?, ?, ?, ?, ?, ?, 'succeeded', ?)", values)
    return shown_refund(_row(tx, "direct_refunds", account, given["key"]))


def _row(tx: Tx, table: str, account: str, name: str):
    """By its key, or by the id that it was given."""
    sql = f"SELECT * FROM {table} WHERE account = ? AND (key = ? OR id = ?)"
    return tx.execute(sql, [account, name, name]).fetchone()


def _refunds_of(tx: Tx, account: str, payment: str) -> list:
    sql = "SELECT * FROM direct_refunds WHERE account = ? AND payment = ? ORDER BY created, id"
    return tx.execute(sql, [account, payment]).fetchall()


def shown(row) -> dict:
    return {name: row[name] for name in ("id", "status", "order_id", "amount", "currency", "key", "created")}


def shown_refund(row) -> dict:
    return {name: row[name] for name in ("id", "status", "payment", "amount", "currency", "key", "created")}


async def look_up(request: Request) -> Response:
    key = request.path_params["key"]

    def find(tx: Tx, account: str) -> dict | None:
        row = _row(tx, "direct_payments", account, key)
        return row and shown(row)

    return await _found(request, find, missing="Nothing was charged under this key.")


async def look_up_refund(request: Request) -> Response:
    key = request.path_params["key"]

    def find(tx: Tx, account: str) -> dict | None:
        row = _row(tx, "direct_refunds", account, key)
        return row and shown_refund(row)

    return await _found(request, find, missing="Nothing was returned under this key.")


async def list_refunds(request: Request) -> Response:
    """`?payment=` the charge's key; oldest first."""
    payment = request.query_params.get("payment", "")

    def find(tx: Tx, account: str) -> dict:
        return {"refunds": [shown_refund(row) for row in _refunds_of(tx, account, payment)]}

    return await _found(request, find, missing="")


async def _found(request: Request, find: Callable[[Tx, str], dict | None], *, missing: str) -> Response:
    world = request.app.state.world
    try:
        account = await world.account(secret_key(request))
    except ApiError as error:
        return JSONResponse({"error": str(error)}, error.status)
    said = await world.books.read(lambda tx: find(tx, account))
    return JSONResponse({"error": missing}, 404) if said is None else JSONResponse(said)


ROUTES = [
    Route("/fake-gateway/start/", start, methods=["POST"]),
    Route("/fake-gateway/payments/{key:path}", look_up, methods=["GET"]),
    Route("/fake-gateway/refunds/", give_back, methods=["POST"]),
    Route("/fake-gateway/refunds/", list_refunds, methods=["GET"]),
    Route("/fake-gateway/refunds/{key:path}", look_up_refund, methods=["GET"]),
]
