"""Asking the direct gateway: a few tries, and Declined only where it is certain that nothing moved."""

import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import httpx

from holdfast.kernel import limits
from holdfast.providers import http
from holdfast.providers.contract import AccountHandle, Declined, NotSent, ProviderReport, Unknown


def until_certain(
    *,
    path: str,
    body: Mapping[str, Any],
    account: AccountHandle,
    read: Callable[[object], ProviderReport],
    look: Callable[[], ProviderReport | None],
    declined: Callable[[str], ProviderReport],
    sleep: Callable[[float], None],
) -> ProviderReport:
    """Up to three tries with one key; the first 200 is what `read` says of it. Raises Declined, NotSent, Unknown.

    A try in doubt ends the series: `look` asks once what is there, and unless it is there it stays Unknown. Tries that all
    said 500 are looked up as well: an earlier series with this key, whose answer was lost, may have moved the money.
    `declined` makes the report from what the gateway said, once nothing is there.
    """
    unsent: NotSent | None = None
    for number in range(limits.DIRECT_TRIES):
        if number:
            sleep(limits.DIRECT_BACKOFF_S * 2 ** (number - 1))
        try:
            answer = send("POST", path, account, content=json.dumps(body))
            if answer.status_code == 200:
                return read(content_of(answer))
        except NotSent as error:
            unsent = error
            continue
        except Unknown as doubt:
            return _found(look) or _stays(doubt)
        if answer.status_code in (400, 422):
            return _found(look) or _refuse(declined, answer.status_code)
        if answer.status_code != 500:
            return _found(look) or _stays(Unknown(f"The direct gateway answered {answer.status_code}."))
    if unsent:
        raise unsent  # Nothing moved, but not every try was a no: it may be asked again.
    return _found(look) or _refuse(declined, 500)


def _found(look: Callable[[], ProviderReport | None]) -> ProviderReport | None:
    """Within a question: when it fails, the outcome of the whole stays unknown. Raises Unknown."""
    try:
        return look()
    except NotSent as error:
        raise Unknown(f"It could not be looked up: {error.detail}") from error


def _stays(doubt: Unknown) -> NoReturn:
    """That there is nothing yet proves nothing: the request may still be on its way."""
    raise doubt


def _refuse(declined: Callable[[str], ProviderReport], status: int) -> NoReturn:
    raise Declined(declined(f"http_{status}"))


def get(path: str, account: AccountHandle) -> object | None:
    """The answer; None for a 404. Raises NotSent, Unknown."""
    answer = send("GET", path, account)
    if answer.status_code == 404:
        return None
    if answer.status_code != 200:
        raise Unknown(f"The direct gateway answered {answer.status_code} to a look-up.")
    return content_of(answer)


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
