"""Lists: a span of time, filters, numbered pages."""

from holdfast.gateway.pix import words
from holdfast.gateway.pix.problems import invalid

USUAL, MOST = 100, 1000


def span(query: dict, what: str) -> tuple[float, float]:
    """`inicio` and `fim`, both required, as Unix seconds. Raises Problem."""
    times = []
    for name in ("inicio", "fim"):
        at = words.time_of(query.get(name))
        if at is None:
            raise invalid(what, f"O parâmetro {name} não respeita o schema.", name, query.get(name))
        times.append(at)
    if times[1] < times[0]:
        reason = "O timestamp representado pelo parâmetro fim é anterior ao timestamp representado pelo parâmetro inicio."
        raise invalid(what, reason, "fim", query["fim"])
    if "cpf" in query and "cnpj" in query:
        raise invalid(what, "Ambos os parâmetros cpf e cnpj estão preenchidos.", "cpf", query["cpf"])
    return times[0], times[1]


def page(rows: list, query: dict, what: str) -> tuple[list, dict]:
    """The rows of the page that was asked for, and the `paginacao` to show. Raises Problem."""
    number = _count(query, "paginacao.paginaAtual", 0, 0, what)
    size = _count(query, "paginacao.itensPorPagina", USUAL, 1, what)
    size = min(size, MOST)
    shown = {
        "paginaAtual": number,
        "itensPorPagina": size,
        "quantidadeDePaginas": max(-(-len(rows) // size), 1),
        "quantidadeTotalDeItens": len(rows),
    }
    return rows[number * size : (number + 1) * size], shown


def flag(query: dict, name: str, what: str) -> bool | None:
    if name not in query:
        return None
    if query[name] not in ("true", "false"):
        raise invalid(what, f"O parâmetro {name} não respeita o schema.", name, query[name])
    return query[name] == "true"


def parameters(query: dict, paging: dict, names: tuple[str, ...]) -> dict:
    """What was asked, as the answer repeats it."""
    told = {name: query[name] for name in ("inicio", "fim", *names) if name in query}
    for name in ("txIdPresente", "devolucaoPresente"):
        if name in told:
            told[name] = told[name] == "true"
    return {**told, "paginacao": paging}


def _count(query: dict, name: str, usual: int, least: int, what: str) -> int:
    text = query.get(name, str(usual))
    if not text.isascii() or not text.isdecimal() or len(text) > 9 or int(text) < least:
        raise invalid(what, f"O parâmetro {name} é negativo ou não respeita o schema.", name, text)
    return int(text)
