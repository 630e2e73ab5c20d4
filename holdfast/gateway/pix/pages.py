"""What a payer sees: the payload behind a code's location, and a page that stands in for a banking app."""

import io
import json
from html import escape
from urllib.parse import parse_qs

import segno
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from holdfast.gateway import markup
from holdfast.gateway.pix import brcode, charges, paying, words
from holdfast.gateway.pix.problems import missing
from holdfast.gateway.tx import Tx

PAYLOAD = ("txid", "revisao", "status", "devedor", "valor", "chave", "solicitacaoPagador", "infoAdicionais")


async def payload(request: Request) -> Response:
    """What the payer's bank reads. The real thing is signed (JWS); a browser is sent to the page instead."""
    secret = request.path_params["secret"]

    def work(tx: Tx) -> tuple:
        return paying.by_secret(tx, secret), tx.now

    row, now = await request.app.state.world.books.read(work)
    if row is None:
        return missing("CobPayloadNaoEncontrado").response()
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"/pix/pay/{row['txid']}", 303)
    charge = json.loads(row["body"])
    calendar = charge["calendario"] | {"apresentacao": words.written(now)}
    return JSONResponse({"calendario": calendar, **{name: charge[name] for name in PAYLOAD if name in charge}})


async def scan(request: Request) -> Response:
    """A banking app without a camera: the code is pasted."""
    return HTMLResponse(_scan())


async def scanned(request: Request) -> Response:
    code = (await _form(request)).get("code", "").strip()
    secret = (brcode.location(code) or "").rsplit("/", 1)[-1]
    row = await request.app.state.world.books.read(lambda tx: paying.by_secret(tx, secret))
    if row is None:
        return HTMLResponse(
            _scan("This is no code of a charge at this bank. Copy it whole, from its first digit to its last."), 404
        )
    return RedirectResponse(f"/pix/pay/{row['txid']}", 303)


async def show(request: Request) -> Response:
    row, now = await _row(request)
    return _lost() if row is None else _page(json.loads(row["body"]), now)


async def pay(request: Request) -> Response:
    """Pressing twice is harmless: the second press sees what the first did."""
    txid = request.path_params["txid"]

    def work(tx: Tx) -> str:
        row = paying.by_txid(tx, txid)
        if row is None:
            return ""
        return paying.as_a_person(tx, row)["endToEndId"]

    try:
        e2eid = await request.app.state.world.books.write(work)
    except paying.Closed:
        row, now = await _row(request)
        answer = _page(json.loads(row["body"]), now)
        answer.status_code = 410
        return answer
    if not e2eid:
        return _lost()
    return HTMLResponse(markup.notice("Paid", f"Your bank says {e2eid}. Go back to the shop: it hears of it by itself."))


async def _row(request: Request) -> tuple:
    txid = request.path_params["txid"]
    return await request.app.state.world.books.read(lambda tx: (paying.by_txid(tx, txid), tx.now))


def _page(charge: dict, now: float) -> HTMLResponse:
    sum_ = markup.amount(words.minor(charge["valor"]["original"]) or 0, "brl")
    if charge["status"] == charges.PAID:
        return HTMLResponse(markup.notice("This charge was paid", "There is nothing left to pay here."))
    if charge["status"] != charges.ACTIVE or now >= charges.ends_at(charge):
        return HTMLResponse(markup.notice("This code is not valid any more", "Go back to the shop to start again."))
    asked = escape(charge.get("solicitacaoPagador", ""))
    body = f"""
<section aria-labelledby="order"><h1 id="order">Pix to {escape(brcode.NAME)}</h1><p class="sum">{escape(sum_)}</p>
<p>{asked}</p><p class="badge">Key {escape(charge["chave"])}</p></section>
<section aria-labelledby="pay"><h2 id="pay">Your banking app has scanned this code</h2>{_picture(charge["pixCopiaECola"])}
<form method="post" action="/pix/pay/{escape(charge["txid"])}"><button>Pay {escape(sum_)}</button></form></section>"""
    return HTMLResponse(markup.frame(f"Pay {sum_} by Pix", body))


def _scan(wrong: str = "") -> str:
    alert = f'<p class="alert" role="alert">{escape(wrong)}</p>' if wrong else ""
    body = f"""
<section aria-labelledby="scan"><h1 id="scan">A banking app</h1>{alert}<form method="post" action="/pix/pay">
<label for="code">Pix copy-and-paste code</label>
<input id="code" name="code" autocomplete="off" required><button>Read the code</button></form></section>"""
    return markup.frame("A banking app", body)


def _picture(code: str) -> str:
    drawn = io.BytesIO()
    segno.make(code, error="m", micro=False).save(drawn, kind="svg", scale=4, xmldecl=False, dark="#000", light="#fff")
    return drawn.getvalue().decode()


def _lost() -> Response:
    return HTMLResponse(markup.notice("There is no such charge", "Check the address, or go back to the shop."), 404)


async def _form(request: Request) -> dict[str, str]:
    body = (await request.body()).decode("utf-8", "replace")
    return {name: values[-1] for name, values in parse_qs(body).items()}


ROUTES = [
    Route("/pix/qr/v2/{secret}", payload, methods=["GET"]),
    Route("/pix/pay", scan, methods=["GET"]),
    Route("/pix/pay", scanned, methods=["POST"]),
    Route("/pix/pay/{txid}", show, methods=["GET"]),
    Route("/pix/pay/{txid}", pay, methods=["POST"]),
]
