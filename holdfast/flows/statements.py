"""Bring a bank's statement: every line that came in becomes a receipt, once, and pays what it names.

Read first, and refused as a whole where a line cannot be read. Then one transaction for each line, under the lock of the bank
account: a crash leaves whole lines behind, and the same file again, or one that overlaps it, finds them by the bank's ids.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from holdfast.cases import services as cases
from holdfast.db.moves import Cause
from holdfast.db.tenancy import reading, undo, writing
from holdfast.flows import answers, transfers
from holdfast.idempotency import services as idempotency
from holdfast.idempotency.services import Answer, Use
from holdfast.kernel import ids, limits
from holdfast.kernel.ids import new_id
from holdfast.kernel.money import shown
from holdfast.merchants import queries as merchants
from holdfast.merchants.models import Account
from holdfast.orders import services as orders
from holdfast.payments import queries as payment_queries
from holdfast.payments.models import Payment
from holdfast.providers.contract import Source
from holdfast.providers.transfer import reference
from holdfast.providers.transfer.statement import BadStatement, Layout, Line, read
from holdfast.receipts import queries as receipt_queries
from holdfast.receipts import services as receipts
from holdfast.receipts.models import Receipt

#: Who confirms an entry that a person made: the bank itself.
BANK = "bank statement"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What became of one line. `outcome`: the receipt's state, or `known` (an earlier file had it), `recognised` (a person had
    entered it) or `contradicts` (the bank gave the same id to other money: a person looks)."""

    line: int
    bank_id: str
    amount_minor: int
    currency: str
    payer: str
    outcome: str
    transfer: str


@dataclass(frozen=True, kw_only=True)
class Brought:
    """What became of a file. `outgoing` lines were no money that came in, and nothing was done about them."""

    lines: Sequence[Told]
    outgoing: int

    def as_json(self) -> dict[str, Any]:
        return {"lines": [asdict(line) for line in self.lines], "outgoing": self.outgoing}


def bring(
    *,
    merchant_id: UUID,
    format: str,
    content: str | bytes,
    by: str,
    now: datetime,
    account_id: UUID | None = None,
    dry_run: bool = False,
) -> Brought:
    """Import a statement. Safe to repeat. With `dry_run` all of it is done and taken back.

    Raises BadStatement, ProviderNotOffered, NotFound, Busy (what was done until then stays done).
    """
    with reading(merchant_id):
        account = merchants.account(account_id) if account_id else merchants.account_for("transfer")
        credentials = merchants.handle(account).credentials
        zone = ZoneInfo(merchants.current(merchant_id).time_zone)
    if account.provider != "transfer":
        raise BadStatement("That account is no bank account.")
    said = read(content, format=format, layout=Layout.of(credentials))
    _require_same_account(said.account, credentials)
    told = []
    if dry_run:
        with writing(merchant_id, step="statements.dry_run"):
            told = [_bring(account.pk, line, zone, by=by, now=now) for line in said.lines]
            undo()
        return Brought(lines=told, outgoing=said.outgoing)
    for line in said.lines:
        with writing(merchant_id, step="statements.line"):
            told.append(_bring(account.pk, line, zone, by=by, now=now))
    return Brought(lines=told, outgoing=said.outgoing)


def bring_once(*, merchant_id: UUID, format: str, content: str, by: str, use: Use, now: datetime) -> Answer:
    """The same for a client with a key: 200 with what became of each line. A first request that died is gone on with; what it had
    brought is `known` then. Raises KeyReused, InProgress besides."""
    with writing(merchant_id, step="statements.claim"):
        claimed = idempotency.claim(use, merchant_id=merchant_id, subject="statement", subject_id=use.id, now=now)
    if claimed.answer is not None:
        return claimed.answer
    try:
        brought = bring(merchant_id=merchant_id, format=format, content=content, by=by, now=now)
    except Exception:
        with writing(merchant_id, step="statements.give_up"):
            answers.leave_open(subject_id=claimed.subject_id)
        raise
    body = answers.as_bytes(brought.as_json())
    with writing(merchant_id, step="statements.answer"):
        idempotency.answer(merchant_id=merchant_id, subject_id=claimed.subject_id, status=200, body=body)
    return Answer(200, body)


