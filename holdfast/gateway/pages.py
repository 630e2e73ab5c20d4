"""The hosted payment page."""

from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from holdfast.gateway import cards, markup, payments
from holdfast.gateway.errors import ApiError
from holdfast.gateway.tx import Tx

PLACEHOLDER = "{CHECKOUT_SESSION_ID}"
NOT_A_TEST_CARD = "This number is not one of the sandbox's test cards. Nothing was tried."


def _load(tx: Tx, id_: str) -> tuple[dict, list[dict]]:
    session = tx.get("checkout.session", id_)
    return session, tx.private(id_)["line_items"]


def _lost() -> Response:
    page = markup.notice("There is no such payment page", "Check the address, or go back to the shop.")
    return HTMLResponse(page, 404)


async def show(request: Request) -> Response:
    try:
        session, items = await _session(request)
    except ApiError:
        return _lost()
    if session["status"] != "open":
        return HTMLResponse(markup.closed(session))
    return HTMLResponse(markup.pay(session, items))


async def pay(request: Request) -> Response:
    """Pressing twice is harmless: the second press sees what the first did."""
    number = (await _form(request)).get("card", "")
    card = cards.read(number)
    books = request.app.state.world.books
    try:
        session, items = await _session(request)
        if card is None and session["status"] == "open":
            return HTMLResponse(markup.pay(session, items, declined=NOT_A_TEST_CARD, card=number), 402)
        known = card or cards.ALL[0]  # Of a closed session the card changes nothing.
        outcome = await books.write(lambda tx: payments.pay(tx, session["id"], known))
    except ApiError:
        return _lost()
    return _next(outcome, items, number)


async def show_challenge(request: Request) -> Response:
    try:
        session, _ = await _session(request)
    except ApiError:
        return _lost()
    return HTMLResponse(markup.challenge(session) if session["status"] == "open" else markup.closed(session))


async def answer_challenge(request: Request) -> Response:
    approve = (await _form(request)).get("answer") == "approve"
    books = request.app.state.world.books
    try:
        session, items = await _session(request)
        outcome = await books.write(lambda tx: payments.answer_challenge(tx, session["id"], approve=approve))
    except ApiError:
        return _lost()
    return _next(outcome, items, cards.ALL[0].number)


def _next(outcome: payments.Outcome, items: list[dict], number: str) -> Response:
    session = outcome.session
    if outcome.status == "complete":
        return RedirectResponse(success_url(session), 303)
    if outcome.status == "challenge":
        return RedirectResponse(f"/pay/{session['id']}/3ds", 303)
    if outcome.status == "declined":
        return HTMLResponse(markup.pay(session, items, declined=outcome.message, card=number), 402)
    return HTMLResponse(markup.closed(session), 410)


def success_url(session: dict) -> str:
    return session["success_url"].replace(PLACEHOLDER, session["id"])


async def _session(request: Request) -> tuple[dict, list[dict]]:
    id_ = request.path_params["id"]
    return await request.app.state.world.books.read(lambda tx: _load(tx, id_))


async def _form(request: Request) -> dict[str, str]:
    body = (await request.body()).decode("utf-8", "replace")
    return {name: values[-1] for name, values in parse_qs(body).items()}


ROUTES = [
    Route("/pay/{id}", show, methods=["GET"]),
    Route("/pay/{id}", pay, methods=["POST"]),
    Route("/pay/{id}/3ds", show_challenge, methods=["GET"]),
    Route("/pay/{id}/3ds", answer_challenge, methods=["POST"]),
]
