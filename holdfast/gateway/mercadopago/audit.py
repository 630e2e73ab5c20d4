"""The gateway's own account of Mercado Pago's side, for a judge that believes nobody else."""

from holdfast.gateway.mercadopago import outcomes, refunds, store, words
from holdfast.gateway.tx import Tx


def report(tx: Tx, account: str | None) -> dict:
    """Everything that moved money, of one account or all. Amounts are minor units."""
    told = [_payment(tx, each) for each in store.find(tx, store.PAYMENT, account=account)]
    return {
        "payments": told,
        "refunds": store.find(tx, store.REFUND, account=account),
        "chargebacks": store.find(tx, store.CHARGEBACK, account=account),
        "preferences": len(store.find(tx, store.PREFERENCE, account=account)),
        "balance_minor": _balance(told),
    }


def _payment(tx: Tx, payment: dict) -> dict:
    currency = payment["currency_id"]
    taken = payment["status"] in outcomes.TAKEN
    minor = words.minor(payment["transaction_amount"], currency) or 0
    fees = sum(words.minor(each["amount"], currency) or 0 for each in payment["fee_details"])
    charged_back = payment["status"] == "charged_back" and payment["status_detail"] != "reimbursed"
    chargebacks = store.find(tx, store.CHARGEBACK, owner=payment["id"])
    return {
        "payment": payment["id"],
        "external_reference": payment["external_reference"],
        "method": payment["payment_method_id"],
        "currency": currency,
        "amount": minor,
        "captured_minor": minor if taken else 0,
        "refunded_minor": minor - refunds.left_of(payment) if taken else 0,
        "charged_back_minor": sum(words.minor(each["amount"], currency) or 0 for each in chargebacks) if charged_back else 0,
        "fee_minor": fees if taken else 0,
        "status": f"{payment['status']}/{payment['status_detail']}",
        "created": payment["date_created"],
        "muted": store.private(tx, store.PAYMENT, payment["id"]).get("mute", False),
    }


def _balance(told: list[dict]) -> dict[str, int]:
    balance: dict[str, int] = {}
    for each in told:
        net = each["captured_minor"] - each["refunded_minor"] - each["charged_back_minor"] - each["fee_minor"]
        balance[each["currency"]] = balance.get(each["currency"], 0) + net
    return balance
