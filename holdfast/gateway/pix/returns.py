"""Devoluções: asked for by the receiver, made in the bank's own app, or taken back under the MED."""

import json
import os

from holdfast.gateway.pix import asked, received, words
from holdfast.gateway.pix.api import Call, Operation
from holdfast.gateway.pix.problems import invalid, missing
from holdfast.gateway.tx import Tx, encode

WHAT = "PixDevolucaoInvalida"
WINDOW_S = 90 * 86_400
NATURES = ("ORIGINAL", "MED_FRAUDE", "MED_OPERACIONAL", "MED_PIX_AUTOMATICO")
WAITING, DONE, FAILED = "EM_PROCESSAMENTO", "DEVOLVIDO", "NAO_REALIZADO"


def put(tx: Tx, call: Call) -> tuple[int, dict]:
    """An id that was used is refused, whatever was asked with it: this is no replay."""
    e2eid, id_ = _names(call)
    row = received.find(tx, call.account, e2eid)
    minor, told = asked.return_(call.body)
    if _find(tx, e2eid, id_) is not None:
        reason = (
            "A presente requisição de devolução apresenta um {id} já utilizado por outra requisição de devolução para o {e2eid}"
            " em questão."
        )
        raise invalid(WHAT, reason, "id", id_)
    if tx.now - row["settled_at"] > WINDOW_S:
        reason = (
            "A presente requisição de devolução viola a janela de tempo permitida para solicitações de devoluções de um pix"
            " (hoje estabelecida como 90 dias desde a data de liquidação original do pix)."
        )
        raise invalid(WHAT, reason, "e2eid", e2eid)
    made = add(tx, row, id_=id_, minor=minor, told=told)
    bounces = tx.world.moods.for_money("refund") == "refund_bounce"
    if bounces:
        tx.world.count_mood("refund_bounce", "pix return")
    action = "pix_return_fails" if bounces else "pix_return_settles"
    tx.set_alarm(alarm_of(e2eid, id_), action, tx.world.moods.settings["refund_after_s"])
    return 201, made


def get(tx: Tx, call: Call) -> tuple[int, dict]:
    e2eid, id_ = _names(call)
    received.find(tx, call.account, e2eid)
    row = _find(tx, e2eid, id_)
    if row is None:
        raise missing("PixDevolucaoNaoEncontrada")
    return 200, json.loads(row["body"])


def add(tx: Tx, row, *, id_: str, minor: int, told: dict) -> dict:
    """A return that begins. All of them together never exceed the Pix. Raises Problem."""
    before = [json.loads(each["body"]) for each in tx.execute("SELECT body FROM pix_returns WHERE e2eid = ?", [row["e2eid"]])]
    given_back = sum(words.minor(each["valor"]) or 0 for each in before if each["status"] != FAILED)
    if given_back + minor > (words.minor(json.loads(row["body"])["valor"]) or 0):
        reason = (
            "A presente requisição de devolução, em conjunto com as demais prévias devoluções, se aplicável, excederia o valor"
            " do pix originário."
        )
        raise invalid(WHAT, reason, "devolucao.valor", words.value(minor))
    made = {
        "id": id_,
        "rtrId": words.new_id("D", words.RECEIVER_ISPB, tx.now),
        "valor": words.value(minor),
        **told,
        "horario": {"solicitacao": words.written(tx.now)},
        "status": WAITING,
    }
    tx.execute("INSERT INTO pix_returns (e2eid, id, body) VALUES (?, ?, ?)", [row["e2eid"], id_, encode(made)])
    return made


def unasked(tx: Tx, e2eid: str, *, nature: str, minor: int | None = None) -> dict:
    """A return that the receiver never asked for through the API, done at once and called back. Raises ValueError, Problem."""
    if nature not in NATURES:
        raise ValueError(f"natureza is one of {', '.join(NATURES)}")
    row = received.find(tx, None, e2eid)
    whole = words.minor(json.loads(row["body"])["valor"]) or 0
    id_ = f"M{os.urandom(15).hex()}"
    add(tx, row, id_=id_, minor=whole if minor is None else minor, told={"natureza": nature})
    return settle(tx, e2eid, id_, succeeded=True)


def settle(tx: Tx, e2eid: str, id_: str, *, succeeded: bool) -> dict:
    """The return ends one way or the other, once. Only an end is called back."""
    row = _find(tx, e2eid, id_)
    if row is None:
        raise missing("PixDevolucaoNaoEncontrada")
    made = json.loads(row["body"])
    for action in ("pix_return_settles", "pix_return_fails"):
        tx.stop_alarm(alarm_of(e2eid, id_), action)
    if made["status"] != WAITING:
        return made
    if succeeded:
        made["horario"]["liquidacao"] = words.written(tx.now)
        made["status"] = DONE
    else:
        made |= {"status": FAILED, "motivo": "Conta do usuário pagador encerrada"}
    tx.execute("UPDATE pix_returns SET body = ? WHERE seq = ?", [encode(made), row["seq"]])
    received.tell(tx, received.find(tx, None, e2eid)["account"], e2eid)
    return made


def alarm_of(e2eid: str, id_: str) -> str:
    return f"pix {e2eid} {id_}"


def go_off(tx: Tx, name: str, action: str) -> None:
    """What was to happen later happens now."""
    _, e2eid, rest = name.split(" ", 2)
    if action in ("pix_return_settles", "pix_return_fails"):
        settle(tx, e2eid, rest, succeeded=action == "pix_return_settles")
    elif action == "pix_return_unasked":
        _take_back(tx, e2eid, nature=rest)


def _take_back(tx: Tx, e2eid: str, *, nature: str) -> None:
    """By a mood. What was given back meanwhile is not taken again."""
    row = received.find(tx, None, e2eid)
    if tx.execute("SELECT 1 FROM pix_returns WHERE e2eid = ?", [row["e2eid"]]).fetchone() is None:
        unasked(tx, e2eid, nature=nature)


def _find(tx: Tx, e2eid: str, id_: str):
    return tx.execute("SELECT * FROM pix_returns WHERE e2eid = ? AND id = ?", [e2eid, id_]).fetchone()


def _names(call: Call) -> tuple[str, str]:
    e2eid, id_ = call.path["e2eid"], call.path["id"]
    if not words.END_TO_END_ID.fullmatch(e2eid):
        raise invalid("RequisicaoInvalida", "O parâmetro e2eid não respeita o schema.", "e2eid", e2eid)
    if not words.RETURN_ID.fullmatch(id_):
        raise invalid("RequisicaoInvalida", "O parâmetro id não respeita o schema.", "id", id_)
    return e2eid, id_


OPERATIONS = [
    Operation("PUT", "/pix/{e2eid}/devolucao/{id}", "pix.write", put),
    Operation("GET", "/pix/{e2eid}/devolucao/{id}", "pix.read", get),
]
