"""Mercado Pago's objects in the books: preferences, payments, refunds, chargebacks."""

import json

from holdfast.gateway.mercadopago import words
from holdfast.gateway.mercadopago.problems import missing
from holdfast.gateway.tx import Tx, encode

PREFERENCE, PAYMENT, REFUND, CHARGEBACK = "preference", "payment", "refund", "chargeback"
TITLES = {PREFERENCE: "Preference", PAYMENT: "Payment", REFUND: "Refund", CHARGEBACK: "Chargeback"}
#: What an alarm calls a payment or refund: their ids have no prefix.
ALARM = "mp-"


def add(tx: Tx, kind: str, body: dict, *, account: str, owner: object = None, private: dict | None = None) -> dict:
    """`owner` is the preference of a payment, or the payment of a refund or chargeback."""
    tx.execute(
        "INSERT INTO mp_objects (kind, id, account, created, updated, reference, owner, body, private)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            kind,
            str(body["id"]),
            account,
            tx.now,
            tx.now,
            body.get("external_reference"),
            None if owner is None else str(owner),
            encode(body),
            json.dumps(private or {}),
        ],
    )
    return body


def save(tx: Tx, kind: str, body: dict) -> dict:
    tx.execute(
        "UPDATE mp_objects SET updated = ?, reference = ?, body = ? WHERE kind = ? AND id = ?",
        [tx.now, body.get("external_reference"), encode(body), kind, str(body["id"])],
    )
    return body


def touch(tx: Tx, payment: dict) -> dict:
    """Save a payment that has changed."""
    return save(tx, PAYMENT, payment | {"date_last_updated": words.written(tx.now)})


def get(tx: Tx, kind: str, id_: object, *, account: str | None = None) -> dict:
    """Another account's objects do not exist; only pages and control calls come without an account. Raises Problem."""
    row = tx.execute("SELECT account, body FROM mp_objects WHERE kind = ? AND id = ?", [kind, str(id_)]).fetchone()
    if row is None or account not in (None, row["account"]):
        raise missing(TITLES[kind])
    return json.loads(row["body"])


def account_of(tx: Tx, kind: str, id_: object) -> str:
    return tx.execute("SELECT account FROM mp_objects WHERE kind = ? AND id = ?", [kind, str(id_)]).fetchone()["account"]


def private(tx: Tx, kind: str, id_: object) -> dict:
    row = tx.execute("SELECT private FROM mp_objects WHERE kind = ? AND id = ?", [kind, str(id_)]).fetchone()
    return json.loads(row["private"])


def keep_private(tx: Tx, kind: str, id_: object, **values) -> None:
    told = json.dumps(private(tx, kind, id_) | values)
    tx.execute("UPDATE mp_objects SET private = ? WHERE kind = ? AND id = ?", [told, kind, str(id_)])


def find(tx: Tx, kind: str, *, account: str | None = None, **columns: object) -> list[dict]:
    """All objects of a kind with these column values (`reference`, `owner`), oldest first."""
    wanted = {"kind": kind, **({"account": account} if account else {}), **columns}
    where = " AND ".join(f"{name} = ?" for name in wanted)
    rows = tx.execute(f"SELECT body FROM mp_objects WHERE {where} ORDER BY seq", [str(each) for each in wanted.values()])
    return [json.loads(row["body"]) for row in rows]
