"""What Stripe's objects say, in our words. Every path (reply, webhook, poll) is translated here, so that the same money
is the same fact whichever way it came: its `object_id` is always the PaymentIntent's id.

The session names its PaymentIntent, and the PaymentIntent's own events are about it; a charge's id is missing from the
session's events, and a PaymentIntent is captured only once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from holdfast.kernel import clock
from holdfast.kernel.errors import Refused
from holdfast.kernel.limits import MAX_AMOUNT_MINOR
from holdfast.providers.contract import AccountHandle, Kind, ProviderReport, Source
from holdfast.providers.stripe.amounts import from_stripe

#: https://docs.stripe.com/payments/paymentintents/lifecycle: the customer may still pay, or the bank has not answered.
WAITING = frozenset(["requires_payment_method", "requires_confirmation", "requires_action", "processing"])
#: Reasons by which Stripe itself ended a PaymentIntent: its time was over. Any other reason is somebody's decision.
#: A session that expires ends its PaymentIntent as well, and the two events come in any order: both must say EXPIRED.
ENDED_BY_TIME = frozenset(["automatic", "expired", "failed_invoice", "void_invoice"])
REFERENCE = re.compile(r"[0-9a-f]{32}")
MAX_STATUS = 80


class Puzzling(Exception):
    """A field is missing, or not of the type that Stripe documents."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one object says of the attempt; the amount in Stripe's units."""

    kind: Kind
    status: str
    object_id: str | None = None
    amount: int | None = None
    currency: str | None = None
    at: datetime | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


def of_session(
    session: object,
    *,
    account: AccountHandle,
    source: Source,
    told_at: datetime | None = None,
    async_failed: bool = False,
) -> ProviderReport:
    """The report in a Checkout Session, its PaymentIntent expanded or not. Never raises: what is odd is UNREADABLE.

    `async_failed`: the session came with `checkout.session.async_payment_failed`; its own fields do not tell.
    """
    body = session if isinstance(session, Mapping) else {}
    try:
        if body.get("object") != "checkout.session":
            raise Puzzling("this is no Checkout Session")
        verdict = session_verdict(body, async_failed=async_failed)
        return _report(body, verdict, account=account, source=source, told_at=told_at, provider_id=text(body, "id"))
    except (Puzzling, Refused) as why:
        return unreadable(body, why, account=account, source=source, told_at=told_at)


def of_intent(intent: object, *, account: AccountHandle, source: Source, told_at: datetime | None = None) -> ProviderReport:
    """The report in a PaymentIntent. It does not name its session, so `provider_id` is empty. Never raises."""
    body = intent if isinstance(intent, Mapping) else {}
    try:
        verdict = intent_verdict(body)
        return _report(body, verdict, account=account, source=source, told_at=told_at, provider_id=None)
    except (Puzzling, Refused) as why:
        return unreadable(body, why, account=account, source=source, told_at=told_at)


def session_verdict(session: Mapping[str, Any], *, async_failed: bool) -> Verdict:
    """Money first: an expanded PaymentIntent that holds or took money is believed before the session's own status.

    Every other pair of words is unreadable; `no_payment_required` too, for we never open a session about nothing.
    """
    status, payment_status = text(session, "status"), text(session, "payment_status")
    raw = f"{status}/{payment_status}"
    intent = intent_verdict(session["payment_intent"]) if isinstance(session.get("payment_intent"), Mapping) else None
    detail = intent.detail if intent else {}
    if intent and intent.kind in (Kind.CAPTURED, Kind.AUTHORIZED, Kind.UNREADABLE):
        return _renamed(intent, raw)
    if (status, payment_status) == ("open", "unpaid"):
        return Verdict(kind=Kind.OPENED, status=raw, detail=detail, at=moment(session.get("created")))
    if (status, payment_status) == ("expired", "unpaid"):
        return Verdict(kind=Kind.EXPIRED, status=raw, detail=detail)
    if (status, payment_status) == ("complete", "paid"):
        return _paid(session, raw)
    if (status, payment_status) == ("complete", "unpaid"):
        return _unpaid(intent, raw, async_failed=async_failed)
    return Verdict(kind=Kind.UNREADABLE, status=raw)


def _paid(session: Mapping[str, Any], raw: str) -> Verdict:
    intent = session.get("payment_intent")
    return Verdict(
        kind=Kind.CAPTURED,
        status=raw,
        object_id=text({"payment_intent": intent}, "payment_intent"),
        amount=amount(session, "amount_total"),
        currency=currency(session),
    )


def _unpaid(intent: Verdict | None, raw: str, *, async_failed: bool) -> Verdict:
    """Completed but unpaid: a delayed method, or a manual capture (whose authorization the PaymentIntent tells).

    The page of a completed session is gone, so a PaymentIntent that wants another method will never get one.
    """
    if intent and intent.kind in (Kind.CANCELLED, Kind.EXPIRED):
        return _renamed(intent, raw)
    if async_failed or (intent and intent.status == "requires_payment_method"):
        return Verdict(kind=Kind.FAILED, status=raw, detail=intent.detail if intent else {})
    return Verdict(kind=Kind.PENDING, status=f"{raw}/{intent.status}" if intent else raw)


