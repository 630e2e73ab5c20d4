"""PaymentIntents. Only the hosted page makes them. https://docs.stripe.com/api/payment_intents"""

from holdfast.gateway import balance, ids
from holdfast.gateway.call import NOBODY, Call, Operation
from holdfast.gateway.cards import Card
from holdfast.gateway.errors import invalid, refused
from holdfast.gateway.events import emit
from holdfast.gateway.lists import page
from holdfast.gateway.params import LISTED, integer, one_of, text
from holdfast.gateway.shapes import nulls
from holdfast.gateway.tx import Tx

AUTHORIZATION_LASTS_S = 7 * 24 * 60 * 60
NULLS = nulls(
    "allowed_payment_method_types application application_fee_amount automatic_payment_methods "
    "canceled_at cancellation_reason customer customer_account description last_payment_error "
    "latest_charge next_action on_behalf_of payment_method payment_method_configuration_details "
    "processing receipt_email review setup_future_usage shipping source statement_descriptor "
    "statement_descriptor_suffix transfer_data transfer_group"
)
COPIED = ("description", "receipt_email", "statement_descriptor", "statement_descriptor_suffix", "transfer_group")


def add(tx: Tx, session: dict, *, account: str) -> dict:
    """The payer confirms for the first time. The session's own metadata is not copied, only payment_intent_data's."""
    private = tx.private(session["id"])
    data = private["payment_intent_data"]
    id_ = ids.new("pi")
    intent: dict = NULLS | {
        "id": id_,
        "object": "payment_intent",
        "amount": session["amount_total"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "capture_method": data.get("capture_method", "automatic_async"),
        "client_secret": f"{id_}_secret_{ids.new('x')[2:]}",
        "confirmation_method": "automatic",
        "created": int(tx.now),
        "currency": session["currency"],
        "livemode": session["livemode"],
        "metadata": data.get("metadata", {}),
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": session["payment_method_types"],
        "status": "requires_payment_method",
        **{name: data.get(name) for name in COPIED},
    }
    tx.add(intent, account=account, private={"session": session["id"], "mute": private.get("mute", False)})
    announce(tx, intent, "created", account=account)
    return intent


def announce(tx: Tx, intent: dict, what: str, *, account: str, request: dict = NOBODY, mute: bool | None = None) -> None:
    mute = tx.muted(intent["id"]) if mute is None else mute
    emit(tx, account=account, type_=f"payment_intent.{what}", obj=intent, request=request, mute=mute)


def decline(tx: Tx, intent: dict, *, account: str, card: Card, charge: str | None) -> None:
    """Back to `requires_payment_method`: the payer may try again in the same session."""
    error = {
        "charge": charge,
        "code": card.code,
        "doc_url": f"https://docs.stripe.com/error-codes/{card.code.replace('_', '-')}",
        "message": card.message,
        "payment_method_type": "card",
        "type": "card_error",
    }
    if card.decline_code:
        error["decline_code"] = card.decline_code
    intent |= {
        "last_payment_error": error,
        "latest_charge": charge,
        "next_action": None,
        "payment_method": None,
        "status": "requires_payment_method",
    }
    tx.save(intent)
    announce(tx, intent, "payment_failed", account=account)


def succeed(tx: Tx, intent: dict, *, account: str, amount: int, request: dict = NOBODY) -> None:
    intent |= {
        "amount_capturable": 0,
        "amount_received": amount,
        "last_payment_error": None,
        "next_action": None,
        "processing": None,
        "status": "succeeded",
    }
    tx.save(intent)
    tx.stop_alarm(intent["id"], "lapse")
    announce(tx, intent, "succeeded", account=account, request=request)


def abandon(tx: Tx, intent: dict, *, account: str, reason: str | None, request: dict = NOBODY) -> None:
    intent |= {
        "amount_capturable": 0,
        "canceled_at": int(tx.now),
        "cancellation_reason": reason,
        "next_action": None,
        "status": "canceled",
    }
    tx.save(intent)
    tx.stop_alarm(intent["id"], "lapse")
    announce(tx, intent, "canceled", account=account, request=request)


def retrieve(tx: Tx, call: Call) -> dict:
    return tx.get("payment_intent", call.id, account=call.account, param="intent")


def list_(tx: Tx, call: Call) -> dict:
    return page(tx, call, "payment_intent")


def capture(tx: Tx, call: Call) -> dict:
    """Take all or part of an authorization, once; the rest is released."""
    intent = retrieve(tx, call)
    if intent["status"] != "requires_capture":
        raise _unexpected(intent, "captured", "requires_capture")
    amount = call.values.get("amount_to_capture", intent["amount_capturable"])
    if amount > intent["amount_capturable"]:
        message = f"The amount to capture ({amount}) is greater than the capturable {intent['amount_capturable']}."
        raise refused(message, code="amount_too_large", param="amount_to_capture")
    charge = tx.get("charge", intent["latest_charge"])
    transaction = balance.book(
        tx,
        account=call.account,
        type_="charge",
        amount=amount,
        fee=balance.card_fee(amount),
        currency_=intent["currency"],
        source=charge["id"],
    )
    charge |= {"amount_captured": amount, "captured": True, "balance_transaction": transaction["id"]}
    tx.save(charge)
    muted = tx.muted(intent["id"])
    emit(tx, account=call.account, type_="charge.captured", obj=charge, request=call.origin, mute=muted)
    succeed(tx, intent, account=call.account, amount=amount, request=call.origin)
    session = tx.get("checkout.session", tx.private(intent["id"])["session"])
    tx.save({**session, "payment_status": "paid"})
    return intent


def cancel(tx: Tx, call: Call) -> dict:
    """Release an authorization. A session's intent cannot be cancelled otherwise: its session is expired instead."""
    intent = retrieve(tx, call)
    if intent["status"] != "requires_capture":
        if intent["status"] in ("requires_payment_method", "requires_action"):
            raise refused(
                "You cannot cancel the PaymentIntent of a Checkout Session. Expire the Checkout Session instead.",
                code="payment_intent_unexpected_state",
                more={"payment_intent": intent},
            )
        raise _unexpected(intent, "canceled", "requires_capture")
    reason = call.values.get("cancellation_reason")
    release(tx, intent, account=call.account, event="charge.refunded", request=call.origin)
    abandon(tx, intent, account=call.account, reason=reason, request=call.origin)
    return intent


def lapse(tx: Tx, intent: dict, *, account: str) -> None:
    """Nobody captured in time."""
    release(tx, intent, account=account, event="charge.expired")
    abandon(tx, intent, account=account, reason="automatic")


def release(tx: Tx, intent: dict, *, account: str, event: str, request: dict = NOBODY) -> None:
    """The uncaptured money is free again: shown as refunded on the charge, with no refund object and no booking."""
    charge = tx.get("charge", intent["latest_charge"])
    charge |= {"amount_refunded": charge["amount"], "refunded": True}
    tx.save(charge)
    emit(tx, account=account, type_=event, obj=charge, request=request, mute=tx.muted(intent["id"]))


def confirm(tx: Tx, call: Call) -> dict:
    raise invalid("The PaymentIntent of a Checkout Session is confirmed by its payer on the hosted page only.")


def _unexpected(intent: dict, done: str, wanted: str):
    message = (
        f"This PaymentIntent could not be {done} because it has a status of {intent['status']}. Only a PaymentIntent"
        f" with one of the following statuses may be {done}: {wanted}."
    )
    return refused(message, code="payment_intent_unexpected_state", more={"payment_intent": intent})


REASONS = one_of("abandoned", "duplicate", "fraudulent", "requested_by_customer")
OPERATIONS = [
    Operation("GET", "/v1/payment_intents", list_, LISTED),
    Operation("GET", "/v1/payment_intents/{id}", retrieve),
    Operation("POST", "/v1/payment_intents/{id}/capture", capture, {"amount_to_capture": integer(1)}),
    Operation("POST", "/v1/payment_intents/{id}/cancel", cancel, {"cancellation_reason": REASONS}),
    Operation("POST", "/v1/payment_intents/{id}/confirm", confirm, {"payment_method": text()}),
]
