"""What a receiver may ask for: the bodies of requests, checked against the published schema and its violations."""

from collections.abc import Callable

from holdfast.gateway.pix import clients, words
from holdfast.gateway.pix.problems import invalid
from holdfast.gateway.tx import Tx

CHARGE, RETURN = "CobOperacaoInvalida", "PixDevolucaoInvalida"
LONGEST_KEY, LONGEST_TEXT, LONGEST_NAME = 77, 140, 200
ADDRESS = ("email", "logradouro", "cidade", "uf", "cep")


def charge(tx: Tx, body: dict, *, account: str, required: tuple[str, ...]) -> dict:
    """The fields of a charge. What the sandbox does not know (locations of one's own, cash back) is refused. Raises Problem."""
    for name in required:
        if name not in body:
            raise invalid(CHARGE, f"O campo cob.{name} não respeita o schema.", f"cob.{name}", None)
    for name, given in body.items():
        if name not in FIELDS:
            raise invalid("RequisicaoInvalida", f"O campo cob.{name} não é conhecido.", f"cob.{name}", given)
        FIELDS[name](given)
    if "chave" in body and not clients.owns(tx, account=account, chave=body["chave"]):
        reason = "O campo cob.chave corresponde a uma conta que não pertence a este usuário recebedor."
        raise invalid(CHARGE, reason, "cob.chave", body["chave"])
    return dict(body)


def _schema(name: str, given: object, true: bool, what: str = CHARGE) -> None:
    if not true:
        raise invalid(what, f"O campo {name} não respeita o schema.", name, given)


def _calendar(given: object) -> None:
    _schema("cob.calendario", given, isinstance(given, dict) and set(given) <= {"expiracao"})
    assert isinstance(given, dict)
    life = given.get("expiracao", 1)
    _schema("cob.calendario.expiracao", life, type(life) is int and life < 2**31)
    if life <= 0:
        raise invalid(CHARGE, "O campo cob.calendario.expiracao é igual ou menor que zero.", "cob.calendario.expiracao", life)


def _value(given: object) -> None:
    _schema("cob.valor", given, isinstance(given, dict) and set(given) <= {"original", "modalidadeAlteracao"})
    assert isinstance(given, dict)
    minor = words.minor(given.get("original"))
    _schema("cob.valor.original", given.get("original"), minor is not None)
    alterable = given.get("modalidadeAlteracao", 0)
    _schema("cob.valor.modalidadeAlteracao", alterable, type(alterable) is int and alterable in (0, 1))
    if minor == 0 and not alterable:
        raise invalid(CHARGE, "O campo cob.valor.original é zero.", "cob.valor.original", given["original"])


def _debtor(given: object) -> None:
    """A person or a company, never both, and never nameless."""
    fine = isinstance(given, dict) and ("cpf" in given) != ("cnpj" in given) and set(given) <= {"cpf", "cnpj", "nome", *ADDRESS}
    _schema("cob.devedor", given, fine)
    assert isinstance(given, dict)
    number, pattern = (given.get("cpf"), words.CPF) if "cpf" in given else (given.get("cnpj"), words.CNPJ)
    _schema("cob.devedor", given, isinstance(number, str) and pattern.fullmatch(number) is not None)
    _schema("cob.devedor", given, _text(given.get("nome"), LONGEST_NAME))


def _infos(given: object) -> None:
    fine = (
        isinstance(given, list)
        and len(given) <= 50
        and all(
            isinstance(each, dict) and set(each) == {"nome", "valor"} and _text(each["nome"], 50) and _text(each["valor"], 200)
            for each in given
        )
    )
    _schema("infoAdicionais", given, fine)


def _text(given: object, longest: int) -> bool:
    return isinstance(given, str) and 0 < len(given) <= longest


FIELDS: dict[str, Callable[[object], None]] = {
    "calendario": _calendar,
    "devedor": _debtor,
    "valor": _value,
    "chave": lambda given: _schema("cob.chave", given, _text(given, LONGEST_KEY)),
    "solicitacaoPagador": lambda given: _schema("solicitacaoPagador", given, _text(given, LONGEST_TEXT)),
    "infoAdicionais": _infos,
}


def return_(body: dict) -> tuple[int, dict]:
    """Amount in centavos, and what else is shown of a return that was asked for. Raises Problem."""
    minor = words.minor(body.get("valor"))
    _schema("devolucao.valor", body.get("valor"), bool(minor), RETURN)
    nature = body.get("natureza", "ORIGINAL")
    _schema("devolucao.natureza", nature, nature == "ORIGINAL", RETURN)
    told = {"natureza": nature}
    if "descricao" in body:
        _schema("devolucao.descricao", body["descricao"], _text(body["descricao"], LONGEST_TEXT), RETURN)
        told["descricao"] = body["descricao"]
    for name in set(body) - {"valor", "natureza", "descricao"}:
        raise invalid("RequisicaoInvalida", f"O campo devolucao.{name} não é conhecido.", f"devolucao.{name}", body[name])
    return minor or 0, told
