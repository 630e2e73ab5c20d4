"""Chargebacks: the payer's bank takes the money back, and may return it.

https://www.mercadopago.com.br/developers/en/docs/checkout-pro/chargebacks/manage
"""

from holdfast.gateway.mercadopago import notices, outcomes, refunds, store, words
from holdfast.gateway.mercadopago.api import Call, Operation
from holdfast.gateway.mercadopago.problems import invalid, wrong_state
from holdfast.gateway.tx import Tx

EVIDENCE_WITHIN_S = 7 * 24 * 60 * 60


def open_(tx: Tx, payment: dict, *, amount: object = None) -> dict:
    """The funds go at once. A payment is charged back at most once. Raises Problem."""
    if payment["status"] not in ("approved", "in_mediation"):
        raise wrong_state()
    currency = payment["currency_id"]
    left = refunds.left_of(payment)
    minor = left if amount is None else words.minor(amount, currency)
    if minor is None or not 0 < minor <= left:
        raise invalid("Invalid amount", 4041)
    account = store.account_of(tx, store.PAYMENT, payment["id"])
    now = words.written(tx.now)
    chargeback = {
        "id": str(words.new_number(18)),
        "payments": [payment["id"]],
        "currency": currency,
        "amount": words.amount(minor, currency),
        "reason": "general",
        "coverage_applied": None,
        "coverage_elegible": True,
        "documentation_required": True,
        "documentation_status": "pending",
        "documentation": [],
        "date_documentation_deadline": words.written(tx.now + EVIDENCE_WITHIN_S),
        "date_created": now,
        "date_last_updated": now,
        "live_mode": payment["live_mode"],
    }
    store.add(tx, store.CHARGEBACK, chargeback, account=account, owner=payment["id"])
    payment |= {"status": "charged_back", "status_detail": "in_process"}
    _tell(tx, chargeback, payment, account, "created")
    return chargeback


def close(tx: Tx, chargeback: dict, *, won: bool) -> dict:
    """Won: `reimbursed`, the funds come back. Lost: `settled`, they do not. Raises Problem."""
    payment = store.get(tx, store.PAYMENT, chargeback["payments"][0])
    if (payment["status"], payment["status_detail"]) != ("charged_back", "in_process"):
        raise wrong_state()
    chargeback |= {
        "coverage_applied": won,
        "documentation_required": False,
        "documentation_status": "valid" if won else "invalid",
        "date_last_updated": words.written(tx.now),
    }
    store.save(tx, store.CHARGEBACK, chargeback)
    payment["status_detail"] = "reimbursed" if won else "settled"
    account = store.account_of(tx, store.PAYMENT, payment["id"])
    _tell(tx, chargeback, payment, account, "changed_case_status")
    return chargeback


def _tell(tx: Tx, chargeback: dict, payment: dict, account: str, action: str) -> None:
    store.touch(tx, payment)
    mute = store.private(tx, store.PAYMENT, payment["id"]).get("mute", False)
    notices.of_chargeback(tx, chargeback, payment, account=account, action=action, mute=mute)
    outcomes.tell(tx, payment)


def retrieve(tx: Tx, call: Call) -> dict:
    return store.get(tx, store.CHARGEBACK, call.path["id"], account=call.account)


OPERATIONS = [Operation("GET", "/v1/chargebacks/{id}", retrieve)]
