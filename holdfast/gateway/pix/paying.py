"""Paying: what a payer's bank does with a code, and what can be made to happen without one."""

import json

from holdfast.gateway.pix import charges, received, words
from holdfast.gateway.pix.charges import ACTIVE, PAID
from holdfast.gateway.tx import Tx, encode

#: What a mood of a payment means here: whose idea the return is.
MOODS = {"dispute": "MED_FRAUDE", "dashboard_refund": "ORIGINAL"}


class Closed(Exception):
    """The charge takes no money: it was paid, removed, or its time is over."""


def as_a_person(tx: Tx, row) -> dict:
    """As a banking app does it: only what waits and is in time. Raises Closed."""
    charge = json.loads(row["body"])
    if charge["status"] != ACTIVE or tx.now >= charges.ends_at(charge):
        raise Closed
    return settle(tx, row)


def settle(tx: Tx, row, *, minor: int | None = None, at: float | None = None, info: str = "") -> dict:
    """Money for a charge, whatever its status and however often. Only one that waits is paid by it.

    `at` is when it arrived, in Unix seconds. Removed charges and ones whose time is over do get money: the payer confirmed just
    before.
    """
    charge = json.loads(row["body"])
    if charge["status"] == ACTIVE:
        charge["status"] = PAID
        tx.execute("UPDATE pix_charges SET status = ?, body = ? WHERE seq = ?", [PAID, encode(charge), row["seq"]])
    amount = words.minor(charge["valor"]["original"]) if minor is None else minor
    pix = received.arrive(
        tx,
        account=row["account"],
        chave=charge["chave"],
        txid=row["txid"],
        minor=amount or 0,
        at=tx.now if at is None else at,
        info=info,
    )
    mood = tx.world.moods.for_money("payment")
    if mood in MOODS:
        tx.world.count_mood(mood, "payment")
        name = f"pix {pix['endToEndId']} {MOODS[mood]}"
        tx.set_alarm(name, "pix_return_unasked", tx.world.moods.settings["refund_after_s"])
    return pix


def by_txid(tx: Tx, txid: str, *, account: str | None = None):
    """The row of a charge; the newest, where two receivers use one txid and none is named. None where there is none."""
    sql = "SELECT * FROM pix_charges WHERE txid = ?" + (" AND account = ?" if account else "") + " ORDER BY seq DESC LIMIT 1"
    return tx.execute(sql, [txid, account] if account else [txid]).fetchone()


def by_secret(tx: Tx, secret: str):
    return tx.execute("SELECT * FROM pix_charges WHERE secret = ?", [secret]).fetchone()
