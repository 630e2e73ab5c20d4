"""The bank's charges and tokens, against the central bank's specification."""

import uuid

import pytest
from pix_receiver import EVER, Receiver


@pytest.fixture
def bank(gateway) -> Receiver:
    return Receiver(gateway)


def violation(answer) -> str:
    return answer.json()["violacoes"][0]["razao"]


def type_of(answer) -> str:
    return answer.json()["type"].rsplit("/", 1)[-1]


# -- Tokens -----------------------------------------------------------------------------------------------------------


def test_a_token_has_an_hour_and_the_scopes_that_were_asked_for(bank):
    said = bank.token(scope="cob.read pix.read").json()
    assert (said["token_type"], said["expires_in"], said["scope"]) == ("Bearer", 3600, "cob.read pix.read")


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"secret": "another-secret-of-sixteen"}, 401, "invalid_client"),
        ({"secret": "short"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": "cob.read everything"}, 400, "invalid_scope"),
    ],
)
def test_a_token_is_refused_as_oauth_says(bank, changes, status, error):
    answer = bank.token(**changes)
    assert (answer.status_code, answer.json()) == (status, {"error": error})


def test_without_basic_authorization_there_is_no_token(bank):
    answer = bank.http.post("/pix/oauth/token", data={"grant_type": "client_credentials"})
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})


@pytest.mark.parametrize("authorization", ["", "Bearer nothing", "Basic eDp5", "nonsense"])
def test_without_a_token_nothing_is_told(bank, authorization):
    bank.headers = {"Authorization": authorization}
    answer = bank.ask("GET", f"/cob/{uuid.uuid4().hex}")
    assert (answer.status_code, type_of(answer)) == (401, "AcessoNegado")


def test_a_token_does_only_what_its_scopes_allow(bank):
    bank.headers = {"Authorization": f"Bearer {bank.token(scope='cob.read').json()['access_token']}"}
    assert bank.ask("GET", "/cob", **EVER).status_code == 200
    answer = bank.ask("PUT", f"/cob/{uuid.uuid4().hex}", {})
    assert (answer.status_code, type_of(answer)) == (403, "AcessoNegado")


def test_an_ended_token_is_a_401(bank):
    assert bank.gateway.control("POST", f"/pix/clients/{bank.client_id}/tokens/end")["ended"] == 1
    assert bank.ask("GET", "/cob", **EVER).status_code == 401


# -- Charges ----------------------------------------------------------------------------------------------------------


def test_a_charge_is_made_under_the_receivers_txid(bank):
    txid = uuid.uuid4().hex
    made = bank.charge(txid, devedor={"cpf": "12345678909", "nome": "Ada"}, infoAdicionais=[{"nome": "Pedido", "valor": "7"}])
    assert (made["txid"], made["status"], made["revisao"], made["valor"]) == (txid, "ATIVA", 0, {"original": "25.00"})
    assert made["calendario"]["expiracao"] == 86_400
    assert made["location"] == made["loc"]["location"]
    assert bank.ask("GET", f"/cob/{txid}").json() == made


def test_the_same_again_alters_nothing_and_another_amount_is_a_revision(bank):
    txid = uuid.uuid4().hex
    first = bank.charge(txid)
    assert bank.charge(txid) == first
    second = bank.charge(txid, "26.00")
    assert (second["revisao"], second["location"], second["calendario"]) == (1, first["location"], first["calendario"])
    assert bank.ask("GET", f"/cob/{txid}", revisao="0").json() == first
    assert bank.ask("GET", f"/cob/{txid}", revisao="1").json() == second
    assert bank.ask("GET", f"/cob/{txid}", revisao="2").status_code == 400


def test_a_txid_is_unique_per_receiver_only(bank):
    other, txid = Receiver(bank.gateway), uuid.uuid4().hex
    bank.charge(txid, "1.00")
    assert other.ask("GET", f"/cob/{txid}").status_code == 404
    assert other.charge(txid, "2.00")["valor"] == {"original": "2.00"}
    assert bank.ask("GET", f"/cob/{txid}").json()["valor"] == {"original": "1.00"}


