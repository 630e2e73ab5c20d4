"""Devoluções: giving a Pix back, whole or in part, within ninety days. `PUT /pix/{e2eid}/devolucao/{id}`"""

from datetime import timedelta
from typing import Any

from holdfast.kernel import clock
from holdfast.providers.contract import AccountHandle, Declined, Kind, NotSent, ProviderReport, Return, Source, Unknown
from holdfast.providers.pix import reading, request
from holdfast.providers.pix.asking import Refusal, ask

#: A Pix can be returned within this of its settlement; then only by a transfer of one's own.
RETURNED_WITHIN = timedelta(days=90)
#: The id tells when the paying bank made it; the settlement may be so much earlier or later (the central bank's manual of
#: messages).
ID_MAY_DIFFER = timedelta(hours=12)
MAX_REASON = 140
#: The statuses by which the API tells that a request itself is wrong, or that its id is taken.
MEANT = frozenset([400, 409, 422])
#: What the API says of a Pix that it does not know, whatever was asked about it.
NO_SUCH_MONEY = "PixNaoEncontrado"


def make(wanted: Return, *, account: AccountHandle) -> ProviderReport:
    """Looks first: a return's id that was used is refused and not replayed, so that who asks again learns nothing by asking
    (S-73).

    Raises NotSent, Unknown, Declined.
    """
    found = find(wanted, account=account)
    if found is not None:
        return found
    if too_old(wanted.money.object_id):
        raise Declined(_refused(wanted, account, raw="too_old", said={"message": "The Pix is older than 90 days (S-74)."}))
    body: dict[str, Any] = {"valor": request.to_wire(wanted.amount_minor, wanted.money.currency), "natureza": "ORIGINAL"}
    if wanted.reason:
        body["descricao"] = wanted.reason[:MAX_REASON]
    try:
        made = ask(account, "PUT", _path(wanted), body=body)
    except Unknown as doubt:
        return _after(wanted, account, doubt)
    except Refusal as refusal:
        return _after(wanted, account, refusal)
    return _report(wanted, made, account=account, source=Source.REPLY)


def find(wanted: Return, *, account: AccountHandle) -> ProviderReport | None:
    """What the bank knows of it; None where the API knows the money and no such return. Raises NotSent, Unknown.

    Money that it does not show to these credentials belongs to others, and may have been returned there.
    """
    try:
        said = ask(account, "GET", _path(wanted))
    except Refusal as refusal:
        if refusal.says_not_found and refusal.problem != NO_SUCH_MONEY:
            return None
        raise Unknown(f"The bank does not show the return or its money to these credentials: {refusal}") from refusal
    return _report(wanted, said, account=account, source=Source.POLL)


def too_old(e2eid: str) -> bool:
    """Whether the bank can certainly not return it any more; false where its id does not tell its age."""
    made = reading.made_at(e2eid)
    banks_now = clock.now() - timedelta(seconds=clock.OFFSET_S)  # Drills move our clock, not the bank's.
    return made is not None and banks_now - made > RETURNED_WITHIN + ID_MAY_DIFFER


def _after(wanted: Return, account: AccountHandle, outcome: Unknown | Refusal) -> ProviderReport:
    """Whatever was no clear yes is looked up. "Already exists" of our own id is success (S-65)."""
    try:
        found = find(wanted, account=account)
    except NotSent as error:
        raise Unknown(f"The return could not be looked up: {error.detail}") from error
    if found is not None:
        return found
    if isinstance(outcome, Unknown):
        raise outcome
    if outcome.status not in MEANT:
        raise Unknown(f"The bank does not take the return, and it may be the wrong address or account: {outcome}") from outcome
    said = {"message": outcome.detail} if outcome.detail else {}
    raise Declined(_refused(wanted, account, raw=outcome.problem or f"http_{outcome.status}", said=said)) from outcome


def _report(wanted: Return, said: dict[str, Any], *, account: AccountHandle, source: Source) -> ProviderReport:
    if said.get("id") != wanted.reference:
        raise Unknown("The bank's answer is not the return that was asked for.")
    reader = reading.Reader(account=account, source=source)
    return reader.of_return(said, e2eid=wanted.money.object_id, txid=wanted.money.reference)


def _refused(wanted: Return, account: AccountHandle, *, raw: str, said: dict[str, str]) -> ProviderReport:
    return ProviderReport(
        provider="pix",
        account_id=account.id,
        live=account.live,
        kind=Kind.REFUND_FAILED,
        source=Source.REPLY,
        reference=wanted.money.reference,
        provider_id=wanted.money.provider_id,
        occurred_at=clock.now(),
        raw_status=raw[: reading.MAX_STATUS],
        money_id=wanted.money.object_id,
        refund_reference=wanted.reference,
        detail=said,
    )


def _path(wanted: Return) -> str:
    """Raises NotSent for ids that could not be ours: they would change the address."""
    if not reading.END_TO_END_ID.fullmatch(wanted.money.object_id) or not reading.ours(wanted.reference):
        raise NotSent("This money or this refund has an id that no Pix can have.")
    return f"/pix/{wanted.money.object_id}/devolucao/{wanted.reference}"
