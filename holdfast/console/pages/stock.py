"""Stock: what is there, what is reserved, for which orders, and why it changed."""

from django.http import HttpRequest

from holdfast.console import lists
from holdfast.console.desk import Desk, View
from holdfast.console.lists import Line
from holdfast.console.pages.things import Table, Thing
from holdfast.console.show import NOTHING, Cell, code, label, link
from holdfast.inventory import queries as inventory
from holdfast.inventory.models import Movement, Reservation, Stock
from holdfast.kernel import limits
from holdfast.kernel.ids import parsed


def stock_list(desk: Desk, request: HttpRequest) -> View:
    """Stock rows: items, pools of licences, places of time slots."""
    choices = [lists.chosen(request, "kind", "Kind", lists.words(Stock.Kind.values))]
    found = inventory.page(lists.span(request, desk.show.zone), kind=choices[0].value)

    def line(row: Stock) -> Line:
        free = row.on_hand - row.reserved
        return Line(
            (
                link("stk", row.pk, text=row.name or row.kind),
                Cell(row.kind),
                Cell(str(row.on_hand), number=True),
                Cell(str(row.reserved), number=True),
                Cell(str(free), number=True, tone="" if free else "warn"),
            )
        )

    columns = ("Stock", "Kind", "#On hand", "#Reserved", "#Free")
    return lists.table(request, title="Stock", columns=columns, found=found, line=line, choices=choices, dates=False)


def stock_page(desk: Desk, request: HttpRequest, key: str) -> View:
    """One stock row: who holds some of it now, and its latest movements."""
    row, show = inventory.stock(parsed("stk", key)), desk.show
    told = [
        ("Stock", code(key)),
        ("Kind", Cell(row.kind)),
        ("On hand", Cell(str(row.on_hand))),
        ("Reserved", Cell(str(row.reserved))),
        ("Free", Cell(str(row.on_hand - row.reserved))),
    ]

    def holding(one: Reservation) -> Line:
        order = link("ord", one.order_id, text=one.order.number)
        return Line((order, Cell(str(one.quantity), number=True), label(one.state), show.time(one.expires_at)))

    def moved(one: Movement) -> Line:
        order = link("ord", one.reservation.order_id, text=one.reservation.order.number) if one.reservation else NOTHING
        return Line((show.time(one.at), Cell(f"{one.delta:+}", number=True), Cell(one.cause), order))

    return Thing(
        title=row.name or row.kind,
        back="stock",
        rows=told,
        tables=[
            Table(
                "Reserved now",
                ("Order", "#Quantity", "State", "Until"),
                [holding(one) for one in inventory.held(row.pk, limit=limits.STAFF_PAGE)],
            ),
            Table(
                "Latest movements",
                ("At", "#Change", "Cause", "Order"),
                [moved(one) for one in inventory.movements(row.pk, limit=limits.STAFF_PAGE)],
            ),
        ],
    ).view()
