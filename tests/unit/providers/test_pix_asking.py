"""What every answer of a bank means, over a transport of our own."""

import json
import threading

import httpx
import pytest
from provider_things import ACCOUNT

from holdfast.providers.contract import AccountHandle, Kind, NotSent, Unknown
from holdfast.providers.pix import asking
from holdfast.providers.pix.adapter import PixAdapter
from holdfast.providers.pix.asking import Refusal, ask

CREDENTIALS = {
    "client_id": "client",
    "client_secret": "hush-hush-hush-hush",
    "api_base": "https://bank.example/api/v2/",
    "token_url": "https://bank.example/oauth/token",
}
TXID = "019a0000000070008000000000000001"
CHARGE = {"txid": TXID, "status": "ATIVA", "pixCopiaECola": "code"}


def account(**changes) -> AccountHandle:
    return AccountHandle(id=ACCOUNT, provider="pix", live=False, credentials={**CREDENTIALS, **changes})


def problem(status: int, type_: str, detail: str = "No.") -> httpx.Response:
    body = {"type": f"https://pix.bcb.gov.br/api/v2/error/{type_}", "title": "t", "status": status, "detail": detail}
    return httpx.Response(status, json=body, headers={"content-type": "application/problem+json"})


class Bank:
    """Answers from a list, one after the other; tokens are numbered."""

    def __init__(self) -> None:
        self.answers: list = []
        self.asked: list[httpx.Request] = []
        self.tokens = 0
        self.token_life_s: object = 3600

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            self.tokens += 1
            return httpx.Response(200, json={"access_token": f"token{self.tokens}", "expires_in": self.token_life_s})
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def bank(monkeypatch):
    bank = Bank()
    made = httpx.Client

    def client(**options):
        options.pop("verify")
        return made(transport=httpx.MockTransport(bank), **options)

    monkeypatch.setattr(asking.httpx, "Client", client)
    asking._line.cache_clear()
    yield bank
    asking._line.cache_clear()


def test_a_question_carries_the_token_and_the_body(bank):
    bank.answers = [httpx.Response(201, json=CHARGE)]
    assert ask(account(), "PUT", f"/cob/{TXID}", body={"chave": "ção"}) == CHARGE
    (request,) = bank.asked
    assert str(request.url) == f"https://bank.example/api/v2/cob/{TXID}"
    assert request.headers["authorization"] == "Bearer token1"
    assert json.loads(request.content) == {"chave": "ção"}


def test_the_token_is_asked_for_once_by_many_threads(bank):
    bank.answers = [httpx.Response(200, json=CHARGE) for _ in range(8)]
    threads = [threading.Thread(target=ask, args=[account(), "GET", "/pix"]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (bank.tokens, len(bank.asked)) == (1, 8)


@pytest.mark.parametrize(
    ("life_s", "kept_s"), [(3600, 3540), (600, 540), (60, 54), (1, 0.9), (None, 270), ("3600", 270), (-1, 270), (True, 270)]
)
def test_a_token_is_renewed_before_it_ends(bank, monkeypatch, life_s, kept_s):
    now = [1000.0]
    monkeypatch.setattr(asking.time, "monotonic", lambda: now[0])
    bank.token_life_s = life_s
    line = asking.line_of(account())
    assert line.token() == "token1"
    now[0] += kept_s - 0.01
    assert line.token() == "token1"
    now[0] += 0.02
    assert line.token() == "token2"


def test_a_refused_token_is_renewed_once(bank):
    bank.answers = [httpx.Response(401), httpx.Response(200, json=CHARGE)]
    assert ask(account(), "GET", "/pix") == CHARGE
    assert [request.headers["authorization"] for request in bank.asked] == ["Bearer token1", "Bearer token2"]
    bank.answers = [httpx.Response(401), httpx.Response(401)]
    with pytest.raises(NotSent, match="credentials"):
        ask(account(), "GET", "/pix")


def test_a_timeout_after_a_refused_token_is_unknown(bank):
    bank.answers = [httpx.Response(401), httpx.ReadTimeout("slow")]
    with pytest.raises(Unknown):
        ask(account(), "PUT", f"/cob/{TXID}", body={})


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (problem(403, "AcessoNegado"), NotSent),
        (httpx.Response(429), NotSent),
        (httpx.ConnectError("no"), NotSent),
        (httpx.ConnectTimeout("no"), NotSent),
        (httpx.PoolTimeout("no"), NotSent),
        (httpx.ReadTimeout("no"), Unknown),
        (httpx.WriteTimeout("no"), Unknown),
        (httpx.ReadError("no"), Unknown),
        (httpx.RemoteProtocolError("no"), Unknown),
        (problem(500, "ErroInternoDoServidor"), Unknown),
        (problem(503, "ServicoIndisponivel"), Unknown),
        (problem(504, "IndisponibilidadePorTempoEsgotado"), Unknown),
        (httpx.Response(200, content=b'{"txid": "01'), Unknown),
        (httpx.Response(200, json=[]), Unknown),
        (httpx.Response(204), Unknown),
        (httpx.Response(302, headers={"location": "https://other.example"}), Unknown),
        (problem(400, "CobOperacaoInvalida"), Refusal),
        (problem(404, "CobNaoEncontrado"), Refusal),
        (httpx.Response(404, text="nothing here"), Refusal),
    ],
)
def test_what_every_answer_means(bank, answer, raised):
    bank.answers = [answer]
    with pytest.raises((NotSent, Unknown, Refusal)) as said:
        ask(account(), "PUT", f"/cob/{TXID}", body={})
    assert type(said.value) is raised
    assert "hush" not in str(said.value)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (problem(404, "CobNaoEncontrado"), True),
        (problem(404, "PixDevolucaoNaoEncontrada"), True),
        (problem(404, "NaoEncontrado"), True),
        (problem(400, "CobNaoEncontrado"), False),
        (problem(410, "PermanentementeRemovido"), False),
        (httpx.Response(404, text="nothing here"), False),
        (httpx.Response(404, json={"type": "about:blank"}), False),
        (httpx.Response(404, json={"type": 7}), False),
    ],
)
def test_only_the_api_itself_can_say_that_there_is_nothing(answer, found):
    """A proxy's 404, or that of another address, proves nothing."""
    assert Refusal(answer).says_not_found is found


