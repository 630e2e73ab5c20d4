"""Money that is held: taken, or let go of. https://docs.stripe.com/payments/place-a-hold-on-a-payment-method"""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from holdfast.kernel.errors import Refused
from holdfast.providers.contract import (
    AccountHandle,
    Declined,
    Kind,
    ProviderReport,
    Source,
    Taken,
    Unknown,
)
from holdfast.providers.stripe import reading
from holdfast.providers.stripe.amounts import to_stripe
from holdfast.providers.stripe.asking import Refusal, ask, or_unknown


def capture(*, money: Taken, amount_minor: int, key: str, account: AccountHandle) -> ProviderReport:
    """Take a part or all of it, once; Stripe lets go of the rest. Raises NotSent, Unknown, Declined."""
    try:
        body: Any = {"amount_to_capture": to_stripe(amount_minor, money.currency)}
    except Refused as no:
        return _not_captured(money, account, code=type(no).__name__, message=str(no.detail))
    options: Any = {"idempotency_key": key}
    try:
        intent = ask(account, lambda client: client.v1.payment_intents.capture(money.object_id, body, options).to_dict())
    except Refusal as refusal:
        return _not_captured(money, account, code=refusal.code, message=refusal.message, request_id=refusal.request_id)
    report = reading.of_intent(intent, account=account, source=Source.REPLY)
    if report.kind is not Kind.CAPTURED or report.object_id != money.object_id:
        raise Unknown("Stripe's answer is not the captured PaymentIntent.")
    return replace(report, provider_id=money.provider_id)


def _not_captured(money: Taken, account: AccountHandle, **said: str) -> ProviderReport:
    """Stripe said no: an earlier try took it, it is still held, or it is gone. The PaymentIntent tells which (S-71)."""
    report = or_unknown(lambda: _now(money, account))
    if report.kind is Kind.CAPTURED:
        return report
    if report.kind not in (Kind.AUTHORIZED, Kind.EXPIRED, Kind.CANCELLED):
        raise Unknown(f"Stripe did not capture, and {money.object_id} is {report.raw_status or 'not readable'}.")
    raise Declined(replace(report, detail={**report.detail, **{name: value for name, value in said.items() if value}}))


def _now(money: Taken, account: AccountHandle) -> ProviderReport:
    try:
        intent = ask(account, lambda client: client.v1.payment_intents.retrieve(money.object_id).to_dict())
    except Refusal as refusal:
        raise Unknown(f"Stripe does not show {money.object_id} to this secret key: {refusal}") from refusal
    return replace(reading.of_intent(intent, account=account, source=Source.POLL), provider_id=money.provider_id)


def let_go(intent_id: str, *, key: str, account: AccountHandle) -> None:
    """Ask to cancel it. What came of it the session tells, so that a no is not told apart here. Raises Unknown.

    A key keeps an old 500 for ever. Cancelling moves no money and can be done once only, so then a new key is safe.
    """
    try:
        _cancel(intent_id, {"idempotency_key": key}, account)
    except Refusal as refusal:
        if refusal.replayed and refusal.status >= 500:
            with suppress(Refusal):
                _cancel(intent_id, {}, account)


def _cancel(intent_id: str, options: Any, account: AccountHandle) -> None:
    or_unknown(lambda: ask(account, lambda client: client.v1.payment_intents.cancel(intent_id, {}, options)))
