"""Stripe's own books: what it kept for its work, and which refunds and disputes moved money.

https://docs.stripe.com/api/balance_transactions/list
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from holdfast.kernel import clock
from holdfast.kernel.errors import Refused
from holdfast.providers.contract import AccountHandle, Kind, ProviderReport, Source, Unknown
from holdfast.providers.stripe.amounts import from_stripe
from holdfast.providers.stripe.asking import Refusal, ask
from holdfast.providers.stripe.disputes import flat, of_dispute
from holdfast.providers.stripe.fields import (
    MAX_STATUS,
    Puzzling,
    currency,
    id_of,
    mapping,
    moment,
    ours,
    signed,
    text,
    unreadable,
)
from holdfast.providers.stripe.refunds import of_refund

#: Lines that are nothing but a charge of Stripe's for its work, kept from no payment in particular.
#: https://docs.stripe.com/reports/balance-transaction-types
NOTHING_BUT_FEES = frozenset(["stripe_fee", "stripe_fx_fee"])


def statement(*, since: datetime, until: datetime, account: AccountHandle) -> Iterator[ProviderReport]:
    """FEE, and how the refunds and disputes behind a line stand now. Newest first. Raises NotSent, Unknown.

    Stripe counts time in whole seconds: both ends are rounded outwards.
    """
    span = {"gte": math.floor(since.timestamp()), "lt": math.ceil(until.timestamp())}
    filters: dict[str, Any] = {"created": span, "limit": 100, "expand": ["data.source"]}
    while True:
        lines, more = _page(filters, account)
        for line in lines:
            yield from of_line(line, account=account)
        if not more or not lines:
            return
        filters = {**filters, "starting_after": string_id(lines[-1])}


def _page(filters: Any, account: AccountHandle) -> tuple[Sequence[object], bool]:
    try:
        page = ask(account, lambda client: client.v1.balance_transactions.list(filters).to_dict())
    except Refusal as refusal:
        raise Unknown(f"Stripe does not show its books: {refusal}") from refusal
    if not isinstance(page.get("data"), list):
        raise Unknown("Stripe's answer is not a page of its books.")
    return page["data"], page.get("has_more") is True


def string_id(line: object) -> str:
    try:
        return text(mapping(line), "id")
    except Puzzling as odd:
        raise Unknown("The next page of Stripe's books cannot be asked for: its last line has no id.") from odd


def of_line(line: object, *, account: AccountHandle) -> list[ProviderReport]:
    """What one balance transaction tells, its source expanded. Never raises: what is odd is UNREADABLE.

    Says nothing of a charge that is not ours. A fee that came back is no fact of a kind of its own: it stands in the detail of
    the refund or of the reinstated funds that it came back with.
    """
    body = mapping(line)
    try:
        if body.get("object") != "balance_transaction":
            raise Puzzling("this is no balance transaction")
        source = body.get("source")
        if source is not None and not (isinstance(source, Mapping) and text(source, "object")):
            raise Puzzling("its source is not expanded")
        return [*_fees(body, mapping(source), account), *_moved(body, mapping(source), account)]
    except (Puzzling, Refused) as why:
        return [unreadable(body, why, account=account, source=Source.STATEMENT, told_at=moment(body.get("created")))]


def _fees(line: Mapping[str, Any], source: Mapping[str, Any], account: AccountHandle) -> list[ProviderReport]:
    """The amount is of the currency in which Stripe settles, which need not be the payment's."""
    if source.get("object") == "charge" and ours(source) is None:
        return []
    kept, type_ = signed(line, "fee"), text(line, "type")
    if type_ in NOTHING_BUT_FEES:
        kept -= signed(line, "amount")
    if kept <= 0:
        return []
    about_money = source.get("object") in ("charge", "refund", "dispute")
    spoken = currency(line)
    return [
        ProviderReport(
            provider="stripe",
            account_id=account.id,
            live=account.live,
            kind=Kind.FEE,
            source=Source.STATEMENT,
            reference=ours(source),
            object_id=f"{text(line, 'id')}:fee",
            amount_minor=from_stripe(kept, spoken),
            currency=spoken,
            occurred_at=moment(line.get("created")) or clock.now(),
            raw_status=type_[:MAX_STATUS],
            money_id=id_of(source, "payment_intent") if about_money else None,
        )
    ]


def _moved(line: Mapping[str, Any], source: Mapping[str, Any], account: AccountHandle) -> list[ProviderReport]:
    """Refunds and disputes of charges that no PaymentIntent made are not ours."""
    if source.get("payment_intent") is None:
        return []
    if source.get("object") == "dispute":
        return flat(of_dispute(source, account=account, source=Source.STATEMENT))
    if source.get("object") == "refund":
        report = of_refund(source, account=account, source=Source.STATEMENT)
        returned = -signed(line, "fee")
        if returned > 0:
            fee = {"fee_returned": {"amount": returned, "currency": currency(line)}}
            report = replace(report, detail={**report.detail, **fee})
        return [report]
    return []
