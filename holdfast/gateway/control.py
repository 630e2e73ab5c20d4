"""The control API under /_gateway: for tests, load generators and curious people. No key, loopback only."""

import ipaddress
import json
import time
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from holdfast.gateway import alarms, audit, cards, deliveries, disputes, endpoints, events, payments, payouts, refunds
from holdfast.gateway.errors import ApiError, invalid
from holdfast.gateway.mercadopago import control as mercadopago
from holdfast.gateway.pages import success_url
from holdfast.gateway.tx import Tx, encode
from holdfast.gateway.world import ANY, MERCADO_PAGO, open_account


def control(run):
    """`run(request, said)` with the JSON that was said; what it returns is the answer."""

    async def answer(request: Request) -> Response:
        if not ipaddress.ip_address(request.scope["client"][0]).is_loopback:
            return JSONResponse({"error": "The control API answers on loopback only."}, 403)
        try:
            body = await request.body()
            said = json.loads(body) if body else {}
            answered = await run(request, said)
            return answered if isinstance(answered, Response) else JSONResponse(answered)
        except ApiError as error:
            return JSONResponse({"error": error.body["message"]}, error.status)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, 400)

    return answer


def listen(tx: Tx, *, secret_key: str, url: str, secret: str) -> dict:
    """The account's own endpoint, for all events. Saying it again moves the endpoint and what is on its way to it."""
    account = open_account(tx, secret_key)
    for endpoint in tx.find("webhook_endpoint", account=account):
        if tx.private(endpoint["id"]).get("by_control"):
            tx.save(endpoint | {"url": url})
            tx.keep_private(endpoint["id"], secret=secret)
            return {"account": account, "endpoint": endpoint["id"]}
    endpoint = endpoints.add(tx, account=account, url_=url, secret=secret, events=["*"])
    tx.keep_private(endpoint["id"], by_control=True)
    return {"account": account, "endpoint": endpoint["id"]}


async def put_account(request: Request, said: dict) -> dict:
    key = request.path_params["key"]
    await request.app.state.world.account(key, of=ANY)
    url, secret = said["webhook_url"], said["webhook_secret"]
    if key.startswith(MERCADO_PAGO):
        return await request.app.state.world.books.write(partial(mercadopago.listen, token=key, url=url, secret=secret))
    return await request.app.state.world.books.write(partial(listen, secret_key=key, url=url, secret=secret))


async def get_moods(request: Request, _: dict) -> dict:
    moods = request.app.state.world.moods
    return {"probabilities": moods.probabilities, "settings": moods.settings, "next": moods.orders()}


async def put_moods(request: Request, said: dict) -> dict:
    """`{"probabilities": {"*": {"fail_before": 0.1}}, "settings": {"timeout_s": 2}}`; what is not named stays."""
    moods = request.app.state.world.moods
    for operation, named in said.get("probabilities", {}).items():
        for name, probability in named.items():
            moods.set_probability(name, float(probability), operation)
    for name, value in said.get("settings", {}).items():
        moods.set_setting(name, value)
    return await get_moods(request, {})


async def forget_moods(request: Request, _: dict) -> dict:
    request.app.state.world.moods.forget_orders()
    return await get_moods(request, {})


async def order_mood(request: Request, said: dict) -> dict:
    moods = request.app.state.world.moods
    seconds = said.get("seconds")
    moods.order(
        operation=said["operation"],
        mood=said["mood"],
        times=int(said.get("times", 1)),
        seconds=None if seconds is None else float(seconds),
    )
    return {"next": moods.orders()}


async def books(request: Request, _: dict) -> dict:
    key = request.query_params.get("account")
    account = await request.app.state.world.account(key, of=ANY) if key else None
    await request.app.state.world.books.flush_counts()
    return await request.app.state.world.books.read(lambda tx: audit.report(tx, account))


async def pay(request: Request, said: dict) -> dict:
    """As if a payer had pressed the button; a 3-D Secure card is answered by `approve` (default true)."""
    card = cards.read(said.get("card", cards.ALL[0].number))
    if card is None:
        raise ValueError("not one of the magic cards")

    def work(tx: Tx) -> dict:
        outcome = payments.pay(tx, request.path_params["id"], card)
        if outcome.status == "challenge" and said.get("approve", True) is not None:
            outcome = payments.answer_challenge(tx, outcome.session["id"], approve=said.get("approve", True))
        session = outcome.session
        return {
            "status": outcome.status,
            "message": outcome.message,
            "payment_intent": session["payment_intent"],
            "payment_status": session["payment_status"],
            "redirect": success_url(session) if outcome.status == "complete" else None,
        }

    return await request.app.state.world.books.write(work)


def on_object(kind: str, act):
    """A control call about one object: `act(tx, obj, account, said)` inside a transaction."""

    async def run(request: Request, said: dict) -> dict:
        def work(tx: Tx) -> dict:
            obj = tx.get(kind, request.path_params["id"])
            return act(tx, obj, tx.account_of(obj["id"]), said)

        return await request.app.state.world.books.write(work)

    return control(run)


def settle_payment(tx: Tx, intent: dict, account: str, said: dict) -> dict:
    payments.settle(tx, intent, account=account, succeeded=_succeeded(said))
    return tx.get("payment_intent", intent["id"])


def refund_payment(tx: Tx, intent: dict, account: str, said: dict) -> dict:
    """As if made in the dashboard: no key and no metadata of the account's own."""
    if intent["latest_charge"] is None:
        raise invalid("Nothing was charged.")
    charge = tx.get("charge", intent["latest_charge"])
    return refunds.add(tx, charge, account=account, amount=said.get("amount"))


