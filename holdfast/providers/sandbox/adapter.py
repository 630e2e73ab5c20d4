"""The direct gateway behind our contract: a few tries, and FAILED only where it is certain that nothing was charged."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from holdfast.kernel import clock, limits
from holdfast.kernel.money import to_decimal
from holdfast.providers import http
from holdfast.providers.contract import (
    AccountHandle,
    Declined,
    Incoming,
    Kind,
    NotSent,
    ProviderReport,
    Purchase,
    Source,
    Unknown,
    Unproven,
)
from holdfast.providers.sandbox.reading import of_charge

START = "/fake-gateway/start/"
LOOK_UP = "/fake-gateway/payments/"


class SandboxAdapter:
    """Credentials: `{"secret_key": …, "api_base": …}`.

    The gateway knows a charge only by the key of its `open`, and gives that key back. So the keys have a form:
    `<payment's id in hex>:open` and `<payment's id in hex>:close`.
    """

    name = "sandbox"
    methods = ("direct",)
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
        """Up to three tries; the first 200 is CAPTURED. Raises Declined (FAILED), NotSent, Unknown.

        A try in doubt ends the series: it is looked up once, and unless the charge is there it stays Unknown. Tries that
        all said 500 are looked up as well: an earlier `open` of this key, whose answer was lost, may have charged.
        """
        unsent: NotSent | None = None
        for number in range(limits.DIRECT_TRIES):
            if number:
                self._sleep(limits.DIRECT_BACKOFF_S * 2 ** (number - 1))
            try:
                answer = send("POST", START, account, content=json.dumps({**request, "key": key}))
                if answer.status_code == 200:
                    return of_charge(content_of(answer), account=account, source=Source.REPLY)
            except NotSent as error:
                unsent = error
                continue
            except Unknown as doubt:
                return self._after_doubt(key, account, doubt)
            if answer.status_code in (400, 422):
                return self._after_refusal(key, account, answer.status_code)
            if answer.status_code != 500:
                return self._after_doubt(key, account, Unknown(f"The direct gateway answered {answer.status_code}."))
        if unsent:
            raise unsent  # Nothing was charged, but not every try was a no: it may be asked again.
        return self._after_refusal(key, account, 500)

    def _after_doubt(self, key: str, account: AccountHandle, doubt: Unknown) -> ProviderReport:
        found = self._look_up(key, account)
        if found is None:
            raise doubt  # Not yet charged proves nothing: the request may still be on its way.
        return found

    def _after_refusal(self, key: str, account: AccountHandle, status: int) -> ProviderReport:
        found = self._look_up(key, account)
        if found is None:
            raise Declined(no_charge(key, account, Kind.FAILED, raw_status=f"http_{status}"))
        return found

    def _look_up(self, key: str, account: AccountHandle) -> ProviderReport | None:
        """Within `open`: when it fails, the outcome of the whole stays unknown. Raises Unknown."""
        try:
            return find(key, account)
        except NotSent as error:
            raise Unknown(f"The charge could not be looked up: {error.detail}") from error

    def close(self, *, provider_id: str, key: str, account: AccountHandle) -> ProviderReport:
        """There is nothing to close: a charge is made in one call or not at all. Tells which. Raises NotSent, Unknown."""
        reference = key.partition(":")[0]
        found = find(f"{reference}:open", account)
        return found or no_charge(key, account, Kind.CANCELLED, raw_status="not_found")

    def fetch(
        self,
        *,
        reference: str,
        provider_id: str | None,
        account: AccountHandle,
        since: datetime | None = None,
    ) -> ProviderReport | None:
        return find(f"{reference}:open", account)

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
    """The charge under this key; None when the gateway has none. Raises NotSent, Unknown."""
    answer = send("GET", LOOK_UP + quote(key, safe=":"), account)
    if answer.status_code == 404:
        return None
    if answer.status_code != 200:
        raise Unknown(f"The direct gateway answered {answer.status_code} to a look-up.")
    return of_charge(content_of(answer), account=account, source=Source.POLL)


def send(method: str, path: str, account: AccountHandle, *, content: str | None = None) -> httpx.Response:
    """Raises NotSent (nothing was written, or the key is refused) and Unknown (nobody knows)."""
    key, base = account.credentials.get("secret_key"), account.credentials.get("api_base")
    if not http.is_secret(key) or not isinstance(base, str):
        raise NotSent("This account has no usable secret key, or no address, of the direct gateway.")
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    try:
        answer = http.client().request(method, base.rstrip("/") + path, headers=headers, content=content)
    except http.BEFORE_THE_WRITE as error:
        raise NotSent("The direct gateway could not be reached.") from error
    except httpx.HTTPError as error:
        raise Unknown(f"The direct gateway did not answer: {type(error).__name__}.") from error
    if answer.status_code in (401, 403):
        raise NotSent("The direct gateway refuses this account's secret key.")
    return answer


def content_of(answer: httpx.Response) -> object:
    """Raises Unknown for what is not JSON: an answer that was cut, or somebody else's."""
    try:
        return json.loads(answer.content)
    except (ValueError, RecursionError):
        raise Unknown("The direct gateway's answer is not JSON.") from None


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
