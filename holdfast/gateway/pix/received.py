"""Pix that arrived: with a charge's txid or without one, in time or late, once or twice."""

import json

from holdfast.gateway.pix import callbacks, paging, words
from holdfast.gateway.pix.api import Call, Operation
from holdfast.gateway.pix.problems import invalid, missing
from holdfast.gateway.tx import Tx, encode


def arrive(tx: Tx, *, account: str, chave: str, txid: str | None, minor: int, at: float, info: str = "") -> dict:
    """Money for a key. It is there whatever becomes of a charge; a receiver hears of it only where it has a txid."""
    pix: dict = {
        "endToEndId": words.new_id("E", words.PAYER_ISPB, at),
        **({"txid": txid} if txid else {}),
        "valor": words.value(minor),
        "componentesValor": {"original": {"valor": words.value(minor)}},
        "chave": chave,
        "horario": words.written(at),
        **({"infoPagador": info} if info else {}),
    }
    tx.execute(
        "INSERT INTO pix_received (e2eid, account, txid, settled_at, body) VALUES (?, ?, ?, ?, ?)",
        [pix["endToEndId"], account, txid, at, encode(pix)],
    )
    tell(tx, account, pix["endToEndId"])
    return pix


def tell(tx: Tx, account: str, e2eid: str) -> None:
    """Call back, with the returns as they are now. "Somente Pix associados a um txid serão notificados"."""
    pix = whole(tx, find(tx, account, e2eid))
    if "txid" in pix:
        callbacks.emit(tx, account=account, pix=pix)


def find(tx: Tx, account: str | None, e2eid: str):
    """The row of a Pix. Raises Problem; only control calls come without an account."""
    row = tx.execute("SELECT * FROM pix_received WHERE e2eid = ?", [e2eid]).fetchone()
    if row is None or account not in (None, row["account"]):
        raise missing("PixNaoEncontrado")
    return row


def whole(tx: Tx, row) -> dict:
    """A Pix with its returns."""
    rows = tx.execute("SELECT body FROM pix_returns WHERE e2eid = ? ORDER BY seq", [row["e2eid"]])
    returns = [json.loads(each["body"]) for each in rows]
    return json.loads(row["body"]) | ({"devolucoes": returns} if returns else {})


def of_charge(tx: Tx, account: str, txid: str) -> list[dict]:
    sql = "SELECT * FROM pix_received WHERE account = ? AND txid = ? ORDER BY seq"
    return [whole(tx, row) for row in tx.execute(sql, [account, txid]).fetchall()]


def get(tx: Tx, call: Call) -> tuple[int, dict]:
    e2eid = call.path["e2eid"]
    if not words.END_TO_END_ID.fullmatch(e2eid):
        raise invalid("RequisicaoInvalida", "O parâmetro e2eid não respeita o schema.", "e2eid", e2eid)
    return 200, whole(tx, find(tx, call.account, e2eid))


def list_(tx: Tx, call: Call) -> tuple[int, dict]:
    """By the time at which they arrived, oldest first. No payer is known here, so that a filter by payer finds nothing."""
    what, query = "PixConsultaInvalida", call.query
    since, until = paging.span(query, what)
    if "txid" in query and not words.ANY_TXID.fullmatch(query["txid"]):
        raise invalid(what, "O parâmetro txid não respeita o schema.", "txid", query["txid"])
    has_txid, has_return = paging.flag(query, "txIdPresente", what), paging.flag(query, "devolucaoPresente", what)
    sql = "SELECT * FROM pix_received WHERE account = ? AND settled_at BETWEEN ? AND ? ORDER BY settled_at, seq"
    found = [whole(tx, row) for row in tx.execute(sql, [call.account, since, until]).fetchall()]
    found = [
        pix
        for pix in found
        if query.get("txid") in (None, pix.get("txid"))
        and has_txid in (None, "txid" in pix)
        and has_return in (None, "devolucoes" in pix)
        and not {"cpf", "cnpj"} & set(query)
    ]
    page, paging_ = paging.page(found, query, what)
    names = ("txid", "txIdPresente", "devolucaoPresente", "cpf", "cnpj")
    return 200, {"parametros": paging.parameters(query, paging_, names), "pix": page}


OPERATIONS = [
    Operation("GET", "/pix/{e2eid}", "pix.read", get),
    Operation("GET", "/pix", "pix.read", list_),
]
