"""The hosted pages: Checkout Pro, and the ticket of a Pix."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from holdfast.gateway import cards
from holdfast.gateway.mercadopago import markup, outcomes, preferences, store
from holdfast.gateway.mercadopago.problems import Problem
from holdfast.gateway.pages import NOT_A_TEST_CARD
from holdfast.gateway.tx import Tx

DECLINED = "The card was declined. Nothing was charged; try another one."
#: Which of a preference's `back_urls` a payment leads to.
BACK = {"approved": "success", "authorized": "success", "in_process": "pending", "pending": "pending"}


def page(run: Callable[[Tx, Request, dict], Response]):
    """A page that reads, or that writes what its form says."""

    async def answer(request: Request) -> Response:
        books = request.app.state.world.books
        form = {}
        if request.method == "POST":
            body = (await request.body()).decode("utf-8", "replace")
            form = {name: values[-1] for name, values in parse_qs(body).items()}
        do = books.write if request.method == "POST" else books.read
        try:
            return await do(lambda tx: run(tx, request, form))
        except Problem as problem:
            return HTMLResponse(markup.lost(), problem.status)

    return answer


def checkout(tx: Tx, request: Request, form: dict) -> Response:
    preference = store.get(tx, store.PREFERENCE, request.query_params.get("pref_id", ""))
    total = markup.money(*preferences.total(preference["items"]))
    if preferences.is_over(tx, preference):
        return HTMLResponse(markup.expired(preference), 200 if request.method == "GET" else 410)
    if request.method == "GET":
        paid = any(each["status"] in outcomes.TAKEN for each in preferences.payments_of(tx, preference))
        return HTMLResponse(markup.checkout(preference, total, again=paid))
    number = form.get("card", "")
    card = cards.read(number)
    if card is None:
        return HTMLResponse(markup.checkout(preference, total, declined=NOT_A_TEST_CARD, card=number), 402)
    payment = preferences.pay(tx, preference, card)
    if payment["status"] == "rejected":
        why = markup.REASONS.get(payment["status_detail"], DECLINED)
        return HTMLResponse(markup.checkout(preference, total, declined=why, card=number), 402)
    return RedirectResponse(back_url(preference, payment), 303)


def back_url(preference: dict, payment: dict) -> str:
    """Where the payer goes, with what Mercado Pago adds to it. None of it is signed."""
    url = preference["back_urls"].get(BACK.get(payment["status"], "failure")) or preference["init_point"]
    said: dict[str, Any] = {
        "collection_id": payment["id"],
        "collection_status": payment["status"],
        "payment_id": payment["id"],
        "status": payment["status"],
        "external_reference": preference["external_reference"],
        "payment_type": payment["payment_type_id"],
        "merchant_order_id": payment["order"]["id"],
        "preference_id": preference["id"],
        "site_id": preference["site_id"],
        "processing_mode": "aggregator",
        "merchant_account_id": "null",
    }
    return f"{url}{'&' if '?' in url else '?'}{urlencode(said)}"


def ticket(tx: Tx, request: Request, form: dict) -> Response:
    """Pressing twice is harmless: the second press sees what the first did."""
    payment = store.get(tx, store.PAYMENT, request.path_params["id"])
    if payment["payment_method_id"] != "pix":
        raise Problem(404, "This is no Pix")
    if form.get("answer") == "pay" and payment["status"] == "pending":
        payment = outcomes.settle(tx, payment, succeeded=True)
    elif form.get("answer") == "cancel" and payment["status"] == "pending":
        payment = outcomes.cancel(tx, payment, detail="by_payer")
    return HTMLResponse(markup.ticket(payment))


ROUTES = [
    Route("/checkout/v1/redirect", page(checkout), methods=["GET", "POST"]),
    Route("/mercadopago/payments/{id:int}/ticket", page(ticket), methods=["GET", "POST"]),
]
