"""The first page: what waits for somebody, what is under way, what came last."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from django.http import HttpRequest

from holdfast.cases import queries as cases
from holdfast.console.desk import Desk, View
from holdfast.console.lists import Line
from holdfast.console.pages.orders import number_cells
from holdfast.console.pages.things import Table
from holdfast.console.show import NOTHING, Cell, label, link, listing
from holdfast.db.pages import Span
from holdfast.inbox import queries as inbox
from holdfast.kernel import clock, limits
from holdfast.orders import queries as orders
from holdfast.orders.states import ORDER
from holdfast.outbox import queries as outbox
from holdfast.payments import queries as payments

#: The orders that are counted: those of these days, and no more than `limits.STAFF_WINDOW`.
DAYS = 30
#: Rows of each small table.
FEW = 8
#: States in which an order waits for somebody: the customer, the provider, or us.
WAITING = ("payment_pending", "payment_authorized", "capture_failed")


@dataclass(frozen=True)
class Figure:
    """A count that leads to what was counted."""

    count: int
    label: Cell
    href: str


def today(desk: Desk, request: HttpRequest) -> View:
    """Counts of orders by state, the oldest waiting things, open cases, the latest events. Nine statements."""
    counts = orders.states_of_newest(since=clock.now() - timedelta(days=DAYS))
    figures = [Figure(counts[state], label(state), listing("orders", state=state)) for state in ORDER.states if counts.get(state)]
    return View(
        "console/today.html",
        {
            "title": "Today",
            "days": DAYS,
            "figures": figures,
            "full": sum(counts.values()) >= limits.STAFF_WINDOW,
            "window": limits.STAFF_WINDOW,
            "tables": _tables(desk),
        },
    )


def _tables(desk: Desk) -> Sequence[tuple[Table, str]]:
    return [
        (_cases(desk), listing("cases", state="open")),
        (_waiting(desk), listing("orders", status="pending")),
        (_doubt(desk), listing("payments", state="unknown")),
        (_stuck(desk), listing("events", state="parked")),
        (_unsent(desk), listing("messages", state="parked")),
        (_latest(desk), listing("events")),
    ]


def _cases(desk: Desk) -> Table:
    lines = [
        Line((link("case", row.pk, text=row.kind.replace("_", " ")), Cell(row.summary), desk.show.time(row.deadline_at)))
        for row in cases.open_cases(limit=FEW)
    ]
    return Table(
        "Open cases, the most urgent first", ("Case", "What happened", "Deadline"), lines, "Nobody has to decide anything."
    )


def _waiting(desk: Desk) -> Table:
    found = orders.oldest(WAITING, limit=FEW)
    lines = [
        Line((link("ord", row.pk, text=row.number), label(row.state), desk.show.time(row.placed_at),
              desk.show.amount(row.total_minor, row.currency)))
        for row in found
    ]  # fmt: skip
    return Table("Orders that wait longest for money", ("Order", "State", "Placed", "#Total"), lines, "No order waits.")


def _doubt(desk: Desk) -> Table:
    found = payments.page(Span(), states=["unknown"]).rows[:FEW]
    lines = [
        Line((link("pay", row.pk, text=row.order.number), Cell(row.provider), desk.show.time(row.created_at),
              desk.show.amount(row.amount_minor, row.currency)))
        for row in found
    ]  # fmt: skip
    return Table("Payments in doubt", ("Payment", "Provider", "Began", "#Amount"), lines, "No payment is in doubt.")


def _stuck(desk: Desk) -> Table:
    found = inbox.page(Span(), states=["waiting", "parked"]).rows[:FEW]
    lines = [
        Line((link("evt", row.pk, text=row.type), label(row.state), desk.show.time(row.received_at), Cell(row.error[:120])))
        for row in found
    ]
    return Table("Events that are not applied", ("Event", "State", "Received", "Said"), lines, "Every event is applied.")


def _unsent(desk: Desk) -> Table:
    found = outbox.page(Span(), states=["parked"]).rows[:FEW]
    lines = [
        Line((link("msg", row.pk, text=row.topic.replace("_", " ")), link("ord", row.order_id, text=row.order.number),
              Cell(row.error[:120])))
        for row in found
    ]  # fmt: skip
    return Table("Messages that could not be sent", ("Message", "Order", "Error"), lines, "Every message went out.")


def _latest(desk: Desk) -> Table:
    found = inbox.page(Span()).rows[:FEW]
    numbers = number_cells([row.order_id for row in found])
    lines = [
        Line((replace(link("evt", row.pk, text=row.type), sub=desk.show.time(row.received_at).text), label(row.state),
              numbers.get(row.order_id, NOTHING)))
        for row in found
    ]  # fmt: skip
    return Table("Latest events", ("Event", "State", "Order"), lines, "No event came yet.")
