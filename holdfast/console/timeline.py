"""The story of one order: everything that the database knows about it, in the order of time, each with its evidence.

A fixed number of statements, however much there is to tell; each kind tells at most `limits.STAFF_STORY` facts.
"""

from collections import Counter
from collections.abc import Iterator, Sized
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from holdfast.carts import queries as carts
from holdfast.carts.models import Cart
from holdfast.cases import queries as cases
from holdfast.cases.models import Case
from holdfast.console import chapters
from holdfast.console.chapters import KINDS, Fact
from holdfast.console.show import Shown
from holdfast.db import evidence
from holdfast.db.evidence import Head
from holdfast.db.models import Transition
from holdfast.fulfilment import queries as fulfilments
from holdfast.fulfilment.models import Fulfilment, Handover
from holdfast.inbox import queries as inbox
from holdfast.inbox.models import Event
from holdfast.inventory import queries as inventory
from holdfast.inventory.models import Reservation
from holdfast.kernel import limits
from holdfast.ledger import queries as ledger
from holdfast.ledger.models import Entry, Posting
from holdfast.orders import queries as orders
from holdfast.orders.models import Order, OrderLine
from holdfast.outbox import queries as outbox
from holdfast.outbox.models import Message
from holdfast.payments import queries as payments
from holdfast.payments.models import Dispute, Operation, Payment, Refund
from holdfast.payments.models import Fact as MoneyFact


@dataclass(frozen=True)
class Chip:
    """A filter of the story: a kind of fact and how many there are."""

    kind: str
    title: str
    icon: str
    count: int


@dataclass(frozen=True)
class Story:
    """What is told, and the rows that the page shows besides."""

    facts: list[Fact]
    chips: list[Chip]
    #: Kinds of which there is more than is told.
    cut: list[str]
    attempts: list[Payment]
    parts: list[Fulfilment]


@dataclass(frozen=True)
class Sources:
    """Everything about one order, read at once."""

    order: Order
    cart: Cart | None
    lines: list[OrderLine]
    attempts: list[Payment]
    operations: list[Operation]
    money: list[MoneyFact]
    events: list[Event]
    arrivals: dict[str, list[Any]]
    reservations: list[Reservation]
    entries: list[Entry]
    postings: dict[UUID, list[Posting]]
    parts: list[Fulfilment]
    handovers: list[Handover]
    messages: list[Message]
    refunds: list[Refund]
    disputes: list[Dispute]
    cases: list[Case]
    moves: list[Transition]
    papers: dict[UUID, Head]


def of_order(order: Order, show: Shown) -> Story:
    """Read and tell the story of an order."""
    known = read(order)
    facts = sorted(tell(known, show), key=lambda fact: (fact.at, fact.rank))
    counts = Counter(fact.kind for fact in facts)
    chips = [Chip(kind, title, icon, counts[kind]) for kind, (title, icon) in KINDS.items() if counts[kind]]
    return Story(facts, chips, _cut(known), known.attempts, known.parts)


def read(order: Order) -> Sources:
    """Nineteen statements."""
    attempts = payments.attempts_of([order.pk])
    ids = [payment.pk for payment in attempts]
    operations, events = payments.operations_of(ids), inbox.of_payments(ids)
    reservations = inventory.of_order_with_stock(order.pk)
    entries, parts, asked = ledger.of_order(order.pk), fulfilments.of_order(order.pk), cases.of_order(order.pk)
    refunds, disputes = payments.refunds_of([order.pk]), payments.disputes_of([order.pk])
    others = (*reservations, *parts, *asked, *refunds, *disputes)
    subjects = [order.pk, order.cart_id, *ids, *(row.pk for row in others)]
    wanted = [*(row.request_id for row in operations), *(row.payload_id for row in events)]
    return Sources(
        order=order,
        cart=carts.of_order(order.cart_id) if order.cart_id else None,
        lines=orders.lines(order.pk),
        attempts=attempts,
        operations=operations,
        money=payments.facts_of(ids),
        events=events,
        arrivals=inbox.arrivals(events),
        reservations=reservations,
        entries=entries,
        postings=ledger.postings_of(entries),
        parts=parts,
        handovers=fulfilments.handovers(order.pk),
        messages=outbox.of_order(order.pk),
        refunds=refunds,
        disputes=disputes,
        cases=asked,
        moves=evidence.moves([subject for subject in subjects if subject], limit=4 * limits.STAFF_STORY),
        papers=evidence.heads(wanted, size=limits.STAFF_GLANCE_BYTES),
    )


def tell(known: Sources, show: Shown) -> Iterator[Fact]:
    """Every fact of the story, in no order."""
    yield from chapters.cart(known.cart, show)
    yield chapters.placed(known.order, known.lines, show)
    for payment in known.attempts:
        yield chapters.attempt(payment, show)
    for operation in known.operations:
        yield from chapters.operation(operation, known.papers.get(operation.request_id), show)
    for fact in known.money:
        yield chapters.money(fact, show)
    for event in known.events:
        yield from chapters.event(
            event, known.arrivals.get(event.provider_event_id, []), known.papers.get(event.payload_id), show
        )
    for row in known.reservations:
        yield chapters.reservation(row, show)
    for entry in known.entries:
        yield chapters.entry(entry, known.postings.get(entry.pk, []), show)
    for part in known.parts:
        yield chapters.part(part, show)
    names = {line.pk: line.name for line in known.lines}
    for handover in known.handovers:
        yield chapters.handover(handover, names, show)
    for message in known.messages:
        yield from chapters.message(message, show)
    for refund in known.refunds:
        yield chapters.refund(refund, show)
    for dispute in known.disputes:
        yield chapters.dispute(dispute, show)
    for case in known.cases:
        yield chapters.case(case, show)
    what = _names(known)
    told = {event.pk for event in known.events}
    for move in known.moves:
        yield chapters.move(move, what.get(move.subject_id, ""), show, event_told=move.event_id in told)


def _names(known: Sources) -> dict[UUID, str]:
    """What a transition's subject is called, where there may be several of its kind."""
    several = len(known.attempts) > 1
    return {
        **{row.pk: f" {n} ({row.provider})" if several else "" for n, row in enumerate(known.attempts, start=1)},
        **{row.pk: f" of {row.stock.name}" for row in known.reservations},
        **{row.pk: f" ({row.way})" for row in known.parts},
    }


def _cut(known: Sources) -> list[str]:
    full: dict[str, Sized] = {
        "attempts": known.attempts,
        "operations": known.operations,
        "money facts": known.money,
        "events": known.events,
        "journal entries": known.entries,
    }
    return [name for name, rows in full.items() if len(rows) >= limits.STAFF_STORY]
