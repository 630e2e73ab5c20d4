"""A payer presents a card: what becomes of the session, its intent and the charge."""

from dataclasses import dataclass

from holdfast.gateway import balance, charges, ids, intents
from holdfast.gateway.cards import Card
from holdfast.gateway.events import emit
from holdfast.gateway.sessions import customer
from holdfast.gateway.tx import Tx

PAYER = "payer@example.com"  # The page asks for no address; Stripe's always has one.
CHALLENGE_FAILED = Card(
    "",
    "decline",
    "",
    code="payment_intent_authentication_failure",
    message="We are unable to authenticate your payment method. Please choose a different one and try again.",
)
SLOW_PAYMENT_FAILED = Card("", "decline", "", code="payment_intent_payment_attempt_failed", message="The payment failed.")


@dataclass
class Outcome:
    """What the page shows next: complete, declined, challenge, or closed (the session was not open)."""

    status: str
    session: dict
    message: str = ""


def pay(tx: Tx, session_id: str, card: Card) -> Outcome:
    """Safe to repeat: a session is paid at most once, and a second press of the button shows the first's result."""
    session = tx.get("checkout.session", session_id)
    if session["status"] != "open":
        return Outcome("complete" if session["status"] == "complete" else "closed", session)
    account = tx.account_of(session_id)
    if card.muted or card.does == "silence":
        tx.keep_private(session_id, mute=True)
    intent = _intent(tx, session, account)
    tx.keep_private(intent["id"], mute=tx.muted(session_id))
    intent |= {"last_payment_error": None, "payment_method": ids.new("pm")}
    if card.does == "challenge":
        return _challenge(tx, session, intent, account, card)
    if card.does == "decline" or (card.does == "decline_once" and not tx.private(intent["id"]).get("tried")):
        return _decline(tx, session, intent, account, card)
    if card.does in ("settle", "fail_later", "silence"):
        return _wait(tx, session, intent, account, card)
    return _approve(tx, session, intent, account, card)


def answer_challenge(tx: Tx, session_id: str, *, approve: bool) -> Outcome:
    """The payer answered the bank's question. Without a question on the table nothing happens."""
    session = tx.get("checkout.session", session_id)
    if session["status"] != "open":
        return Outcome("complete" if session["status"] == "complete" else "closed", session)
    intent = tx.get("payment_intent", session["payment_intent"]) if session["payment_intent"] else None
    if intent is None or intent["status"] != "requires_action":
        return Outcome("declined", session, "There is no bank question to answer. Enter a card first.")
    account = tx.account_of(session_id)
    if approve:
        card = Card(tx.private(intent["id"])["card"], "approve", "")
        return _approve(tx, session, intent, account, card)
    intents.decline(tx, intent, account=account, card=CHALLENGE_FAILED, charge=None)
    return Outcome("declined", session, CHALLENGE_FAILED.message)


def settle(tx: Tx, intent: dict, *, account: str, succeeded: bool) -> None:
    """The bank's answer to a payment that was processing; it is heard even where nothing was before."""
    if intent["status"] != "processing":
        return
    session = tx.get("checkout.session", tx.private(intent["id"])["session"])
    charge = tx.get("charge", intent["latest_charge"])
    for id_ in (intent["id"], session["id"]):
        tx.keep_private(id_, mute=False)
        tx.stop_alarm(id_, "settle")
        tx.stop_alarm(id_, "fail")
    if succeeded:
        charge |= {"status": "succeeded", "paid": True}
        _take(tx, charge, account)
        emit(tx, account=account, type_="charge.succeeded", obj=charge)
        intents.succeed(tx, intent, account=account, amount=intent["amount"])
        session["payment_status"] = "paid"
    else:
        card = SLOW_PAYMENT_FAILED
        charge |= {"status": "failed", "failure_code": card.code, "failure_message": card.message}
        tx.save(charge)
        emit(tx, account=account, type_="charge.failed", obj=charge)
        intents.decline(tx, intent, account=account, card=card, charge=charge["id"])
    tx.save(session)
    outcome = "succeeded" if succeeded else "failed"
    emit(tx, account=account, type_=f"checkout.session.async_payment_{outcome}", obj=session)


