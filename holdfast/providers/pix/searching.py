"""Looking things up: a charge, one Pix, and everything received in a span of time."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from holdfast.kernel import clock
from holdfast.providers.contract import AccountHandle, ProviderReport, Source, Unknown
from holdfast.providers.pix import reading
from holdfast.providers.pix.asking import Refusal, ask

#: A search looks this much around its span: clocks differ.
MARGIN = timedelta(minutes=10)
#: A removed charge is searched for money until this long after its end: who confirms late does so within minutes; a bank that was
#: down settles within days.
LATE_MONEY = timedelta(days=3)
#: A statement is asked for in pieces: banks refuse long spans, and each has its own idea of long.
PIECE = timedelta(days=1)
#: What the API takes at most is 1000; the usual page is 100.
PAGE = 100
#: Pages of one piece before a search gives up rather than claim that this was all.
MOST_PAGES = 1000


def charge(txid: str, *, account: AccountHandle) -> ProviderReport | None:
    """The charge and its money. None: the API itself says that there is none. Raises NotSent, Unknown."""
    try:
        said = ask(account, "GET", f"/cob/{txid}")
    except Refusal as refusal:
        if refusal.says_not_found:
            return None
        raise Unknown(f"The bank refused the look-up: {refusal}") from refusal
    if said.get("txid") != txid:
        raise Unknown("The bank's answer is not the charge that was asked for.")
    return of_charge(said, account=account, source=Source.POLL)


def of_charge(said: Mapping[str, Any], *, account: AccountHandle, source: Source) -> ProviderReport:
    """The report of a charge. One that is no longer open and shows no money is searched for it first. Raises NotSent, Unknown."""
    reader = reading.Reader(account=account, source=source)
    if said.get("status") == "ATIVA" or reading.several(said.get("pix")):
        return reader.of_charge(said)
    txid = said.get("txid")
    found = list(_late(said, account=account)) if isinstance(txid, str) else []
    return reader.of_charge(said, money=[pix for pix in found if pix.get("txid") == txid])


def money(e2eid: str, *, account: AccountHandle) -> ProviderReport | None:
    """One Pix with its returns. None: the API knows none. Raises NotSent, Unknown."""
    try:
        said = ask(account, "GET", f"/pix/{e2eid}")
    except Refusal as refusal:
        if refusal.says_not_found:
            return None
        raise Unknown(f"The bank refused the look-up: {refusal}") from refusal
    if said.get("endToEndId") != e2eid:
        raise Unknown("The bank's answer is not the Pix that was asked for.")
    return reading.Reader(account=account, source=Source.POLL).of_money(said)


def received(account: AccountHandle, *, since: datetime, until: datetime, txid: str = "") -> Iterator[Mapping[str, Any]]:
    """Every Pix of a span, piece by piece, oldest piece first. Raises NotSent, Unknown."""
    begin = since
    while begin < until:
        end = min(begin + PIECE, until) if not txid else until
        yield from _pages(account, {"inicio": _written(begin), "fim": _written(end), **({"txid": txid} if txid else {})})
        begin = end


def _late(said: Mapping[str, Any], *, account: AccountHandle) -> Iterator[Mapping[str, Any]]:
    """What was paid to a charge that shows no money (S-75). Looks from its making to some days after its end."""
    calendar = said.get("calendario")
    made = reading.moment(calendar.get("criacao")) if isinstance(calendar, Mapping) else None
    life_s = calendar.get("expiracao") if isinstance(calendar, Mapping) else None
    banks_now = clock.now() - timedelta(seconds=clock.OFFSET_S)  # Drills move our clock, not the bank's.
    since = made or banks_now - LATE_MONEY
    life = timedelta(seconds=life_s) if type(life_s) is int and 0 < life_s < 10**8 else LATE_MONEY
    until = min(since + life + LATE_MONEY, banks_now) + MARGIN
    return received(account, since=since - MARGIN, until=until, txid=str(said["txid"]))


def _pages(account: AccountHandle, asked: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    for number in range(MOST_PAGES):
        page = {"paginacao.paginaAtual": str(number), "paginacao.itensPorPagina": str(PAGE)}
        try:
            said = ask(account, "GET", "/pix", params={**asked, **page})
        except Refusal as refusal:
            raise Unknown(f"The bank refused the search: {refusal}") from refusal
        pages = _number_of_pages(said)
        if pages is None:
            raise Unknown("The bank's list does not say how many pages it has.")
        yield from reading.several(said.get("pix"))
        if number + 1 >= pages:
            return
    raise Unknown(f"The bank's list has more than {MOST_PAGES} pages.")


def _number_of_pages(said: Mapping[str, Any]) -> int | None:
    parameters = said.get("parametros")
    paging = parameters.get("paginacao") if isinstance(parameters, Mapping) else None
    pages = paging.get("quantidadeDePaginas") if isinstance(paging, Mapping) else None
    return pages if type(pages) is int and pages >= 0 else None


def _written(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
