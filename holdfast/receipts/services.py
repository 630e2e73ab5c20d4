"""Writes of receipts. Callers hold the account's lock where they add one, and the order's where they say what it was for."""

from datetime import datetime
from typing import Any
from uuid import UUID

from holdfast.db import writes
from holdfast.db.moves import Cause, lock, move
from holdfast.receipts.models import Allocation, Receipt
from holdfast.receipts.states import RECEIPT


def record(
    *,
    id: UUID,
    merchant_id: UUID,
    account_id: UUID,
    source: str,
    bank_id: str | None,
    amount_minor: int,
    currency: str,
    paid_at: datetime,
    payer: str,
    text: str,
    entered_by: str,
    payment_id: UUID | None,
    state: str,
    cause: Cause,
    now: datetime,
) -> Receipt:
    """Money that came in. The database keeps one receipt for each line of the bank's (`receipts_bank_id`)."""
    receipt = Receipt(
        id=id,
        merchant_id=merchant_id,
        account_id=account_id,
        source=source,
        bank_id=bank_id,
        amount_minor=amount_minor,
        currency=currency,
        paid_at=paid_at,
        payer=payer,
        text=text,
        entered_by=entered_by,
        payment_id=payment_id,
        state=state,
        moved=cause.as_json(),
        created_at=now,
    )
    writes.insert(receipt)
    return receipt


def lock_receipt(receipt_id: UUID) -> Receipt:
    """The receipt under its lock. Raises NotFound, Busy."""
    return lock(Receipt.objects.all(), receipt_id, "transfer")


def go(receipt: Receipt, target: str, *, cause: Cause, **changes: Any) -> None:
    """Move a receipt along its table."""
    move(receipt, target, machine=RECEIPT, cause=cause, **changes)


def learn(receipt: Receipt, **known: Any) -> None:
    """Note the bank's id of it, who confirmed it, or what it is for."""
    writes.change(receipt, **known)


def allocate(receipt: Receipt, *, payment_id: UUID, amount_minor: int, now: datetime) -> Allocation:
    """A part of a receipt paid for an attempt. The database refuses more than is left (`receipts_allocation_within`)."""
    row = Allocation(
        merchant_id=receipt.merchant_id, receipt_id=receipt.pk, payment_id=payment_id, amount_minor=amount_minor, at=now
    )
    writes.insert(row)
    return row