def test_a_patch_alters_what_it_names_or_removes(bank):
    txid = bank.charge()["txid"]
    altered = bank.ask("PATCH", f"/cob/{txid}", {"valor": {"original": "9.00"}, "calendario": {"expiracao": 60}}).json()
    assert (altered["valor"], altered["calendario"]["expiracao"], altered["revisao"]) == ({"original": "9.00"}, 60, 1)
    both = bank.ask("PATCH", f"/cob/{txid}", {"status": "REMOVIDA_PELO_USUARIO_RECEBEDOR", "valor": {"original": "8.00"}})
    assert (both.status_code, "juntamente com outras alterações" in violation(both)) == (400, True)
    removed = bank.ask("PATCH", f"/cob/{txid}", {"status": "REMOVIDA_PELO_USUARIO_RECEBEDOR"}).json()
    assert (removed["status"], removed["revisao"]) == ("REMOVIDA_PELO_USUARIO_RECEBEDOR", 2)


@pytest.mark.parametrize("end", ["paid", "removed", "removed by the bank"])
def test_a_charge_that_does_not_wait_cannot_be_altered(bank, end):
    txid = bank.charge()["txid"]
    if end == "paid":
        bank.pay(txid)
    elif end == "removed":
        bank.ask("PATCH", f"/cob/{txid}", {"status": "REMOVIDA_PELO_USUARIO_RECEBEDOR"})
    else:
        bank.gateway.control("POST", f"/pix/charges/{txid}/remove")
    before = bank.ask("GET", f"/cob/{txid}").json()
    for method, body in (
        ("PUT", {"valor": {"original": "25.00"}, "chave": bank.key}),
        ("PATCH", {"valor": {"original": "9.00"}}),
        ("PATCH", {"status": "REMOVIDA_PELO_USUARIO_RECEBEDOR"}),
    ):
        answer = bank.ask(method, f"/cob/{txid}", body)
        assert (answer.status_code, type_of(answer)) == (400, "CobOperacaoInvalida")
    assert bank.ask("GET", f"/cob/{txid}").json() == before


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"valor": {"original": "0.00"}}, "cob.valor.original"),
        ({"valor": {"original": "1"}}, "cob.valor.original"),
        ({"valor": {"original": 1.00}}, "cob.valor.original"),
        ({"valor": {"original": "1.000"}}, "cob.valor.original"),
        ({"valor": {"original": "-1.00"}}, "cob.valor.original"),
        ({"valor": "1.00"}, "cob.valor"),
        ({"calendario": {"expiracao": 0}}, "cob.calendario.expiracao"),
        ({"calendario": {"expiracao": "3600"}}, "cob.calendario.expiracao"),
        ({"chave": ""}, "cob.chave"),
        ({"chave": "k" * 78}, "cob.chave"),
        ({"devedor": {"cpf": "12345678909", "cnpj": "12345678000195", "nome": "Ada"}}, "cob.devedor"),
        ({"devedor": {"cpf": "123", "nome": "Ada"}}, "cob.devedor"),
        ({"devedor": {"cpf": "12345678909"}}, "cob.devedor"),
        ({"solicitacaoPagador": "x" * 141}, "solicitacaoPagador"),
        ({"infoAdicionais": [{"nome": "x"}]}, "infoAdicionais"),
    ],
)
def test_a_charge_that_breaks_the_schema_is_refused_with_its_violation(bank, body, name):
    answer = bank.ask("PUT", f"/cob/{uuid.uuid4().hex}", {"valor": {"original": "1.00"}, "chave": bank.key, **body})
    assert (answer.status_code, type_of(answer)) == (400, "CobOperacaoInvalida")
    assert answer.json()["violacoes"][0]["propriedade"] == name


def test_an_alphanumeric_cnpj_is_taken(bank):
    """Since 2.9.0."""
    assert bank.charge(devedor={"cnpj": "12ABC34501DE35", "nome": "Empresa"})["devedor"]["cnpj"] == "12ABC34501DE35"


