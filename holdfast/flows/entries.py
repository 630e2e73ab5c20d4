"""What people say about transfers: one came in, a second person confirms it, it is for this payment, it was sent back.

Who says so is named by the caller: the merchant's server knows its people. Each change is one transaction with its client's key.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from holdfast.db.moves import Cause
from holdfast.db.tenancy import writing
from holdfast.flows import answers, transfers
from holdfast.flows.statements import beginning_of
from holdfast.idempotency import services as idempotency
from holdfast.idempotency.services import Answer, Use
from holdfast.kernel import ids, limits
from holdfast.kernel.errors import Conflict, Forbidden, Refused
from holdfast.merchants import queries as merchants
from holdfast.merchants.models import Account
from holdfast.orders import services as orders
from holdfast.payments import queries as payment_queries
from holdfast.payments.models import Payment
from holdfast.providers.contract import Source
from holdfast.receipts import queries as receipt_queries
from holdfast.receipts import services as receipts
from holdfast.receipts.models import Receipt
from holdfast.receipts.states import OPEN


class SamePerson(Forbidden):
    """Somebody else than who entered it has to confirm it."""


class SecondPersonNeeded(Conflict):
    """One person alone entered more than that for this payment: a second one confirms the transfer first."""


class NothingToConfirm(Conflict):
    """This transfer needs nobody's confirmation (any more)."""


class NoSuchTransferPayment(Refused):
    """There is no payment by transfer to this bank account with that id or reference."""


class OtherCurrency(Refused):
    """The payment is in another currency than the transfer."""


class Decided(Conflict):
    """It is decided what this transfer was for."""


class AlreadyTold(Conflict):
    """The bank's statement told of this transfer already."""


class InTheFuture(Refused):
    """Money that is still to come did not come in."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A transfer as a person saw it. `paid_on`: the bank's value date; `payment_id`, or a reference in `text`: what it is for."""

    amount_minor: int
    currency: str
    paid_on: date
    payer: str = ""
    text: str = ""
    payment_id: UUID | None = None


def enter(*, merchant_id: UUID, entry: Entry, by: str, use: Use, now: datetime) -> Answer:
    """Enter a transfer by hand. Beyond `limits.ENTERED_ALONE_MINOR` for one payment it waits for a second person.

    Raises ProviderNotOffered, NoSuchTransferPayment, OtherCurrency, AlreadyTold, InTheFuture, KeyReused, InProgress, Busy.
    """
    with writing(merchant_id, step="entries.enter"):
        claimed = idempotency.claim(use, merchant_id=merchant_id, subject="transfer", subject_id=use.id, now=now)
        if not claimed.fresh:
            return claimed.answer or _answer(receipt_queries.get(claimed.subject_id), 201)
        account = merchants.lock_account(merchants.account_for("transfer").pk)
        zone = ZoneInfo(merchants.current(merchant_id).time_zone)
        paid_at = beginning_of(entry.paid_on, zone)
        if paid_at > now + timedelta(days=1):
            raise InTheFuture
        payment = _payment(account, entry)
        _require_untold(account, entry, paid_at, payment)
        before = receipt_queries.entered_alone_minor(payment.pk) if payment else 0
        came = transfers.Came(
            id=use.id,
            account=account,
            source=Source.OPERATOR,
            bank_id=None,
            amount_minor=entry.amount_minor,
            currency=entry.currency,
            paid_at=paid_at,
            payer=entry.payer,
            text=entry.text,
            by=by,
        )
        alone = before + entry.amount_minor <= limits.ENTERED_ALONE_MINOR
        return _store(transfers.record(came, payment=payment, wait_for_second=not alone, now=now), 201, use)


def confirm(*, merchant_id: UUID, receipt_id: UUID, came_in: bool, by: str, use: Use, now: datetime) -> Answer:
    """A second person says that an entered transfer came in, or anybody that it did not.

    Raises SamePerson, NothingToConfirm, NotFound, KeyReused, InProgress, Busy.
    """

    def decide(receipt: Receipt) -> None:
        if receipt.source != Receipt.Source.OPERATOR or receipt.confirmed_by or receipt.state == "rejected":
            raise NothingToConfirm
        if not came_in:
            if receipt.state != "unconfirmed":
                raise NothingToConfirm("It was booked already: send it back or ignore it instead.")
            transfers.settle_case(receipt, f"rejected by {by}")
            receipts.go(receipt, "rejected", cause=Cause("it did not come in", actor=by))
            return
        if same_person(receipt.entered_by, by):
            raise SamePerson
        receipts.learn(receipt, confirmed_by=by)
        if receipt.state == "unconfirmed":
            transfers.settle_case(receipt, f"confirmed by {by}")
            receipts.go(receipt, "unmatched", cause=Cause("confirmed by a second person", actor=by))
            transfers.take_in(receipt, by=by, now=now)

    with writing(merchant_id, step="entries.confirm"):
        return _decide(receipt_id, decide, use=use, now=now)


def attach(*, merchant_id: UUID, receipt_id: UUID, payment_id: UUID, by: str, use: Use, now: datetime) -> Answer:
    """Say which payment a transfer, or what is left of it, is for. It pays by the same door as any other.

    Raises Decided, NoSuchTransferPayment, OtherCurrency, SecondPersonNeeded, NotTaken, NotFound, KeyReused, InProgress, Busy.
    """

    def decide(receipt: Receipt) -> None:
        payment = _payment_with(payment_id, receipt.account_id)
        if receipt.state not in OPEN or (receipt.payment_id == payment.pk and receipt.state != "unmatched"):
            raise Decided(state=receipt.state)
        if payment.currency != receipt.currency:
            raise OtherCurrency(currency=payment.currency)
        alone = receipt.source == Receipt.Source.OPERATOR and not receipt.confirmed_by
        if alone and receipt_queries.entered_alone_minor(payment.pk) + receipt.amount_minor > limits.ENTERED_ALONE_MINOR:
            raise SecondPersonNeeded
        transfers.place(receipt, payment, by=by, now=now)

    with writing(merchant_id, step="entries.attach"):
        return _decide(receipt_id, decide, use=use, now=now, payment_id=payment_id)


