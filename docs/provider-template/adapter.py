"""An adapter to begin with: copy it to `holdfast/providers/<name>/adapter.py` and change what your provider does otherwise.

It speaks to an imaginary provider, "Example Pay", with one JSON resource per thing, an Idempotency-Key on every POST and signed
webhooks that carry their object:

    POST /payments  POST /payments/{id}/cancel  POST /payments/{id}/capture  GET /payments?reference=  GET /payments/{id}
    POST /refunds   GET /refunds?payment=   GET /fees?from=&to=

The comments say what to decide. The rule above all: a word may be too weak, never too strong.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import httpx

from holdfast.kernel import clock
from holdfast.kernel.errors import Refused
from holdfast.kernel.limits import MAX_AMOUNT_MINOR
from holdfast.kernel.money import exponent
from holdfast.providers import http
from holdfast.providers.contract import (
    MONEY,
    REFUND_KINDS,
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
    Unproven,
)

#: The provider's words in ours. A word that is not here is UNREADABLE: never guess.
#: Is a decline terminal? Where the customer may try again on the same page it is PENDING, not FAILED.
PAYMENTS = {
    "created": Kind.OPENED,
    "processing": Kind.PENDING,
    "authorized": Kind.AUTHORIZED,
    "paid": Kind.CAPTURED,
    "failed": Kind.FAILED,
    "expired": Kind.EXPIRED,
    "cancelled": Kind.CANCELLED,
}
REFUNDS = {"pending": Kind.REFUND_PENDING, "done": Kind.REFUNDED, "failed": Kind.REFUND_FAILED}
#: Events that can move money. Every other type says nothing.
EVENTS = {"payment.updated": "payment", "refund.updated": "refund"}


T = TypeVar("T")


class Refusal(Exception):
    """The provider understood and said no. That is not yet Declined: look first, an earlier try may have done it."""

    def __init__(self, status: int, code: str) -> None:
        self.status, self.code = status, code
        super().__init__(f"{status} {code}")


class ExamplePay:
    """Credentials: `{"secret_key": …, "webhook_secret": …, "api_base": …}`."""

    name = "example"
    methods = ("card",)
    currencies: tuple[str, ...] = ()
    captures_later = True

    # -- Attempts -------------------------------------------------------------------------------------------------------

    def compose(self, purchase: Purchase, account: AccountHandle) -> dict[str, Any]:
        """Committed before it is sent, and every retry sends these bytes: nothing in it may go stale, and no secret."""
        return {
            "reference": purchase.payment_id.hex,  # It has to come back in every answer and event.
            "amount": purchase.amount_minor,  # Does the provider count this currency as ISO does?
            "currency": purchase.currency,
            "capture": "later" if purchase.manual_capture else "now",
            "return_url": purchase.success_url,
        }

    def open(self, *, request: Mapping[str, Any], key: str, account: AccountHandle) -> ProviderReport:
        try:
            made = ask("POST", "/payments", account, key=key, body=request)
        except Refusal as refusal:
            found = or_unknown(lambda: self.fetch(reference=request["reference"], provider_id=None, account=account))
            if found is None:
                raise Declined(said_no(Kind.FAILED, request["reference"], refusal, account)) from refusal
            return found
        report = of_payment(made, account=account, source=Source.REPLY)
        if report.provider_id is None:
            raise Unknown("The answer is not a payment.")
        return report

    def close(self, *, provider_id: str, key: str, account: AccountHandle) -> ProviderReport:
        """Cancelling also lets go of held money here. Whatever the answer, what came of it the payment tells."""
        with suppress(Refusal):  # It was paid, or is closed already: the look tells.
            ask("POST", f"/payments/{quote(provider_id)}/cancel", account, key=key)
        report = or_unknown(lambda: self._payment(provider_id, account))
        if report.kind in (Kind.OPENED, Kind.AUTHORIZED):
            raise Unknown("The payment is still open.")
        return report

    def capture(self, *, money: Taken, amount_minor: int, key: str, account: AccountHandle) -> ProviderReport:
        path = f"/payments/{quote(money.object_id)}/capture"
        try:
            taken = ask("POST", path, account, key=key, body={"amount": amount_minor})
            report = of_payment(taken, account=account, source=Source.REPLY)
        except Refusal as refusal:
            report = or_unknown(lambda: self._payment(money.object_id, account))
            if report.kind in (Kind.AUTHORIZED, Kind.EXPIRED, Kind.CANCELLED):
                raise Declined(report) from refusal
        if report.kind is not Kind.CAPTURED:
            raise Unknown(f"The payment is {report.raw_status}.")
        return report

    # -- Refunds --------------------------------------------------------------------------------------------------------

    def refund(self, *, wanted: Return, key: str, account: AccountHandle) -> ProviderReport:
        """Our refund's id goes with it, for two equal refunds are told apart by nothing else."""
        body = {"payment": wanted.money.object_id, "amount": wanted.amount_minor, "reference": wanted.reference}
        try:
            report = of_refund(ask("POST", "/refunds", account, key=key, body=body), account=account, source=Source.REPLY)
        except Refusal as refusal:
            if refusal.status == 404:  # Perhaps not gone, but of other credentials, under which it was asked before.
                raise Unknown("These credentials do not know the payment.") from refusal
            found = or_unknown(lambda: self.fetch_refund(wanted=wanted, provider_id=None, account=account))
            if found is None:
                no = said_no(Kind.REFUND_FAILED, wanted.money.reference, refusal, account)
                raise Declined(replace(no, money_id=wanted.money.object_id, refund_reference=wanted.reference)) from refusal
            report = found
        if report.kind not in REFUND_KINDS or report.refund_reference != wanted.reference:
            raise Unknown("The answer is not the refund that was asked for.")
        return report

    def fetch_refund(self, *, wanted: Return, provider_id: str | None, account: AccountHandle) -> ProviderReport | None:
        refunds = self._refunds(wanted.money.object_id, account)
        return next((each for each in refunds if each.refund_reference == wanted.reference), None)

    # -- Looking --------------------------------------------------------------------------------------------------------

    def fetch(
        self, *, reference: str, provider_id: str | None, account: AccountHandle, since: datetime | None = None
    ) -> ProviderReport | None:
        """None only after a search that saw everything. Does the provider find by reference at once, or after a while?"""
        if provider_id:
            return self._whole(self._payment(provider_id, account), account)
        found = listed("/payments", {"reference": reference}, account)
        return self._whole(of_payment(found[0], account=account, source=Source.POLL), account) if found else None

    def look(self, *, pointer: Pointer, account: AccountHandle) -> ProviderReport | None:
        if pointer.kind != MONEY:
            return None
        try:
            found = ask("GET", f"/payments/{quote(pointer.id)}", account)
        except Refusal as refusal:
            if refusal.status == 404:
                return None
            raise Unknown("The payment could not be looked up.") from refusal
        report = of_payment(found, account=account, source=Source.POLL)
        return self._whole(report, account) if report.reference else None  # Without our reference it is not ours.

    def statement(self, *, since: datetime, until: datetime, account: AccountHandle) -> Iterator[ProviderReport]:
        """`return iter(())` where a provider publishes no books."""
        span = {"from": since.isoformat(), "to": until.isoformat()}
        for line in listed("/fees", span, account):
            yield read_safely(fee, line, account=account, source=Source.STATEMENT)

    def _payment(self, provider_id: str, account: AccountHandle) -> ProviderReport:
        try:
            found = ask("GET", f"/payments/{quote(provider_id)}", account)
        except Refusal as refusal:  # Not found can mean "not under these credentials".
            raise Unknown("The provider does not show this payment.") from refusal
        return of_payment(found, account=account, source=Source.POLL)

    def _refunds(self, payment: str, account: AccountHandle) -> list[ProviderReport]:
        found = listed("/refunds", {"payment": payment}, account)
        return [of_refund(each, account=account, source=Source.POLL) for each in found]

    def _whole(self, report: ProviderReport, account: AccountHandle) -> ProviderReport:
        """With its refunds, once there can be some: polling an open payment stays one request."""
        if report.kind is not Kind.CAPTURED or report.object_id is None:
            return report
        return replace(report, also=self._refunds(report.object_id, account))

    # -- Webhooks -------------------------------------------------------------------------------------------------------

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
        """Anybody may call: no input may raise anything but Unproven. Does the proof also cover when it was sent?"""
        secret = credentials.get("webhook_secret")
        if not isinstance(secret, str) or not secret:
            raise Unproven("This account has no webhook secret.")
        proof = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(proof.encode(), headers.get("x-signature", "").encode("utf-8", "replace")):
            raise Unproven("The signature is not ours.")
        try:
            event = json.loads(body)
            id_, type_ = event["id"], event["type"]
        except (ValueError, LookupError, TypeError, RecursionError) as odd:
            raise Unproven("The body is not an event.") from odd
        if not isinstance(id_, str) or not isinstance(type_, str):
            raise Unproven("The body is not an event.")
        return [Incoming(event_id=id_, type=type_, created_at=None, body=body)]

    def read(self, *, body: bytes, type: str, account: AccountHandle) -> ProviderReport | Pointer | None:
        """Where an event does not carry its object, or is not signed: `return Pointer(kind=MONEY, id=…)`."""
        if type not in EVENTS:
            return None
        try:
            said = json.loads(body)["object"]
        except (ValueError, LookupError, TypeError, RecursionError):
            said = None
        read = {"payment": of_payment, "refund": of_refund}[EVENTS[type]]
        return read(said, account=account, source=Source.WEBHOOK)


