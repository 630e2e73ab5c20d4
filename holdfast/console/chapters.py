"""How each kind of fact is told: when, what it was in one sentence, and the evidence behind it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from holdfast.carts.models import Cart
from holdfast.cases.models import Case
from holdfast.console import papers
from holdfast.console.papers import Paper
from holdfast.console.show import TONES, Cell, Shown, case_label, code, label, link
from holdfast.db.evidence import Head
from holdfast.db.models import Transition
from holdfast.fulfilment.models import Fulfilment, Handover
from holdfast.inbox.models import Event
from holdfast.inventory.models import Reservation
from holdfast.kernel import ids
from holdfast.ledger.models import Entry, Posting
from holdfast.orders.models import Order, OrderLine
from holdfast.outbox.models import Message
from holdfast.payments.models import NOTHING, Dispute, Operation, Payment, Refund
from holdfast.payments.models import Fact as MoneyFact

#: Kinds of facts with their titles and icons, in the order of their chips.
KINDS = {
    "cart": ("Cart", "shopping_cart"),
    "order": ("Order", "receipt_long"),
    "attempt": ("Attempts", "credit_card"),
    "operation": ("Asked", "outgoing_mail"),
    "event": ("Events", "webhook"),
    "money": ("Money", "payments"),
    "back": ("Money back", "undo"),
    "ledger": ("Ledger", "account_balance"),
    "stock": ("Stock", "inventory_2"),
    "move": ("Transitions", "trending_flat"),
    "fulfilment": ("Fulfilment", "local_shipping"),
    "message": ("Messages", "mail"),
    "case": ("Cases", "flag"),
}
#: Facts of one instant are told in this order: what was asked, what came, what it moved, what followed.
RANKS = {kind: rank for rank, kind in enumerate((
    "cart", "order", "attempt", "stock", "operation", "event", "money", "back", "ledger", "move", "fulfilment", "message", "case",
))}  # fmt: skip
#: What is asked of a provider, in words.
ASKED = {
    "open": "to open a payment page",
    "close": "to close the payment page",
    "fetch": "how the payment stands",
    "capture": "to take the money that it holds",
    "refund": "to give money back",
}
OUTCOMES = {
    "intended": "no answer yet",
    "succeeded": "done",
    "declined": "declined",
    "not_sent": "not sent",
    "unknown": "unknown; recovery asks again",
}


@dataclass(frozen=True)
class Side:
    """A posting as a row of a small table."""

    account: str
    debit: str
    credit: str


@dataclass(frozen=True)
class Fact:
    """One line of the story, with its evidence."""

    at: datetime
    kind: str
    title: str
    when: Cell
    tone: str = "plain"
    badge: Cell | None = None
    #: The name of this line in the page's address.
    anchor: str = ""
    rows: Sequence[tuple[str, Cell]] = ()
    papers: Sequence[Paper] = ()
    sides: Sequence[Side] = field(default=())

    @property
    def rank(self) -> int:
        return RANKS[self.kind]

    @property
    def icon(self) -> str:
        return KINDS[self.kind][1]

    @property
    def kind_title(self) -> str:
        return KINDS[self.kind][0]


def cart(row: Cart | None, show: Shown) -> Iterator[Fact]:
    """The cart that became the order."""
    if row is None:
        return
    rows = [("Cart", code(ids.shown("cart", row.pk))), ("Version", Cell(str(row.version))), ("Region", Cell(row.region))]
    if row.copy_of_id:
        rows.append(("Reopened from", code(ids.shown("cart", row.copy_of_id))))
    yield Fact(row.created_at, "cart", f"A shopper opened a cart in {row.currency}.", show.time(row.created_at), rows=rows)


def placed(row: Order, lines: Sequence[OrderLine], show: Shown) -> Fact:
    """The order with its quote, as it was accepted."""
    total = show.money(row.total_minor, row.currency)
    if row.external_id is not None:
        title = f"The shop asked for a payment of {total} for its own order {row.external_id}."
    else:
        things = ", ".join(f"{line.quantity} × {line.name}" for line in lines[:4]) + (" …" if len(lines) > 4 else "")
        title = f"Checkout placed the order over {total}: {things}."
    rows = [
        ("Order", link("ord", row.pk)),
        ("Quote sha256", code(row.quote_sha256)),
        ("Pay until", show.time(row.expires_at)),
    ]
    return Fact(row.placed_at, "order", title, show.time(row.placed_at), tone="busy", rows=rows,
                papers=[papers.evidence("Snapshot, as accepted", row.snapshot)])  # fmt: skip


def attempt(row: Payment, show: Shown) -> Fact:
    """A payment: one attempt with one provider."""
    late = " Money came for an attempt that had ended." if row.late_of_id else ""
    rows = [
        ("Payment", link("pay", row.pk)),
        ("Provider's id", code(row.provider_id)),
        ("Provider's word", Cell(row.raw_status or "–")),
        ("Capture", Cell(row.capture)),
        ("Captured", show.amount(row.captured_minor, row.currency)),
        ("Expires", show.time(row.expires_at)),
    ]
    if row.superseded_at:
        rows.append(("Replaced by another attempt", show.time(row.superseded_at)))
    if row.late_of_id:
        rows.append(("Late money of", link("pay", row.late_of_id)))
    title = f"An attempt to take {show.money(row.amount_minor, row.currency)} with {row.provider} began.{late}"
    if row.provider == NOTHING:
        title = "There was nothing to pay: the order was settled, and no provider asked."
    return Fact(row.created_at, "attempt", title, show.time(row.created_at), tone=TONES.get(row.state, "plain"),
                badge=label(row.state), anchor=ids.shown("pay", row.pk), rows=rows)  # fmt: skip


def operation(row: Operation, head: Head | None, show: Shown) -> Iterator[Fact]:
    """What was asked of the provider, and what became of it."""
    # Both times are the request's own when the answer came within it; only what recovery found later differs.
    later_s = (row.answered_at - row.intended_at).total_seconds() if row.answered_at else 0
    rows = [
        ("Payment", link("pay", row.payment_id)),
        ("Idempotency key", code(row.key)),
        ("Request sha256", code(row.request_sha256)),
        ("Answered", show.time(row.answered_at)),
        ("Tries by recovery", Cell(str(row.attempts))),
    ]
    if row.error:
        rows.append(("Error", Cell(papers.hidden(row.error))))
    title = f"We asked the provider {ASKED.get(row.kind, row.kind)}: {OUTCOMES.get(row.state, row.state)}."
    if later_s >= 1:
        title = f"{title[:-1]}, after {later_s:,.0f} s."
    yield Fact(row.intended_at, "operation", title, show.time(row.intended_at), tone=TONES.get(row.state, "plain"),
               badge=label(row.state), rows=rows, papers=[papers.paper("Exact request", head)])  # fmt: skip


def money(row: MoneyFact, show: Shown) -> Fact:
    """What the provider confirmed of one of its objects."""
    amount = show.money(row.amount_minor, row.currency)
    words = {"capture": f"The provider confirmed that it took {amount}.",
             "authorization": f"The provider confirmed that it holds {amount}.",
             "unapplied": f"The provider took {amount}, which is not what was asked for: kept apart.",
             "refund": f"The provider confirmed that {amount} went back.",
             "refund_failed": f"The provider said that {amount} came back: the refund had bounced.",
             "withdrawn": f"A dispute took {amount}.",
             "reinstated": f"A dispute returned {amount}.",
             "fee": f"The provider kept {amount} for its work."}  # fmt: skip
    rows = [
        ("Provider's object", code(row.object_id)),
        ("Payment", link("pay", row.payment_id)),
        ("Happened at the provider", show.time(row.occurred_at)),
        ("Learned by", Cell(row.source)),
    ]
    if row.event_id:
        rows.append(("Event", link("evt", row.event_id)))
    tone = "warn" if row.kind in ("unapplied", "refund_failed", "withdrawn") else "good"
    return Fact(
        row.learned_at, "money", words.get(row.kind, f"{row.kind} {amount}"), show.time(row.learned_at), tone=tone, rows=rows
    )


def refund(row: Refund, show: Shown) -> Fact:
    """Money that goes back, whoever asked for it."""
    amount = show.money(row.amount_minor, row.currency)
    who = f"{row.requested_by or 'Somebody'} asked for a refund of {amount}"
    title = f"{who}." if row.origin == "requested" else f"The provider refunded {amount} without being asked by us."
    rows = [
        ("Refund", code(ids.shown("ref", row.pk))),
        ("Provider's id", code(row.provider_id)),
        ("Payment", link("pay", row.payment_id)),
        ("Reason", Cell(row.reason or "–")),
        ("Succeeded", show.time(row.succeeded_at)),
    ]
    if row.error:
        rows.append(("Error", Cell(papers.hidden(row.error))))
    told = [papers.evidence("Lines", {"lines": row.lines})] if row.lines else []
    return Fact(row.created_at, "back", title, show.time(row.created_at), tone=TONES.get(row.state, "plain"),
                badge=label(row.state), rows=rows, papers=told)  # fmt: skip


def dispute(row: Dispute, show: Shown) -> Fact:
    """A customer's bank that asks for money back."""
    title = f"The customer's bank disputes {show.money(row.amount_minor, row.currency)}."
    rows = [
        ("Provider's id", code(row.provider_id)),
        ("Payment", link("pay", row.payment_id)),
        ("Reason", Cell(row.reason or "–")),
        ("Evidence until", show.time(row.evidence_due_at)),
        ("Written off", show.amount(row.lost_minor, row.currency)),
    ]
    return Fact(row.created_at, "back", title, show.time(row.created_at), tone=TONES.get(row.state, "plain"),
                badge=label(row.state), rows=rows)  # fmt: skip