def give_back(*, merchant_id: UUID, receipt_id: UUID, note: str, by: str, use: Use, now: datetime) -> Answer:
    """A person has transferred back what was left of it. Raises Decided, NotFound, KeyReused, InProgress, Busy."""

    def decide(receipt: Receipt) -> None:
        if receipt.state not in OPEN:
            raise Decided(state=receipt.state)
        transfers.leave(receipt, "returned", by=by, note=note, now=now)

    with writing(merchant_id, step="entries.give_back"):
        return _decide(receipt_id, decide, use=use, now=now)


def ignore(*, merchant_id: UUID, receipt_id: UUID, note: str, by: str, use: Use, now: datetime) -> Answer:
    """It is no customer's money: the shop's own, a supplier's. Raises Decided, NotFound, KeyReused, InProgress, Busy."""

    def decide(receipt: Receipt) -> None:
        if receipt.state != "unmatched":
            raise Decided(state=receipt.state)
        transfers.leave(receipt, "ignored", by=by, note=note, now=now)

    with writing(merchant_id, step="entries.ignore"):
        return _decide(receipt_id, decide, use=use, now=now)


def same_person(one: str, other: str) -> bool:
    """Are these two names one, however they are written?"""
    return _folded(one) == _folded(other)


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """A transfer as its merchant sees it. Amounts in minor units of `currency`."""
    rows = receipt_queries.allocations([receipt.pk])
    return {
        "id": ids.shown("trf", receipt.pk),
        "state": receipt.state,
        "source": receipt.source,
        "bank_id": receipt.bank_id,
        "amount_minor": receipt.amount_minor,
        "currency": receipt.currency,
        "left_minor": receipt.amount_minor - receipt.returned_minor - sum(row.amount_minor for row in rows),
        "returned_minor": receipt.returned_minor,
        "paid_at": receipt.paid_at.isoformat(),
        "payer": receipt.payer,
        "text": receipt.text,
        "entered_by": receipt.entered_by,
        "confirmed_by": receipt.confirmed_by,
        "payment": ids.shown("pay", receipt.payment_id) if receipt.payment_id else None,
        "allocations": [
            {"payment": ids.shown("pay", row.payment_id), "amount_minor": row.amount_minor, "at": row.at.isoformat()}
            for row in rows
        ],
        "created_at": receipt.created_at.isoformat(),
    }


# -- In the transaction -----------------------------------------------------------------------------------------------


def _decide(
    receipt_id: UUID, decide: Callable[[Receipt], None], *, use: Use, now: datetime, payment_id: UUID | None = None
) -> Answer:
    """Claim the key, lock the orders that the receipt is and will be for and then the receipt, decide, and store the answer."""
    found = receipt_queries.get(receipt_id)
    claimed = idempotency.claim(use, merchant_id=found.merchant_id, subject="transfer", subject_id=use.id, now=now)
    if not claimed.fresh:
        return claimed.answer or _answer(found, 200)
    attempts = [payment_queries.get(each) for each in (found.payment_id, payment_id) if each]
    orders.lock_orders({payment.order_id for payment in attempts})
    receipt = receipts.lock_receipt(receipt_id)
    if receipt.payment_id != found.payment_id:
        raise Decided("Somebody else has just decided about this transfer: look again.")
    decide(receipt)
    return _store(receipt, 200, use)


def _payment(account: Account, entry: Entry) -> Payment | None:
    """What an entry is for: the payment that it says, else the one that its text names."""
    if entry.payment_id is not None:
        found: Payment | None = _payment_with(entry.payment_id, account.pk)
    else:
        named = transfers.named(account, entry.text)
        found = named[0] if len(named) == 1 else None
    if found is not None and entry.payment_id is not None and found.currency != entry.currency:
        raise OtherCurrency(currency=found.currency)
    return found


def _payment_with(payment_id: UUID, account_id: UUID) -> Payment:
    payment = payment_queries.get(payment_id)
    if payment.account_id != account_id or payment.provider != "transfer" or payment.late_of_id is not None:
        raise NoSuchTransferPayment
    return payment


def _require_untold(account: Account, entry: Entry, paid_at: datetime, payment: Payment | None) -> None:
    """What a statement has shown is not entered again by hand."""
    if payment is None:
        return
    told = receipt_queries.told_alike(
        account.pk,
        payment_id=payment.pk,
        amount_minor=entry.amount_minor,
        currency=entry.currency,
        paid_at=paid_at,
        within=limits.SAME_TRANSFER_WITHIN,
    )
    if told is not None:
        raise AlreadyTold(transfer=ids.shown("trf", told.pk))


def _answer(receipt: Receipt, status: int) -> Answer:
    return Answer(status, answers.as_bytes({"transfer": receipt_json(receipt)}))


def _store(receipt: Receipt, status: int, use: Use) -> Answer:
    answer = _answer(receipt, status)
    idempotency.answer(merchant_id=receipt.merchant_id, subject_id=use.id, status=answer.status, body=answer.body)
    return answer


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