def test_somebody_elses_key_is_refused(bank):
    other = Receiver(bank.gateway)
    other.charge()
    answer = bank.ask("PUT", f"/cob/{uuid.uuid4().hex}", {"valor": {"original": "1.00"}, "chave": other.key})
    assert "não pertence a este usuário recebedor" in violation(answer)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"7", b"\xff"])
def test_a_body_that_is_no_object_is_refused(bank, body):
    answer = bank.ask("PUT", f"/cob/{uuid.uuid4().hex}", body)
    assert (answer.status_code, type_of(answer)) == (400, "RequisicaoInvalida")


def test_what_the_sandbox_does_not_know_is_refused_and_not_ignored(bank):
    for name in ("loc", "split", "Valor"):
        answer = bank.ask("PUT", f"/cob/{uuid.uuid4().hex}", {"valor": {"original": "1.00"}, "chave": bank.key, name: {"id": 7}})
        assert (answer.status_code, type_of(answer)) == (400, "RequisicaoInvalida")


@pytest.mark.parametrize("txid", ["short", "x" * 36, "with-a-dash-" + "x" * 20])
def test_a_txid_has_26_to_35_letters_and_digits(bank, txid):
    assert bank.ask("PUT", f"/cob/{txid}", {"valor": {"original": "1.00"}, "chave": bank.key}).status_code == 400


def test_what_is_not_there_is_a_404_of_its_own_kind(bank):
    nothing = "0" * 32
    for method, path, type_ in (
        ("GET", f"/cob/{nothing}", "CobNaoEncontrado"),
        ("GET", f"/pix/{nothing}", "PixNaoEncontrado"),
        ("GET", f"/pix/{nothing}/devolucao/1", "PixNaoEncontrado"),
        ("GET", f"/webhook/{bank.key}", "WebhookNaoEncontrado"),
        ("DELETE", f"/webhook/{bank.key}", "WebhookNaoEncontrado"),
    ):
        answer = bank.ask(method, path)
        assert (answer.status_code, type_of(answer)) == (404, type_)
    assert bank.ask("PATCH", f"/cob/{nothing}", {}).status_code == 404


def test_charges_are_listed_by_page_status_and_debtor(bank):
    txids = [bank.charge()["txid"] for _ in range(3)]
    bank.charge(devedor={"cpf": "12345678909", "nome": "Ada"})
    bank.pay(txids[1])
    listed = bank.ask("GET", "/cob", **EVER, **{"paginacao.itensPorPagina": "2", "paginacao.paginaAtual": "1"}).json()
    assert listed["cobs"][0]["txid"] == txids[2]
    assert listed["parametros"]["paginacao"] == {
        "paginaAtual": 1, "itensPorPagina": 2, "quantidadeDePaginas": 2, "quantidadeTotalDeItens": 4,
    }  # fmt: skip
    assert [cob["txid"] for cob in bank.ask("GET", "/cob", **EVER, status="CONCLUIDA").json()["cobs"]] == [txids[1]]
    assert len(bank.ask("GET", "/cob", **EVER, cpf="12345678909").json()["cobs"]) == 1
    early = bank.ask("GET", "/cob", inicio="2020-01-01T00:00:00Z", fim="2020-01-02T00:00:00-03:00").json()
    assert early["cobs"] == []


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"inicio": "2020-01-01T00:00:00Z"},
        {"inicio": "yesterday", "fim": "2100-01-01T00:00:00Z"},
        {"inicio": "2100-01-01T00:00:00Z", "fim": "2020-01-01T00:00:00Z"},
        {**EVER, "paginacao.paginaAtual": "-1"},
        {**EVER, "paginacao.itensPorPagina": "0"},
        {**EVER, "cpf": "12345678909", "cnpj": "12345678000195"},
    ],
)
def test_a_list_that_makes_no_sense_is_refused(bank, query):
    for path, type_ in (("/cob", "CobConsultaInvalida"), ("/pix", "PixConsultaInvalida")):
        answer = bank.ask("GET", path, **query)
        assert (answer.status_code, type_of(answer)) == (400, type_)
