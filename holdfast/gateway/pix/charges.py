"""Charges for immediate payment (cob): made under the receiver's txid, altered while they wait, removed."""

import json
import os

from holdfast.gateway.pix import asked, brcode, paging, received, words
from holdfast.gateway.pix.api import Call, Operation
from holdfast.gateway.pix.problems import invalid, missing
from holdfast.gateway.tx import Tx, encode

WHAT = "CobOperacaoInvalida"
ACTIVE, PAID = "ATIVA", "CONCLUIDA"
REMOVED, REMOVED_BY_BANK = "REMOVIDA_PELO_USUARIO_RECEBEDOR", "REMOVIDA_PELO_PSP"
USUAL_LIFE_S = 86_400


def put(tx: Tx, call: Call) -> tuple[int, dict]:
    """Make a charge, or alter one that waits. The same again alters nothing."""
    txid = _txid(call)
    given = asked.charge(tx, call.body, account=call.account, required=("valor", "chave"))
    row = find(tx, call.account, txid)
    if row is None:
        return 201, _make(tx, call, txid, given)
    charge = json.loads(row["body"])
    if charge["status"] != ACTIVE:
        reason = "A cobrança já existe, não está no status ATIVA, e a presente requisição busca alterá-la."
        raise invalid(WHAT, reason, "cob.status", charge["status"])
    kept = {name: charge[name] for name in ("txid", "revisao", "loc", "location", "status", "pixCopiaECola")}
    calendar = {"criacao": charge["calendario"]["criacao"], "expiracao": USUAL_LIFE_S} | given.pop("calendario", {})
    return 201, revise(tx, call.account, charge, {"calendario": calendar, **kept, **given})


def patch(tx: Tx, call: Call) -> tuple[int, dict]:
    txid = _txid(call)
    row = find(tx, call.account, txid)
    if row is None:
        raise missing("CobNaoEncontrado")
    charge = json.loads(row["body"])
    status = call.body.pop("status", None)
    if status not in (None, REMOVED):
        raise invalid(WHAT, "O campo cob.status não respeita o schema.", "cob.status", status)
    if charge["status"] != ACTIVE:
        reason = "A cobrança não está ATIVA, e a presente requisição busca alterá-la."
        raise invalid(WHAT, reason, "cob.status", charge["status"])
    if status and call.body:
        reason = (
            "A cobrança está ATIVA, e a presente requisição propõe alterar seu status para REMOVIDA_PELO_USUARIO_RECEBEDOR"
            " juntamente com outras alterações."
        )
        raise invalid(WHAT, reason, "cob.status", status)
    if status:
        return 200, revise(tx, call.account, charge, charge | {"status": status})
    given = asked.charge(tx, call.body, account=call.account, required=())
    calendar = charge["calendario"] | given.pop("calendario", {})
    return 200, revise(tx, call.account, charge, charge | given | {"calendario": calendar})


def get(tx: Tx, call: Call) -> tuple[int, dict]:
    row = find(tx, call.account, _txid(call, "CobConsultaInvalida"))
    if row is None:
        raise missing("CobNaoEncontrado")
    charge = json.loads(row["body"])
    if "revisao" in call.query:
        revisions = [*json.loads(row["earlier"]), charge]
        number = call.query["revisao"]
        if not number.isdecimal() or int(number) >= len(revisions):
            reason = "O parâmetro revisao corresponde a uma revisão inexistente para a cobrança apontada pelo parâmetro txid."
            raise invalid("CobConsultaInvalida", reason, "revisao", number)
        return 200, revisions[int(number)]
    return 200, complete(tx, call.account, charge)


def list_(tx: Tx, call: Call) -> tuple[int, dict]:
    """By the time at which charges were made, oldest first."""
    what = "CobConsultaInvalida"
    since, until = paging.span(call.query, what)
    rows = tx.execute(
        "SELECT body FROM pix_charges WHERE account = ? AND created BETWEEN ? AND ? ORDER BY seq", [call.account, since, until]
    )
    charges = [json.loads(row["body"]) for row in rows]
    if "status" in call.query:
        charges = [charge for charge in charges if charge["status"] == call.query["status"]]
    for name in {"cpf", "cnpj"} & set(call.query):
        charges = [charge for charge in charges if charge.get("devedor", {}).get(name) == call.query[name]]
    page, paging_ = paging.page(charges, call.query, what)
    names = ("cpf", "cnpj", "status")
    return 200, {
        "parametros": paging.parameters(call.query, paging_, names),
        "cobs": [complete(tx, call.account, charge) for charge in page],
    }


def find(tx: Tx, account: str, txid: str):
    return tx.execute("SELECT * FROM pix_charges WHERE account = ? AND txid = ?", [account, txid]).fetchone()


def revise(tx: Tx, account: str, before: dict, after: dict) -> dict:
    """Every alteration counts one revision; the same again is none."""
    if before == after:
        return before
    row = find(tx, account, before["txid"])
    after = after | {"revisao": before["revisao"] + 1}
    earlier = [*json.loads(row["earlier"]), before]
    tx.execute(
        "UPDATE pix_charges SET status = ?, body = ?, earlier = ? WHERE seq = ?",
        [after["status"], encode(after), json.dumps(earlier), row["seq"]],
    )
    return after


def complete(tx: Tx, account: str, charge: dict) -> dict:
    """With the Pix that paid it. A charge that was removed shows none, even where money came all the same."""
    if charge["status"] != PAID:
        return charge
    return charge | {"pix": received.of_charge(tx, account, charge["txid"])}


def ends_at(charge: dict) -> float:
    """When its time is over. Its status does not tell: it stays ATIVA."""
    made = words.time_of(charge["calendario"]["criacao"]) or 0
    return made + charge["calendario"]["expiracao"]


def _make(tx: Tx, call: Call, txid: str, given: dict) -> dict:
    secret = os.urandom(16).hex()
    location = f"{call.base_url.partition('://')[2]}/pix/qr/v2/{secret}"
    made = words.written(tx.now)
    number = tx.execute("SELECT coalesce(max(seq), 0) + 1 FROM pix_charges").fetchone()[0]
    calendar = {"criacao": made, "expiracao": USUAL_LIFE_S} | given.pop("calendario", {})
    charge = {
        "calendario": calendar,
        "txid": txid,
        "revisao": 0,
        "loc": {"id": number, "txid": txid, "location": location, "tipoCob": "cob", "criacao": made},
        "location": location,
        "status": ACTIVE,
        "pixCopiaECola": brcode.dynamic(location),
        **given,
    }
    tx.execute(
        "INSERT INTO pix_charges (account, txid, created, status, secret, body) VALUES (?, ?, ?, ?, ?, ?)",
        [call.account, txid, tx.now, ACTIVE, secret, encode(charge)],
    )
    return charge


def _txid(call: Call, what: str = "RequisicaoInvalida") -> str:
    txid = call.path["txid"]
    if not words.TXID.fullmatch(txid):
        raise invalid(what, "O parâmetro txid não respeita o schema.", "txid", txid)
    return txid


OPERATIONS = [
    Operation("PUT", "/cob/{txid}", "cob.write", put),
    Operation("PATCH", "/cob/{txid}", "cob.write", patch),
    Operation("GET", "/cob/{txid}", "cob.read", get),
    Operation("GET", "/cob", "cob.read", list_),
]
