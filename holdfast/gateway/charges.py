"""Charges: one try to take money. https://docs.stripe.com/api/charges"""

from holdfast.gateway import ids
from holdfast.gateway.call import Call, Operation
from holdfast.gateway.cards import Card
from holdfast.gateway.lists import listed, page
from holdfast.gateway.params import LISTED, text
from holdfast.gateway.shapes import nulls
from holdfast.gateway.tx import Tx

NULLS = nulls(
    "application application_fee application_fee_amount authorization_code balance_transaction customer "
    "description failure_balance_transaction failure_code failure_message on_behalf_of receipt_email "
    "receipt_number receipt_url review shipping source source_transfer statement_descriptor "
    "statement_descriptor_suffix transfer_data transfer_group"
)


def add(tx: Tx, intent: dict, *, account: str, card: Card, status: str, captured: bool) -> dict:
    """A charge of the whole intent. The intent's metadata is copied here once, and never again."""
    charge: dict = NULLS | {
        "id": ids.new("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if captured and status == "succeeded" else 0,
        "amount_refunded": 0,
        "billing_details": dict.fromkeys(("address", "email", "name", "phone", "tax_id")),
        "calculated_statement_descriptor": "SANDBOX",
        "captured": captured and status == "succeeded",
        "created": int(tx.now),
        "currency": intent["currency"],
        "description": intent["description"],
        "disputed": False,
        "fraud_details": {},
        "livemode": intent["livemode"],
        "metadata": dict(intent["metadata"]),
        "outcome": _outcome(card, status),
        "paid": status == "succeeded",
        "payment_intent": intent["id"],
        "payment_method": intent["payment_method"],
        "payment_method_details": {"type": "card", "card": _card(card, intent["amount"])},
        "receipt_email": intent["receipt_email"],
        "refunded": False,
        "status": status,
        "transfer_group": intent["transfer_group"],
    }
    if status == "failed":
        charge |= {"failure_code": card.code, "failure_message": card.message}
    return tx.add(charge, account=account, private={"card": card.number})


def _outcome(card: Card, status: str) -> dict:
    outcome = dict.fromkeys(("advice_code", "network_advice_code", "network_decline_code", "reason"))
    if status == "failed":
        reason = card.decline_code or card.code
        told = {"network_status": "declined_by_network", "type": "issuer_declined", "reason": reason}
        return outcome | told | {"risk_level": "normal", "seller_message": card.message}
    told = {"network_status": "approved_by_network", "type": "authorized"}
    return outcome | told | {"risk_level": "normal", "seller_message": "Payment complete."}


def _card(card: Card, amount: int) -> dict:
    return {
        "amount_authorized": amount,
        "brand": "visa",
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": f"sandbox{card.last4}",
        "funding": "credit",
        "last4": card.last4,
        "network": "visa",
        "three_d_secure": None,
        "wallet": None,
    }


def retrieve(tx: Tx, call: Call) -> dict:
    return tx.get("charge", call.id, account=call.account, param="charge")


def list_(tx: Tx, call: Call) -> dict:
    return page(tx, call, "charge", payment_intent=call.values.get("payment_intent"))


def refunds_of(tx: Tx, charge: dict) -> dict:
    refunds = tx.find("refund", charge=charge["id"])[::-1]
    return listed(refunds[:10], has_more=len(refunds) > 10, url=f"/v1/charges/{charge['id']}/refunds")


OPERATIONS = [
    Operation("GET", "/v1/charges", list_, {**LISTED, "payment_intent": text()}),
    Operation("GET", "/v1/charges/{id}", retrieve),
]