def _intent(tx: Tx, session: dict, account: str) -> dict:
    if session["payment_intent"] is not None:
        return tx.get("payment_intent", session["payment_intent"])
    intent = intents.add(tx, session, account=account)
    session["payment_intent"] = intent["id"]
    tx.save(session)
    return intent


def _challenge(tx: Tx, session: dict, intent: dict, account: str, card: Card) -> Outcome:
    redirect = {"return_url": session["url"], "url": f"{session['url']}/3ds"}
    intent |= {"status": "requires_action", "next_action": {"type": "redirect_to_url", "redirect_to_url": redirect}}
    tx.save(intent)
    tx.keep_private(intent["id"], card=card.number)
    intents.announce(tx, intent, "requires_action", account=account)
    return Outcome("challenge", session)


def _decline(tx: Tx, session: dict, intent: dict, account: str, card: Card) -> Outcome:
    charge = charges.add(tx, intent, account=account, card=card, status="failed", captured=False)
    tx.keep_private(intent["id"], tried=True)
    emit(tx, account=account, type_="charge.failed", obj=charge, mute=tx.muted(intent["id"]))
    intents.decline(tx, intent, account=account, card=card, charge=charge["id"])
    return Outcome("declined", session, card.message)


def _wait(tx: Tx, session: dict, intent: dict, account: str, card: Card) -> Outcome:
    charge = charges.add(tx, intent, account=account, card=card, status="pending", captured=True)
    intent |= {"status": "processing", "latest_charge": charge["id"], "next_action": None}
    tx.save(intent)
    muted = tx.muted(intent["id"])
    emit(tx, account=account, type_="charge.pending", obj=charge, mute=muted)
    intents.announce(tx, intent, "processing", account=account)
    if card.does != "silence":
        action = "settle" if card.does == "settle" else "fail"
        tx.set_alarm(intent["id"], action, tx.world.moods.settings["async_after_s"])
    return _complete(tx, session, account, payment_status="unpaid")


def _approve(tx: Tx, session: dict, intent: dict, account: str, card: Card) -> Outcome:
    manual = intent["capture_method"] == "manual"
    muted = tx.muted(intent["id"])
    charge = charges.add(tx, intent, account=account, card=card, status="succeeded", captured=not manual)
    intent["latest_charge"] = charge["id"]
    if manual:
        emit(tx, account=account, type_="charge.succeeded", obj=charge, mute=muted)
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"], "next_action": None}
        tx.save(intent)
        tx.set_alarm(intent["id"], "lapse", intents.AUTHORIZATION_LASTS_S)
        intents.announce(tx, intent, "amount_capturable_updated", account=account)
        return _complete(tx, session, account, payment_status="unpaid")
    _take(tx, charge, account)
    emit(tx, account=account, type_="charge.succeeded", obj=charge, mute=muted)
    intents.succeed(tx, intent, account=account, amount=intent["amount"])
    outcome = _complete(tx, session, account, payment_status="paid")
    later = card.after or tx.world.moods.for_money("payment")
    if later in ("dispute", "dashboard_refund"):
        tx.world.count_mood(later, "payment")
        tx.set_alarm(charge["id"], later, tx.world.moods.settings["async_after_s"])
    return outcome


def _take(tx: Tx, charge: dict, account: str) -> None:
    """Book the money and its fee."""
    amount = charge["amount"]
    transaction = balance.book(
        tx,
        account=account,
        type_="charge",
        amount=amount,
        fee=balance.card_fee(amount),
        currency_=charge["currency"],
        source=charge["id"],
    )
    charge |= {"amount_captured": amount, "captured": True, "balance_transaction": transaction["id"]}
    tx.save(charge)


def _complete(tx: Tx, session: dict, account: str, *, payment_status: str) -> Outcome:
    session |= {"status": "complete", "payment_status": payment_status, "url": None}
    session["customer_details"] = session["customer_details"] or customer(PAYER)
    tx.save(session)
    tx.stop_alarm(session["id"], "expire")
    muted = tx.muted(session["id"])
    emit(tx, account=account, type_="checkout.session.completed", obj=session, mute=muted)
    return Outcome("complete", session)
