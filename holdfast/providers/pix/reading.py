"""What the bank's objects say, in our words. A charge is `CobCompleta`, money is `Pix`, money that went back is `Devolucao`.

Real banks drift from the published schema (an object where an array should be, fields left out), so this reads leniently. But an
amount is only what the schema calls one, and a word that is not known is UNREADABLE.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from holdfast.kernel import brcode, clock
from holdfast.kernel.errors import Refused
from holdfast.providers.contract import AccountHandle, Kind, ProviderReport, Source
from holdfast.providers.pix.request import CURRENCY, from_wire

#: Our txid is our payment's id, our return's id is our refund's.
OURS = re.compile(r"[0-9a-f]{32}")
END_TO_END_ID = re.compile(r"[a-zA-Z0-9]{32}")
#: `E`, the paying bank's number and the minute in UTC at which it made the id.
MADE_AT = re.compile(r"[ED][0-9]{8}([0-9]{12})[a-zA-Z0-9]{11}")
RETURN_ID = re.compile(r"[a-zA-Z0-9]{1,35}")
#: What the status of a charge says where there is no money in it.
STATUSES = {
    "ATIVA": Kind.OPENED,
    "CONCLUIDA": Kind.PENDING,
    "REMOVIDA_PELO_USUARIO_RECEBEDOR": Kind.CANCELLED,
    "REMOVIDA_PELO_PSP": Kind.CANCELLED,
}
#: Natures of returns that are the bank's own doing begin like this: MED_OPERACIONAL, MED_FRAUDE, MED_PIX_AUTOMATICO.
BY_THE_BANK = "MED"
RETURNS = {"EM_PROCESSAMENTO": Kind.REFUND_PENDING, "DEVOLVIDO": Kind.REFUNDED, "NAO_REALIZADO": Kind.REFUND_FAILED}
MAX_STATUS = 80
MAX_CODE = 512
MAX_WORDS = 500


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads for one account, by one path. Never raises: what is odd is UNREADABLE."""

    account: AccountHandle
    source: Source

    def of_charge(self, charge: Mapping[str, Any], *, money: Sequence[Mapping[str, Any]] = ()) -> ProviderReport:
        """A charge with the Pix in it and those that were found beside it (`money`). Money first: one that was paid is paid,
        removed or not (S-75), and a second payment stands in `also` with the returns.

        There is no status for "expired": a charge whose time is over stays ATIVA, and a Pix on its way may still arrive. It is
        OPENED until it was removed. CONCLUIDA without its Pix is PENDING: the money is there, but cannot be named yet.
        """
        status, txid = charge.get("status"), charge.get("txid")
        raw = status[:MAX_STATUS] if isinstance(status, str) else ""
        found = [*several(charge.get("pix")), *money]
        paid = {end_to_end_id(each) or f"without an id, {number}": each for number, each in enumerate(found)}
        if paid:
            return self.of_all_money(list(paid.values()), txid=txid, raw=raw)
        kind, detail = STATUSES.get(raw, Kind.UNREADABLE), {}
        if not isinstance(txid, str) or charge.get("pix"):
            kind, detail = Kind.UNREADABLE, {"unreadable": "the charge has no txid, or its pix is no list of Pix"}
        show = {"pix": code} if kind is Kind.OPENED and (code := code_of(charge, self.account)) else {}
        calendar = charge.get("calendario")
        made = moment(calendar.get("criacao")) if isinstance(calendar, Mapping) and kind is Kind.OPENED else None
        return self._report(kind=kind, txid=txid, raw=raw, at=made, show=show, detail=detail)

    def of_all_money(self, paid: Sequence[Mapping[str, Any]], *, txid: object, raw: str) -> ProviderReport:
        """Several Pix of one charge as one report: the first that can be read, the others and every return beside it."""
        known = sorted(paid, key=lambda pix: moment(pix.get("horario")) or clock.now())
        reports = [self.of_money(pix, txid=txid, raw=raw) for pix in known]
        first = next((each for each in reports if each.kind is Kind.CAPTURED), reports[0])
        also = [each for report in reports for each in ([*report.also] if report is first else [_alone(report), *report.also])]
        return _with(first, also=also)

    def of_money(self, pix: Mapping[str, Any], *, txid: object = None, raw: str = "") -> ProviderReport:
        """One Pix, CAPTURED, with its returns in `also`. The amount is the one that was paid, whatever was asked."""
        e2eid, minor = end_to_end_id(pix), from_wire(pix.get("valor"))
        told = pix.get("txid") if isinstance(pix.get("txid"), str) else txid
        if e2eid is None or minor is None:
            odd = {"unreadable": "the Pix has no endToEndId" if e2eid is None else "its valor is not an amount"}
            return self._report(kind=Kind.UNREADABLE, txid=told, raw=raw, object_id=e2eid, detail=odd)
        if txid is not None and told != txid:
            odd = {"unreadable": "the Pix names another txid than its charge"}
            return self._report(kind=Kind.UNREADABLE, txid=txid, raw=raw, object_id=e2eid, detail=odd)
        return self._report(
            kind=Kind.CAPTURED,
            txid=told,
            raw=raw or "pix",
            object_id=e2eid,
            minor=minor,
            at=moment(pix.get("horario")),
            detail={} if ours(told) or not isinstance(told, str) else {"txid": told[:MAX_STATUS]},
            also=list(self.of_returns(pix, txid=told)),
        )

    def of_returns(self, pix: Mapping[str, Any], *, txid: object) -> Iterator[ProviderReport]:
        e2eid = end_to_end_id(pix)
        for each in several(pix.get("devolucoes")):
            yield self.of_return(each, e2eid=e2eid or "", txid=txid)

    def of_return(self, made: Mapping[str, Any], *, e2eid: str, txid: object = None) -> ProviderReport:
        """A devolução. One by the MED (fraud, or a bank's mistake) is nothing that we asked for: it has no reference of ours and
        says in `detail` what it is."""
        id_, status, nature = made.get("id"), made.get("status"), made.get("natureza")
        unasked = isinstance(nature, str) and nature.startswith(BY_THE_BANK)
        minor = from_wire(made.get("valor"))
        named = isinstance(id_, str) and RETURN_ID.fullmatch(id_) is not None
        kind = RETURNS.get(status, Kind.UNREADABLE) if isinstance(status, str) else Kind.UNREADABLE
        detail = _words(motivo=made.get("motivo"), descricao=made.get("descricao"), rtrId=made.get("rtrId"))
        if not named or minor is None:
            kind, detail = Kind.UNREADABLE, {**detail, "unreadable": "the devolução has no id or its valor is not an amount"}
        if unasked:
            detail |= _words(natureza=nature, returned_by="the bank, under the MED: a return that we never asked for")
        return self._report(
            kind=kind,
            txid=txid,
            raw=status[:MAX_STATUS] if isinstance(status, str) else "",
            object_id=f"{e2eid}:{id_}" if named else None,
            minor=None if kind is Kind.UNREADABLE else minor,
            at=_when(made),
            money_id=e2eid or None,
            refund_reference=None if unasked else ours(id_),
            detail=detail,
        )

    def nothing(self, *, txid: str, raw: str, message: str) -> ProviderReport:
        """FAILED: no charge was made."""
        return self._report(kind=Kind.FAILED, txid=txid, raw=raw[:MAX_STATUS], detail=_words(message=message))

    def unreadable(self, why: str) -> ProviderReport:
        return self._report(kind=Kind.UNREADABLE, txid=None, raw="", detail={"unreadable": why})

    def _report(
        self,
        *,
        kind: Kind,
        txid: object,
        raw: str,
        object_id: str | None = None,
        minor: int | None = None,
        at: datetime | None = None,
        money_id: str | None = None,
        refund_reference: str | None = None,
        show: Mapping[str, Any] | None = None,
        detail: Mapping[str, Any] | None = None,
        also: Sequence[ProviderReport] = (),
    ) -> ProviderReport:
        """The provider's id of an attempt is its txid, which is ours. Nothing on this wire tells play money from real: the
        account does.
        """
        return ProviderReport(
            provider="pix",
            account_id=self.account.id,
            live=self.account.live,
            kind=kind,
            source=self.source,
            reference=ours(txid),
            provider_id=ours(txid),
            object_id=object_id,
            amount_minor=minor,
            currency=CURRENCY if minor is not None else None,
            occurred_at=at or clock.now(),
            raw_status=raw,
            show=show or {},
            money_id=money_id,
            refund_reference=refund_reference,
            detail=detail or {},
            also=also,
        )