# -- Asking: one place that says what every failure means -----------------------------------------------------------------


def ask(
    method: str, path: str, account: AccountHandle, *, key: str = "", body: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    """Raises NotSent (nothing was written, or the credentials are refused), Unknown, Refusal."""
    secret, base = account.credentials.get("secret_key"), account.credentials.get("api_base")
    if not http.is_secret(secret) or not isinstance(base, str):
        raise NotSent("This account has no usable secret key, or no address.")
    headers = {"Authorization": f"Bearer {secret}", **({"Idempotency-Key": key} if key else {})}
    try:
        answer = http.client().request(method, base + path, headers=headers, json=body)
    except http.BEFORE_THE_WRITE as error:
        raise NotSent("Example Pay could not be reached.") from error
    except httpx.HTTPError as error:
        raise Unknown(f"Example Pay did not answer: {type(error).__name__}.") from error
    if answer.status_code in (401, 403, 429):
        raise NotSent("Example Pay refuses this account's secret key, or asks for fewer requests.")
    # Does the provider keep a 500 under its key for ever? Then one that it repeats is a Refusal, or the key is asked in vain.
    if answer.status_code >= 500 or answer.status_code in (408, 409):
        raise Unknown(f"Example Pay answered {answer.status_code}.")
    try:
        said = answer.json()
    except (ValueError, RecursionError):
        raise Unknown("Example Pay's answer is not JSON.") from None
    if answer.status_code >= 400:
        raise Refusal(answer.status_code, str(said.get("code", "") if isinstance(said, Mapping) else ""))
    if answer.status_code not in (200, 201) or not isinstance(said, Mapping):
        raise Unknown("Example Pay's answer is not what was asked for.")
    return said


def listed(path: str, filters: Mapping[str, str], account: AccountHandle) -> list[object]:
    """Everything that fits, oldest first. Has the list pages? Then read them all, or be Unknown."""
    try:
        items = ask("GET", f"{path}?{urlencode(filters)}", account).get("items")
    except Refusal as refusal:
        raise Unknown("Example Pay refused the list.") from refusal
    if not isinstance(items, list):
        raise Unknown("Example Pay's answer is not a list.")
    return items


def or_unknown(question: Callable[[], T]) -> T:
    """Within a question: what could not be asked leaves the whole unknown."""
    try:
        return question()
    except NotSent as error:
        raise Unknown(f"It could not be looked up: {error.detail}") from error


def said_no(kind: Kind, reference: str, refusal: Refusal, account: AccountHandle) -> ProviderReport:
    return ProviderReport(
        provider=ExamplePay.name,
        account_id=account.id,
        live=account.live,
        kind=kind,
        source=Source.REPLY,
        reference=reference,
        occurred_at=clock.now(),
        raw_status=refusal.code or f"http_{refusal.status}",
    )


# -- Reading: what is odd is UNREADABLE, moves nothing and calls a person --------------------------------------------------


class Puzzling(Exception):
    """A field is missing, or not of the type that is documented."""


def of_payment(said: object, *, account: AccountHandle, source: Source) -> ProviderReport:
    return read_safely(payment, said, account=account, source=source)


def of_refund(said: object, *, account: AccountHandle, source: Source) -> ProviderReport:
    return read_safely(refund, said, account=account, source=source)


def read_safely(
    read: Callable[[Mapping[str, Any]], dict[str, Any]], said: object, *, account: AccountHandle, source: Source
) -> ProviderReport:
    body = said if isinstance(said, Mapping) else {}
    told: dict[str, Any] = {
        "provider": ExamplePay.name,
        "account_id": account.id,
        "live": account.live,
        "source": source,
        "occurred_at": moment(body.get("at")) or clock.now(),
    }
    try:
        return ProviderReport(**told, **read(body))
    except (Puzzling, Refused) as odd:
        return ProviderReport(**told, kind=Kind.UNREADABLE, reference=None, detail={"unreadable": str(odd)})


def payment(body: Mapping[str, Any]) -> dict[str, Any]:
    """Amounts only where money is spoken of. `object_id` is the same whichever way we learn of it."""
    kind, id_ = PAYMENTS.get(text(body, "status")), text(body, "id")
    if kind is None:
        raise Puzzling(f"the status {body['status']} is not known")
    money = amount(body) if kind in (Kind.AUTHORIZED, Kind.CAPTURED) else {"object_id": None}
    page = body.get("url") if kind is Kind.OPENED else ""
    return {
        "kind": kind,
        "reference": text(body, "reference"),
        "provider_id": id_,
        "object_id": id_,
        "raw_status": body["status"],
        "pay_url": page if isinstance(page, str) else "",
        **money,
    }


def refund(body: Mapping[str, Any]) -> dict[str, Any]:
    kind = REFUNDS.get(text(body, "status"))
    if kind is None:
        raise Puzzling(f"the status {body['status']} is not known")
    ours = body.get("reference")  # None: from the provider's dashboard, and no less true.
    return {
        "kind": kind,
        "reference": None,
        "object_id": text(body, "id"),
        "money_id": text(body, "payment"),
        "refund_reference": ours if isinstance(ours, str) else None,
        "raw_status": body["status"],
        **amount(body),
    }


def fee(body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kind": Kind.FEE,
        "reference": None,
        "object_id": text(body, "id"),
        "money_id": text(body, "payment"),
        **amount(body),
    }


def amount(body: Mapping[str, Any]) -> dict[str, Any]:
    """Raises UnknownCurrency. `type(…) is int`: True is not an amount, and neither is 25.0."""
    minor, currency = body.get("amount"), text(body, "currency")
    exponent(currency)
    if type(minor) is not int or not 0 < minor <= MAX_AMOUNT_MINOR:
        raise Puzzling("amount is not an amount")
    return {"amount_minor": minor, "currency": currency}


def text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Puzzling(f"{name} is not a text")
    return value


def moment(seconds: object) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if type(seconds) is int and 0 < seconds < 10**11 else None
