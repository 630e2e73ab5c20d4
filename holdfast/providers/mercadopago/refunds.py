"""Refunds: asked for and looked up.

https://www.mercadopago.com.br/developers/en/reference/online-payments/checkout-api-payments/create-refund/post

A refund carries nothing of ours. What binds it to our intention is the key alone: the same request under the same key gives the
refund that was made, as long as the key is kept (a day; nothing longer is promised). So what is certain comes from asking again
with the key: the refund, or a no that means that there is none. A list of refunds proves one thing only: that ours is not there,
when none since our intention has its amount. One that has may be somebody else's, and is told without a `refund_reference`.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from holdfast.kernel import clock, limits
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
from holdfast.providers.mercadopago.amounts import to_wire
from holdfast.providers.mercadopago.asking import MEANT, Refusal, ask, or_unknown
from holdfast.providers.mercadopago.fields import (
    MAX_STATUS,
    Puzzling,
    mapping,
    moment,
    money,
    unreadable,
    words,
)
from holdfast.providers.mercadopago.refunded import of_refund
from holdfast.providers.mercadopago.request import real_now

#: Our clock and Mercado Pago's may differ by this much when we ask whether a refund is older than our intention.
CLOCKS_DIFFER = timedelta(seconds=30)


def refund(*, wanted: Return, key: str, account: AccountHandle) -> ProviderReport:
    """Raises NotSent, Unknown, Declined (there is no refund of ours, and this request makes none).

    The amount is always said: a request without one returns whatever is left.
    """
    try:
        body = {"amount": to_wire(wanted.amount_minor, wanted.money.currency)}
    except Refused as no:
        raise Declined(_no_refund(wanted, account, code=type(no).__name__, message=str(no.detail))) from no
    try:
        made = ask(account, lambda sdk, options: sdk.refund().create(wanted.money.object_id, body, options), key=key)
    except Refusal as refusal:
        raise _after_refusal(refusal, wanted=wanted, account=account) from refusal
    report = _report(made, wanted=wanted, account=account, source=Source.REPLY)
    if report.kind not in REFUND_KINDS or report.amount_minor != wanted.amount_minor:
        raise Unknown("Mercado Pago's answer is not the refund that was asked for.")
    return replace(report, refund_reference=wanted.reference)


def _after_refusal(refusal: Refusal, *, wanted: Return, account: AccountHandle) -> Exception:
    """A no is final while the key is kept, under which a refund that exists would have been shown. Later a second one may be
    refused because the first exists: then none since our intention must have its amount.

    A payment that Mercado Pago does not know belongs to another token, under which an earlier try may have been heard.
    """
    if refusal.status == 404 or refusal.status not in MEANT or not refusal.certain:
        return Unknown(f"Mercado Pago refuses the refund, and an earlier try may have made it: {refusal}")
    if not _key_is_kept(wanted) and or_unknown(lambda: candidates(wanted, account)):
        return Unknown(f"Mercado Pago refuses the refund, and one of this amount exists that may be ours: {refusal}")
    return Declined(_no_refund(wanted, account, code=refusal.code, message=refusal.message))


def fetch_refund(*, wanted: Return, provider_id: str | None, account: AccountHandle) -> ProviderReport | None:
    """By its id. Without one: None where none can be ours; the only one that may be, as one that nobody signed; where several
    may be, asking again with the key tells.

    Raises NotSent, Unknown.
    """
    if provider_id is None:
        found = candidates(wanted, account)
        if len(found) > 1:
            raise Unknown("Several refunds of this amount exist. Which is ours is told by asking again with its key.")
        return _report(found[0], wanted=wanted, account=account, source=Source.POLL) if found else None
    try:
        found = ask(account, lambda sdk, options: sdk.refund().get(wanted.money.object_id, provider_id, options))
    except Refusal as refusal:
        raise Unknown(f"Mercado Pago does not show refund {provider_id} to this access token: {refusal}") from refusal
    report = _report(found, wanted=wanted, account=account, source=Source.POLL)
    return replace(report, refund_reference=wanted.reference)


def candidates(wanted: Return, account: AccountHandle) -> list[Mapping[str, Any]]:
    """The refunds of this money that may be ours: of its amount, and not older than our intention. Raises NotSent, Unknown."""
    try:
        found = ask(account, lambda sdk, options: sdk.refund().list_all(wanted.money.object_id, options))
    except Refusal as refusal:
        raise Unknown(f"Mercado Pago does not show the refunds of {wanted.money.object_id}: {refusal}") from refusal
    if not isinstance(found, list):
        raise Unknown("Mercado Pago's answer is not a list of refunds.")
    return [each for each in map(mapping, found) if _may_be(each, wanted)]


def _may_be(refund: Mapping[str, Any], wanted: Return) -> bool:
    """What cannot be read may be ours."""
    try:
        if money(refund, "amount", wanted.money.currency) != wanted.amount_minor:
            return False
    except (Puzzling, Refused):
        return True
    made, intended = moment(refund.get("date_created")), intended_at(wanted)
    return made is None or intended is None or made >= intended - CLOCKS_DIFFER


def _key_is_kept(wanted: Return) -> bool:
    at = intended_at(wanted)
    return at is not None and real_now() - at < limits.KEY_SAFE_AGE


def intended_at(wanted: Return) -> datetime | None:
    """Our ids are UUIDv7, so they tell in real time when they were made."""
    try:
        id_ = UUID(hex=wanted.reference)
        return datetime.fromtimestamp((id_.int >> 80) / 1000, UTC) if id_.version == 7 else None
    except (ValueError, OverflowError):
        return None


def _report(made: object, *, wanted: Return, account: AccountHandle, source: Source) -> ProviderReport:
    """Never raises: what is odd is UNREADABLE. A refund does not say its mode: the account's token was used."""
    body = mapping(made)
    told = ProviderReport(
        provider="mercadopago",
        account_id=account.id,
        live=account.live,
        kind=Kind.CAPTURED,
        source=source,
        reference=wanted.money.reference,
        object_id=wanted.money.object_id,
        currency=wanted.money.currency,
        occurred_at=clock.now(),
    )
    try:
        return of_refund(body, told)
    except (Puzzling, Refused) as why:
        odd = unreadable(body, why, account=account, source=source, money_id=wanted.money.object_id)
        return replace(odd, reference=wanted.money.reference)


def _no_refund(wanted: Return, account: AccountHandle, *, code: str, **detail: str) -> ProviderReport:
    return ProviderReport(
        provider="mercadopago",
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