def code_of(charge: Mapping[str, Any], account: AccountHandle) -> str:
    """The copy-and-paste code: the bank's, or one made of the charge's location. Empty where neither can be had."""
    code = charge.get("pixCopiaECola")
    if isinstance(code, str) and 0 < len(code) <= MAX_CODE:
        return code
    place = charge.get("loc")
    location = charge.get("location") or (place.get("location") if isinstance(place, Mapping) else None)
    said = account.credentials
    name, city = said.get("merchant_name"), said.get("merchant_city")
    if not isinstance(location, str) or not isinstance(name, str) or not isinstance(city, str):
        return ""
    try:
        return brcode.dynamic(location=location.removeprefix("https://"), name=name, city=city)
    except Refused:
        return ""


def end_to_end_id(pix: Mapping[str, Any]) -> str | None:
    id_ = pix.get("endToEndId")
    return id_ if isinstance(id_, str) and END_TO_END_ID.fullmatch(id_) else None


def ours(id_: object) -> str | None:
    """A txid or a return's id, if it has the form of those that we give."""
    return id_ if isinstance(id_, str) and OURS.fullmatch(id_) else None


def made_at(e2eid: str) -> datetime | None:
    """When the paying bank made this id, to the minute; None where it does not tell."""
    told = MADE_AT.fullmatch(e2eid)
    if told is None:
        return None
    try:
        return datetime.strptime(told[1], "%Y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        return None


def several(said: object) -> list[Mapping[str, Any]]:
    """A list of objects, whether the bank sent one, or the object alone; whatever else is in it is left out."""
    if isinstance(said, Mapping):
        return [said]
    return [each for each in said if isinstance(each, Mapping)] if isinstance(said, list) else []


def moment(said: object) -> datetime | None:
    """RFC 3339 → a time; None for anything else. One without an offset is read as UTC, which the API's examples are in."""
    if not isinstance(said, str) or not 10 < len(said) <= 40:
        return None
    try:
        told = datetime.fromisoformat(said)
        return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _when(made: Mapping[str, Any]) -> datetime | None:
    """When a devolução was settled, or else asked for."""
    times = made.get("horario")
    if not isinstance(times, Mapping):
        return None
    return moment(times.get("liquidacao")) or moment(times.get("solicitacao"))


def _alone(report: ProviderReport) -> ProviderReport:
    return _with(report, also=())


def _with(report: ProviderReport, *, also: Sequence[ProviderReport]) -> ProviderReport:
    return replace(report, also=tuple(also))


def _words(**said: object) -> dict[str, str]:
    return {name: value[:MAX_WORDS] for name, value in said.items() if isinstance(value, str) and value}
