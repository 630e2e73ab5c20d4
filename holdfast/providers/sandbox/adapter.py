"""The direct gateway behind our contract: one call charges, another returns; no page, no webhooks, no holding."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from holdfast.kernel import clock
from holdfast.kernel.money import to_decimal
from holdfast.providers.contract import (
    MONEY,
    REFUND_KINDS,
    AccountHandle,
    Declined,
    Incoming,
    Kind,
    Pointer,
    ProviderReport,
    Purchase,
    Return,
    Source,
    Taken,
    Unknown,
    Unproven,
)
from holdfast.providers.sandbox.asking import get, until_certain
from holdfast.providers.sandbox.reading import of_charge, of_refund

START = "/fake-gateway/start/"
LOOK_UP = "/fake-gateway/payments/"
REFUNDS = "/fake-gateway/refunds/"
OURS = re.compile(r"[0-9a-f]{32}")


class SandboxAdapter:
    """Credentials: `{"secret_key": …, "api_base": …}`.

    The gateway knows a charge and a refund by their key, and gives that key back. So the keys have a form:
    `<payment's id in hex>:open`, `<payment's id in hex>:close`, and at the gateway `<refund's id in hex>:refund`.
    """

    name = "sandbox"
    methods = ("direct",)
    currencies: tuple[str, ...] = ()
    captures_later = False

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep

    def compose(self, purchase: Purchase, account: AccountHandle) -> dict[str, Any]:
        """Raises UnknownCurrency."""
        return {
            "order_id": purchase.order_number,
            "amount": format(to_decimal(purchase.amount_minor, purchase.currency), "f"),
            "currency": purchase.currency.lower(),
        }

    def open(self, *, request: Mapping[str, Any], key: str, account: AccountHandle) -> ProviderReport:
        """CAPTURED. Raises Declined (FAILED), NotSent, Unknown."""
        return until_certain(
            path=START,
            body={**request, "key": key},
            account=account,
            read=lambda said: of_charge(said, account=account, source=Source.REPLY),
            look=lambda: find(key, account),
            declined=lambda status: no_charge(key, account, Kind.FAILED, raw_status=status),
            sleep=self._sleep,
        )

    def close(self, *, provider_id: str, key: str, account: AccountHandle) -> ProviderReport:
        """There is nothing to close: a charge is made in one call or not at all. Tells which. Raises NotSent, Unknown."""
        reference = key.partition(":")[0]
        found = find(f"{reference}:open", account)
        return found or no_charge(key, account, Kind.CANCELLED, raw_status="not_found")

    def capture(self, *, money: Taken, amount_minor: int, key: str, account: AccountHandle) -> ProviderReport:
        """Nothing is ever held: a charge is captured from its beginning. Raises NotSent, Unknown, Declined (CANCELLED)."""
        found = find(f"{money.reference}:open", account)
        if found is None:
            raise Declined(no_charge(money.reference, account, Kind.CANCELLED, raw_status="not_found"))
        return found

    def refund(self, *, wanted: Return, key: str, account: AccountHandle) -> ProviderReport:
        """REFUNDED. Raises Declined (REFUND_FAILED: nothing was returned), NotSent, Unknown."""
        body = {
            "payment": f"{wanted.money.reference}:open",
            "amount": format(to_decimal(wanted.amount_minor, wanted.money.currency), "f"),
            "key": refund_key(wanted),
        }
        report = until_certain(
            path=REFUNDS,
            body=body,
            account=account,
            read=lambda said: of_refund(said, money_id=wanted.money.object_id, account=account, source=Source.REPLY),
            look=lambda: self.fetch_refund(wanted=wanted, provider_id=None, account=account),
            declined=lambda status: no_refund(wanted, account, raw_status=status),
            sleep=self._sleep,
        )
        if report.kind not in REFUND_KINDS:
            raise Unknown("The direct gateway's answer is not a refund.")
        return report

    def fetch_refund(self, *, wanted: Return, provider_id: str | None, account: AccountHandle) -> ProviderReport | None:
        said = get(REFUNDS + quote(refund_key(wanted), safe=":"), account)
        return None if said is None else of_refund(said, money_id=wanted.money.object_id, account=account, source=Source.POLL)

    def fetch(
        self,
        *,
        reference: str,
        provider_id: str | None,
        account: AccountHandle,
        since: datetime | None = None,
    ) -> ProviderReport | None:
        return whole(find(f"{reference}:open", account), account)

    def look(self, *, pointer: Pointer, account: AccountHandle) -> ProviderReport | None:
        """The charge with this id, unless somebody else made it."""
        found = find(pointer.id, account) if pointer.kind == MONEY else None
        ours = found is not None and OURS.fullmatch(found.reference or "")
        return whole(found, account) if ours else None

    def statement(self, *, since: datetime, until: datetime, account: AccountHandle) -> Iterator[ProviderReport]:
        """It keeps nothing for its work and publishes no books."""
        return iter(())

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
        raise Unproven("The direct gateway sends no webhooks.")

    def read(self, *, body: bytes, type: str, account: AccountHandle) -> ProviderReport | None:
        return None


def find(key: str, account: AccountHandle) -> ProviderReport | None:
    """The charge under this key, or with this id; None when the gateway has none. Raises NotSent, Unknown."""
    said = get(LOOK_UP + quote(key, safe=":"), account)
    return None if said is None else of_charge(said, account=account, source=Source.POLL)


def whole(charge: ProviderReport | None, account: AccountHandle) -> ProviderReport | None:
    """With its refunds. Raises NotSent, Unknown."""
    if charge is None or charge.kind is not Kind.CAPTURED:
        return charge
    said = get(f"{REFUNDS}?payment={quote(f'{charge.reference}:open', safe=':')}", account)
    refunds = said.get("refunds") if isinstance(said, Mapping) else None
    if not isinstance(refunds, list):
        raise Unknown("The direct gateway's answer is not a list of refunds.")
    also = [of_refund(each, money_id=charge.object_id, account=account, source=Source.POLL) for each in refunds]
    return replace(charge, also=also)


def refund_key(wanted: Return) -> str:
    """Of the refund and not of the asking, so that a look-up knows it."""
    return f"{wanted.reference}:refund"


def no_charge(key: str, account: AccountHandle, kind: Kind, *, raw_status: str) -> ProviderReport:
    return ProviderReport(
        provider="sandbox",
        account_id=account.id,
        live=False,
        kind=kind,
        source=Source.REPLY,
        reference=key.partition(":")[0],
        occurred_at=clock.now(),
        raw_status=raw_status,
    )


def no_refund(wanted: Return, account: AccountHandle, *, raw_status: str) -> ProviderReport:
    nothing = no_charge(wanted.money.reference, account, Kind.REFUND_FAILED, raw_status=raw_status)
    return replace(nothing, money_id=wanted.money.object_id, refund_reference=wanted.reference)