def event(row: Event, arrivals: Sequence[datetime], head: Head | None, show: Shown) -> Iterator[Fact]:
    """An event of the provider: once for its first arrival, and once for each later one."""
    times = f", {len(arrivals)} deliveries" if len(arrivals) > 1 else ""
    rows = [
        ("Event", link("evt", row.pk)),
        ("Provider's id", code(row.provider_event_id)),
        ("Payment", link("pay", row.payment_id)),
        ("Made by the provider", show.time(row.provider_created_at)),
        ("Done", show.time(row.done_at)),
        ("Tries", Cell(f"{row.attempts} ({row.failures} failed)")),
        ("Body sha256", code(row.payload_sha256)),
    ]
    if row.error:
        rows.append(("Said", Cell(row.error)))
    title = f"{row.provider} sent {row.type}{times}."
    yield Fact(row.received_at, "event", title, show.time(row.received_at), tone=TONES.get(row.state, "plain"),
               badge=label(row.state), anchor=ids.shown("evt", row.pk), rows=rows,
               papers=[papers.paper("Body, as it came", head)])  # fmt: skip
    for number, at in enumerate(arrivals[1:], start=2):
        again = f"{row.provider} sent {row.type} again (delivery {number}): nothing new."
        yield Fact(at, "event", again, show.time(at), rows=[("Event", link("evt", row.pk))])


