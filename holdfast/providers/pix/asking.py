"""Asking a bank's API Pix: certificate, token, and what every failure means. The table is in docs/adding-a-provider.md."""

import base64
import json
import os
import ssl
import tempfile
import threading
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import httpx

from holdfast.kernel import limits
from holdfast.providers import http
from holdfast.providers.contract import AccountHandle, NotSent, Unknown

#: Lines kept in memory: one per merchant account that this process has asked about.
LINES = 256
#: What our questions need. A bank gives an application no more than was agreed with it.
SCOPES = "cob.write cob.read pix.write pix.read"
#: A token is renewed this many seconds before it ends, or after nine tenths of a short life: clocks and networks take their
#: share.
RENEW_BEFORE_S = 60.0
#: For a bank that does not say how long its tokens live; the usual hour is far longer.
USUAL_LIFE_S = 300.0

#: Otherwise threads that ask for an account at once would each make a line, and each line would fetch a token.
_MAKING = threading.Lock()


class Refusal(Exception):
    """The bank understood and said no. `problem` is the last word of its `type` (`CobOperacaoInvalida`), empty where the answer
    is no problem of the API: then somebody else may have spoken, a proxy or another address.
    """

    def __init__(self, answer: httpx.Response) -> None:
        said = _object(answer) or {}
        type_ = said.get("type")
        self.status = answer.status_code
        self.problem = type_.rsplit("/", 1)[-1] if isinstance(type_, str) and "/error/" in type_ else ""
        self.detail = _told(said)
        super().__init__(f"{self.problem or f'HTTP {self.status}'}: {self.detail}")

    @property
    def says_not_found(self) -> bool:
        """Whether the API itself knows no such thing: `CobNaoEncontrado`, `PixDevolucaoNaoEncontrada`, …"""
        return self.status == 404 and "NaoEncontrad" in self.problem


