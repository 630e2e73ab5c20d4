"""Refunds: asked for by the account or made in its dashboard; slow ones and ones that bounce.

https://docs.stripe.com/api/refunds
"""

from holdfast.gateway import balance, cards, ids
from holdfast.gateway.call import NOBODY, Call, Operation
from holdfast.gateway.errors import invalid, refused
from holdfast.gateway.events import emit
from holdfast.gateway.lists import page
from holdfast.gateway.params import LISTED, integer, metadata, one_of, text
from holdfast.gateway.tx import Tx


def create(tx: Tx, call: Call) -> dict:
    """Give money back. The sum of refunds never exceeds what was captured."""
    given = call.values
    if not ("payment_intent" in given or "charge" in given):
        raise invalid("One of the following params should be provided for this request: payment_intent or charge.")
    if "charge" in given:
        charge = tx.get("charge", given["charge"], account=call.account, param="charge")
    else:
        charge = _charge_of(tx, call, given["payment_intent"])
    return add(
        tx,
        charge,
        account=call.account,
        amount=given.get("amount"),
        reason=given.get("reason"),
        metadata_=given.get("metadata", {}),
        request=call.origin,
    )


def _charge_of(tx: Tx, call: Call, intent_id: str) -> dict:
    intent = tx.get("payment_intent", intent_id, account=call.account, param="payment_intent")
    if intent["status"] != "succeeded":
        raise refused(f"This PaymentIntent ({intent_id}) does not have a successful charge to refund.")
    return tx.get("charge", intent["latest_charge"])


def add(
    tx: Tx,
    charge: dict,
    *,
    account: str,
    amount: int | None,
    reason: str | None = None,
    metadata_: dict | None = None,
    request: dict = NOBODY,
) -> dict:
    left = charge["amount_captured"] - charge["amount_refunded"]
    if not charge["captured"]:
        raise refused(f"Charge {charge['id']} has not been captured; cancel its PaymentIntent to release it.")
    if charge["disputed"]:
        raise refused(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
    if left == 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise refused(message, code="charge_already_refunded")
    amount = left if amount is None else amount
    if amount > left:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        raise refused(message, param="amount")
    after = cards.BY_NUMBER[tx.private(charge["id"])["card"]].after or tx.world.moods.for_money("refund")
    refund = _refund(tx, charge, amount=amount, reason=reason, metadata_=metadata_ or {})
    refund["status"] = "pending" if after == "refund_pending" else "succeeded"
    refund["pending_reason"] = "processing" if after == "refund_pending" else None
    transaction = balance.book(
        tx,
        account=account,
        type_="refund",
        amount=-amount,
        currency_=charge["currency"],
        source=refund["id"],
        text_="REFUND FOR CHARGE",
    )
    refund["balance_transaction"] = transaction["id"]
    tx.add(refund, account=account)
    if after in ("refund_pending", "refund_bounce"):
        tx.world.count_mood(after, "refund")
        action = "refund_succeeds" if after == "refund_pending" else "refund_fails"
        tx.set_alarm(refund["id"], action, tx.world.moods.settings["refund_after_s"])
    _tell_charge(tx, charge, by=amount)
    muted = tx.muted(charge["payment_intent"])
    emit(tx, account=account, type_="refund.created", obj=refund, request=request, mute=muted)
    emit(tx, account=account, type_="charge.refunded", obj=charge, request=request, mute=muted)
    return refund


def _refund(tx: Tx, charge: dict, *, amount: int, reason: str | None, metadata_: dict) -> dict:
    card = {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"}
    return {
        "id": ids.new("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": int(tx.now),
        "currency": charge["currency"],
        "destination_details": {"type": "card", "card": card},
        "failure_balance_transaction": None,
        "metadata": metadata_,
        "payment_intent": charge["payment_intent"],
        "pending_reason": None,
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "transfer_reversal": None,
    }


def _tell_charge(tx: Tx, charge: dict, *, by: int) -> None:
    charge["amount_refunded"] += by
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    tx.save(charge)


def settle(tx: Tx, refund: dict, *, account: str, succeeded: bool) -> None:
    """A slow refund arrives, or one bounces, even days after it succeeded: then the money is the account's again."""
    if refund["status"] in ("failed", "canceled") or (succeeded and refund["status"] == "succeeded"):
        return
    tx.stop_alarm(refund["id"], "refund_succeeds")
    tx.stop_alarm(refund["id"], "refund_fails")
    refund["pending_reason"] = None
    refund["status"] = "succeeded" if succeeded else "failed"
    if not succeeded:
        transaction = balance.book(
            tx,
            account=account,
            type_="refund_failure",
            amount=refund["amount"],
            currency_=refund["currency"],
            source=refund["id"],
            text_="REFUND FAILURE",
        )
        refund["failure_balance_transaction"] = transaction["id"]
        refund["failure_reason"] = "expired_or_canceled_card"
        _tell_charge(tx, tx.get("charge", refund["charge"]), by=-refund["amount"])
    tx.save(refund)
    muted = tx.muted(refund["payment_intent"])
    for type_ in ["refund.updated", "charge.refund.updated", *([] if succeeded else ["refund.failed"])]:
        emit(tx, account=account, type_=type_, obj=refund, mute=muted)


def retrieve(tx: Tx, call: Call) -> dict:
    return tx.get("refund", call.id, account=call.account, param="refund")


def list_(tx: Tx, call: Call) -> dict:
    given = call.values
    return page(tx, call, "refund", payment_intent=given.get("payment_intent"), charge=given.get("charge"))


def update(tx: Tx, call: Call) -> dict:
    refund = retrieve(tx, call)
    refund["metadata"] |= call.values.get("metadata", {})
    tx.save(refund)
    muted = tx.muted(refund["payment_intent"])
    emit(tx, account=call.account, type_="refund.updated", obj=refund, request=call.origin, mute=muted)
    return refund


REASONS = one_of("duplicate", "fraudulent", "requested_by_customer")
OPERATIONS = [
    Operation(
        "POST",
        "/v1/refunds",
        create,
        {
            "amount": integer(1),
            "charge": text(),
            "metadata": metadata,
            "payment_intent": text(),
            "reason": REASONS,
        },
    ),
    Operation("GET", "/v1/refunds", list_, {**LISTED, "charge": text(), "payment_intent": text()}),
    Operation("GET", "/v1/refunds/{id}", retrieve),
    Operation("POST", "/v1/refunds/{id}", update, {"metadata": metadata}),
]
