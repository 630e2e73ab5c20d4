"""What a payment says, in our words. Every path (reply, look-up, statement) is translated here, so that the same money is the
same fact whichever way it came: its `object_id` is the payment's number.

https://www.mercadopago.com.br/developers/en/docs/checkout-api/response-handling/collection-results
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from holdfast.kernel import clock
from holdfast.kernel.errors import Refused
from holdfast.providers.contract import AccountHandle, Kind, ProviderReport, Source
from holdfast.providers.mercadopago import disputes, refunded
from holdfast.providers.mercadopago.fields import (
    MAX_STATUS,
    Puzzling,
    items,
    live,
    mapping,
    moment,
    money,
    number,
    odd,
    reference,
    string,
    text,
    unreadable,
    words,
)

#: Money was taken, whatever became of it later: refunds and disputes are facts of their own.
TAKEN = frozenset(["approved", "refunded", "charged_back", "in_mediation"])
#: Older and newer spelling.
CANCELLED = frozenset(["cancelled", "canceled"])
#: Of these nothing more comes, and no money: in Checkout Pro the customer may still try another one.
DEAD = frozenset(["rejected"]) | CANCELLED


@dataclass(frozen=True, kw_only=True)
class Verdict:
    kind: Kind
    amount: int | None = None
    currency: str | None = None
    at: datetime | None = None
    pay_url: str = ""
    show: Mapping[str, Any] = field(default_factory=dict)


def of_payment(payment: object, *, account: AccountHandle, source: Source, chargebacks: Sequence[object] = ()) -> ProviderReport:
    """The report in a payment as it is shown by its number; refunds and disputes in `also`. Never raises: what is odd is
    UNREADABLE.

    `chargebacks` are the cases of one that was charged back. `provider_id` is told of a Pix of ours only: a payment in Checkout
    Pro does not name its preference.
    """
    body = mapping(payment)
    try:
        told = _told(body, account=account, source=source)
        if told.kind is not Kind.CAPTURED:
            return told
    except (Puzzling, Refused) as why:
        return unreadable(body, why, account=account, source=source)
    also = [
        *_careful(lambda: refunded.of_payment(body, told), told),
        *_careful(lambda: disputes.of_payment(body, told, chargebacks), told),
    ]
    return replace(told, also=also)


def of_books(payment: object, *, account: AccountHandle, chargebacks: Sequence[object] = ()) -> list[ProviderReport]:
    """The same for the statement: side by side, with what Mercado Pago kept of it."""
    report = of_payment(payment, account=account, source=Source.STATEMENT, chargebacks=chargebacks)
    alone = replace(report, also=())
    fee = _careful(lambda: _fee(mapping(payment), alone), alone) if report.kind is Kind.CAPTURED else []
    return [alone, *report.also, *fee]


def _told(body: Mapping[str, Any], *, account: AccountHandle, source: Source) -> ProviderReport:
    """Raises Puzzling, Refused."""
    id_, status = number(body), text(body, "status")
    verdict = _of_pix(body, status) if is_own_pix(body) else _in_page(body, status)
    detail = string(body.get("status_detail"))
    return ProviderReport(
        provider="mercadopago",
        account_id=account.id,
        live=live(body, account),
        kind=verdict.kind,
        source=source,
        reference=reference(body),
        provider_id=id_ if is_own_pix(body) else None,
        object_id=id_,
        amount_minor=verdict.amount,
        currency=verdict.currency,
        occurred_at=verdict.at or clock.now(),
        raw_status=f"{status}/{detail}"[:MAX_STATUS],
        pay_url=verdict.pay_url,
        show=verdict.show,
        detail=words(status_detail=detail, payment_method=body.get("payment_method_id")),
    )


def is_own_pix(body: Mapping[str, Any]) -> bool:
    """A Pix that we made, which is the whole attempt; a payment made in Checkout Pro belongs to an order of Mercado Pago's."""
    return body.get("payment_method_id") == "pix" and mapping(body.get("order")).get("id") is None


def _of_pix(body: Mapping[str, Any], status: str) -> Verdict:
    if status == "pending":
        data = mapping(mapping(body.get("point_of_interaction")).get("transaction_data"))
        code = text(data, "qr_code")
        at = moment(body.get("date_created"))
        return Verdict(kind=Kind.OPENED, pay_url=string(data.get("ticket_url")), show={"pix": code}, at=at)
    if status == "rejected":
        return Verdict(kind=Kind.FAILED, at=_changed(body))
    if status in CANCELLED:
        kind = Kind.EXPIRED if body.get("status_detail") == "expired" else Kind.CANCELLED
        return Verdict(kind=kind, at=_changed(body))
    return _undecided_or_taken(body, status)


def _in_page(body: Mapping[str, Any], status: str) -> Verdict:
    """One try of several: when it ends without money, the attempt does not (its preference tells when that ends)."""
    if status == "pending" or status in DEAD:
        return Verdict(kind=Kind.PENDING, at=_changed(body))
    return _undecided_or_taken(body, status)


def _undecided_or_taken(body: Mapping[str, Any], status: str) -> Verdict:
    if status == "in_process":
        return Verdict(kind=Kind.PENDING, at=_changed(body))
    if status != "authorized" and status not in TAKEN:
        return Verdict(kind=Kind.UNREADABLE)
    currency = text(body, "currency_id")
    minor = money(body, "transaction_amount", currency)
    if not minor:
        raise Puzzling("transaction_amount is zero")
    if status == "authorized":
        return Verdict(kind=Kind.AUTHORIZED, amount=minor, currency=currency, at=_changed(body))
    at = moment(body.get("date_approved")) or _changed(body)
    return Verdict(kind=Kind.CAPTURED, amount=minor, currency=currency, at=at)


def _changed(body: Mapping[str, Any]) -> datetime | None:
    return moment(body.get("date_last_updated"))


def _fee(body: Mapping[str, Any], told: ProviderReport) -> list[ProviderReport]:
    """What was kept of this payment from the merchant; what the customer pays besides is none of ours."""
    assert told.currency is not None
    kept = [each for each in items(body, "fee_details") if text(each, "fee_payer") == "collector"]
    minor = sum(money(each, "amount", told.currency) for each in kept)
    if not minor:
        return []
    types = "+".join(sorted(text(each, "type") for each in kept))
    fee = replace(told, kind=Kind.FEE, object_id=f"{told.object_id}:fee", money_id=told.object_id, amount_minor=minor)
    return [replace(fee, raw_status=types[:MAX_STATUS], detail={})]


def _careful(tell: Callable[[], list[ProviderReport]], told: ProviderReport) -> list[ProviderReport]:
    """What stands beside the money may be odd: then a person looks, and the money is told all the same."""
    try:
        return tell()
    except (Puzzling, Refused) as why:
        return [odd(told, why)]
