"""Asking Stripe through its SDK, and what every failure means. The table is in docs/adding-a-provider.md."""

import threading
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

import stripe

from holdfast.kernel import limits
from holdfast.providers.contract import AccountHandle, NotSent, Unknown
from holdfast.providers.http import is_secret
from holdfast.providers.tries import never_written

# Otherwise the SDK writes an identifier into the user's home directory and sends it along.
stripe.enable_telemetry = False

T = TypeVar("T")

#: Clients kept in memory: one per merchant account that this process has asked about.
CLIENTS = 256


class Refusal(Exception):
    """Stripe has decided: under this key, this request will never do anything.

    `certain` is false when an earlier try with the same key may have done it all the same, so that a look is needed.
    """

    def __init__(self, error: stripe.StripeError, *, certain: bool) -> None:
        said = spoken(error)
        self.status = error.http_status or 0
        self.replayed = is_replay(error)
        self.certain = certain and self.status < 500
        self.code = str(said.get("code") or said.get("type") or f"http_{self.status}")
        self.param = str(said.get("param") or "")
        self.message = str(said.get("message") or "")
        self.request_id = error.request_id or ""
        super().__init__(f"{self.code}: {self.message}")


class Line(stripe.RequestsClient):
    """The SDK's transport, which also remembers of each thread's question whether a try may have been heard.

    The SDK repeats on its own and shows only the last try's failure. "Connection refused" after a timeout does not mean
    that nothing was sent.
    """

    def __init__(self) -> None:
        super().__init__(timeout=(limits.PROVIDER_CONNECT_S, limits.PROVIDER_READ_S))
        self._question = threading.local()

    def begin(self) -> None:
        self._question.tries = []

    @property
    def heard_before(self) -> bool:
        """Whether a try before the last one may have reached Stripe and done its work."""
        return any(self._question.tries[:-1])

    def request(self, *said: Any, **more: Any) -> Any:
        try:
            answer = super().request(*said, **more)
        except stripe.APIConnectionError as error:
            self._question.tries.append(not never_written(error))
            raise
        status = answer[1]
        self._question.tries.append(status >= 500 or status == 409)
        return answer


def ask(account: AccountHandle, question: Callable[[stripe.StripeClient], T]) -> T:
    """Put a question to Stripe for this account. Raises NotSent, Unknown or Refusal, nothing else of the SDK's."""
    client, line = client_of(account)
    line.begin()
    try:
        return question(client)
    except stripe.StripeError as error:
        raise meaning(error, heard_before=line.heard_before) from error
    except (NotSent, Unknown):
        raise
    except Exception as error:
        raise Unknown(f"Asking Stripe broke: {type(error).__name__}.") from error


def every(account: AccountHandle, listing: Callable[[stripe.StripeClient], Any], *, most: int) -> list[dict[str, Any]]:
    """All objects of a list, page by page, in Stripe's order: newest first. Raises NotSent, Unknown (also beyond `most`)."""

    def question(client: stripe.StripeClient) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for each in listing(client).auto_paging_iter():
            if len(found) >= most:
                raise Unknown(f"There are more than {most} to read.")
            found.append(each.to_dict())
        return found

    try:
        return ask(account, question)
    except Refusal as refusal:
        raise Unknown(f"Stripe refused the list: {refusal}") from refusal


def or_unknown(question: Callable[[], T]) -> T:
    """A second question within a first: if it cannot be asked, the first stays unknown, whatever the second would say."""
    try:
        return question()
    except NotSent as error:
        raise Unknown(f"It could not be looked up: {error.detail}") from error


def client_of(account: AccountHandle) -> tuple[stripe.StripeClient, Line]:
    """Raises NotSent where the account's credentials cannot even be tried: nothing has left the house (S-48)."""
    key, base = account.credentials.get("secret_key"), account.credentials.get("api_base") or ""
    if not is_secret(key):
        raise NotSent("This account has no usable Stripe secret key.")
    if key.startswith(("sk_live_", "rk_live_")) != account.live:
        raise NotSent("The Stripe secret key is of the other mode (live or test) than this account.")
    if not isinstance(base, str):
        raise NotSent("The api_base of this Stripe account is not an address.")
    return _client(key, base.rstrip("/"))


@lru_cache(maxsize=CLIENTS)
def _client(key: str, base: str) -> tuple[stripe.StripeClient, Line]:
    line = Line()
    addresses: Any = {"api": base} if base else {}
    # Without `max_network_retries` the client would not retry at all: the SDK's global is not looked at here.
    client = stripe.StripeClient(key, base_addresses=addresses, http_client=line, max_network_retries=limits.PROVIDER_RETRIES)
    return client, line


def meaning(error: stripe.StripeError, *, heard_before: bool) -> Exception:
    """NotSent, Unknown or Refusal. https://docs.stripe.com/api/idempotent_requests, https://docs.stripe.com/error-low-level"""
    if isinstance(error, stripe.APIConnectionError):
        if never_written(error):
            return _not_sent("Stripe could not be reached.", heard_before)
        return Unknown("The connection to Stripe broke; it may have heard the request.")
    status, said = error.http_status or 0, spoken(error)
    if status in (401, 403):
        return _not_sent("Stripe refuses this account's secret key: check it, and what it is allowed to do.", heard_before)
    if status == 429 and said.get("code") != "lock_timeout":
        return _not_sent("Stripe asks for fewer requests.", heard_before)
    if status in (409, 429):
        return Unknown("Stripe is still busy with this request or its object.")
    if isinstance(error, stripe.IdempotencyError):
        return Unknown("Stripe knows this key with another request.")
    if 400 <= status < 500:
        return Refusal(error, certain=not heard_before)
    if status >= 500 and is_replay(error):
        return Refusal(error, certain=False)
    return Unknown(f"Stripe broke or its answer cannot be read (HTTP {status}); it may have done what was asked.")


def _not_sent(detail: str, heard_before: bool) -> Exception:
    return Unknown(f"{detail} An earlier try may have been heard.") if heard_before else NotSent(detail)


def spoken(error: stripe.StripeError) -> Mapping[str, Any]:
    """The `error` object of Stripe's answer; empty when there is none."""
    body = error.json_body
    said = body.get("error") if isinstance(body, Mapping) else None
    return said if isinstance(said, Mapping) else {}


def is_replay(error: stripe.StripeError) -> bool:
    """Whether the answer was kept under the key: what was asked has ended and will not be done again."""
    return {str(name).lower(): value for name, value in (error.headers or {}).items()}.get("idempotent-replayed") == "true"
