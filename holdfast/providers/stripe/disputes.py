"""Disputes. https://docs.stripe.com/api/disputes

How a dispute stands and who holds its money are two facts: `status` tells the one, the dispute's own balance transactions the
other (https://docs.stripe.com/disputes/how-disputes-work). An inquiry (`warning_…`) moves no money.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from holdfast.kernel import clock
from holdfast.kernel.errors import Refused
from holdfast.providers.contract import AccountHandle, Kind, ProviderReport, Source
from holdfast.providers.stripe.amounts import from_stripe
from holdfast.providers.stripe.asking import every
from holdfast.providers.stripe.fields import (
    MAX_STATUS,
    Puzzling,
    currency,
    id_of,
    mapping,
    moment,
    money,
    signed,
    text,
    unreadable,
    words,
)

KINDS = {
    "warning_needs_response": Kind.DISPUTE_OPENED,
    "needs_response": Kind.DISPUTE_OPENED,
    "appeal_needs_response": Kind.DISPUTE_OPENED,
    "warning_under_review": Kind.DISPUTE_REVIEWED,
    "under_review": Kind.DISPUTE_REVIEWED,
    "appeal_under_review": Kind.DISPUTE_REVIEWED,
    "warning_closed": Kind.DISPUTE_WON,
    "won": Kind.DISPUTE_WON,
    "lost": Kind.DISPUTE_LOST,
}
#: `prevented` before it became formal, and how: blocked, or resolved by giving the customer the money.
#: https://docs.stripe.com/changelog/basil/2025-08-27/add-preventions-to-dispute
PREVENTED = {"block": Kind.DISPUTE_WON, "resolution": Kind.DISPUTE_LOST}
#: Disputes of one payment that are read. Usually there is one; a card may allow some.
MOST = 100


def of_dispute(
    dispute: object,
    *,
    account: AccountHandle,
    source: Source,
    told_at: datetime | None = None,
    moved: Kind | None = None,
) -> ProviderReport:
    """How a dispute stands, and in `also` who holds its money. Never raises: what is odd is UNREADABLE.

    `moved` is what the event says of the funds, for a dispute that shows no balance transaction.
    """
    body = mapping(dispute)
    try:
        if body.get("object") != "dispute":
            raise Puzzling("this is no Dispute")
        if type(body.get("livemode")) is not bool:
            raise Puzzling("livemode is neither true nor false")
        minor, spoken = money(body)
        told = ProviderReport(
            provider="stripe",
            account_id=account.id,
            live=body["livemode"],
            kind=Kind.UNREADABLE,
            source=source,
            reference=None,
            object_id=text(body, "id"),
            amount_minor=minor,
            currency=spoken,
            occurred_at=told_at or clock.now(),
            raw_status=text(body, "status")[:MAX_STATUS],
            money_id=id_of(body, "payment_intent"),
        )
        return replace(_standing(body, told, told_at), also=_funds(body, told, moved))
    except (Puzzling, Refused) as why:
        return unreadable(body, why, account=account, source=source, told_at=told_at)


def _standing(body: Mapping[str, Any], told: ProviderReport, told_at: datetime | None) -> ProviderReport:
    """An unknown word is for a person to read, but what is known of the money stays said."""
    kind = KINDS.get(told.raw_status)
    if told.raw_status == "prevented":
        card = mapping(mapping(body.get("payment_method_details")).get("card"))
        kind = PREVENTED.get(str(card.get("case_type")))
    if kind is None:
        why = {"unreadable": "this is no status of a dispute that we know"}
        return replace(told, amount_minor=None, currency=None, detail=why)
    opened = kind is Kind.DISPUTE_OPENED
    return replace(
        told,
        kind=kind,
        occurred_at=told_at or (moment(body.get("created")) if opened else None) or clock.now(),
        due_at=moment(mapping(body.get("evidence_details")).get("due_by")) if opened else None,
        detail=words(reason=body.get("reason")),
    )


def _funds(body: Mapping[str, Any], told: ProviderReport, moved: Kind | None) -> list[ProviderReport]:
    """FUNDS_WITHDRAWN and FUNDS_REINSTATED with all that has gone each way so far."""
    lines = body.get("balance_transactions")
    if not isinstance(lines, Sequence) or not all(isinstance(line, Mapping) for line in lines):
        raise Puzzling("balance_transactions is not a list of them")
    taken = [line for line in lines if signed(line, "amount") < 0]
    returned = [line for line in lines if signed(line, "amount") > 0]
    reports = []
    for kind, moves in ((Kind.FUNDS_WITHDRAWN, taken), (Kind.FUNDS_REINSTATED, returned)):
        if moves:
            reports.append(_funds_report(kind, moves, told))
        elif moved is kind:
            reports.append(replace(told, kind=kind))
    return reports


def _funds_report(kind: Kind, moves: Sequence[Mapping[str, Any]], told: ProviderReport) -> ProviderReport:
    """Where the account is settled in another currency, one movement is the whole dispute; more cannot be told apart.

    A fee that was kept is in the statement; one that came back is only told here, in `detail`.
    """
    settled = {currency(line) for line in moves}
    detail: dict[str, Any] = {}
    if settled == {told.currency}:
        minor = from_stripe(abs(sum(signed(line, "amount") for line in moves)), currency(moves[0]))
    elif len(moves) == 1 and told.amount_minor is not None:
        minor = told.amount_minor
        detail["settled"] = {"amount": abs(moves[0]["amount"]), "currency": currency(moves[0])}
    else:
        raise Puzzling("funds moved more than once, in another currency than the dispute's")
    returned = -sum(fee for line in moves if (fee := signed(line, "fee")) < 0)
    if returned:
        detail["fee_returned"] = {"amount": returned, "currency": currency(moves[-1])}
    when = moment(moves[-1].get("created")) or told.occurred_at
    return replace(told, kind=kind, amount_minor=minor, occurred_at=when, detail=detail)


def of_money(intent_id: str, *, account: AccountHandle) -> list[ProviderReport]:
    """All disputes about a PaymentIntent's money, oldest first, each followed by its funds. Raises NotSent, Unknown."""
    filters: Any = {"payment_intent": intent_id, "limit": 100}
    found = every(account, lambda client: client.v1.disputes.list(filters), most=MOST)
    return [line for each in reversed(found) for line in flat(of_dispute(each, account=account, source=Source.POLL))]


def flat(report: ProviderReport) -> list[ProviderReport]:
    """The report and what it told besides, side by side."""
    return [replace(report, also=()), *report.also]
