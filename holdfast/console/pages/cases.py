"""Cases: what a person has to decide."""

from django.http import HttpRequest

from holdfast.cases import queries as cases
from holdfast.cases.models import Case
from holdfast.cases.states import CASE
from holdfast.console import lists, papers
from holdfast.console.desk import Desk, View
from holdfast.console.lists import Line
from holdfast.console.pages.things import Table, Thing
from holdfast.console.show import NOTHING, Cell, case_label, label, link
from holdfast.db import evidence
from holdfast.kernel import limits
from holdfast.kernel.ids import parsed


def cases_list(desk: Desk, request: HttpRequest) -> View:
    """Cases newest first."""
    choices = [
        lists.chosen(request, "state", "State", lists.words(sorted(CASE.states))),
        lists.chosen(request, "kind", "Kind", lists.words(Case.Kind.values)),
    ]
    found = cases.page(
        lists.span(request, desk.show.zone), states=[c for c in [choices[0].value] if c], kind=choices[1].value
    )  # fmt: skip

    def line(row: Case) -> Line:
        return Line(
            (
                link("case", row.pk, text=row.kind.replace("_", " ")),
                case_label(row.state),
                Cell(row.summary, sub=row.proposal),
                link("ord", row.order_id, text=row.order.number) if row.order else NOTHING,
                desk.show.time(row.opened_at),
                desk.show.time(row.deadline_at),
            )
        )

    columns = ("Case", "State", "What happened", "Order", "Opened", "Deadline")
    return lists.table(request, title="Cases", columns=columns, found=found, line=line, choices=choices)


def case_page(desk: Desk, request: HttpRequest, key: str) -> View:
    """One case with its evidence."""
    row, show = cases.get(parsed("case", key)), desk.show
    told = [
        ("Order", link("ord", row.order_id, text=row.order.number) if row.order else NOTHING),
        ("Payment", link("pay", row.payment_id)),
        ("Proposed", Cell(row.proposal)),
        ("Opened", show.time(row.opened_at)),
        ("Deadline", show.time(row.deadline_at)),
        ("Cause", Cell(row.cause, mono=True)),
    ]
    moves = [
        Line((show.time(one.at), label(one.source), label(one.target), Cell(one.cause, sub=f"{one.actor}, {one.process}")))
        for one in evidence.moves([row.pk], limit=limits.STAFF_STORY)
    ]
    return Thing(
        title=row.kind.replace("_", " ").capitalize(),
        back="cases",
        badge=case_label(row.state),
        sentence=row.summary,
        rows=told,
        tables=[Table("Transitions", ("At", "From", "To", "Cause"), moves)],
        papers=[papers.evidence("Evidence", row.evidence)],
    ).view()
