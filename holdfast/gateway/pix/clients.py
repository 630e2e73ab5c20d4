"""Who asks: clients of the bank, their tokens and their keys. RFC 6749, 4.4

A client id that was never seen opens an account with the secret that came with it; later it has to be the same.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from holdfast.gateway import faults, ids
from holdfast.gateway.api import cut_after, spoil
from holdfast.gateway.pix.problems import denied
from holdfast.gateway.tx import Tx

TOKEN = "POST /pix/oauth/token"
SCOPES = frozenset(["cob.write", "cob.read", "pix.write", "pix.read", "webhook.write", "webhook.read"])
CLIENT_ID = re.compile(r"[A-Za-z0-9_.-]{4,100}")
SHORTEST_SECRET = 16


class Refused(Exception):
    """An OAuth error: its status and its word."""

    def __init__(self, status: int, error: str):
        super().__init__(error)
        self.status = status


def open_account(tx: Tx, *, client_id: str, secret: str) -> str:
    """The account of a client. Raises Refused."""
    if not CLIENT_ID.fullmatch(client_id) or len(secret) < SHORTEST_SECRET:
        raise Refused(401, "invalid_client")
    hashed = hashlib.sha256(secret.encode()).hexdigest()
    tx.execute("INSERT OR IGNORE INTO pix_clients VALUES (?, ?, ?)", [client_id, hashed, ids.new("acct", 16)])
    row = tx.execute("SELECT * FROM pix_clients WHERE client_id = ?", [client_id]).fetchone()
    if not hmac.compare_digest(row["secret_sha256"], hashed):
        raise Refused(401, "invalid_client")
    return row["account"]


def account_of(tx: Tx, client_id: str) -> str:
    """For control calls. Raises ValueError."""
    row = tx.execute("SELECT account FROM pix_clients WHERE client_id = ?", [client_id]).fetchone()
    if row is None:
        raise ValueError(f"there is no client {client_id}")
    return row["account"]


def owns(tx: Tx, *, account: str, chave: str) -> bool:
    """Whether a Pix key is this account's; one that was never seen becomes it."""
    tx.execute("INSERT OR IGNORE INTO pix_keys VALUES (?, ?)", [chave, account])
    return tx.execute("SELECT account FROM pix_keys WHERE chave = ?", [chave]).fetchone()["account"] == account


def credentials(request: Request) -> tuple[str, str]:
    """Client id and secret from Basic authorization. Raises Refused."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise Refused(401, "invalid_client") from None
    if scheme.lower() != "basic":
        raise Refused(401, "invalid_client")
    return client_id, secret


def mint(tx: Tx, *, account: str, scope: str) -> dict:
    token = os.urandom(24).hex()
    life_s = tx.world.moods.settings["pix_token_s"]
    tx.execute("DELETE FROM pix_tokens WHERE ends_at < ?", [tx.now])
    tx.execute("INSERT INTO pix_tokens VALUES (?, ?, ?, ?)", [token, account, scope, tx.now + life_s])
    return {"access_token": token, "token_type": "Bearer", "expires_in": int(life_s), "scope": scope}


async def give_token(request: Request) -> Response:
    world = request.app.state.world
    world.count(f"request {TOKEN}")
    moods = {mood.name: mood for mood in world.moods.for_request(TOKEN)}
    for name in moods:
        world.count_mood(name, TOKEN)
    if "latency" in moods:
        await faults.hold(world.stopping, world.moods.somewhere_within(moods["latency"].seconds))
    if "timeout_before" in moods:
        return await cut_after(request, moods["timeout_before"].seconds)
    if {"fail_before", "fail_during", "error_after"} & set(moods):
        return JSONResponse({"error": "server_error"}, 500)
    try:
        client_id, secret = credentials(request)
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        if form.get("grant_type") != ["client_credentials"]:
            raise Refused(400, "unsupported_grant_type")
        wanted = " ".join(form.get("scope", [])).split() or sorted(SCOPES)
        if not set(wanted) <= SCOPES:
            raise Refused(400, "invalid_scope")

        def work(tx: Tx) -> dict:
            return mint(tx, account=open_account(tx, client_id=client_id, secret=secret), scope=" ".join(wanted))

        answer = JSONResponse(await world.books.write(work), headers={"Cache-Control": "no-store"})
    except Refused as error:
        return JSONResponse({"error": str(error)}, error.status)
    return await spoil(request, answer, moods)


def proven(tx: Tx, *, authorization: str, scope: str) -> str:
    """The account whose token this is. Raises Problem: 401 for what is no token (any more), 403 for a missing scope."""
    scheme, _, token = authorization.partition(" ")
    row = tx.execute("SELECT * FROM pix_tokens WHERE token = ?", [token.strip()]).fetchone()
    if scheme.lower() != "bearer" or row is None or row["ends_at"] <= tx.now:
        raise denied("Token ausente, inválido ou expirado.", 401)
    if scope not in row["scope"].split():
        raise denied(f"O escopo {scope} não foi concedido a este token.")
    return row["account"]


ROUTES = [Route("/pix/oauth/token", give_token, methods=["POST"])]