def reservation(row: Reservation, show: Shown) -> Fact:
    """Capacity held for the order."""
    rows = [("Stock", link("stk", row.stock_id, text=row.stock.name)), ("Until", show.time(row.expires_at))]
    title = f"Reserved {row.quantity} of {row.stock.name or row.stock.kind}."
    return Fact(row.created_at, "stock", title, show.time(row.created_at), tone=TONES.get(row.state, "plain"),
                badge=label(row.state), rows=rows)  # fmt: skip


def entry(row: Entry, postings: Sequence[Posting], show: Shown) -> Fact:
    """A journal entry with its two sides."""
    rows = [
        ("Entry", link("ent", row.pk)),
        ("Written once for", code(row.cause)),
        ("Effective", show.time(row.effective_at)),
    ]
    if row.payment_id:
        rows.append(("Payment", link("pay", row.payment_id)))
    debits: dict[str, int] = {}
    for posting in postings:
        debits[posting.currency] = debits.get(posting.currency, 0) + posting.debit_minor
    amount = " and ".join(show.money(minor, currency) for currency, minor in debits.items())
    title = f"The journal notes a {row.kind.replace('_', ' ')} of {amount}."
    return Fact(row.recorded_at, "ledger", title, show.time(row.recorded_at), rows=rows, sides=sides(postings, show))


