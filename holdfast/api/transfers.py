"""Bank transfers: what the bank's statement and people say came in, by the merchant's server."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Field, Query, Router
from pydantic import BaseModel

from holdfast.api import keys, problems
from holdfast.api.keys import IdempotencyKey, SecretKey, merchant_id
from holdfast.api.problems import Problem
from holdfast.api.refunds import PAYMENT_ID, Refunded
from holdfast.api.schemas import PLAIN, Body, YesNo
from holdfast.db.pages import Span
from holdfast.db.tenancy import reading
from holdfast.flows import entries, payouts, statements
from holdfast.idempotency.services import Answer
from holdfast.kernel import clock, limits
from holdfast.kernel.ids import parsed, shown
from holdfast.receipts import queries as receipts

router = Router(tags=["Transfers"], auth=SecretKey())
#: A refund of a transfer, which a person pays out.
of_orders = Router(tags=["Transfers"], auth=SecretKey())

By = Annotated[
    str,
    Field(
        min_length=1,
        max_length=120,
        pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$",
        description="The person who says so, as your shop knows them: always the same word for the same person.",
        examples=["ada@shop.example"],
    ),
]
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 1, 1), description="The bank's value date.")]
State = Literal["unconfirmed", "unmatched", "matched", "allocated", "excess", "ignored", "returned", "rejected"]


class Entry(Body):
    """A transfer as a person saw it in the bank's portal. `payment`, or a reference in `text`, says what it is for."""

    amount_minor: int = Field(strict=True, ge=1, le=limits.MAX_AMOUNT_MINOR)
    currency: str = Field(pattern="^[A-Z]{3}$", examples=["EUR"])
    paid_on: Day
    payer: str = Field("", max_length=140, pattern=PLAIN)
    text: str = Field("", max_length=500, pattern=PLAIN, description="What the payer wrote.")
    payment: str | None = Field(None, pattern=PAYMENT_ID)
    by: By


class Confirmation(Body):
    """`came_in: false` rejects the entry; it never counted."""

    came_in: YesNo = True
    by: By


class Allocating(Body):
    payment: str = Field(pattern=PAYMENT_ID, examples=["pay_018f6e5c9b7a7c3d8e1f2a3b4c5d6e7f"])
    by: By


class Ending(Body):
    note: str = Field("", max_length=140, pattern=PLAIN)
    by: By


class File(Body):
    """A bank's statement as text. It is read as a whole or refused as a whole; larger files are brought by `import-statement`."""

    format: Literal["ofx", "csv"]
    content: str = Field(min_length=1, max_length=limits.MAX_STATEMENT_CHARS)
    by: By


class Payout(Body):
    """`paid: false`: it could not be paid out, or came back; a case asks what to do."""

    paid: YesNo = True
    paid_on: Day
    note: str = Field("", max_length=140, pattern=PLAIN)
    by: By


class Allocation(BaseModel):
    payment: str
    amount_minor: int
    at: datetime


class Transfer(BaseModel):
    """`state`: unconfirmed (a second person has to say so), unmatched, matched (its payment waits for more), allocated,
    excess (`left_minor` is more than its payment wanted), ignored, returned, rejected."""

    id: str = Field(examples=["trf_018f6e5c9b7a7c3d8e1f2a3b4c5d6e7f"])
    state: State
    source: Literal["statement", "operator"]
    bank_id: str | None
    amount_minor: int
    currency: str
    left_minor: int = Field(description="What paid for nothing and was not sent back.")
    returned_minor: int
    paid_at: datetime
    payer: str
    text: str
    entered_by: str
    confirmed_by: str | None
    payment: str | None
    allocations: list[Allocation]
    created_at: datetime


class OneTransfer(BaseModel):
    transfer: Transfer


class TransferPage(BaseModel):
    """A page, newest first; `next` is the `after` of the one that follows, null at the end."""

    transfers: list[Transfer]
    next: str | None


class LineTold(BaseModel):
    """`outcome`: the transfer's state; or known (an earlier file had it), recognised (a person had entered it), contradicts (the
    bank gave one id to two sums: a case asks)."""

    line: int
    bank_id: str
    amount_minor: int
    currency: str
    payer: str
    outcome: str
    transfer: str


class Brought(BaseModel):
    lines: list[LineTold]
    outgoing: int = Field(description="Lines that were no money that came in.")


@router.post(
    "",
    response={201: OneTransfer, problems.WRITE | problems.SECRET: Problem},
    operation_id="enterTransfer",
    summary="Enter a transfer by hand",
)
def enter_transfer(request: HttpRequest, key: IdempotencyKey, said: Entry) -> HttpResponse:
    """Beyond a limit it waits, `unconfirmed`, until a second person confirms it. Who may call: a secret key."""
    entry = entries.Entry(
        amount_minor=said.amount_minor,
        currency=said.currency,
        paid_on=said.paid_on,
        payer=said.payer,
        text=said.text,
        payment_id=parsed("pay", said.payment) if said.payment else None,
    )
    use = keys.use(request, key=key, owner="", said=said)
    return _told(entries.enter(merchant_id=merchant_id(request), entry=entry, by=said.by, use=use, now=clock.now()))