def dispute_payment(tx: Tx, intent: dict, account: str, said: dict) -> dict:
    charge = tx.get("charge", intent["latest_charge"] or "none")
    dispute = disputes.open_(tx, charge, account=account, amount=said.get("amount"))
    if dispute is None:
        raise invalid("This charge cannot be disputed.")
    return dispute


def settle_refund(tx: Tx, refund: dict, account: str, said: dict) -> dict:
    refunds.settle(tx, refund, account=account, succeeded=_succeeded(said))
    return tx.get("refund", refund["id"])


def close_dispute(tx: Tx, dispute: dict, account: str, said: dict) -> dict:
    if said["outcome"] not in ("won", "lost"):
        raise ValueError("outcome is won or lost")
    return disputes.close(tx, dispute, account=account, won=said["outcome"] == "won")


def _succeeded(said: dict) -> bool:
    if said["outcome"] not in ("succeeded", "failed"):
        raise ValueError("outcome is succeeded or failed")
    return said["outcome"] == "succeeded"


async def ring(request: Request, _: dict) -> dict:
    id_ = request.path_params["id"]
    return {"rang": await request.app.state.world.books.write(lambda tx: alarms.ring_now(tx, id_))}


async def pay_out(request: Request, said: dict) -> dict:
    account = await request.app.state.world.account(said["account"])
    return {"payouts": await request.app.state.world.books.write(lambda tx: payouts.send_all(tx, account=account))}


def resend(tx: Tx, event: dict, account: str, said: dict) -> dict:
    for endpoint in tx.find("webhook_endpoint", account=account):
        events.queue(tx, event["id"], endpoint["id"])
    tx.world.wake_deliveries()
    return {"deliveries": audit.deliveries_of(tx, event["id"])}


def signed(tx: Tx, event: dict, account: str, said: dict) -> dict:
    """The exact body and headers as they would go out now."""
    endpoint = tx.find("webhook_endpoint", account=account)
    if not endpoint:
        raise invalid("This account has no webhook endpoint.")
    parcel = {"body": encode(event), "variant": said.get("variant", "genuine"), "skew_s": said.get("skew_s", 0)}
    parcel["secret"] = tx.private(endpoint[0]["id"])["secret"]
    body, headers = deliveries.wrap(parcel, now=time.time())
    return {"url": endpoint[0]["url"], "body": body.decode(), "headers": headers}


def see_deliveries(tx: Tx, event: dict, account: str, said: dict) -> dict:
    return {"deliveries": audit.deliveries_of(tx, event["id"])}


def switch_deliveries(value: str):
    async def run(request: Request, _: dict) -> dict:
        world = request.app.state.world
        await world.books.write(lambda tx: tx.set_switch(deliveries.PAUSED, value))
        world.wake_deliveries()
        return {"paused": value == "yes"}

    return control(run)


async def reset(request: Request, _: dict) -> dict:
    """Empty the books, accounts and endpoints too."""
    world = request.app.state.world
    if not world.allow_reset:
        raise invalid("Start the gateway with --allow-reset to allow this.")

    def work(tx: Tx) -> None:
        tables = "deliveries objects idempotency_keys alarms direct_payments direct_refunds counters switches accounts"
        tables += " mp_objects pix_clients pix_tokens pix_keys pix_charges pix_received pix_returns"
        for table in tables.split():
            tx.execute(f"DELETE FROM {table}")

    await world.books.write(work)
    world.forget_accounts()
    return {"reset": True}


ROUTES = [
    Route("/_gateway/accounts/{key}", control(put_account), methods=["PUT"]),
    Route("/_gateway/moods", control(get_moods), methods=["GET"]),
    Route("/_gateway/moods", control(put_moods), methods=["PUT"]),
    Route("/_gateway/moods/next", control(order_mood), methods=["POST"]),
    Route("/_gateway/moods/next", control(forget_moods), methods=["DELETE"]),
    Route("/_gateway/books", control(books), methods=["GET"]),
    Route("/_gateway/sessions/{id}/pay", control(pay), methods=["POST"]),
    Route("/_gateway/payments/{id}/settle", on_object("payment_intent", settle_payment), methods=["POST"]),
    Route("/_gateway/payments/{id}/refund", on_object("payment_intent", refund_payment), methods=["POST"]),
    Route("/_gateway/payments/{id}/dispute", on_object("payment_intent", dispute_payment), methods=["POST"]),
    Route("/_gateway/refunds/{id}/settle", on_object("refund", settle_refund), methods=["POST"]),
    Route("/_gateway/disputes/{id}/close", on_object("dispute", close_dispute), methods=["POST"]),
    Route("/_gateway/alarms/{id}/ring", control(ring), methods=["POST"]),
    Route("/_gateway/payouts", control(pay_out), methods=["POST"]),
    Route("/_gateway/events/{id}/resend", on_object("event", resend), methods=["POST"]),
    Route("/_gateway/events/{id}/signed", on_object("event", signed), methods=["GET", "POST"]),
    Route("/_gateway/events/{id}/deliveries", on_object("event", see_deliveries), methods=["GET"]),
    Route("/_gateway/deliveries/pause", switch_deliveries("yes"), methods=["POST"]),
    Route("/_gateway/deliveries/resume", switch_deliveries("no"), methods=["POST"]),
    Route("/_gateway/reset", control(reset), methods=["POST"]),
    *mercadopago.routes(control),
]
