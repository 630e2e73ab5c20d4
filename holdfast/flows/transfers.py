"""Money that came into a bank account: what it is for, and the door for the payments whose total it reaches.

Everything here is called in the caller's transaction. Locks in this order: the bank account (who adds a receipt), the orders by
id (what is paid for them), the receipts. A receipt that waits for the rest of a payment changes only under that payment's order.

Money is booked as it comes in (`receipt`), apart from all orders. Nothing reaches an order until the receipts for one payment sum
to its total: then they are allocated and the door hears of that total, once, as one captured object.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from holdfast.cases import services as cases
from holdfast.db.moves import Cause
from holdfast.flows import reports
from holdfast.kernel.errors import Conflict
from holdfast.kernel.money import Money, shown
from holdfast.ledger import services as ledger
from holdfast.merchants import queries as merchants
from holdfast.merchants.models import Account
from holdfast.orders import services as orders
from holdfast.orders.models import Order
from holdfast.outbox import services as outbox
from holdfast.payments import queries as payment_queries
from holdfast.payments import services as payments
from holdfast.payments.models import Payment
from holdfast.payments.states import IN_FLIGHT
from holdfast.providers.contract import Kind, ProviderReport, Source
from holdfast.providers.transfer import reference
from holdfast.providers.transfer.adapter import money_id
from holdfast.receipts import queries as receipt_queries
from holdfast.receipts import services as receipts
from holdfast.receipts.models import Receipt

#: The kind of the case that asks about a receipt, by its state.
CASES = {"unconfirmed": "unplaced_money", "unmatched": "unplaced_money", "matched": "underpaid", "excess": "overpaid"}


class NotTaken(Conflict):
    """The payment does not take this money: see its cases."""


@dataclass(frozen=True, kw_only=True)
class Came:
    """Money that came in, as it was told. `by`: who imported or entered it."""

    id: UUID
    account: Account
    source: Source
    bank_id: str | None
    amount_minor: int
    currency: str
    paid_at: datetime
    payer: str
    text: str
    by: str


def named(account: Account, *texts: str) -> list[Payment]:
    """The attempts whose references stand in what the customer wrote."""
    words = list(dict.fromkeys(word for text in texts for word in reference.found_in(text)))
    return payment_queries.by_names(account.pk, words) if words else []


def record(came: Came, *, payment: Payment | None, wait_for_second: bool = False, now: datetime) -> Receipt:
    """Add a receipt, and place it; one that has to be confirmed first is neither booked nor placed. The account is locked."""
    receipt = receipts.record(
        id=came.id,
        merchant_id=came.account.merchant_id,
        account_id=came.account.pk,
        source=str(came.source),
        bank_id=came.bank_id,
        amount_minor=came.amount_minor,
        currency=came.currency,
        paid_at=came.paid_at,
        payer=came.payer,
        text=came.text,
        entered_by=came.by,
        payment_id=payment.pk if payment else None,
        state="unconfirmed" if wait_for_second else "unmatched",
        cause=Cause(f"told by {came.source}", actor=came.by),
        now=now,
    )
    if wait_for_second:
        _ask(receipt, "Confirm it as a second person, or reject it.", now=now)
    else:
        take_in(receipt, by=came.by, now=now)
    return receipt


def take_in(receipt: Receipt, *, by: str, now: datetime) -> None:
    """Book money that certainly came in, and place it with the payment that it names."""
    amount = Money(receipt.amount_minor, receipt.currency)
    when = min(receipt.paid_at, now)
    ledger.receipt(_nobody(receipt), cause=receipt.pk.hex, amount=amount, effective_at=when, now=now)
    payment = payment_queries.get(receipt.payment_id) if receipt.payment_id else None
    if payment is None:
        _ask(receipt, "Find out which payment it is for, ignore it, or send it back.", now=now)
    elif payment.currency != receipt.currency:
        _ask(receipt, f"Its payment wants {payment.currency}: exchange and enter it, or send it back.", now=now)
    else:
        place(receipt, payment, by=by, now=now)


def place(receipt: Receipt, payment: Payment, *, by: str, now: datetime) -> None:
    """Say what a receipt is for: with those that wait, it pays the payment, or waits with them; or it is more than that wants.

    Same account and currency. Raises NotTaken, Busy.
    """
    order = orders.lock_order(payment.order_id)
    cause = Cause(f"for order {order.number}", actor=by)
    wanted = 0 if receipt_queries.allocated_minor(payment.pk) else payment.amount_minor
    together = [row for row in receipt_queries.waiting_for(payment.pk) if row.pk != receipt.pk] + [receipt]
    lefts = {row.pk: receipt_queries.left_minor(row) for row in together}
    if wanted == 0:
        _change(receipt, "excess", payment, cause=cause)
        _ask_excess(receipt, order, lefts[receipt.pk], now=now)
    elif sum(lefts.values()) < wanted:
        _change(receipt, "matched", payment, cause=cause)
        _wait(receipt, order, payment, missing_minor=wanted - sum(lefts.values()), now=now)
    else:
        _pay(together, lefts, order, payment, cause=cause, now=now)


def settle_case(receipt: Receipt, why: str) -> None:
    """What was asked about a receipt, in the state in which it is, has been decided."""
    cases.resolve(kind=CASES[receipt.state], cause=receipt.pk.hex, why=why)


def leave(receipt: Receipt, target: str, *, by: str, note: str, now: datetime) -> None:
    """A person ends a receipt: what is left of it was `returned`, or it is `ignored`. The ledger keeps it apart no longer."""
    left = receipt_queries.left_minor(receipt)
    settle_case(receipt, f"{target} by {by}")
    more = {"returned_minor": receipt.returned_minor + left} if target == "returned" else {}
    receipts.go(receipt, target, cause=Cause(note or target, actor=by), **more)
    ledger.receipt_leaves(
        _nobody(receipt),
        kind=f"receipt_{target}",
        cause=f"{receipt.pk.hex}:{target}",
        amount=Money(left, receipt.currency),
        effective_at=now,
        now=now,
    )


# -- What happens to it -----------------------------------------------------------------------------------------------


def _pay(
    together: Sequence[Receipt], lefts: dict[UUID, int], order: Order, payment: Payment, *, cause: Cause, now: datetime
) -> None:
    """The total is reached: allocate in the order in which it was paid, and tell the door. What is over stays with the last."""
    wanted = payment.amount_minor
    used = []
    for receipt in sorted(together, key=lambda row: (row.paid_at, row.pk)):
        part = min(lefts[receipt.pk], wanted)
        if part:
            used.append(receipt)
            row = receipts.allocate(receipt, payment_id=payment.pk, amount_minor=part, now=now)
            _book_allocation(receipt, row.pk, part, now=now)
        wanted -= part
        over = lefts[receipt.pk] - part
        _change(receipt, "excess" if over else "allocated", payment, cause=cause)
        if over:
            _ask_excess(receipt, order, over, now=now)
    _tell_the_door(used, payment, by=cause.actor, now=now)


def _tell_the_door(used: Sequence[Receipt], payment: Payment, *, by: str, now: datetime) -> None:
    """One object, captured with the whole amount. It happened when the last part of it was paid."""
    account = merchants.account(payment.account_id)
    report = ProviderReport(
        provider="transfer",
        account_id=account.pk,
        live=account.live,
        kind=Kind.CAPTURED,
        source=Source.STATEMENT if any(row.bank_id for row in used) else Source.OPERATOR,
        reference=payment.pk.hex,
        provider_id=payment.provider_id or reference.of(payment.pk),
        object_id=money_id(payment.pk.hex),
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        occurred_at=min(max(row.paid_at for row in used), now),
        raw_status="received",
        detail={"receipts": [row.pk.hex for row in used], "by": by},
    )
    (told,) = reports.record_all([reports.Arrival(report=report)], now=now, accounts={account.pk: account})
    if isinstance(told, Exception):
        raise told
    if told.verdict != "applied":
        raise NotTaken


def _book_allocation(receipt: Receipt, allocation_id: UUID, amount_minor: int, *, now: datetime) -> None:
    ledger.receipt_leaves(
        _nobody(receipt),
        kind="receipt_allocated",
        cause=f"{receipt.pk.hex}:{allocation_id.hex}",
        amount=Money(amount_minor, receipt.currency),
        effective_at=min(receipt.paid_at, now),
        now=now,
    )


def _change(receipt: Receipt, target: str, payment: Payment, *, cause: Cause) -> None:
    """What was asked about it before is decided; one that waited stays where it is when it waits for another payment."""
    if receipt.state == target:
        receipts.learn(receipt, payment_id=payment.pk)
        return
    settle_case(receipt, cause.why)
    receipts.go(receipt, target, cause=cause, payment_id=payment.pk)


def _wait(receipt: Receipt, order: Order, payment: Payment, *, missing_minor: int, now: datetime) -> None:
    """Less than the total so far: a person is asked, and the customer told, who can still pay the rest."""
    missing = shown(missing_minor, payment.currency)
    _ask(
        receipt,
        f"Wait for the missing {missing}, ask the customer for it, or send the money back.",
        order=order,
        payment=payment,
        now=now,
    )
    if order.state != "payment_pending" or payment.state not in IN_FLIGHT:
        return
    if payment.show.get("transfer"):
        # The Pix code is for the whole amount: it would be paid twice.
        payments.learn(payment, show={"transfer": {**payment.show["transfer"], "amount": missing, "missing": missing}})
    if order.contact_id is not None:
        outbox.write(merchant_id=order.merchant_id, topic="transfer_underpaid", cause=receipt.pk.hex, order_id=order.pk, now=now)


def _ask_excess(receipt: Receipt, order: Order, over_minor: int, *, now: datetime) -> None:
    over = shown(over_minor, receipt.currency)
    _ask(receipt, f"Send {over} back to the payer, or say which other payment it is for.", order=order, now=now)


def _ask(receipt: Receipt, proposal: str, *, now: datetime, order: Order | None = None, payment: Payment | None = None) -> None:
    """Ask a person about a receipt in the state in which it is."""
    why = {
        "unconfirmed": "waits for a second person",
        "unmatched": "fits nothing that we asked for",
        "matched": f"is less than order {order.number if order else ''} costs",
        "excess": f"is more than order {order.number if order else ''} costs, or came twice",
    }[receipt.state]
    kind, cause = CASES[receipt.state], receipt.pk.hex
    cases.open_case(
        merchant_id=receipt.merchant_id,
        kind=kind,
        cause=cause,
        summary=f"A transfer of {shown(receipt.amount_minor, receipt.currency)} {why}.",
        proposal=proposal,
        evidence=evidence(receipt),
        order_id=order.pk if order else None,
        payment_id=payment.pk if payment else None,
        now=now,
    )
    cases.open_again(kind=kind, cause=cause, why=f"the transfer {why}")


def evidence(receipt: Receipt) -> dict[str, Any]:
    """What a person needs to find it at the bank."""
    return {
        "transfer": receipt.pk.hex,
        "bank_id": receipt.bank_id,
        "amount_minor": receipt.amount_minor,
        "currency": receipt.currency,
        "paid_at": receipt.paid_at.isoformat(),
        "payer": receipt.payer,
        "text": receipt.text,
        "entered_by": receipt.entered_by,
    }


def _nobody(receipt: Receipt) -> ledger.Subject:
    """Money that is kept apart belongs to no order yet."""
    return ledger.Subject(receipt.merchant_id, None, None)
