"""Asking Mercado Pago through its SDK, and what every failure means. The table is in docs/adding-a-provider.md."""

import hashlib
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import requests.exceptions
from mercadopago import SDK
from mercadopago.config import RequestOptions
from mercadopago.errors import MPServerError
from mercadopago.http import HttpClient

from holdfast.kernel import limits
from holdfast.providers.contract import AccountHandle, NotSent, Unknown
from holdfast.providers.http import is_secret
from holdfast.providers.tries import never_written

# The SDK warns of `notification_url` at each call that has one. It is the merchant's choice, told in the account's settings.
warnings.filterwarnings("ignore", message="notification_url is deprecated", category=DeprecationWarning)

T = TypeVar("T")
#: An answer of the SDK: `{"status": 201, "response": …}`.
Answer = Mapping[str, Any]

PRODUCTION = "https://api.mercadopago.com"
#: How tokens begin, those for play first. A test user's token is APP_USR as well, and its payments say `live_mode` true.
TEST, LIVE = "TEST-", "APP_USR-"
#: What the API takes at most; a longer key is sent as its SHA-256.
LONGEST_KEY = 64
#: A pause before the repetition, so that a request that is still running may end.
PAUSE_S = 0.2
#: By these it tells that a request itself is wrong. Others come from somebody on the way, or mean another thing.
MEANT = frozenset([400, 402, 404, 422])
#: Somebody is busy with this key or this object: it may end well.
BUSY = frozenset([408, 409, 423, 424, 425])


class Refusal(Exception):
    """Mercado Pago understood and said no. It keeps no refusals under a key, so the same may be asked again.

    `certain` is false when an earlier try of the same question may have done it all the same.
    """

    def __init__(self, status: int, body: object, *, certain: bool) -> None:
        said = body if isinstance(body, Mapping) else {}
        cause = said.get("cause")
        first = cause[0] if isinstance(cause, list) and cause and isinstance(cause[0], Mapping) else {}
        self.status = status
        self.certain = certain
        self.code = str(first.get("code") or said.get("error") or f"http_{status}")
        self.message = str(said.get("message") or first.get("description") or "")
        super().__init__(f"{self.code}: {self.message}")


class Line(HttpClient):
    """The SDK's transport for one question: another address, our timeouts and repetitions, and whether a try may have been heard.

    The SDK would wait 60 seconds, repeat GETs without a pause, and follow a redirect of a POST as a GET.
    """

    def __init__(self, base: str) -> None:
        self._base = base
        self._tries: list[bool] = []

    @property
    def heard_before(self) -> bool:
        """Whether a try before the last one may have reached Mercado Pago and done its work."""
        return any(self._tries[:-1])

    def request(self, method: str, url: str, maxretries: object = None, retry_on: object = None, **more: Any) -> Answer:
        more |= {"timeout": (limits.PROVIDER_CONNECT_S, limits.PROVIDER_READ_S), "allow_redirects": False}
        for left in reversed(range(limits.PROVIDER_RETRIES + 1)):
            try:
                answer: Answer = super().request(method, self._base + url.removeprefix(PRODUCTION), maxretries=0, **more)
            except (requests.exceptions.RequestException, MPServerError) as error:
                self._tries.append(not never_written(error))
                if not left:
                    raise
            else:
                status = answer["status"]
                self._tries.append(status >= 500 or status in BUSY)
                if not left or not self._tries[-1]:
                    return answer
            time.sleep(PAUSE_S)
        raise AssertionError("there is always a last try")


def ask(account: AccountHandle, question: Callable[[SDK, RequestOptions], Answer], *, key: str = "") -> Any:
    """The body of the answer to a question for this account. Raises NotSent, Unknown or Refusal, nothing else of the SDK's.

    Without a key of ours the SDK makes one up for each call.
    """
    token, base = credentials_of(account)
    if len(key) > LONGEST_KEY:
        key = hashlib.sha256(key.encode()).hexdigest()
    headers = {"x-idempotency-key": key} if key else {}
    line = Line(base)
    options = RequestOptions(access_token=token, custom_headers=headers, max_retries=0)
    try:
        answer = question(SDK(token, http_client=line, request_options=RequestOptions()), options)
    except MPServerError as error:
        raise Unknown("Mercado Pago's answer cannot be read; it may have done what was asked.") from error
    except requests.exceptions.RequestException as error:
        if never_written(error):
            raise _not_sent("Mercado Pago could not be reached.", line.heard_before) from error
        raise Unknown("The connection to Mercado Pago broke; it may have heard the request.") from error
    except Exception as error:
        raise Unknown(f"Asking Mercado Pago broke: {type(error).__name__}.") from error
    status, body = answer["status"], answer["response"]
    if not 200 <= status < 300:
        raise meaning(status, body, heard_before=line.heard_before)
    if not isinstance(body, Mapping | list):
        raise Unknown("Mercado Pago's answer is empty; it may have done what was asked.")
    return body


def credentials_of(account: AccountHandle) -> tuple[str, str]:
    """Token and address. Raises NotSent where they cannot even be tried: nothing has left the house (S-48)."""
    token, base = account.credentials.get("access_token"), account.credentials.get("api_base") or PRODUCTION
    if not is_secret(token) or not token.startswith((TEST, LIVE)):
        raise NotSent("This account has no usable Mercado Pago access token.")
    if token.startswith(LIVE) != account.live:
        raise NotSent("The Mercado Pago access token is of the other mode (live or test) than this account.")
    if not isinstance(base, str):
        raise NotSent("The api_base of this Mercado Pago account is not an address.")
    return token, base.rstrip("/")


def meaning(status: int, body: object, *, heard_before: bool) -> Exception:
    """NotSent, Unknown or Refusal, for an answer that is no success."""
    if status in (401, 403):
        return _not_sent(
            "Mercado Pago refuses this account's access token: check it, and what it is allowed to do.", heard_before
        )
    if status == 429:
        return _not_sent("Mercado Pago asks for fewer requests.", heard_before)
    if status in BUSY:
        return Unknown("Mercado Pago is still busy with this request, or knows its key with another one.")
    if status in MEANT:
        return Refusal(status, body, certain=not heard_before)
    return Unknown(f"Mercado Pago broke, or somebody else answered (HTTP {status}); it may have done what was asked.")


def _not_sent(detail: str, heard_before: bool) -> Exception:
    return Unknown(f"{detail} An earlier try may have been heard.") if heard_before else NotSent(detail)


def or_unknown(question: Callable[[], T]) -> T:
    """A second question within a first: if it cannot be asked, the first stays unknown, whatever the second would say."""
    try:
        return question()
    except NotSent as error:
        raise Unknown(f"It could not be looked up: {error.detail}") from error