def ask(
    account: AccountHandle,
    method: str,
    path: str,
    *,
    params: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """One question; the object that was answered. Raises NotSent, Unknown, Refusal.

    A token that is refused is thrown away and the question put once more: a 401 was never acted upon.
    """
    line = line_of(account)
    answer = line.send(method, path, params=params, body=body)
    if answer.status_code == 401:
        line.forget_token()
        answer = line.send(method, path, params=params, body=body)
    status = answer.status_code
    if status in (401, 403):
        raise NotSent("The bank refuses this account's credentials: check client id, secret key, certificate and scopes.")
    if status == 429:
        raise NotSent("The bank asks for fewer requests.")
    if 400 <= status < 500:
        raise Refusal(answer)
    said = _object(answer) if 200 <= status < 300 else None
    if said is None:
        raise Unknown(f"The bank broke or its answer cannot be read (HTTP {status}); it may have done what was asked.")
    return said


def line_of(account: AccountHandle) -> "Line":
    """Raises NotSent where the account's credentials cannot even be tried: nothing has left the house (S-48)."""
    said = account.credentials
    for name in ("client_id", "client_secret"):
        if not http.is_secret(said.get(name)):
            raise NotSent("This account has no usable client id and secret key of a bank's API Pix.")
    for name in ("api_base", "token_url"):
        if not isinstance(said.get(name), str) or not said[name]:
            raise NotSent("This account has no address of a bank's API Pix, or none for its tokens.")
    texts = [said.get(name) or "" for name in ("certificate", "private_key", "ca")]
    if not all(isinstance(text, str) for text in texts):
        raise NotSent("The certificate, private key or CA of this account is not PEM text.")
    with _MAKING:
        return _line(said["client_id"], said["client_secret"], said["api_base"].rstrip("/"), said["token_url"], *texts)


@lru_cache(maxsize=LINES)
def _line(
    client_id: str, client_secret: str, api_base: str, token_url: str, certificate: str, private_key: str, ca: str
) -> "Line":
    """Raises NotSent."""
    context = tls(certificate=certificate, private_key=private_key, ca=ca)
    return Line(client_id=client_id, client_secret=client_secret, api_base=api_base, token_url=token_url, context=context)


class Line:
    """The connections of one account, and its token. Safe for threads."""

    def __init__(self, *, client_id: str, client_secret: str, api_base: str, token_url: str, context: ssl.SSLContext) -> None:
        self._basic = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._api_base, self._token_url = api_base, token_url
        timeout = httpx.Timeout(limits.PROVIDER_READ_S, connect=limits.PROVIDER_CONNECT_S)
        self._client = httpx.Client(timeout=timeout, verify=context)
        self._lock = threading.Lock()
        self._token, self._token_ends = "", 0.0

    def send(self, method: str, path: str, *, params: Mapping[str, str] | None, body: Mapping[str, Any] | None) -> httpx.Response:
        """Raises NotSent (nothing was written) and Unknown (nobody knows)."""
        headers = {"Authorization": f"Bearer {self.token()}"}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body).encode()
        try:
            return self._client.request(method, self._api_base + path, params=params, headers=headers, content=content)
        except http.BEFORE_THE_WRITE as error:
            raise NotSent("The bank could not be reached.") from error
        except httpx.HTTPError as error:
            raise Unknown(f"The bank did not answer: {type(error).__name__}.") from error

    def token(self) -> str:
        """The cached token, or a new one. One thread fetches, the others wait for it. Raises NotSent.

        A question about a token moves nothing, so that whatever befalls it means that ours was not sent.
        """
        with self._lock:
            if time.monotonic() >= self._token_ends:
                self._token, life_s = self._fetch_token()
                self._token_ends = time.monotonic() + max(life_s - RENEW_BEFORE_S, life_s * 0.9)
            return self._token

    def forget_token(self) -> None:
        with self._lock:
            self._token_ends = 0.0

    def _fetch_token(self) -> tuple[str, float]:
        headers = {"Authorization": f"Basic {self._basic}"}
        form = {"grant_type": "client_credentials", "scope": SCOPES}
        try:
            answer = self._client.post(self._token_url, data=form, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotSent(f"No token could be had from the bank: {type(error).__name__}.") from error
        said = _object(answer) or {}
        token, life_s = said.get("access_token"), said.get("expires_in")
        if answer.status_code in (400, 401, 403):
            raise NotSent("The bank refuses this account's client id and secret key, or its certificate.")
        if answer.status_code != 200 or not http.is_secret(token):
            raise NotSent(f"No token could be had from the bank (HTTP {answer.status_code}).")
        return token, float(life_s) if type(life_s) is int and life_s > 0 else USUAL_LIFE_S


def tls(*, certificate: str, private_key: str, ca: str) -> ssl.SSLContext:
    """Who we trust and who we are, from PEM text. Raises NotSent for a certificate that cannot be used.

    OpenSSL reads a key from a file only: it gets one that nobody else can read and that is gone before this returns.
    """
    try:
        context = ssl.create_default_context(cadata=ca) if ca else httpx.create_ssl_context()
        if certificate or private_key:
            handle, name = tempfile.mkstemp(suffix=".pem")
            try:
                with os.fdopen(handle, "w") as file:
                    file.write(f"{certificate}\n{private_key}\n")
                context.load_cert_chain(name, password=_no_password)
            finally:
                os.unlink(name)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise NotSent(f"The certificate, private key or CA of this account cannot be used: {type(error).__name__}.") from None
    return context


def _no_password() -> str:
    """Otherwise OpenSSL would ask for the passphrase of a locked key on the terminal, and wait."""
    raise ValueError("the private key is locked with a passphrase")


def _object(answer: httpx.Response) -> dict[str, Any] | None:
    """The JSON object in an answer; None for one that was cut, or is somebody else's."""
    try:
        said = json.loads(answer.content)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _told(said: Mapping[str, Any]) -> str:
    """What a problem says to people: its detail and the reasons of its violations, never the values that were sent."""
    violations = said.get("violacoes")
    reasons = [each.get("razao") for each in violations if isinstance(each, Mapping)] if isinstance(violations, list) else []
    return " ".join(text for text in [said.get("detail") or said.get("title"), *reasons] if isinstance(text, str) and text)[:500]
