"""The journal: every movement of money, debit and credit."""

from django.http import HttpRequest

from holdfast.console import chapters, lists
from holdfast.console.desk import Desk, View
from holdfast.console.lists import Line
from holdfast.console.pages.orders import number_cells
from holdfast.console.pages.things import Thing
from holdfast.console.show import NOTHING, Cell, code, link
from holdfast.kernel.ids import parsed
from holdfast.ledger import queries as ledger
from holdfast.ledger.models import Entry

#: What is written into the journal, see docs/ledger.md.
KINDS = ("capture", "sale", "authorization", "authorization_closed", "unapplied", "applied")


def journal_list(desk: Desk, request: HttpRequest) -> View:
    """Journal entries newest first, with their postings."""
    choices = [lists.chosen(request, "kind", "Kind", lists.words(KINDS))]
    found = ledger.page(lists.span(request, desk.show.zone), kind=choices[0].value)
    postings, orders = ledger.postings_of(found.rows), number_cells([row.order_id for row in found.rows])

    def line(row: Entry) -> Line:
        told = chapters.sides(postings.get(row.pk, []), desk.show)
        return Line(
            (
                link("ent", row.pk, text=row.kind.replace("_", " ")),
                desk.show.time(row.effective_at),
                orders.get(row.order_id, NOTHING),
                Cell("; ".join(f"{side.account} {side.debit}" for side in told if side.debit)),
                Cell("; ".join(f"{side.account} {side.credit}" for side in told if side.credit)),
            )
        )

    columns = ("Entry", "Effective", "Order", "Debit", "Credit")
    return lists.table(request, title="Journal", columns=columns, found=found, line=line, choices=choices)


def entry_page(desk: Desk, request: HttpRequest, key: str) -> View:
    """One entry with its postings. It is never changed; what was wrong is put right by another."""
    row, show = ledger.get(parsed("ent", key)), desk.show
    told = [
        ("Order", number_cells([row.order_id]).get(row.order_id, NOTHING)),
        ("Payment", link("pay", row.payment_id)),
        ("Written once for", code(row.cause)),
        ("Effective", show.time(row.effective_at)),
        ("Recorded", show.time(row.recorded_at)),
    ]
    sides = chapters.sides(ledger.postings_of([row]).get(row.pk, []), show)
    return Thing(title=row.kind.replace("_", " ").capitalize(), back="journal", rows=told, sides=sides).view()
