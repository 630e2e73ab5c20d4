"""Mercado Pago's part of the control API, under /_gateway/mercadopago."""

import time
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from holdfast.gateway import cards
from holdfast.gateway.mercadopago import chargebacks, notices, outcomes, pages, preferences, refunds, store
from holdfast.gateway.mercadopago.problems import Problem
from holdfast.gateway.tx import Tx, encode
from holdfast.gateway.world import MERCADO_PAGO, open_account


def listen(tx: Tx, *, token: str, url: str, secret: str) -> dict:
    return notices.listen(tx, account=open_account(tx, token), url=url, secret=secret)


def on(kind: str, act):
    """A call about one object: `act(tx, obj, said)` inside a transaction; what it returns is the answer."""

    async def run(request: Request, said: dict) -> Response:
        def work(tx: Tx) -> dict:
            return act(tx, store.get(tx, kind, request.path_params["id"]), said)

        try:
            return JSONResponse(await request.app.state.world.books.write(work))
        except Problem as problem:
            return JSONResponse({"error": problem.body["message"]}, problem.status)

    return run


def pay_preference(tx: Tx, preference: dict, said: dict) -> dict:
    """As if a payer had pressed the button; again pays again. `review`: held for a look, even in binary mode."""
    card = cards.read(said.get("card", cards.ALL[0].number))
    if card is None:
        raise ValueError("not one of the magic cards")
    payment = preferences.pay(tx, preference, card, review=said.get("review", False))
    return payment | {"redirect": pages.back_url(preference, payment)}


def settle_payment(tx: Tx, payment: dict, said: dict) -> dict:
    """A Pix that is paid, or the end of a review."""
    return outcomes.settle(tx, payment, succeeded=_succeeded(said))


def pay_late(tx: Tx, payment: dict, said: dict) -> dict:
    return outcomes.pay_late(tx, payment)


def cancel_payment(tx: Tx, payment: dict, said: dict) -> dict:
    """`by`: `payer`, `collector`, or `expired`."""
    by = said.get("by", "payer")
    if by not in ("payer", "collector", "expired"):
        raise ValueError("by is payer, collector or expired")
    return outcomes.cancel(tx, payment, detail=by if by == "expired" else f"by_{by}")


def alter_payment(tx: Tx, payment: dict, said: dict) -> dict:
    """Any words in place of its own, such as a status of the future; and it is told."""
    store.touch(tx, payment | said)
    outcomes.tell(tx, payment | said)
    return payment | said


def refund_payment(tx: Tx, payment: dict, said: dict) -> dict:
    """As if made in the panel, or by Mercado Pago itself (`by: admin`): no key."""
    account = store.account_of(tx, store.PAYMENT, payment["id"])
    return refunds.add(tx, payment, account=account, amount=said.get("amount"), by=said.get("by", "collector"))


def charge_back(tx: Tx, payment: dict, said: dict) -> dict:
    return chargebacks.open_(tx, payment, amount=said.get("amount"))


def settle_refund(tx: Tx, refund: dict, said: dict) -> dict:
    return refunds.settle(tx, refund, succeeded=_succeeded(said))


def close_chargeback(tx: Tx, chargeback: dict, said: dict) -> dict:
    if said["outcome"] not in ("won", "lost"):
        raise ValueError("outcome is won or lost")
    return chargebacks.close(tx, chargeback, won=said["outcome"] == "won")


def _succeeded(said: dict) -> bool:
    if said["outcome"] not in ("succeeded", "failed"):
        raise ValueError("outcome is succeeded or failed")
    return said["outcome"] == "succeeded"


async def notifications(request: Request, said: dict) -> Response:
    """All of an account, oldest first, exactly as they would go out now; `variant` and `skew_s` as for an event."""
    world = request.app.state.world
    account = await world.account(said["account"], of=MERCADO_PAGO)
    in_ms = bool(world.moods.settings["mp_ts_ms"])
    work = partial(_signed, account=account, said=said, in_ms=in_ms)
    return JSONResponse({"notifications": await world.books.write(work)})


def _signed(tx: Tx, *, account: str, said: dict, in_ms: bool) -> list[dict]:
    panel = notices.hook(tx, account)
    told = []
    for notice in tx.find(notices.NOTIFICATION, account=account):
        if said.get("id") not in (None, notice["said"]["id"]):
            continue
        parcel = {"body": encode(notice), "url": panel["url"] or "", "secret": tx.private(panel["id"])["secret"]}
        parcel |= {"variant": said.get("variant", "genuine"), "skew_s": said.get("skew_s", 0)}
        url, body, headers = notices.wrap(parcel, now=time.time(), in_ms=in_ms)
        told.append({"id": notice["said"]["id"], "said": notice["said"], "url": url, "body": body.decode(), "headers": headers})
    return told


#: Path and what is done; the control API makes routes of them. All are POST.
CALLS = [
    ("/preferences/{id}/pay", on(store.PREFERENCE, pay_preference)),
    ("/payments/{id}/settle", on(store.PAYMENT, settle_payment)),
    ("/payments/{id}/pay-late", on(store.PAYMENT, pay_late)),
    ("/payments/{id}/cancel", on(store.PAYMENT, cancel_payment)),
    ("/payments/{id}/alter", on(store.PAYMENT, alter_payment)),
    ("/payments/{id}/refund", on(store.PAYMENT, refund_payment)),
    ("/payments/{id}/chargeback", on(store.PAYMENT, charge_back)),
    ("/refunds/{id}/settle", on(store.REFUND, settle_refund)),
    ("/chargebacks/{id}/close", on(store.CHARGEBACK, close_chargeback)),
    ("/notifications", notifications),
]


def routes(control) -> list[Route]:
    """`control` wraps a call as the whole control API does: loopback only, JSON in, errors told."""
    return [Route(f"/_gateway/mercadopago{path}", control(run), methods=["POST"]) for path, run in CALLS]