def beginning_of(day: date, zone: ZoneInfo) -> datetime:
    """When money with this value date was paid: a bank tells no hour, so the earliest, for the customer's sake (S-35)."""
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _require_same_account(named: str, credentials: Any) -> None:
    """A file that says of which account it is has to say ours: its number stands in the IBAN. Raises BadStatement."""
    number = reference.plain(named).lstrip("0")
    ours = [reference.plain(str(credentials.get(name) or "")) for name in ("iban", "statement_account")]
    if number and "*" not in named and any(ours) and not any(number in each for each in ours if each):
        raise BadStatement("This is the statement of another account than the one in the credentials.")


def _bring(account_id: UUID, line: Line, zone: ZoneInfo, *, by: str, now: datetime) -> Told:
    account = merchants.lock_account(account_id)
    paid_at = beginning_of(line.paid_on, zone)
    known = receipt_queries.by_bank_id(account.pk, line.bank_id)
    if known is not None:
        outcome = "known"
        if (known.amount_minor, known.currency) != (line.amount_minor, line.currency):
            outcome = "contradicts"
            _ask_about_id(known, line, now=now)
        return _told(line, known, outcome)
    named = transfers.named(account, line.text, line.payer)
    entered = _entered(account, line, paid_at, named)
    if entered is not None:
        _recognise(entered, line, now=now)
        return _told(line, entered, "recognised")
    came = transfers.Came(
        id=new_id(),
        account=account,
        source=Source.STATEMENT,
        bank_id=line.bank_id,
        amount_minor=line.amount_minor,
        currency=line.currency,
        paid_at=paid_at,
        payer=line.payer,
        text=line.text,
        by=by,
    )
    # Two references in one transfer: which part is for which is a person's to say.
    receipt = transfers.record(came, payment=named[0] if len(named) == 1 else None, now=now)
    return _told(line, receipt, receipt.state)


def _entered(account: Account, line: Line, paid_at: datetime, named: Sequence[Payment]) -> Receipt | None:
    """The entry that a person made of this very transfer: the same money at about the same time, for the same payment, or where
    neither names one, with the same words."""
    alike = receipt_queries.entered_alike(
        account.pk,
        amount_minor=line.amount_minor,
        currency=line.currency,
        paid_at=paid_at,
        within=limits.SAME_TRANSFER_WITHIN,
    )
    wanted = {payment.pk for payment in named}
    for row in alike:
        same_words = not named and row.payment_id is None and reference.plain(row.text) == reference.plain(line.text)
        if row.payment_id in wanted or same_words:
            return row
    return None


def _recognise(entered: Receipt, line: Line, *, now: datetime) -> None:
    """The bank says what a person had said: nothing comes in twice, and nobody else has to confirm it."""
    if entered.payment_id:
        orders.lock_order(payment_queries.get(entered.payment_id).order_id)
    receipt = receipts.lock_receipt(entered.pk)
    receipts.learn(receipt, bank_id=line.bank_id, **({} if receipt.confirmed_by else {"confirmed_by": BANK}))
    if receipt.state == "unconfirmed":
        transfers.settle_case(receipt, "the bank's statement shows it")
        receipts.go(receipt, "unmatched", cause=Cause("the bank's statement shows it", actor=BANK))
        transfers.take_in(receipt, by=BANK, now=now)


def _ask_about_id(known: Receipt, line: Line, *, now: datetime) -> None:
    said = f"{line.bank_id}:{line.amount_minor}:{line.currency}"
    cases.open_case(
        merchant_id=known.merchant_id,
        kind="unplaced_money",
        cause=f"line:{hashlib.sha256(said.encode()).hexdigest()}",
        summary=(
            f"A statement gives {shown(line.amount_minor, line.currency)} the id of a transfer of "
            f"{shown(known.amount_minor, known.currency)}. It was not recorded."
        ),
        proposal="Look both up at the bank. If it is other money, enter it by hand.",
        evidence={**transfers.evidence(known), "line": line.number, "other_amount_minor": line.amount_minor},
        order_id=None,
        payment_id=None,
        now=now,
    )


def _told(line: Line, receipt: Receipt, outcome: str) -> Told:
    return Told(
        line=line.number,
        bank_id=line.bank_id,
        amount_minor=line.amount_minor,
        currency=line.currency,
        payer=line.payer,
        outcome=outcome,
        transfer=ids.shown("trf", receipt.pk),
    )
