"""Balance transactions: every movement of the account's own money, with its fee.

https://docs.stripe.com/api/balance_transactions
"""

from holdfast.gateway import ids
from holdfast.gateway.call import Call, Operation
from holdfast.gateway.lists import page
from holdfast.gateway.params import LISTED, currency, text
from holdfast.gateway.tx import Tx

CATEGORIES = {"refund_failure": "refund_failure", "adjustment": "dispute", "payout": "payout"}
SETTLES_AFTER_S = 2 * 24 * 60 * 60


def card_fee(amount: int) -> int:
    """2.9 % of the amount, half up, and 30 minor units."""
    return (amount * 29 + 500) // 1000 + 30


def book(tx: Tx, *, account: str, type_: str, amount: int, fee: int = 0, currency_: str, source: str, text_: str = "") -> dict:
    """Money moved by `amount` (signed); the account keeps `amount - fee`."""
    details = [
        {"amount": fee, "application": None, "currency": currency_, "description": "Processing fees", "type": "stripe_fee"}
    ]
    transaction = {
        "id": ids.new("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": int(tx.now) + (0 if type_ == "payout" else SETTLES_AFTER_S),
        "balance_type": "payments",
        "created": int(tx.now),
        "currency": currency_,
        "description": text_ or None,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": details if fee else [],
        "net": amount - fee,
        "reporting_category": CATEGORIES.get(type_, type_),
        "source": source,
        "status": "available" if type_ == "payout" else "pending",
        "type": type_,
    }
    return tx.add(transaction, account=account)


def retrieve(tx: Tx, call: Call) -> dict:
    return tx.get("balance_transaction", call.id, account=call.account)


def list_(tx: Tx, call: Call) -> dict:
    given = call.values
    where, values = "", []
    if "currency" in given:
        where, values = "json_extract(body, '$.currency') = ?", [given["currency"]]
    filters = {name: given.get(name) for name in ("payout", "source", "type")}
    return page(tx, call, "balance_transaction", where=where, values=values, **filters)


OPERATIONS = [
    Operation(
        "GET",
        "/v1/balance_transactions",
        list_,
        {**LISTED, "currency": currency, "payout": text(), "source": text(), "type": text()},
    ),
    Operation("GET", "/v1/balance_transactions/{id}", retrieve),
]
