"""Events: what providers sent, how often, and what became of it."""

from django.http import HttpRequest

from holdfast.console import lists, papers
from holdfast.console.desk import Desk, View
from holdfast.console.lists import Line
from holdfast.console.pages.orders import number_cells
from holdfast.console.pages.things import Table, Thing
from holdfast.console.show import NOTHING, Cell, code, label, link
from holdfast.db import evidence
from holdfast.db.pages import Page
from holdfast.inbox import queries as inbox
from holdfast.inbox.models import Event
from holdfast.inbox.states import EVENT
from holdfast.kernel import limits
from holdfast.kernel.ids import parsed
from holdfast.merchants import queries as merchants


def events_list(desk: Desk, request: HttpRequest) -> View:
    """Events newest first, or the one that the provider's id names."""
    choices = [lists.chosen(request, "state", "State", lists.words(sorted(EVENT.states)))]
    word = lists.asked(request)
    found = (
        Page(inbox.named(word, account_ids=merchants.account_ids()))
        if word
        else inbox.page(lists.span(request, desk.show.zone), states=[c.value for c in choices if c.value])
    )
    arrivals = inbox.arrivals(found.rows)
    orders = number_cells([row.order_id for row in found.rows])

    def line(row: Event) -> Line:
        times = len(arrivals.get(row.provider_event_id, []))
        return Line(
            (
                link("evt", row.pk),
                desk.show.time(row.received_at),
                Cell(row.type, sub=row.provider_event_id),
                label(row.state, hint=row.error[:200]),
                Cell(str(times), number=True),
                orders.get(row.order_id, NOTHING),
            )
        )

    return lists.table(
        request,
        title="Events",
        columns=("Event", "Received", "Type", "State", "#Deliveries", "Order"),
        found=found,
        line=line,
        choices=[] if word else choices,
        dates=not word,
        search="The provider's id: evt_…",
    )


def event_page(desk: Desk, request: HttpRequest, key: str) -> View:
    """One event: its body as it came, each of its deliveries, and what was done with it."""
    row, show = inbox.get(parsed("evt", key)), desk.show
    head = evidence.heads([row.payload_id], size=limits.STAFF_PAYLOAD_BYTES).get(row.payload_id)
    came = inbox.arrivals([row]).get(row.provider_event_id, [])
    told = [
        ("Provider", Cell(row.provider)),
        ("Provider's id", code(row.provider_event_id)),
        ("Type", Cell(row.type)),
        ("Order", number_cells([row.order_id]).get(row.order_id, NOTHING)),
        ("Payment", link("pay", row.payment_id)),
        ("Made by the provider", show.time(row.provider_created_at)),
        ("Received", show.time(row.received_at)),
        ("Done", show.time(row.done_at)),
        ("Tried again", show.time(row.due_at)),
        ("Tries", Cell(f"{row.attempts}, of which {row.failures} failed")),
        ("Said", Cell(row.error or "–")),
        ("Body sha256", code(row.payload_sha256)),
    ]
    shown = [papers.paper("Body, as it came", head)]
    if head is not None and head.headers:
        shown.append(papers.evidence("Headers", head.headers))
    lines = [Line((Cell(str(number)), show.time(at))) for number, at in enumerate(came, start=1)]
    return Thing(
        title=row.type,
        back="events",
        badge=label(row.state),
        rows=told,
        tables=[Table("Deliveries", ("Delivery", "At"), lines)],
        papers=shown,
    ).view()
