"""Chargebacks and mediations, as a payment tells them.

How a chargeback stands is in the payment's `status_detail`; its case adds the amount and until when evidence is taken. A payment
is charged back once, so that the dispute's id is made of the payment's: it is the same whether the case is found or not.
https://www.mercadopago.com.br/developers/en/docs/checkout-pro/chargebacks/manage
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from holdfast.kernel import clock
from holdfast.providers.contract import Kind, ProviderReport
from holdfast.providers.mercadopago.fields import MAX_STATUS, Puzzling, mapping, moment, money, odd, string, text

#: `status_detail` of a payment that is `charged_back`: kept from us, or returned to us.
KINDS = {"in_process": Kind.DISPUTE_OPENED, "settled": Kind.DISPUTE_LOST, "reimbursed": Kind.DISPUTE_WON}


def of_payment(body: Mapping[str, Any], told: ProviderReport, chargebacks: Sequence[object]) -> list[ProviderReport]:
    """Raises Puzzling, Refused."""
    if body["status"] == "in_mediation":
        return [_mediation(body, told)]
    return _chargeback(body, told, [mapping(each) for each in chargebacks]) if body["status"] == "charged_back" else []


def _mediation(body: Mapping[str, Any], told: ProviderReport) -> ProviderReport:
    """The customer complains, and Mercado Pago is between. No money moves until it is decided; a refund tells then."""
    return replace(
        told,
        kind=Kind.DISPUTE_OPENED,
        object_id=f"{told.object_id}:mediation",
        money_id=told.object_id,
        amount_minor=_left(body, told),
        occurred_at=moment(body.get("date_last_updated")) or clock.now(),
        detail={},
    )


def _chargeback(body: Mapping[str, Any], told: ProviderReport, cases: Sequence[Mapping[str, Any]]) -> list[ProviderReport]:
    """How it stands, then who holds its money. An unknown word is for a person to read."""
    changed = moment(body.get("date_last_updated")) or clock.now()
    detail = string(body.get("status_detail"))
    about = replace(
        told,
        object_id=f"{told.object_id}:chargeback",
        money_id=told.object_id,
        amount_minor=_amount(body, told, cases),
        occurred_at=changed,
        raw_status=detail[:MAX_STATUS],
        detail={"chargebacks": [string(case.get("id")) for case in cases]} if cases else {},
    )
    withdrawn = replace(about, kind=Kind.FUNDS_WITHDRAWN, occurred_at=_opened_at(cases) or changed)
    if detail not in KINDS:
        return [odd(told, "this is no status of a chargeback that we know", object_id=about.object_id)]
    kind = KINDS[detail]
    if kind is Kind.DISPUTE_OPENED:
        return [replace(about, kind=kind, due_at=_due_at(cases)), withdrawn]
    if kind is Kind.DISPUTE_WON:
        return [replace(about, kind=kind), withdrawn, replace(about, kind=Kind.FUNDS_REINSTATED)]
    return [replace(about, kind=kind), withdrawn]


def _amount(body: Mapping[str, Any], told: ProviderReport, cases: Sequence[Mapping[str, Any]]) -> int:
    """What the case says; where there is none to be seen, what was left of the payment."""
    if not cases:
        return _left(body, told)
    assert told.currency is not None
    if any(text(case, "currency") != told.currency for case in cases):
        raise Puzzling("a chargeback in another currency than its payment's")
    return sum(money(case, "amount", told.currency) for case in cases)


def _left(body: Mapping[str, Any], told: ProviderReport) -> int:
    assert told.amount_minor is not None
    assert told.currency is not None
    if body.get("transaction_amount_refunded") is None:
        return told.amount_minor
    return told.amount_minor - money(body, "transaction_amount_refunded", told.currency)


def _opened_at(cases: Sequence[Mapping[str, Any]]) -> datetime | None:
    return next((at for case in cases if (at := moment(case.get("date_created")))), None)


def _due_at(cases: Sequence[Mapping[str, Any]]) -> datetime | None:
    return next((at for case in cases if (at := moment(case.get("date_documentation_deadline")))), None)
