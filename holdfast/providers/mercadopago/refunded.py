"""The refunds that a payment shows, and one refund alone.

https://www.mercadopago.com.br/developers/en/reference/online-payments/checkout-api-payments/get-refund/get
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from holdfast.kernel import clock
from holdfast.providers.contract import Kind, ProviderReport
from holdfast.providers.mercadopago.fields import MAX_STATUS, Puzzling, items, mapping, moment, money, number, odd, text, words

KINDS = {
    "approved": Kind.REFUNDED,
    "in_process": Kind.REFUND_PENDING,
    "rejected": Kind.REFUND_FAILED,
    "cancelled": Kind.REFUND_FAILED,
    "canceled": Kind.REFUND_FAILED,
}


def of_payment(body: Mapping[str, Any], told: ProviderReport) -> list[ProviderReport]:
    """All of them, oldest first, whoever asked. Raises Puzzling, Refused.

    `transaction_amount_refunded` is the sum as Mercado Pago counts; money that it says went back without a refund that shows it
    is for a person to find.
    """
    assert told.currency is not None
    reports = [of_refund(each, told) for each in items(body, "refunds")]
    shown = sum(each.amount_minor or 0 for each in reports if each.kind is not Kind.REFUND_FAILED)
    counted = 0
    if body.get("transaction_amount_refunded") is not None:
        counted = money(body, "transaction_amount_refunded", told.currency)
    if body.get("status") == "refunded":
        counted = max(counted, told.amount_minor or 0)
    if shown < counted:
        why = f"{counted} minor units were refunded, and refunds of {shown} are shown"
        reports.append(odd(told, why))
    return reports


def of_refund(refund: Mapping[str, Any], told: ProviderReport) -> ProviderReport:
    """`told` is what is known of its money. Refunds carry no reference of ours. Raises Puzzling, Refused."""
    assert told.currency is not None
    status = text(refund, "status")
    if refund.get("payment_id") is not None and number(refund, "payment_id") != told.object_id:
        raise Puzzling("the refund is of another payment")
    if status not in KINDS:
        return odd(told, "this is no status of a refund that we know", object_id=number(refund))
    kind = KINDS[status]
    minor = money(refund, "amount", told.currency)
    if not minor:
        raise Puzzling("a refund of nothing")
    made = None if kind is Kind.REFUND_FAILED else moment(refund.get("date_created"))
    return replace(
        told,
        kind=kind,
        object_id=number(refund),
        money_id=told.object_id,
        amount_minor=minor,
        occurred_at=made or clock.now(),
        raw_status=status[:MAX_STATUS],
        detail=words(asked_by=mapping(refund.get("source")).get("type"), reason=refund.get("reason")),
        also=(),
    )
