"""Orders: the list, and one order's page."""

from dataclasses import replace
from uuid import UUID

from django.http import HttpRequest

from holdfast.console import lists, search, timeline
from holdfast.console.desk import Desk, View
from holdfast.console.lists import Line
from holdfast.console.show import NOTHING, Cell, Shown, code, label, link
from holdfast.db.pages import Page
from holdfast.flows import answers
from holdfast.fulfilment import queries as fulfilments
from holdfast.fulfilment.models import Fulfilment
from holdfast.fulfilment.states import FULFILMENT
from holdfast.kernel.ids import parsed
from holdfast.ledger import queries as ledger
from holdfast.orders import queries as orders
from holdfast.orders.models import Order
from holdfast.orders.states import ORDER, PUBLIC
from holdfast.payments import queries as payments
from holdfast.payments.models import Payment
from holdfast.payments.states import PAYMENT

COLUMNS = ("Order", "Status", "Order state", "Payment", "Fulfilment", "#Total", "Customer")
#: An address in the order in which people write it; the database keeps its names sorted.
ADDRESS = ("line1", "line2", "postal_code", "city", "state", "country")
NOT_FOUND = "Write an order number or an e-mail from its beginning, an e-mail with three letters at least, and an id in full."
STATUSES = ("pending", "paid", "failed", "cancelled", "refunded")
#: Tones of the public status, which shares words with the machines.
STATUS_TONES = {"pending": "busy", "paid": "good", "failed": "bad", "cancelled": "plain", "refunded": "warn"}


def orders_list(desk: Desk, request: HttpRequest) -> View:
    """Orders newest first, or those that a word names."""
    choices = [
        lists.chosen(request, "status", "Status", lists.words(STATUSES)),
        lists.chosen(request, "state", "Order state", lists.words(sorted(ORDER.states))),
        lists.chosen(request, "payment", "Payment", lists.words(sorted(PAYMENT.states))),
        lists.chosen(request, "fulfilment", "Fulfilment", lists.words(sorted(FULFILMENT.states))),
    ]
    word = lists.asked(request)
    found = Page(orders.listed(search.orders_named(word))) if word else _page(desk, request, *(c.value for c in choices))
    ids = [order.pk for order in found.rows]
    attempts = payments.attempts_of(ids, limit=20 * len(ids))
    parts = fulfilments.of_orders(ids)
    money = payments.money_of(ids)

    def line(order: Order) -> Line:
        mine = [row for row in attempts if row.order_id == order.pk]
        placed = desk.show.time(order.placed_at)
        return Line(
            (
                replace(link("ord", order.pk, text=order.number), hint=placed.hint, sub=placed.text),
                status_label(order, *money.get(order.pk, (0, 0))),
                label(order.state),
                payment_label(mine),
                fulfilment_label([row for row in parts if row.order_id == order.pk]),
                desk.show.amount(order.total_minor, order.currency),
                customer(order),
            )
        )

    return lists.table(
        request,
        title="Orders",
        columns=COLUMNS,
        found=found,
        line=line,
        choices=[] if word else choices,
        dates=not word,
        search="Order number, e-mail, provider's id, event, ord_… pay_… evt_…",
        note=NOT_FOUND if word and not found.rows else "",
    )


def _page(desk: Desk, request: HttpRequest, status: str, state: str, payment: str, fulfilment: str) -> Page[Order]:
    states = {name for name, public in PUBLIC.items() if public == status} if status else set()
    if status in ("paid", "refunded"):
        states.add("closed")  # its money says which: see public_status
    if state:
        states = {state} & states if status else {state}
        if not states:
            return Page([])
    among = payments.orders_in([payment]) if payment else None
    if fulfilment:
        handed = fulfilments.orders_in([fulfilment])
        among = handed if among is None else among.filter(order_id__in=handed)
    return orders.page(lists.span(request, desk.show.zone), states=states, among=among)


def order_page(desk: Desk, request: HttpRequest, key: str) -> View:
    """Everything about one order: states side by side, money from the ledger, what was bought, and its story."""
    order = orders.whole(parsed("ord", key))
    story = timeline.of_order(order, desk.show)
    captured, refunded = payments.money_of([order.pk]).get(order.pk, (0, 0))
    step = answers.next_step(order, story.attempts, holds_money=captured > 0)
    return View(
        "console/order.html",
        {
            "title": order.number,
            "order": order,
            "key": link("ord", order.pk),
            "placed": desk.show.time(order.placed_at),
            "total": desk.show.money(order.total_minor, order.currency),
            "states": [
                ("Customer sees", status_label(order, captured, refunded)),
                ("Order", label(order.state)),
                ("Payment", payment_label(story.attempts)),
                ("Fulfilment", fulfilment_label(story.parts)),
            ],
            "sees": step["detail"] or SEES.get(orders.public_status(order, captured_minor=captured, refunded_minor=refunded), ""),
            "balances": [_balance(row, desk.show) for row in ledger.balances(order.pk)],
            "items": items(order, desk.show),
            "totals": totals(order, desk.show),
            "contact": contact(order),
            "story": story,
        },
    )