def sides(postings: Sequence[Posting], show: Shown) -> list[Side]:
    """Debits and credits, debits first."""
    return [
        Side(
            posting.account,
            show.money(posting.debit_minor, posting.currency) if posting.debit_minor else "",
            show.money(posting.credit_minor, posting.currency) if posting.credit_minor else "",
        )
        for posting in sorted(postings, key=lambda posting: posting.debit_minor == 0)
    ]


def part(row: Fulfilment, show: Shown) -> Fact:
    """A part of the order that has to be handed over."""
    rows = [("Way", Cell(row.way)), ("Tries", Cell(str(row.attempts)))]
    if row.error:
        rows.append(("Error", Cell(row.error)))
    return Fact(row.created_at, "fulfilment", f"A {row.way} was intended.", show.time(row.created_at),
                tone=TONES.get(row.state, "plain"), badge=label(row.state), rows=rows)  # fmt: skip


def handover(row: Handover, names: Mapping[UUID, str], show: Shown) -> Fact:
    """Something that was handed over. Its code opens it, so staff see only its end."""
    what = names.get(row.order_line_id, "an item")
    done = {"shipment": "was shipped", "download": "can be downloaded", "voucher": "got its voucher"}
    rows = [("Quantity", Cell(str(row.quantity))), ("Unit", Cell(str(row.unit)))]
    if row.code:
        rows.append(("Code", Cell(f"…{row.code[-4:]}", mono=True)))
    told = [papers.evidence("Tracking", row.tracking)] if row.tracking else []
    title = f"{row.quantity} × {what} {done.get(row.fulfilment.way, 'was handed over')}."
    return Fact(row.at, "fulfilment", title, show.time(row.at), tone="good", rows=rows, papers=told)


def message(row: Message, show: Shown) -> Iterator[Fact]:
    """A message to the customer: when it was written, and when it was sent."""
    topic = row.topic.replace("_", " ")
    rows = [("Message", link("msg", row.pk)), ("Written once for", code(row.cause)), ("Tries", Cell(str(row.attempts)))]
    if row.error:
        rows.append(("Error", Cell(row.error)))
    yield Fact(row.created_at, "message", f"A message “{topic}” was written for the customer.", show.time(row.created_at),
               tone=TONES.get(row.state, "plain"), badge=label(row.state), rows=rows)  # fmt: skip
    if row.sent_at:
        yield Fact(row.sent_at, "message", f"The message “{topic}” was sent.", show.time(row.sent_at), tone="good",
                   rows=[("Message", link("msg", row.pk))])  # fmt: skip


def case(row: Case, show: Shown) -> Fact:
    """A question for a person."""
    rows = [
        ("Case", link("case", row.pk)),
        ("Kind", Cell(row.kind.replace("_", " "))),
        ("Proposed", Cell(row.proposal)),
        ("Deadline", show.time(row.deadline_at)),
    ]
    return Fact(row.opened_at, "case", row.summary, show.time(row.opened_at), tone="warn" if row.state == "open" else "plain",
                badge=case_label(row.state), rows=rows, papers=[papers.evidence("Evidence", row.evidence)])  # fmt: skip


def move(row: Transition, what: str, show: Shown, *, event_told: bool) -> Fact:
    """A state that changed, as the database itself noted it."""
    target = row.target.replace("_", " ")
    source = f"went from {row.source.replace('_', ' ')} to {target}" if row.source else f"began as {target}"
    rows = [
        ("Cause", Cell(row.cause)),
        ("By", Cell(row.actor)),
        ("Process", Cell(row.process)),
    ]
    if row.event_id:
        here = Cell(ids.shown("evt", row.event_id), href=f"#{ids.shown('evt', row.event_id)}", mono=True)
        rows.append(("Event", here if event_told else link("evt", row.event_id)))
    title = f"{row.subject.capitalize()}{what} {source}: {row.cause}."
    return Fact(row.at, "move", title, show.time(row.at), tone=TONES.get(row.target, "plain"), badge=label(row.target), rows=rows)