def test_a_refusal_tells_the_reasons_and_never_what_was_sent():
    body = {
        "type": "https://pix.bcb.gov.br/api/v2/error/CobOperacaoInvalida",
        "detail": "Inválida.",
        "violacoes": [{"razao": "Não respeita o schema.", "propriedade": "cob.chave", "valor": "a secret"}, 7],
    }
    refusal = Refusal(httpx.Response(400, json=body))
    assert (refusal.problem, refusal.detail) == ("CobOperacaoInvalida", "Inválida. Não respeita o schema.")


@pytest.mark.parametrize("violations", [None, 7, {}, [None], [{"razao": 7}]])
def test_odd_problems_are_read_as_far_as_they_go(violations):
    assert Refusal(httpx.Response(400, json={"title": "T", "violacoes": violations})).detail == "T"


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": ""},
        {"client_secret": "two words"},
        {"client_secret": 7},
        {"api_base": None},
        {"token_url": ""},
        {"token_url": 7},
        {"certificate": 7},
        {"ca": ["x"]},
    ],
)
def test_credentials_that_cannot_be_tried_mean_not_sent(bank, changes):
    with pytest.raises(NotSent):
        ask(account(**changes), "GET", "/pix")
    assert (bank.tokens, bank.asked) == (0, [])


def opening():
    request = {"txid": TXID, "cob": {"chave": "k", "valor": {"original": "25.00"}}}
    return PixAdapter().open(request=request, key=f"{TXID}:open", account=account())


@pytest.mark.parametrize("answer", [httpx.Response(405), httpx.Response(404, text="no"), problem(410, "PermanentementeRemovido")])
def test_a_no_from_somewhere_on_the_way_is_unknown(bank, answer):
    bank.answers = [answer, problem(404, "CobNaoEncontrado")]
    with pytest.raises(Unknown, match="wrong address"):
        opening()


@pytest.mark.parametrize("status", [400, 409, 422])
def test_an_id_that_is_taken_by_ourselves_is_success(bank, status):
    """S-65: banks differ in how they refuse a txid that they know."""
    bank.answers = [problem(status, "CobOperacaoInvalida"), httpx.Response(200, json=CHARGE)]
    assert opening().kind is Kind.OPENED


def test_a_refusal_that_cannot_be_looked_up_is_unknown(bank):
    for look in (
        httpx.ConnectError("no"),
        httpx.ReadTimeout("no"),
        httpx.Response(404, text="proxy"),
        problem(403, "AcessoNegado"),
    ):
        bank.answers = [problem(400, "CobOperacaoInvalida"), look]
        with pytest.raises(Unknown):
            opening()


@pytest.mark.parametrize("said", [{}, {"txid": "another"}, {"txid": None, "status": "ATIVA"}])
def test_an_answer_about_something_else_is_unknown(bank, said):
    bank.answers = [httpx.Response(201, json=said)]
    with pytest.raises(Unknown):
        opening()


def test_a_removed_charge_whose_money_cannot_be_searched_is_unknown(bank):
    removed = {**CHARGE, "status": "REMOVIDA_PELO_PSP"}
    for answer in (problem(400, "PixConsultaInvalida"), httpx.Response(200, json={"pix": []})):
        bank.answers = [httpx.Response(200, json=removed), answer]
        with pytest.raises(Unknown):
            PixAdapter().fetch(reference=TXID, provider_id=None, account=account())
