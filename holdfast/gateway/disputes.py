"""Disputes: the cardholder's bank takes the money back, and may return it. https://docs.stripe.com/api/disputes"""

from holdfast.gateway import balance, ids
from holdfast.gateway.call import Call, Operation
from holdfast.gateway.events import emit
from holdfast.gateway.lists import page
from holdfast.gateway.params import LISTED, text
from holdfast.gateway.shapes import nulls
from holdfast.gateway.tx import Tx

FEE_MINOR = 1500
EVIDENCE_WITHIN_S = 7 * 24 * 60 * 60
EVIDENCE = nulls(
    "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure "
    "cancellation_rebuttal customer_communication customer_email_address customer_name "
    "customer_purchase_ip customer_signature duplicate_charge_documentation duplicate_charge_explanation "
    "duplicate_charge_id product_description receipt refund_policy refund_policy_disclosure "
    "refund_refusal_explanation service_date service_documentation shipping_address shipping_carrier "
    "shipping_date shipping_documentation shipping_tracking_number uncategorized_file uncategorized_text"
)


def open_(tx: Tx, charge: dict, *, account: str, amount: int | None = None) -> dict | None:
    """Funds are withdrawn at once, with a fee. A charge is disputed at most once."""
    if charge["disputed"] or not charge["captured"]:
        return None
    amount = amount or charge["amount_captured"] - charge["amount_refunded"]
    dispute = {
        "id": ids.new("du"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": int(tx.now),
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**EVIDENCE, "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": int(tx.now) + EVIDENCE_WITHIN_S,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": False,
        "livemode": charge["livemode"],
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": "fraudulent",
        "status": "needs_response",
    }
    _move(tx, dispute, account, amount=-amount, fee=FEE_MINOR)
    tx.add(dispute, account=account)
    tx.save({**charge, "disputed": True})
    _tell(tx, dispute, account, "created")
    _tell(tx, dispute, account, "funds_withdrawn")
    return dispute


def close(tx: Tx, dispute: dict, *, account: str, won: bool) -> dict:
    """Won returns the money and the fee; lost keeps both. A closed dispute stays closed."""
    if dispute["status"] in ("won", "lost"):
        return dispute
    dispute["status"] = "won" if won else "lost"
    if won:
        _move(tx, dispute, account, amount=dispute["amount"], fee=-FEE_MINOR)
    tx.save(dispute)
    if won:
        _tell(tx, dispute, account, "funds_reinstated")
    _tell(tx, dispute, account, "closed")
    return dispute


def _move(tx: Tx, dispute: dict, account: str, *, amount: int, fee: int) -> None:
    transaction = balance.book(
        tx,
        account=account,
        type_="adjustment",
        amount=amount,
        fee=fee,
        currency_=dispute["currency"],
        source=dispute["id"],
        text_=f"Chargeback for {dispute['charge']}",
    )
    dispute["balance_transactions"].append(transaction)


def _tell(tx: Tx, dispute: dict, account: str, what: str) -> None:
    muted = tx.muted(dispute["payment_intent"])
    emit(tx, account=account, type_=f"charge.dispute.{what}", obj=dispute, mute=muted)


def retrieve(tx: Tx, call: Call) -> dict:
    return tx.get("dispute", call.id, account=call.account, param="dispute")


def list_(tx: Tx, call: Call) -> dict:
    given = call.values
    return page(tx, call, "dispute", payment_intent=given.get("payment_intent"), charge=given.get("charge"))


OPERATIONS = [
    Operation("GET", "/v1/disputes", list_, {**LISTED, "charge": text(), "payment_intent": text()}),
    Operation("GET", "/v1/disputes/{id}", retrieve),
]
