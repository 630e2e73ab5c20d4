"""The objects of API Pix that the bank emits, as JSON schemas: the central bank's openapi.yaml with its patterns anchored.

Stricter than the original: what is not named is not allowed, so that a misspelt field does not pass for an additional one.
"""

E2EID = {"type": "string", "pattern": r"^[a-zA-Z0-9]{32}$"}
VALUE = {"type": "string", "pattern": r"^\d{1,10}\.\d{2}$"}
TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"}
KEY = {"type": "string", "minLength": 1, "maxLength": 77}
LOCATION = {"type": "string", "maxLength": 77, "pattern": r"^(?!https?://)[^ ]+/[^ ]+$"}


def txid(least: int) -> dict:
    return {"type": "string", "pattern": rf"^[a-zA-Z0-9]{{{least},35}}$"}


def closed(properties: dict, *optional: str) -> dict:
    required = sorted(set(properties) - set(optional))
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


RETURN = closed(
    {
        "id": {"type": "string", "pattern": r"^[a-zA-Z0-9]{1,35}$"},
        "rtrId": E2EID,
        "valor": VALUE,
        "natureza": {"enum": ["ORIGINAL", "RETIRADA", "MED_OPERACIONAL", "MED_FRAUDE", "MED_PIX_AUTOMATICO"]},
        "descricao": {"type": "string", "maxLength": 140},
        "horario": closed({"solicitacao": TIME, "liquidacao": TIME}, "liquidacao"),
        "status": {"enum": ["EM_PROCESSAMENTO", "DEVOLVIDO", "NAO_REALIZADO"]},
        "motivo": {"type": "string", "maxLength": 140},
    },
    "natureza",
    "descricao",
    "motivo",
)
PIX = closed(
    {
        "endToEndId": E2EID,
        "txid": txid(1),
        "valor": VALUE,
        "componentesValor": closed({"original": closed({"valor": VALUE})}),
        "chave": KEY,
        "horario": TIME,
        "infoPagador": {"type": "string", "maxLength": 140},
        "devolucoes": {"type": "array", "items": RETURN, "minItems": 1},
    },
    "txid",
    "infoPagador",
    "devolucoes",
)
CHARGE = closed(
    {
        "calendario": closed({"criacao": TIME, "expiracao": {"type": "integer", "minimum": 1}}),
        "txid": txid(26),
        "revisao": {"type": "integer", "minimum": 0},
        "devedor": {"type": "object", "required": ["nome"], "oneOf": [{"required": ["cpf"]}, {"required": ["cnpj"]}]},
        "loc": closed(
            {"id": {"type": "integer"}, "txid": txid(26), "location": LOCATION, "tipoCob": {"const": "cob"}, "criacao": TIME}
        ),
        "location": LOCATION,
        "status": {"enum": ["ATIVA", "CONCLUIDA", "REMOVIDA_PELO_USUARIO_RECEBEDOR", "REMOVIDA_PELO_PSP"]},
        "valor": closed({"original": VALUE, "modalidadeAlteracao": {"enum": [0, 1]}}, "modalidadeAlteracao"),
        "chave": KEY,
        "solicitacaoPagador": {"type": "string", "maxLength": 140},
        "infoAdicionais": {
            "type": "array",
            "items": closed({"nome": {"type": "string", "maxLength": 50}, "valor": {"type": "string", "maxLength": 200}}),
        },
        "pixCopiaECola": {"type": "string", "maxLength": 512},
        "pix": {"type": "array", "items": PIX, "minItems": 1},
    },
    "devedor",
    "solicitacaoPagador",
    "infoAdicionais",
    "pix",
)
PAGING = closed(
    {
        "paginaAtual": {"type": "integer", "minimum": 0},
        "itensPorPagina": {"type": "integer", "minimum": 1, "maximum": 1000},
        "quantidadeDePaginas": {"type": "integer", "minimum": 1},
        "quantidadeTotalDeItens": {"type": "integer", "minimum": 0},
    }
)
PIX_LIST = closed(
    {
        "parametros": closed(
            {
                "inicio": TIME,
                "fim": TIME,
                "txid": txid(1),
                "txIdPresente": {"type": "boolean"},
                "devolucaoPresente": {"type": "boolean"},
                "cpf": {"type": "string", "pattern": r"^\d{11}$"},
                "cnpj": {"type": "string", "pattern": r"^[0-9A-Z]{14}$"},
                "paginacao": PAGING,
            },
            "txid",
            "txIdPresente",
            "devolucaoPresente",
            "cpf",
            "cnpj",
        ),
        "pix": {"type": "array", "items": PIX},
    }
)
CHARGE_LIST = closed(
    {
        "parametros": closed(
            {"inicio": TIME, "fim": TIME, "status": {"type": "string"}, "cpf": {}, "cnpj": {}, "paginacao": PAGING},
            "status",
            "cpf",
            "cnpj",
        ),
        "cobs": {"type": "array", "items": CHARGE},
    }
)
WEBHOOK = closed({"webhookUrl": {"type": "string", "pattern": "^https?://"}, "chave": KEY, "criacao": TIME})
CALLBACK = closed({"pix": {"type": "array", "items": PIX, "minItems": 1}})
PROBLEM = closed(
    {
        "type": {"type": "string", "pattern": r"^https://pix\.bcb\.gov\.br/api/v2/error/[A-Za-z]+$"},
        "title": {"type": "string", "minLength": 1},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "minLength": 1},
        "correlationId": {"type": "string", "minLength": 1},
        "violacoes": {
            "type": "array",
            "items": closed({"razao": {"type": "string"}, "propriedade": {"type": "string"}, "valor": {"type": "string"}}),
        },
    },
    "violacoes",
)
