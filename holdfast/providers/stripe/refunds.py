"""Refunds: asked for, looked up, and read. https://docs.stripe.com/api/refunds

A refund names its PaymentIntent. Those that we ask for carry our refund's id in their metadata; those from the dashboard do not.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from holdfast.kernel import clock
from holdfast.kernel.errors import Refused
from holdfast.providers.contract import (
    REFUND_KINDS,
    AccountHandle,
    Declined,
    Kind,
    ProviderReport,
    Return,
    Source,
    Unknown,
)
from holdfast.providers.stripe.amounts import to_stripe
from holdfast.providers.stripe.asking import Refusal, ask, every, or_unknown
from holdfast.providers.stripe.fields import (
    MAX_STATUS,
    Puzzling,
    id_of,
    mapping,
    moment,
    money,
    ours,
    text,
    unreadable,
    words,
)

#: https://docs.stripe.com/refunds#failed-refunds: one that `succeeded` can still become `failed`, days later.
KINDS = {
    "pending": Kind.REFUND_PENDING,
    "requires_action": Kind.REFUND_PENDING,
    "succeeded": Kind.REFUNDED,
    "failed": Kind.REFUND_FAILED,
    "canceled": Kind.REFUND_FAILED,
}
#: Refunds of one payment that are read before we give up rather than claim that ours is not among them.
MOST = 1_000


def of_refund(
    refund: object,
    *,
    account: AccountHandle,
    source: Source,
    live: bool | None = None,
    told_at: datetime | None = None,
) -> ProviderReport:
    """The report in a Refund. Never raises: what is odd is UNREADABLE.

    A Refund does not say its mode: `live` is that of its event, else the account's, whose key was used.
    """
    body = mapping(refund)
    live = account.live if live is None else live
    try:
        if body.get("object") != "refund":
            raise Puzzling("this is no Refund")
        status = text(body, "status")
        if status not in KINDS:
            raise Puzzling("this is no status of a refund that we know")
        minor, spoken = money(body)
        return ProviderReport(
            provider="stripe",
            account_id=account.id,
            live=live,
            kind=KINDS[status],
            source=source,
            reference=ours(body),
            object_id=text(body, "id"),
            amount_minor=minor,
            currency=spoken,
            occurred_at=told_at or _when(body, KINDS[status]),
            raw_status=status[:MAX_STATUS],
            money_id=id_of(body, "payment_intent"),
            refund_reference=ours(body, "holdfast_refund"),
            detail=words(**{name: body.get(name) for name in ("reason", "pending_reason", "failure_reason")}),
        )
    except (Puzzling, Refused) as why:
        return unreadable(body, why, account=account, source=source, told_at=told_at, live=live)


def _when(body: Mapping[str, Any], kind: Kind) -> datetime:
    """A Refund says when it was made, and never when it failed."""
    made = None if kind is Kind.REFUND_FAILED else moment(body.get("created"))
    return made or clock.now()


def refund(*, wanted: Return, key: str, account: AccountHandle) -> ProviderReport:
    """Raises NotSent, Unknown, Declined (there is no refund, and this key will never make one)."""
    try:
        body = request(wanted)
    except Refused as no:
        raise Declined(_no_refund(wanted, account, code=type(no).__name__, message=str(no.detail))) from no
    try:
        made = ask(account, lambda client: client.v1.refunds.create(body, {"idempotency_key": key}).to_dict())
    except Refusal as refusal:
        return _after_refusal(refusal, wanted=wanted, account=account)
    report = of_refund(made, account=account, source=Source.REPLY)
    if report.kind not in REFUND_KINDS or report.refund_reference != wanted.reference:
        raise Unknown("Stripe's answer is not the refund that was asked for.")
    return report


def request(wanted: Return) -> Any:
    """Everything `POST /v1/refunds` is told. Stripe's own `reason` knows three words only. Raises AmountNotPossible."""
    metadata = {"holdfast_refund": wanted.reference, "holdfast_payment": wanted.money.reference}
    if wanted.reason:
        metadata["holdfast_reason"] = wanted.reason
    return {
        "payment_intent": wanted.money.object_id,
        "amount": to_stripe(wanted.amount_minor, wanted.money.currency),
        "metadata": metadata,
    }


def _after_refusal(refusal: Refusal, *, wanted: Return, account: AccountHandle) -> ProviderReport:
    """A no is final only if our refund does not exist: an earlier try may have made it, or its answer was a kept 500 (S-71).

    A PaymentIntent that Stripe does not know belongs to another key, under which an earlier try may have been heard.
    """
    if refusal.status == 404:
        raise Unknown(f"Stripe does not show {wanted.money.object_id} to this secret key: {refusal}") from refusal
    found = or_unknown(lambda: fetch_refund(wanted=wanted, provider_id=None, account=account))
    if found is None:
        raise Declined(_no_refund(wanted, account, code=refusal.code, message=refusal.message, request_id=refusal.request_id))
    if found.kind not in REFUND_KINDS:
        raise Unknown("Our refund exists at Stripe, but cannot be read.")
    return replace(found, source=Source.REPLY)


def _no_refund(wanted: Return, account: AccountHandle, *, code: str, **detail: str) -> ProviderReport:
    return ProviderReport(
        provider="stripe",
        account_id=account.id,
        live=account.live,
        kind=Kind.REFUND_FAILED,
        source=Source.REPLY,
        reference=wanted.money.reference,
        occurred_at=clock.now(),
        raw_status=code[:MAX_STATUS],
        money_id=wanted.money.object_id,
        refund_reference=wanted.reference,
        detail=words(**detail),
    )


def fetch_refund(*, wanted: Return, provider_id: str | None, account: AccountHandle) -> ProviderReport | None:
    """Raises NotSent, Unknown. None only after a search that saw every refund of the money."""
    try:
        if provider_id:
            found = ask(account, lambda client: client.v1.refunds.retrieve(provider_id).to_dict())
            return of_refund(found, account=account, source=Source.POLL)
    except Refusal as refusal:
        raise Unknown(f"Stripe does not show refund {provider_id} to this secret key: {refusal}") from refusal
    reports = of_money(wanted.money.object_id, account=account)
    return next((report for report in reports if report.refund_reference == wanted.reference), None)


def of_money(intent_id: str, *, account: AccountHandle) -> list[ProviderReport]:
    """All refunds of a PaymentIntent, oldest first, whoever asked for them. Raises NotSent, Unknown."""
    filters: Any = {"payment_intent": intent_id, "limit": 100}
    found = every(account, lambda client: client.v1.refunds.list(filters), most=MOST)
    return [of_refund(each, account=account, source=Source.POLL) for each in reversed(found)]
