"""Errors as the API has them: RFC 7807, with the types and violations of its chapter "Tratamento de erros"."""

import json
import uuid

from starlette.responses import Response

from holdfast.gateway.tx import encode

TYPES = "https://pix.bcb.gov.br/api/v2/error/"
MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer that is no success. `violations` are (reason, property, value as it was sent)."""

    def __init__(self, status: int, type_: str, title: str, detail: str, violations: list[tuple[str, str, object]] | None = None):
        super().__init__(detail)
        self.status = status
        self.body: dict = {"type": TYPES + type_, "title": title, "status": status, "detail": detail}
        if violations:
            self.body["violacoes"] = [{"razao": why, "propriedade": of, "valor": _shown(value)} for why, of, value in violations]

    def response(self) -> Response:
        body = self.body | {"correlationId": str(uuid.uuid4())}
        return Response(encode(body), self.status, media_type=MEDIA_TYPE)


def invalid(what: str, reason: str, name: str, value: object) -> Problem:
    """400 `CobOperacaoInvalida`, `PixDevolucaoInvalida`, … with the one violation that was found first."""
    title, detail = TITLES[what]
    return Problem(400, what, title, detail, [(reason, name, value)])


def missing(what: str) -> Problem:
    title, detail = TITLES[what]
    return Problem(404, what, title, detail)


def denied(detail: str, status: int = 403) -> Problem:
    return Problem(status, "AcessoNegado", "Acesso Negado", detail)


def broken() -> Problem:
    detail = "Condição inesperada ao processar requisição."
    return Problem(500, "ErroInternoDoServidor", "Erro Interno do Servidor", detail)


def unavailable() -> Problem:
    detail = (
        "Serviço não está disponível no momento. Serviço solicitado pode estar em manutenção ou fora da janela de funcionamento."
    )
    return Problem(503, "ServicoIndisponivel", "Serviço Indisponível", detail)


def too_late() -> Problem:
    detail = "O serviço demorou além do esperado para retornar."
    return Problem(504, "IndisponibilidadePorTempoEsgotado", "Tempo Esgotado", detail)


def _shown(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)[:200]


TITLES = {
    "RequisicaoInvalida": ("Requisição inválida", "A requisição não respeita o schema."),
    "CobNaoEncontrado": ("Cobrança não encontrada", "Cobrança não encontrada para o txid informado."),
    "CobOperacaoInvalida": (
        "Cobrança inválida",
        "A requisição que busca alterar ou criar uma cobrança para pagamento imediato não respeita o schema ou está"
        " semanticamente errada.",
    ),
    "CobConsultaInvalida": (
        "Consulta inválida",
        "Os parâmetros de consulta à lista de cobranças para pagamento imediato não respeitam o schema ou não fazem sentido"
        " semanticamente.",
    ),
    "CobPayloadNaoEncontrado": ("Cobrança não encontrada", "A cobrança não foi encontrada para a location requisitada."),
    "PixNaoEncontrado": ("Pix não encontrado", "Pix não encontrado para o e2eid informado."),
    "PixDevolucaoNaoEncontrada": ("Devolução não encontrada", "Devolução não encontrada para o e2eid informado."),
    "PixConsultaInvalida": (
        "Consulta inválida",
        "Os parâmetros de consulta à lista de pix recebidos não respeitam o schema ou não fazem sentido semanticamente.",
    ),
    "PixDevolucaoInvalida": (
        "Devolução inválida",
        "A presente requisição de devolução não respeita o schema ou não faz sentido semanticamente.",
    ),
    "WebhookOperacaoInvalida": (
        "Webhook inválido",
        "A presente requisição busca criar um webhook sem respeitar o schema ou, ainda, apresenta semântica inválida.",
    ),
    "WebhookNaoEncontrado": ("Webhook não encontrado", "O webhook denotado por {chave} não encontra-se estabelecido."),
}