#: What the customer is told where nothing is left to do.
SEES = {
    "pending": "The order waits for its payment.",
    "paid": "The order is paid.",
    "failed": "The order was not paid.",
    "cancelled": "The order was cancelled.",
    "refunded": "The money was sent back.",
}


def customer(order: Order) -> Cell:
    """Who bought: an e-mail, or why there is none."""
    if order.contact is None:
        return Cell("–", hint="The shop keeps its customer itself.", sub=order.external_id or "")
    return Cell("erased", hint="Personal data was erased.") if order.contact.erased_at else Cell(order.contact.email or "–")


def status_label(order: Order, captured_minor: int, refunded_minor: int) -> Cell:
    """The coarse public status (pending, paid, failed, cancelled, refunded)."""
    status = orders.public_status(order, captured_minor=captured_minor, refunded_minor=refunded_minor)
    return label(status, tone=STATUS_TONES[status])


def payment_label(attempts: list[Payment]) -> Cell:
    """The latest attempt's state; how many there were."""
    if not attempts:
        return NOTHING
    word = label(attempts[-1].state, hint=f"{attempts[-1].provider}, attempt {len(attempts)}")
    return Cell(word.text, tone=word.tone, hint=word.hint, sub=f"{len(attempts)} attempts" if len(attempts) > 1 else "")


def fulfilment_label(parts: list[Fulfilment]) -> Cell:
    """The least advanced part decides; the others are in the hint."""
    if not parts:
        return NOTHING
    order = ("parked", "pending", "partially_done", "done", "cancelled")
    worst = min(parts, key=lambda row: order.index(row.state) if row.state in order else 0)
    return label(worst.state, hint=", ".join(f"{row.way}: {row.state.replace('_', ' ')}" for row in parts))


def _balance(row: ledger.Balance, show: Shown) -> list[tuple[str, Cell]]:
    told = [
        ("Captured", show.amount(row.captured_minor, row.currency)),
        ("Refunded", show.amount(row.refunded_minor, row.currency)),
        ("Balance", show.amount(row.kept_minor, row.currency)),
        ("Sold", show.amount(row.sold_minor, row.currency)),
    ]
    more = [("Kept apart", row.unapplied_minor), ("Disputed", row.disputed_minor), ("Provider's fees", row.fees_minor)]
    return [*told, *((name, show.amount(minor, row.currency)) for name, minor in more if minor)]


def items(order: Order, show: Shown) -> list[tuple[str, str, object, Cell, Cell]]:
    """Lines of the immutable snapshot: name, SKU, quantity, unit price, total. An external order has none."""
    found = []
    for line in order.snapshot.get("lines") or []:
        if isinstance(line, dict):
            unit, total = (_minor(line.get(name)) for name in ("unit_price_minor", "total_minor"))
            found.append(
                (
                    str(line.get("name", "")),
                    str(line.get("sku", "")),
                    line.get("quantity", ""),
                    show.amount(unit, order.currency),
                    show.amount(total, order.currency),
                )
            )
    return found


def totals(order: Order, show: Shown) -> list[tuple[str, Cell]]:
    """The snapshot's sums, and the order's total."""
    told = order.snapshot.get("totals") or {}
    shipping = order.snapshot.get("shipping_total_minor", told.get("shipping_net_minor", 0))
    rows = [("Shipping", _minor(shipping)), ("Tax in total", _minor(told.get("tax_minor"))), ("Total", order.total_minor)]
    return [(name, show.amount(minor, order.currency)) for name, minor in rows]


def contact(order: Order) -> list[tuple[str, Cell]]:
    """Name, e-mail, phone and address of the customer, as far as they are kept."""
    row = order.contact
    if row is None:
        return [("Shop's own order", code(order.external_id))]
    if row.erased_at:
        return [("Personal data", Cell("erased"))]
    place = row.address if isinstance(row.address, dict) else {}
    address = ", ".join(str(place[name]) for name in ADDRESS if place.get(name))
    told = [("Name", row.name), ("E-mail", row.email), ("Phone", row.phone), ("Address", address)]
    return [(name, Cell(value)) for name, value in told if value]


def _minor(value: object) -> int:
    return value if isinstance(value, int) else 0


def number_cells(order_ids: list[UUID | None]) -> dict[UUID | None, Cell]:
    """Links to orders by id, for lists of other things."""
    return {key: link("ord", key, text=number) for key, number in orders.numbers(order_ids).items()}
