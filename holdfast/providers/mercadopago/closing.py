"""Ending an attempt: a Pix is cancelled; a preference has no such word, so that its end is moved into the past."""

from collections.abc import Mapping
from typing import Any

from holdfast.providers.contract import AccountHandle, Kind, ProviderReport, Source, Unknown
from holdfast.providers.mercadopago import attempts, searching
from holdfast.providers.mercadopago.asking import Refusal, ask, or_unknown
from holdfast.providers.mercadopago.fields import mapping, reference

#: Payments that are not decided, or whose money is only held, are let go of with their page.
UNDECIDED = frozenset(["pending", "in_process", "authorized"])
#: What an attempt that is closed must not be.
STILL_OPEN = frozenset([Kind.OPENED, Kind.AUTHORIZED])


def pix(payment_id: str, *, account: AccountHandle) -> ProviderReport:
    """Raises NotSent, Unknown. One that was paid first cannot be cancelled, and is reported as paid."""
    refused = cancel(payment_id, account)
    body = or_unknown(lambda: searching.payment(payment_id, account))
    if body is None:
        raise Unknown(f"Mercado Pago does not show payment {payment_id} to this access token.") from refused
    report = or_unknown(lambda: searching.report(body, account=account, source=Source.REPLY))
    if report.kind in STILL_OPEN:
        raise Unknown(f"Mercado Pago does not cancel the Pix: {refused or 'it is still open'}") from refused
    return report


def page(preference_id: str, *, account: AccountHandle) -> ProviderReport:
    """End the preference, and others with our reference, which were made by a repeated `open`; then what was tried at them.

    A customer who is just paying is asked about after that: money that comes later still is told by its notification, by look-ups
    and the statement. Raises NotSent, Unknown.
    """
    ended = end(preference_id, account)
    ours = reference(ended)
    if ours is not None:
        or_unknown(lambda: _end_the_rest(ours, preference_id, account))
    report = or_unknown(lambda: attempts.by_id(preference_id, account=account, source=Source.REPLY))
    if report.kind in STILL_OPEN:
        raise Unknown("Mercado Pago does not end the preference, or does not let go of what it holds.")
    return report


def _end_the_rest(ours: str, preference_id: str, account: AccountHandle) -> None:
    for other in searching.preferences_of(ours, account):
        if other != preference_id:
            end(other, account)
    for payment in searching.payments_of(ours, account):
        if payment.get("status") in UNDECIDED:
            cancel(searching.number_of(payment), account)


def end(preference_id: str, account: AccountHandle) -> Mapping[str, Any]:
    """Safe to repeat: it moves no money, and an end that has passed stays so."""
    since, until = attempts.long_over()
    over = {"expires": True, "expiration_date_from": since, "expiration_date_to": until}
    try:
        return mapping(ask(account, lambda sdk, options: sdk.preference().update(preference_id, over, options)))
    except Refusal as refusal:
        raise Unknown(f"Mercado Pago does not end preference {preference_id}: {refusal}") from refusal


def cancel(payment_id: str, account: AccountHandle) -> Refusal | None:
    """What it says against it: usually that the payment is decided already."""
    try:
        ask(account, lambda sdk, options: sdk.payment().update(payment_id, {"status": "cancelled"}, options))
    except Refusal as refusal:
        return refusal
    return None
