"""The central bank's API Pix behind our contract, with any bank that serves it. https://github.com/bacen/pix-api"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from holdfast.providers.contract import (
    MONEY,
    AccountHandle,
    Declined,
    Incoming,
    Kind,
    NotSent,
    Pointer,
    ProviderReport,
    Purchase,
    Return,
    Source,
    Taken,
    Unknown,
)
from holdfast.providers.pix import proof, reading, request, returns, searching
from holdfast.providers.pix.asking import Refusal, ask

#: The statuses by which the API tells that a request itself is wrong, or that its id is taken. Others come from somebody on the
#: way.
MEANT = frozenset([400, 409, 422])
#: The kinds of our pointers: a charge by its txid, one payment by its endToEndId.
CHARGE, PIX = "txid", "pix"


class PixAdapter:
    """Credentials: `{"client_id", "client_secret", "api_base": "https://…/api/v2", "token_url", "pix_key", "merchant_name",
    "merchant_city", "certificate": PEM, "private_key": PEM, "ca": PEM of a CA of the bank's own (optional), "webhook_path": the
    secret part of the callbacks' address, "proxy_header": {"name", "value"} that the merchant's proxy sets after it has checked
    the bank's certificate (optional)}`.

    The txid is our payment's id in hex, the id of a return our refund's: asked twice, the bank makes nothing twice.
    """

    name = "pix"
    methods = ("pix",)
    captures_later = False

    def compose(self, purchase: Purchase, account: AccountHandle) -> dict[str, Any]:
        """Raises AmountNotPossible."""
        return request.compose(purchase, account)

    def open(self, *, request: Mapping[str, Any], key: str, account: AccountHandle) -> ProviderReport:
        """Raises NotSent, Unknown, Declined (FAILED: there is no charge, and this request will never make one).

        The same PUT again changes nothing of a charge that waits, and is refused for one that was paid or removed: whatever is no
        clear yes is looked up.
        """
        txid, charge = request["txid"], request["cob"]
        if not charge.get("chave"):
            raise NotSent("This account has no Pix key to be paid to.")
        try:
            made = ask(account, "PUT", f"/cob/{txid}", body=charge)
        except Unknown as doubt:
            return self._after_doubt(txid, account, doubt)
        except Refusal as refusal:
            return self._after_refusal(txid, account, refusal)
        if made.get("txid") != txid:
            raise Unknown("The bank's answer is not the charge that was asked for.")
        return searching.of_charge(made, account=account, source=Source.REPLY)

    def _after_doubt(self, txid: str, account: AccountHandle, doubt: Unknown) -> ProviderReport:
        found = _or_unknown(txid, account)
        if found is None:
            raise doubt  # Not there proves nothing: the request may still be on its way.
        return found

    def _after_refusal(self, txid: str, account: AccountHandle, refusal: Refusal) -> ProviderReport:
        """`CobOperacaoInvalida` is also said of a charge that exists and is paid or removed (S-65)."""
        found = _or_unknown(txid, account)
        if found is not None:
            return found
        if refusal.status not in MEANT:
            raise Unknown(f"The bank does not take the charge, and it may be the wrong address: {refusal}") from refusal
        reader = reading.Reader(account=account, source=Source.REPLY)
        raise Declined(reader.nothing(txid=txid, raw=refusal.problem or f"http_{refusal.status}", message=refusal.detail))

    def close(self, *, provider_id: str, key: str, account: AccountHandle) -> ProviderReport:
        """Remove the charge, then look: paid wins (S-75). Raises NotSent, Unknown.

        A customer who has confirmed in the same second may still pay a removed charge; then the money comes late, and is told by
        callback, look-up and statement.
        """
        removed: Exception | None = None
        try:
            ask(account, "PATCH", f"/cob/{_path(provider_id)}", body={"status": "REMOVIDA_PELO_USUARIO_RECEBEDOR"})
        except (Unknown, Refusal) as error:
            removed = error  # Perhaps it was done all the same, or long ago.
        report = _or_unknown(provider_id, account)
        if report is None:
            raise Unknown(f"The bank does not show charge {provider_id} to these credentials.") from removed
        if report.kind is Kind.OPENED:
            raise Unknown(f"The bank does not remove the charge: {removed or 'it is still open'}") from removed
        return report

    def fetch(
        self,
        *,
        reference: str,
        provider_id: str | None,
        account: AccountHandle,
        since: datetime | None = None,
    ) -> ProviderReport | None:
        """Raises NotSent, Unknown. None only where the API itself knows no charge of ours, and we never heard of one."""
        found = searching.charge(_path(provider_id or reference), account=account)
        if found is None and provider_id is not None:
            raise Unknown(f"The bank does not show charge {provider_id} to these credentials.")
        return found

    def look(self, *, pointer: Pointer, account: AccountHandle) -> ProviderReport | None:
        """Raises NotSent, Unknown. None for money that no charge of ours asked for, such as that of a printed code."""
        if pointer.kind == CHARGE:
            return searching.charge(pointer.id, account=account) if reading.ours(pointer.id) else None
        if pointer.kind not in (PIX, MONEY) or not reading.END_TO_END_ID.fullmatch(pointer.id):
            return None
        report = searching.money(pointer.id, account=account)
        return report if report is not None and report.reference is not None else None

    def capture(self, *, money: Taken, amount_minor: int, key: str, account: AccountHandle) -> ProviderReport:
        """A Pix is taken the moment it is paid: tells how the attempt stands. Raises NotSent, Unknown, Declined."""
        found = self.fetch(reference=money.reference, provider_id=money.provider_id, account=account)
        if found is None:
            raise Unknown("The bank knows no such charge.")
        if found.kind is not Kind.CAPTURED:
            raise Declined(found)
        return found

    def refund(self, *, wanted: Return, key: str, account: AccountHandle) -> ProviderReport:
        """Raises NotSent, Unknown, Declined (REFUND_FAILED without `object_id`: no return was made)."""
        return returns.make(wanted, account=account)

    def fetch_refund(self, *, wanted: Return, provider_id: str | None, account: AccountHandle) -> ProviderReport | None:
        """Raises NotSent, Unknown."""
        found = returns.find(wanted, account=account)
        if found is None and provider_id is not None:
            raise Unknown(f"The bank does not show return {provider_id} to these credentials.")
        return found

    def statement(self, *, since: datetime, until: datetime, account: AccountHandle) -> Iterator[ProviderReport]:
        """Every Pix received in the span, with its returns, also those of no charge of ours (no reference). The API tells no
        fees.

        A return of an older Pix is not in the span of the return: its callback or a look at its money tells it.
        Raises NotSent, Unknown.
        """
        reader = reading.Reader(account=account, source=Source.STATEMENT)
        for pix in searching.received(account, since=since, until=until):
            yield reader.of_money(pix)

    def verify(
        self,
        *,
        headers: Mapping[str, str],
        body: bytes,
        credentials: Mapping[str, Any],
        now: datetime,
        query: str = "",
        path: str = "",
    ) -> Sequence[Incoming]:
        return proof.verify(headers=headers, path=path, body=body, credentials=credentials)

    def read(self, *, body: bytes, type: str, account: AccountHandle) -> ProviderReport | Pointer | None:
        """Only where to look: nothing that the body says of money is believed, nor of whose it is. Never raises."""
        if type != proof.TYPE:
            return None
        try:
            item = json.loads(body)
        except (ValueError, RecursionError):
            item = None
        if isinstance(item, Mapping):
            e2eid, txid = reading.end_to_end_id(item), reading.ours(item.get("txid"))
            if e2eid is not None:
                return Pointer(kind=PIX, id=e2eid)
            if txid is not None:
                return Pointer(kind=CHARGE, id=txid)
        return reading.Reader(account=account, source=Source.WEBHOOK).unreadable("the callback names no Pix")


def _or_unknown(txid: str, account: AccountHandle) -> ProviderReport | None:
    """A look within a larger question: when it fails, the outcome of the whole is unknown. Raises Unknown."""
    try:
        return searching.charge(_path(txid), account=account)
    except NotSent as error:
        raise Unknown(f"The charge could not be looked up: {error.detail}") from error


def _path(id_: str) -> str:
    """An id as part of an address, whatever is in it."""
    return quote(id_, safe="")