def intent_verdict(intent: Mapping[str, Any]) -> Verdict:
    """`requires_payment_method` after a decline is PENDING: the customer is still on the page and may try another card."""
    if intent.get("object") != "payment_intent":
        raise Puzzling("this is no PaymentIntent")
    status, id_ = text(intent, "status"), text(intent, "id")
    if status == "succeeded":
        return Verdict(
            kind=Kind.CAPTURED,
            status=status,
            object_id=id_,
            amount=amount(intent, "amount_received"),
            currency=currency(intent),
            at=_charged_at(intent),
        )
    if status == "requires_capture":
        return Verdict(
            kind=Kind.AUTHORIZED,
            status=status,
            object_id=id_,
            amount=amount(intent, "amount_capturable"),
            currency=currency(intent),
            at=_charged_at(intent),
        )
    if status == "canceled":
        reason = intent.get("cancellation_reason")
        kind = Kind.EXPIRED if reason in ENDED_BY_TIME else Kind.CANCELLED
        at = moment(intent.get("canceled_at"))
        return Verdict(kind=kind, status=status, object_id=id_, at=at, detail=_words(cancellation_reason=reason))
    kind = Kind.PENDING if status in WAITING else Kind.UNREADABLE
    return Verdict(kind=kind, status=status, object_id=id_, detail=last_error(intent))


def _report(
    body: Mapping[str, Any],
    verdict: Verdict,
    *,
    account: AccountHandle,
    source: Source,
    told_at: datetime | None,
    provider_id: str | None,
) -> ProviderReport:
    if type(body.get("livemode")) is not bool:
        raise Puzzling("livemode is neither true nor false")
    minor = None
    if verdict.amount is not None and verdict.currency is not None:
        minor = from_stripe(verdict.amount, verdict.currency)
    return ProviderReport(
        provider="stripe",
        account_id=account.id,
        live=body["livemode"],
        kind=verdict.kind,
        source=source,
        reference=reference(body),
        provider_id=provider_id,
        object_id=verdict.object_id,
        amount_minor=minor,
        currency=verdict.currency,
        occurred_at=told_at or verdict.at or clock.now(),
        raw_status=verdict.status[:MAX_STATUS],
        pay_url=_string(body.get("url")) if verdict.kind is Kind.OPENED else "",
        detail=verdict.detail,
    )


def unreadable(
    body: Mapping[str, Any],
    why: Exception,
    *,
    account: AccountHandle,
    source: Source,
    told_at: datetime | None,
) -> ProviderReport:
    """A report that moves nothing and calls a person, as well bound to its payment as can be read."""
    live = body.get("livemode")
    id_ = _string(body.get("id")) or None
    is_session = body.get("object") == "checkout.session"
    return ProviderReport(
        provider="stripe",
        account_id=account.id,
        live=live if type(live) is bool else account.live,
        kind=Kind.UNREADABLE,
        source=source,
        reference=reference(body),
        provider_id=id_ if is_session else None,
        object_id=None if is_session else id_,
        occurred_at=told_at or clock.now(),
        raw_status=_string(body.get("status"))[:MAX_STATUS],
        detail={"unreadable": str(why)},
    )


def reference(body: Mapping[str, Any]) -> str | None:
    """Our payment's id in hex, as we gave it; None when the object is not ours or does not tell."""
    metadata = body.get("metadata")
    ours = metadata.get("holdfast_payment") if isinstance(metadata, Mapping) else None
    for said in (ours, body.get("client_reference_id")):
        if isinstance(said, str) and REFERENCE.fullmatch(said):
            return said
    return None


def last_error(intent: Mapping[str, Any]) -> dict[str, str]:
    """What the bank said about the last try, for people."""
    error = intent.get("last_payment_error")
    if not isinstance(error, Mapping):
        return {}
    return _words(code=error.get("code"), decline_code=error.get("decline_code"), message=error.get("message"))


def text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Puzzling(f"{name} is not a text")
    return value


def amount(body: Mapping[str, Any], name: str) -> int:
    value = body.get(name)
    if type(value) is not int or not 0 < value <= MAX_AMOUNT_MINOR:
        raise Puzzling(f"{name} is not an amount")
    return value


def currency(body: Mapping[str, Any]) -> str:
    return text(body, "currency").upper()


def moment(value: object) -> datetime | None:
    """Unix seconds → a time; None for anything else."""
    if type(value) is not int or not 0 < value < 10**11:
        return None
    return datetime.fromtimestamp(value, UTC)


def _charged_at(intent: Mapping[str, Any]) -> datetime | None:
    charge = intent.get("latest_charge")
    return moment(charge.get("created")) if isinstance(charge, Mapping) else None


def _renamed(verdict: Verdict, session_status: str) -> Verdict:
    return replace(verdict, status=f"{session_status}/{verdict.status}")


def _words(**said: object) -> dict[str, str]:
    return {name: value for name, value in said.items() if isinstance(value, str) and value}


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""
