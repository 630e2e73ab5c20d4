"""Pix that arrive and go back at the bank, and what it tells of them."""

import json
import uuid

import pytest
from gateway_process import GatewayProcess
from gateway_shop import wait_until
from pix_receiver import EVER, Receiver


@pytest.fixture
def bank(gateway) -> Receiver:
    return Receiver(gateway)


@pytest.fixture
def listening(bank):
    bank.listen()
    yield bank
    bank.close()


def violation(answer) -> str:
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (400, "PixDevolucaoInvalida")
    return answer.json()["violacoes"][0]["razao"]


# -- Arriving ---------------------------------------------------------------------------------------------------------


def test_a_paid_charge_is_concluded_and_shows_its_pix(bank):
    txid = bank.charge()["txid"]
    (pix,) = bank.pay(txid)
    charge = bank.ask("GET", f"/cob/{txid}").json()
    assert (charge["status"], charge["pix"]) == ("CONCLUIDA", [pix])
    assert bank.ask("GET", f"/pix/{pix['endToEndId']}").json() == pix
    assert (pix["txid"], pix["valor"]) == (txid, "25.00")


def test_money_comes_again_late_and_in_another_amount(bank):
    txid = bank.charge()["txid"]
    first, second = bank.pay(txid, times=2, valor="1.00")
    assert bank.ask("GET", f"/cob/{txid}").json()["pix"] == [first, second]
    removed = bank.charge()["txid"]
    bank.ask("PATCH", f"/cob/{removed}", {"status": "REMOVIDA_PELO_USUARIO_RECEBEDOR"})
    (late,) = bank.pay(removed)
    charge = bank.ask("GET", f"/cob/{removed}").json()
    assert (charge["status"], "pix" in charge) == ("REMOVIDA_PELO_USUARIO_RECEBEDOR", False)
    assert bank.ask("GET", "/pix", **EVER, txid=removed).json()["pix"] == [late]


def test_pix_are_listed_by_every_filter(bank):
    with_charge = bank.paid()
    (printed,) = bank.gateway.control("POST", f"/pix/clients/{bank.client_id}/pay", chave=bank.key, valor="7.00", txid="BALCAO1")[
        "pix"
    ]
    (bare,) = bank.gateway.control("POST", f"/pix/clients/{bank.client_id}/pay", chave=bank.key, valor="8.00")["pix"]
    bank.give_back(with_charge["endToEndId"], "d1", "1.00")

    def listed(**query) -> list[str]:
        return [pix["endToEndId"] for pix in bank.ask("GET", "/pix", **EVER, **query).json()["pix"]]

    ids = [pix["endToEndId"] for pix in (with_charge, printed, bare)]
    assert listed() == ids
    assert listed(txid="BALCAO1") == [ids[1]]
    assert (listed(txIdPresente="true"), listed(txIdPresente="false")) == (ids[:2], ids[2:])
    assert (listed(devolucaoPresente="true"), listed(devolucaoPresente="false")) == (ids[:1], ids[1:])
    assert listed(cpf="12345678909") == []
    assert listed(**{"paginacao.itensPorPagina": "2", "paginacao.paginaAtual": "1"}) == ids[2:]


def test_one_receivers_money_is_nothing_to_another(bank):
    pix, other = bank.paid(), Receiver(bank.gateway)
    assert other.ask("GET", f"/pix/{pix['endToEndId']}").status_code == 404
    assert other.give_back(pix["endToEndId"], "d1", "1.00").status_code == 404
    assert other.ask("GET", "/pix", **EVER).json()["pix"] == []


# -- Going back -------------------------------------------------------------------------------------------------------


def test_a_return_is_worked_on_and_then_done_by_itself(bank):
    e2eid = bank.paid()["endToEndId"]
    made = bank.give_back(e2eid, "d1", "10.00", natureza="ORIGINAL", descricao="Too small")
    assert (made.status_code, made.json()["status"], made.json()["descricao"]) == (201, "EM_PROCESSAMENTO", "Too small")

    def now() -> dict:
        return bank.ask("GET", f"/pix/{e2eid}/devolucao/d1").json()

    wait_until(lambda: now()["status"] == "DEVOLVIDO")
    assert bank.ask("GET", f"/pix/{e2eid}").json()["devolucoes"] == [now()]


def test_a_return_that_bounces_leaves_room_for_another(bank):
    e2eid = bank.paid()["endToEndId"]
    bank.gateway.mood_next("refund", "refund_bounce")
    bank.give_back(e2eid, "d1", "25.00")
    wait_until(lambda: bank.ask("GET", f"/pix/{e2eid}/devolucao/d1").json()["status"] == "NAO_REALIZADO")
    assert bank.ask("GET", f"/pix/{e2eid}/devolucao/d1").json()["motivo"] == "Conta do usuário pagador encerrada"
    assert bank.give_back(e2eid, "d2", "25.00").status_code == 201


