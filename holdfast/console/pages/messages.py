"""Messages: what customers were told, and what could not be sent."""

from django.http import HttpRequest

from holdfast.console import lists
from holdfast.console.desk import Desk, View
from holdfast.console.lists import Line
from holdfast.console.pages.orders import customer
from holdfast.console.pages.things import Thing
from holdfast.console.show import Cell, code, label, link
from holdfast.kernel.ids import parsed
from holdfast.outbox import queries as outbox
from holdfast.outbox.models import Message
from holdfast.outbox.states import MESSAGE


def messages_list(desk: Desk, request: HttpRequest) -> View:
    """Messages newest first."""
    choices = [lists.chosen(request, "state", "State", lists.words(sorted(MESSAGE.states)))]
    found = outbox.page(lists.span(request, desk.show.zone), states=[c.value for c in choices if c.value])

    def line(row: Message) -> Line:
        return Line(
            (
                link("msg", row.pk, text=row.topic.replace("_", " ")),
                label(row.state, hint=row.error[:200]),
                link("ord", row.order_id, text=row.order.number),
                desk.show.time(row.created_at),
                desk.show.time(row.sent_at),
            )
        )

    columns = ("Message", "State", "Order", "Written", "Sent")
    return lists.table(request, title="Messages", columns=columns, found=found, line=line, choices=choices)


def message_page(desk: Desk, request: HttpRequest, key: str) -> View:
    """One message. Its text is made when it is sent; what is kept is why, to whom and when."""
    row, show = outbox.get(parsed("msg", key)), desk.show
    told = [
        ("Order", link("ord", row.order_id, text=row.order.number)),
        ("To", customer(row.order)),
        ("Written once for", code(row.cause)),
        ("Written", show.time(row.created_at)),
        ("Sent", show.time(row.sent_at)),
        ("Tried again", show.time(row.due_at)),
        ("Tries", Cell(str(row.attempts))),
        ("Error", Cell(row.error or "–")),
    ]
    return Thing(title=row.topic.replace("_", " ").capitalize(), back="messages", badge=label(row.state), rows=told).view()
