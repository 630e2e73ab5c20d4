"""The gateway's own account of what happened, for a judge that believes nobody else."""

import json
from collections.abc import Callable

from holdfast.gateway import direct
from holdfast.gateway.mercadopago import audit as mercadopago
from holdfast.gateway.pix import books as pix
from holdfast.gateway.tx import Tx


def report(tx: Tx, account: str | None) -> dict:
    """Everything that moved money, of one account or all, and how often each thing really happened."""
    sessions = {each["payment_intent"]: each for each in tx.find("checkout.session", account=account)}
    charges = {each["id"]: each for each in tx.find("charge", account=account)}
    refunds = tx.find("refund", account=account)
    intents = tx.find("payment_intent", account=account)
    return {
        "payments": [_payment(tx, each, sessions[each["id"]], charges, refunds) for each in intents],
        "refunds": refunds,
        "disputes": tx.find("dispute", account=account),
        "payouts": tx.find("payout", account=account),
        "balance_minor": _balance(tx, account),
        "direct_payments": _direct(tx, "direct_payments", direct.shown, account),
        "direct_refunds": _direct(tx, "direct_refunds", direct.shown_refund, account),
        "mercadopago": mercadopago.report(tx, account),
        "pix": pix.report(tx, account),
        "sessions": _count(tx, "checkout.session", account),
        "events": _count(tx, "event", account),
        "deliveries": _deliveries(tx),
        "counters": {row["name"]: row["count"] for row in tx.execute("SELECT * FROM counters ORDER BY name")},
    }


def _payment(tx: Tx, intent: dict, session: dict, charges: dict, refunds: list[dict]) -> dict:
    charge = charges.get(intent["latest_charge"])
    moved = [each for each in refunds if each["payment_intent"] == intent["id"] and each["status"] != "failed"]
    return {
        "session": session["id"],
        "payment_intent": intent["id"],
        "charge": charge["id"] if charge else None,
        "client_reference_id": session["client_reference_id"],
        "metadata": intent["metadata"],
        "currency": intent["currency"],
        "amount": intent["amount"],
        "captured_minor": charge["amount_captured"] if charge else 0,
        "refunded_minor": sum(each["amount"] for each in moved),
        "disputed": charge["disputed"] if charge else False,
        "status": intent["status"],
        "created": intent["created"],
        "muted": tx.muted(intent["id"]),
    }


def _balance(tx: Tx, account: str | None) -> dict[str, int]:
    balance: dict[str, int] = {}
    for each in tx.find("balance_transaction", account=account):
        balance[each["currency"]] = balance.get(each["currency"], 0) + each["net"]
    return balance


def _direct(tx: Tx, table: str, shown: Callable, account: str | None) -> list[dict]:
    sql = f"SELECT * FROM {table}" + (" WHERE account = ?" if account else "") + " ORDER BY created, id"
    return [shown(row) for row in tx.execute(sql, [account] if account else [])]


def _count(tx: Tx, kind: str, account: str | None) -> int:
    where = "kind = ?" + (" AND account = ?" if account else "")
    values = [kind, account] if account else [kind]
    return tx.execute(f"SELECT count(*) FROM objects WHERE {where}", values).fetchone()[0]


def _deliveries(tx: Tx) -> dict[str, int]:
    rows = tx.execute("SELECT state, count(*) AS n FROM deliveries GROUP BY state")
    return {row["state"]: row["n"] for row in rows}


def deliveries_of(tx: Tx, event: str) -> list[dict]:
    rows = tx.execute("SELECT * FROM deliveries WHERE event = ? ORDER BY seq", [event])
    return [json.loads(json.dumps(dict(row))) for row in rows]