def test_an_id_that_was_used_is_refused_and_not_replayed(bank):
    first, second = bank.paid()["endToEndId"], bank.paid()["endToEndId"]
    bank.give_back(first, "d1", "10.00")
    for valor in ("10.00", "1.00"):
        assert "já utilizado" in violation(bank.give_back(first, "d1", valor))
    assert bank.give_back(second, "d1", "10.00").status_code == 201
    assert len(bank.ask("GET", f"/pix/{first}").json()["devolucoes"]) == 1


def test_returns_never_exceed_the_pix(bank):
    e2eid = bank.paid()["endToEndId"]
    bank.give_back(e2eid, "d1", "20.00")
    assert "excederia o valor" in violation(bank.give_back(e2eid, "d2", "5.01"))
    assert bank.give_back(e2eid, "d3", "5.00").status_code == 201


@pytest.mark.parametrize(("days", "status"), [(89.99, 201), (90.01, 400)])
def test_a_return_has_ninety_days(bank, days, status):
    answer = bank.give_back(bank.paid(days_ago=days)["endToEndId"], "d1", "1.00")
    assert answer.status_code == status
    if status == 400:
        assert "90 dias" in violation(answer)


@pytest.mark.parametrize(
    "body", [{}, {"valor": "0.00"}, {"valor": 1}, {"valor": "1.00", "natureza": "MED_FRAUDE"}, {"valor": "1.0"}]
)
def test_a_return_that_breaks_the_schema_is_refused(bank, body):
    e2eid = bank.paid()["endToEndId"]
    assert "não respeita o schema" in violation(bank.ask("PUT", f"/pix/{e2eid}/devolucao/d1", body))


def test_the_bank_takes_back_what_nobody_asked_it_to(bank):
    e2eid = bank.paid()["endToEndId"]
    made = bank.gateway.control("POST", f"/pix/received/{e2eid}/return", natureza="MED_FRAUDE", valor="5.00")
    assert (made["status"], made["natureza"]) == ("DEVOLVIDO", "MED_FRAUDE")
    assert bank.ask("GET", f"/pix/{e2eid}/devolucao/{made['id']}").json() == made


@pytest.mark.parametrize(("mood", "nature"), [("dispute", "MED_FRAUDE"), ("dashboard_refund", "ORIGINAL")])
def test_moods_of_a_payment_take_it_back_later(bank, mood, nature):
    bank.gateway.mood_next("payment", mood)
    e2eid = bank.paid()["endToEndId"]
    wait_until(lambda: "devolucoes" in bank.ask("GET", f"/pix/{e2eid}").json())
    (made,) = bank.ask("GET", f"/pix/{e2eid}").json()["devolucoes"]
    assert (made["natureza"], made["valor"], made["status"]) == (nature, "25.00", "DEVOLVIDO")


def test_the_books_add_up(bank):
    pix = bank.paid()
    bank.give_back(pix["endToEndId"], "d1", "10.00")
    bank.give_back(pix["endToEndId"], "d2", "5.00")
    bank.settle(pix["endToEndId"], "d2", "failed")
    (received,) = bank.gateway.control("GET", f"/pix/books?client_id={bank.client_id}")["received"]
    assert (received["received_minor"], received["returned_minor"], len(received["returns"])) == (2500, 1000, 2)
    assert received in bank.gateway.books()["pix"]["received"]


# -- Telling ----------------------------------------------------------------------------------------------------------


def test_a_webhook_is_set_moved_shown_and_taken_away(bank):
    assert bank.ask("PUT", f"/webhook/{bank.key}", {"webhookUrl": "https://a.example/x"}).status_code == 200
    assert bank.ask("PUT", f"/webhook/{bank.key}", {"webhookUrl": "https://b.example/x"}).status_code == 200
    assert bank.ask("GET", f"/webhook/{bank.key}").json()["webhookUrl"] == "https://b.example/x"
    assert bank.ask("DELETE", f"/webhook/{bank.key}").status_code == 204
    assert bank.ask("GET", f"/webhook/{bank.key}").status_code == 404


@pytest.mark.parametrize("url", [None, 7, "", "ftp://x", "https://a b"])
def test_a_webhook_needs_an_address(bank, url):
    assert bank.ask("PUT", f"/webhook/{bank.key}", {"webhookUrl": url}).status_code == 400


def test_a_pix_is_called_back_with_its_returns_once_they_have_ended(listening):
    pix = listening.paid()
    wait_until(lambda: listening.heard == [pix])
    listening.give_back(pix["endToEndId"], "d1", "10.00")
    listening.settle(pix["endToEndId"], "d1")
    wait_until(lambda: len(listening.heard) == 2)
    (made,) = listening.heard[1]["devolucoes"]
    assert (made["status"], listening.heard[1]["endToEndId"]) == ("DEVOLVIDO", pix["endToEndId"])
    assert set(listening.paths) == {"/webhooks/secret/pix"}


def test_what_is_due_together_goes_together(listening):
    listening.gateway.pause()
    try:
        made = [listening.paid() for _ in range(25)]
    finally:
        listening.gateway.resume()
    wait_until(lambda: len(listening.heard) == 25)
    assert sorted(pix["endToEndId"] for pix in listening.heard) == sorted(pix["endToEndId"] for pix in made)
    assert len(listening.paths) < 25