@router.post(
    "/statements",
    response={200: Brought, problems.WRITE | problems.SECRET: Problem},
    operation_id="importStatement",
    summary="Bring a bank's statement",
)
def import_statement(request: HttpRequest, key: IdempotencyKey, said: File) -> HttpResponse:
    """Each line that came in once, by the bank's id: files may overlap. Who may call: a secret key."""
    use = keys.use(request, key=key, owner="", said=said)
    merchant = merchant_id(request)
    file = {"format": said.format, "content": said.content}
    return _told(statements.bring_once(merchant_id=merchant, **file, by=said.by, use=use, now=clock.now()))


@router.get(
    "",
    response={200: TransferPage, problems.READ | problems.SECRET: Problem},
    operation_id="listTransfers",
    summary="Transfers that came in",
)
def list_transfers(
    request: HttpRequest,
    state: Annotated[State | None, Query()] = None,
    after: Annotated[str | None, Query(pattern="^trf_[0-9a-f]{32}$")] = None,
) -> dict[str, Any]:
    """Newest first, of one state or of all. Who may call: a secret key."""
    with reading(merchant_id(request)):
        page = receipts.page(Span(before=parsed("trf", after) if after else None), state=state or "")
        told = [entries.receipt_json(row) for row in page.rows]
    return {"transfers": told, "next": shown("trf", page.next) if page.next else None}


@router.get(
    "/{transfer_id}",
    response={200: OneTransfer, problems.READ | problems.SECRET: Problem},
    operation_id="getTransfer",
    summary="One transfer",
)
def get_transfer(request: HttpRequest, transfer_id: str) -> dict[str, Any]:
    """How a transfer stands. Who may call: a secret key."""
    with reading(merchant_id(request)):
        return {"transfer": entries.receipt_json(receipts.get(parsed("trf", transfer_id)))}


@router.post(
    "/{transfer_id}/confirmation",
    response={200: OneTransfer, problems.WRITE | problems.SECRET: Problem},
    operation_id="confirmTransfer",
    summary="Confirm an entry as a second person",
)
def confirm_transfer(request: HttpRequest, transfer_id: str, key: IdempotencyKey, said: Confirmation) -> HttpResponse:
    """Who entered it cannot confirm it. Who may call: a secret key."""
    more = _more(request, transfer_id, key, said)
    return _told(entries.confirm(came_in=said.came_in, by=said.by, **more))


@router.post(
    "/{transfer_id}/allocation",
    response={200: OneTransfer, problems.WRITE | problems.SECRET: Problem},
    operation_id="allocateTransfer",
    summary="Say which payment it is for",
)
def allocate_transfer(request: HttpRequest, transfer_id: str, key: IdempotencyKey, said: Allocating) -> HttpResponse:
    """What is left of the transfer goes to that payment, which is paid once its total is reached. Who may call: a secret key."""
    more = _more(request, transfer_id, key, said)
    return _told(entries.attach(payment_id=parsed("pay", said.payment), by=said.by, **more))


@router.post(
    "/{transfer_id}/return",
    response={200: OneTransfer, problems.WRITE | problems.SECRET: Problem},
    operation_id="returnTransfer",
    summary="Record that the rest was sent back",
)
def return_transfer(request: HttpRequest, transfer_id: str, key: IdempotencyKey, said: Ending) -> HttpResponse:
    """After a person has transferred what was left back to the payer. Who may call: a secret key."""
    return _told(entries.give_back(note=said.note, by=said.by, **_more(request, transfer_id, key, said)))


@router.post(
    "/{transfer_id}/dismissal",
    response={200: OneTransfer, problems.WRITE | problems.SECRET: Problem},
    operation_id="dismissTransfer",
    summary="Say that it is no customer's money",
)
def dismiss_transfer(request: HttpRequest, transfer_id: str, key: IdempotencyKey, said: Ending) -> HttpResponse:
    """The shop's own money, or a supplier's: it leaves the ledger. Who may call: a secret key."""
    return _told(entries.ignore(note=said.note, by=said.by, **_more(request, transfer_id, key, said)))


@of_orders.post(
    "/{order_id}/refunds/{refund_id}/payout",
    response={200: Refunded, problems.WRITE | problems.SECRET: Problem},
    operation_id="recordPayout",
    summary="Record that a transfer's refund was paid out",
)
def record_payout(request: HttpRequest, order_id: str, refund_id: str, key: IdempotencyKey, said: Payout) -> HttpResponse:
    """A refund of a transfer is `pending` until a person has paid it out and says so here. Who may call: a secret key."""
    order = keys.own_order(request, order_id, None)
    answer = payouts.record(
        merchant_id=merchant_id(request),
        order_id=order.pk,
        refund_id=parsed("ref", refund_id),
        paid=said.paid,
        paid_on=said.paid_on,
        note=said.note,
        by=said.by,
        use=keys.use(request, key=key, owner="", said=said),
        now=clock.now(),
    )
    return _told(answer)


def _more(request: HttpRequest, transfer_id: str, key: str, said: Body) -> dict[str, Any]:
    """What every decision about a transfer needs."""
    receipt_id: UUID = parsed("trf", transfer_id)
    use = keys.use(request, key=key, owner="", said=said)
    return {"merchant_id": merchant_id(request), "receipt_id": receipt_id, "use": use, "now": clock.now()}


def _told(answer: Answer) -> HttpResponse:
    """A stored answer, byte for byte."""
    return HttpResponse(answer.body, status=answer.status, content_type="application/json")
