"""Refunds. https://www.mercadopago.com.br/developers/en/reference/online-payments/checkout-api-payments/create-refund/post

They carry nothing of the account's own: no reference, no metadata.
"""

from holdfast.gateway import cards
from holdfast.gateway.mercadopago import outcomes, payments, store, words
from holdfast.gateway.mercadopago.api import Call, Operation
from holdfast.gateway.mercadopago.problems import invalid, wrong_state
from holdfast.gateway.tx import Tx

LATEST_S = 180 * 24 * 60 * 60


def create(tx: Tx, call: Call) -> dict:
    """All that is left where no amount is said."""
    if set(call.body) - {"amount"}:
        raise invalid("Invalid parameters for refund", 8)
    payment = payments.retrieve(tx, call)
    return add(tx, payment, account=call.account, amount=call.body.get("amount"))


def add(tx: Tx, payment: dict, *, account: str, amount: object = None, by: str = "collector") -> dict:
    """`by` is `collector` (over the API or in the panel) or `admin` (Mercado Pago itself). Raises Problem."""
    currency = payment["currency_id"]
    left = left_of(payment)
    if payment["status"] not in ("approved", "in_mediation") or not left:
        raise wrong_state()
    if tx.now - (words.time_of(payment["date_approved"]) or 0) > LATEST_S:
        raise invalid("Payment too old to be refunded", 2024)
    minor = left if amount is None else words.minor(amount, currency)
    if minor is None:
        raise invalid("amount attribute must be numeric", 4041)
    if minor <= 0:
        raise invalid("amount attribute must be positive", 4040)
    if minor > left:
        raise invalid("The refund amount is greater than what is left of the payment", 2017)
    card = cards.BY_NUMBER.get(store.private(tx, store.PAYMENT, payment["id"]).get("card", ""))
    after = (card.after if card else "") or tx.world.moods.for_money("refund")
    slow = after in ("refund_pending", "refund_bounce")
    refund = {
        "id": words.new_number(10),
        "payment_id": payment["id"],
        "adjustment_amount": words.amount(0, currency),
        "amount": words.amount(minor, currency),
        "amount_refunded_to_payer": words.amount(minor, currency),
        "date_created": words.written(tx.now),
        "labels": [],
        "metadata": {},
        "partition_details": [],
        "reason": None,
        "refund_mode": "standard",
        "source": {"id": str(words.user_id(account)), "name": "Loja de teste", "type": by},
        "status": "in_process" if slow else "approved",
        "unique_sequence_number": None,
    }
    store.add(tx, store.REFUND, refund, account=account, owner=payment["id"])
    if slow:
        tx.world.count_mood(after, "refund")
        action = "refund_succeeds" if after == "refund_pending" else "refund_fails"
        tx.set_alarm(f"{store.ALARM}{refund['id']}", action, tx.world.moods.settings["refund_after_s"])
    _tell_payment(tx, payment, refund)
    return refund


def left_of(payment: dict) -> int:
    """Minor units that are neither given back nor on their way."""
    minor = words.minor(payment["transaction_amount"], payment["currency_id"]) or 0
    return minor - sum(words.minor(each["amount"], payment["currency_id"]) or 0 for each in payment["refunds"] if counts(each))


def counts(refund: dict) -> bool:
    return refund["status"] != "rejected"


def _tell_payment(tx: Tx, payment: dict, refund: dict) -> None:
    """A payment that is given back in parts stays approved until nothing is left. One in process counts as given back."""
    others = [each for each in payment["refunds"] if each["id"] != refund["id"]]
    payment["refunds"] = sorted([*others, refund], key=lambda each: each["date_created"])
    currency = payment["currency_id"]
    left = left_of(payment)
    gone = (words.minor(payment["transaction_amount"], currency) or 0) - left
    payment["transaction_amount_refunded"] = words.amount(gone, currency)
    if payment["status"] in ("approved", "refunded"):
        by_admin = any(each["source"]["type"] == "admin" and counts(each) for each in payment["refunds"])
        detail = "accredited" if not gone else "partially_refunded" if left else "by_admin" if by_admin else "refunded"
        payment |= {"status": "approved" if left else "refunded", "status_detail": detail}
    store.touch(tx, payment)
    outcomes.tell(tx, payment)


def settle(tx: Tx, refund: dict, *, succeeded: bool) -> dict:
    """One in process is done, or is not. Raises Problem."""
    if refund["status"] != "in_process":
        raise wrong_state()
    for action in ("refund_succeeds", "refund_fails"):
        tx.stop_alarm(f"{store.ALARM}{refund['id']}", action)
    refund["status"] = "approved" if succeeded else "rejected"
    store.save(tx, store.REFUND, refund)
    _tell_payment(tx, store.get(tx, store.PAYMENT, refund["payment_id"]), refund)
    return refund


def list_(tx: Tx, call: Call) -> list:
    payment = payments.retrieve(tx, call)
    return store.find(tx, store.REFUND, owner=payment["id"])


def retrieve(tx: Tx, call: Call) -> dict:
    refund = store.get(tx, store.REFUND, call.path["refund"], account=call.account)
    if refund["payment_id"] != call.path["id"]:
        raise invalid("Refund not found", 2032, error="not_found")
    return refund


OPERATIONS = [
    Operation("POST", "/v1/payments/{id:int}/refunds", create, makes=store.REFUND, needs_key=True),
    Operation("GET", "/v1/payments/{id:int}/refunds", list_),
    Operation("GET", "/v1/payments/{id:int}/refunds/{refund}", retrieve),
]