def test_a_pix_without_txid_is_not_called_back(listening):
    listening.gateway.control("POST", f"/pix/clients/{listening.client_id}/pay", chave=listening.key, valor="7.00")
    pix = listening.paid()
    wait_until(lambda: listening.heard == [pix])
    assert len(listening.callbacks()) == 1


@pytest.mark.parametrize(
    ("mood", "heard"), [("webhook_drop", 0), ("webhook_duplicate", 2), ("webhook_delay", 1), ("webhook_reorder", 1)]
)
def test_callbacks_have_bad_days(listening, mood, heard):
    listening.gateway.mood_next("webhook", mood, seconds=0.2)
    pix = listening.paid()
    last = listening.paid()
    wait_until(lambda: last in listening.heard and listening.heard.count(pix) == heard)
    assert len(listening.callbacks()) == 2


def test_a_thief_knows_not_the_whole_address(listening):
    listening.gateway.mood_next("webhook", "webhook_forge")
    pix = listening.paid()
    wait_until(lambda: len(listening.paths) == 2)
    assert listening.heard == [pix]
    assert sorted(listening.paths) == [f"/webhooks/{'0' * 32}/pix", "/webhooks/secret/pix"]
    wait_until(lambda: {each["state"] for each in listening.callbacks()[0]["deliveries"]} == {"delivered", "refused"})


# -- Surviving, and the pages -----------------------------------------------------------------------------------------


def test_a_killed_bank_forgets_nothing_that_it_answered(tmp_path):
    with GatewayProcess(tmp_path / "books", args=("--set", "refund_after_s=0.2")) as process:
        bank = Receiver(process)
        charge = bank.charge()
        (pix,) = bank.pay(charge["txid"])
        bank.give_back(pix["endToEndId"], "d1", "10.00")
        process.kill()
        process.start()
        assert bank.ask("GET", f"/cob/{charge['txid']}").json()["pix"][0]["endToEndId"] == pix["endToEndId"]
        wait_until(lambda: bank.ask("GET", f"/pix/{pix['endToEndId']}/devolucao/d1").json()["status"] == "DEVOLVIDO")
        assert "já utilizado" in violation(bank.give_back(pix["endToEndId"], "d1", "10.00"))


@pytest.mark.parametrize(
    ("mood", "status", "type_", "done"),
    [
        ("fail_before", 500, "ErroInternoDoServidor", False),
        ("fail_during", 503, "ServicoIndisponivel", False),
        ("error_after", 504, "IndisponibilidadePorTempoEsgotado", True),
    ],
)
def test_moods_have_their_place_among_the_apis_errors(bank, mood, status, type_, done):
    txid = uuid.uuid4().hex
    bank.gateway.mood_next("PUT /pix/api/v2/cob/{txid}", mood)
    answer = bank.ask("PUT", f"/cob/{txid}", {"valor": {"original": "1.00"}, "chave": bank.key})
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (status, type_)
    assert bank.ask("GET", f"/cob/{txid}").status_code == (200 if done else 404)


def test_a_person_reads_the_code_pays_once_and_no_more(bank):
    charge = bank.charge(solicitacaoPagador="<b>Pedido 7</b>")
    read = bank.http.post("/pix/pay", data={"code": charge["pixCopiaECola"]})
    assert (read.status_code, read.headers["location"]) == (303, f"/pix/pay/{charge['txid']}")
    page = bank.http.get(read.headers["location"])
    assert ("BRL 25.00" in page.text, "&lt;b&gt;Pedido 7" in page.text, "<svg" in page.text) == (True, True, True)
    assert bank.http.post(read.headers["location"]).status_code == 200
    assert bank.http.post(read.headers["location"]).status_code == 410
    assert len(bank.ask("GET", f"/cob/{charge['txid']}").json()["pix"]) == 1


@pytest.mark.parametrize("code", ["", "nonsense", "0002010102126304FFFF"])
def test_what_is_no_code_of_this_bank_leads_nowhere(bank, code):
    assert bank.http.post("/pix/pay", data={"code": code}).status_code == 404
    assert bank.http.get(f"/pix/pay/{uuid.uuid4().hex}").status_code == 404
    assert bank.http.post(f"/pix/pay/{uuid.uuid4().hex}").status_code == 404


def test_the_location_serves_what_a_payers_bank_reads(bank):
    charge = bank.charge()
    address = "/" + charge["location"].split("/", 1)[1]
    payload = json.loads(bank.http.get(address).text)
    assert (payload["txid"], payload["valor"], payload["chave"]) == (charge["txid"], charge["valor"], bank.key)
    assert set(payload["calendario"]) == {"criacao", "expiracao", "apresentacao"}
    assert bank.http.get(address, headers={"Accept": "text/html"}).headers["location"] == f"/pix/pay/{charge['txid']}"
    assert bank.http.get("/pix/qr/v2/nothing").status_code == 404
