"""What sessions and PaymentIntents say, in our words. Every path (reply, webhook, poll) is translated here, so that the same
money is the same fact whichever way it came: its `object_id` is always the PaymentIntent's id.

The session names its PaymentIntent, and the PaymentIntent's own events are about it; a charge's id is missing from the
session's events, and a PaymentIntent is captured only once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from holdfast.kernel import clock
from holdfast.kernel.errors import Refused
from holdfast.providers.contract import AccountHandle, Kind, ProviderReport, Source
from holdfast.providers.stripe.amounts import from_stripe
from holdfast.providers.stripe.fields import (
    MAX_STATUS,
    Puzzling,
    amount,
    currency,
    mapping,
    moment,
    reference,
    string,
    text,
    unreadable,
    words,
)

#: https://docs.stripe.com/payments/paymentintents/lifecycle: the customer may still pay, or the bank has not answered.
WAITING = frozenset(["requires_payment_method", "requires_confirmation", "requires_action", "processing"])
#: Reasons by which Stripe itself ended a PaymentIntent: its time was over. Any other reason is somebody's decision.
#: A session that expires ends its PaymentIntent as well, and the two events come in any order: both must say EXPIRED.
ENDED_BY_TIME = frozenset(["automatic", "expired", "failed_invoice", "void_invoice"])


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
    body = mapping(session)
    try:
        if body.get("object") != "checkout.session":
            raise Puzzling("this is no Checkout Session")
        verdict = session_verdict(body, async_failed=async_failed)
        return _report(body, verdict, account=account, source=source, told_at=told_at, provider_id=text(body, "id"))
    except (Puzzling, Refused) as why:
        return unreadable(body, why, account=account, source=source, told_at=told_at)


def of_intent(intent: object, *, account: AccountHandle, source: Source, told_at: datetime | None = None) -> ProviderReport:
    """The report in a PaymentIntent. It does not name its session, so `provider_id` is empty. Never raises."""
    body = mapping(intent)
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
        return Verdict(kind=kind, status=status, object_id=id_, at=at, detail=words(cancellation_reason=reason))
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
        pay_url=string(body.get("url")) if verdict.kind is Kind.OPENED else "",
        detail=verdict.detail,
    )


def last_error(intent: Mapping[str, Any]) -> dict[str, str]:
    """What the bank said about the last try, for people."""
    error = intent.get("last_payment_error")
    if not isinstance(error, Mapping):
        return {}
    return words(code=error.get("code"), decline_code=error.get("decline_code"), message=error.get("message"))


def _charged_at(intent: Mapping[str, Any]) -> datetime | None:
    charge = intent.get("latest_charge")
    return moment(charge.get("created")) if isinstance(charge, Mapping) else None


def _renamed(verdict: Verdict, session_status: str) -> Verdict:
    return replace(verdict, status=f"{session_status}/{verdict.status}")
