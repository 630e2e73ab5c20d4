"""The bank's own account of what happened, for a judge that believes nobody else."""

import json

from holdfast.gateway.pix import received, words
from holdfast.gateway.pix.returns import FAILED
from holdfast.gateway.tx import Tx


def report(tx: Tx, account: str | None) -> dict:
    """`charges` as they stand, and `received`: every Pix with what was received and given back, in centavos."""
    where, values = (" WHERE account = ?", [account]) if account else ("", [])
    charges = [body(row) for row in tx.execute(f"SELECT * FROM pix_charges{where} ORDER BY seq", values).fetchall()]
    rows = tx.execute(f"SELECT * FROM pix_received{where} ORDER BY seq", values).fetchall()
    return {"charges": charges, "received": [_received(received.whole(tx, row)) for row in rows]}


def body(row) -> dict:
    return json.loads(row["body"])


def _received(pix: dict) -> dict:
    returns = pix.get("devolucoes", [])
    return {
        "endToEndId": pix["endToEndId"],
        "txid": pix.get("txid"),
        "horario": pix["horario"],
        "received_minor": words.minor(pix["valor"]),
        "returned_minor": sum(words.minor(each["valor"]) or 0 for each in returns if each["status"] != FAILED),
        "returns": returns,
    }
