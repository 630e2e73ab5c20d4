"""Payouts: what the gateway sent to the account's bank. Control calls make them. https://docs.stripe.com/api/payouts"""

from holdfast.gateway import balance, ids
from holdfast.gateway.call import Call, Operation
from holdfast.gateway.events import emit
from holdfast.gateway.lists import page
from holdfast.gateway.params import LISTED, one_of
from holdfast.gateway.shapes import nulls
from holdfast.gateway.tx import Tx

NULLS = nulls(
    "application_fee application_fee_amount description failure_balance_transaction failure_code "
    "failure_message original_payout payout_method reversed_by statement_descriptor trace_id"
)


def send_all(tx: Tx, *, account: str) -> list[dict]:
    """One automatic payout per currency over everything that is not in a payout yet, if it comes to more than zero."""
    totals = tx.execute(
        "SELECT json_extract(body, '$.currency') AS currency, sum(json_extract(body, '$.net')) AS net FROM objects"
        " WHERE account = ? AND kind = 'balance_transaction' AND payout IS NULL GROUP BY 1",
        [account],
    ).fetchall()
    return [_send(tx, account, row["currency"], row["net"]) for row in totals if row["net"] > 0]


def _send(tx: Tx, account: str, currency: str, amount: int) -> dict:
    payout: dict = NULLS | {
        "id": ids.new("po"),
        "object": "payout",
        "amount": amount,
        "arrival_date": int(tx.now),
        "automatic": True,
        "created": int(tx.now),
        "currency": currency,
        "destination": ids.new("ba"),
        "livemode": tx.livemode(account),
        "metadata": {},
        "method": "standard",
        "reconciliation_status": "completed",
        "source_type": "card",
        "status": "paid",
        "type": "bank_account",
    }
    tx.execute(
        "UPDATE objects SET payout = ?, body = json_set(body, '$.status', 'available') WHERE account = ?"
        " AND kind = 'balance_transaction' AND payout IS NULL AND json_extract(body, '$.currency') = ?",
        [payout["id"], account, currency],
    )
    transaction = balance.book(
        tx,
        account=account,
        type_="payout",
        amount=-amount,
        currency_=currency,
        source=payout["id"],
        text_="STRIPE PAYOUT",
    )
    tx.execute("UPDATE objects SET payout = ? WHERE id = ?", [payout["id"], transaction["id"]])
    payout["balance_transaction"] = transaction["id"]
    tx.add(payout, account=account)
    for what in ("created", "paid", "reconciliation_completed"):
        emit(tx, account=account, type_=f"payout.{what}", obj=payout)
    return payout


def retrieve(tx: Tx, call: Call) -> dict:
    return tx.get("payout", call.id, account=call.account, param="payout")


def list_(tx: Tx, call: Call) -> dict:
    where, values = "", []
    if "status" in call.values:
        where, values = "json_extract(body, '$.status') = ?", [call.values["status"]]
    return page(tx, call, "payout", where=where, values=values)


STATUSES = one_of("pending", "paid", "failed", "canceled")
OPERATIONS = [
    Operation("GET", "/v1/payouts", list_, {**LISTED, "status": STATUSES}),
    Operation("GET", "/v1/payouts/{id}", retrieve),
]
