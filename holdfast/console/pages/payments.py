"""Payments: every attempt to take money, also failed and abandoned ones."""

from django.http import HttpRequest

from holdfast.console import lists, papers
from holdfast.console.chapters import ASKED
from holdfast.console.desk import Desk, View
from holdfast.console.lists import Line
from holdfast.console.pages.things import Table, Thing
from holdfast.console.show import Cell, Shown, code, label, link
from holdfast.db import evidence
from holdfast.db.pages import Page
from holdfast.inbox import queries as inbox
from holdfast.kernel import limits
from holdfast.kernel.errors import NotFound
from holdfast.kernel.ids import parsed
from holdfast.ledger import queries as ledger
from holdfast.merchants import queries as merchants
from holdfast.payments import queries as payments
from holdfast.payments.models import Payment
from holdfast.payments.states import PAYMENT
from holdfast.providers import registry


def payments_list(desk: Desk, request: HttpRequest) -> View:
    """Attempts newest first, or those that a provider's id names."""
    choices = [
        lists.chosen(request, "state", "State", lists.words(sorted(PAYMENT.states))),
        lists.chosen(request, "provider", "Provider", lists.words(sorted(registry.ADAPTERS))),
    ]
    word = lists.asked(request)
    found = (
        Page(payments.named(word, account_ids=merchants.account_ids(), limit=limits.STAFF_PAGE))
        if word
        else payments.page(
            lists.span(request, desk.show.zone), states=[c for c in [choices[0].value] if c], provider=choices[1].value
        )
    )

    def line(row: Payment) -> Line:
        return Line(
            (
                link("pay", row.pk),
                desk.show.time(row.created_at),
                link("ord", row.order_id, text=row.order.number),
                Cell(row.provider, sub=row.provider_id or ""),
                label(row.state, hint=row.raw_status),
                desk.show.amount(row.amount_minor, row.currency),
                desk.show.amount(row.captured_minor, row.currency),
            )
        )

    return lists.table(
        request,
        title="Payments",
        columns=("Payment", "Began", "Order", "Provider", "State", "#Amount", "#Captured"),
        found=found,
        line=line,
        choices=[] if word else choices,
        dates=not word,
        search="The provider's id of a session, an intent or a charge",
    )


def payment_page(desk: Desk, request: HttpRequest, key: str) -> View:
    """One attempt: what was asked, what the provider confirmed, its events, and its entries in the journal."""
    rows = payments.listed([parsed("pay", key)])
    if not rows:
        raise NotFound("There is no such payment.")
    row, show = rows[0], desk.show
    operations = payments.operations_of([row.pk])
    heads = evidence.heads([one.request_id for one in operations], size=limits.STAFF_GLANCE_BYTES)
    told = [
        ("Order", link("ord", row.order_id, text=row.order.number)),
        ("Provider", Cell(row.provider)),
        ("Provider's id", code(row.provider_id)),
        ("Provider's word", Cell(row.raw_status or "–")),
        ("Amount", show.amount(row.amount_minor, row.currency)),
        ("Captured", show.amount(row.captured_minor, row.currency)),
        ("Refunded", show.amount(row.refunded_minor, row.currency)),
        ("Disputed", show.amount(row.disputed_minor, row.currency)),
        ("Capture", Cell(row.capture)),
        ("Began", show.time(row.created_at)),
        ("Expires", show.time(row.expires_at)),
        ("Asked again", show.time(row.due_at)),
    ]
    return Thing(
        title=key,
        back="payments",
        badge=label(row.state),
        rows=told,
        tables=[_asked(row, show), _facts(row, show), _events(row, show), _moves(row, show), _entries(row, show)],
        papers=[papers.paper(f"Exact request {ASKED.get(one.kind, one.kind)}", heads.get(one.request_id)) for one in operations],
    ).view()


def _asked(row: Payment, show: Shown) -> Table:
    lines = [
        Line((show.time(one.intended_at), Cell(one.kind), label(one.state), code(one.key), show.time(one.answered_at)))
        for one in payments.operations_of([row.pk])
    ]
    return Table("Asked of the provider", ("Intended", "Kind", "Outcome", "Idempotency key", "Answered"), lines)


def _facts(row: Payment, show: Shown) -> Table:
    lines = [
        Line((show.time(one.learned_at), Cell(one.kind), code(one.object_id), show.amount(one.amount_minor, one.currency),
              Cell(one.source)))
        for one in payments.facts_of([row.pk])
    ]  # fmt: skip
    return Table("Confirmed by the provider", ("Learned", "Kind", "Provider's object", "#Amount", "By"), lines)


def _events(row: Payment, show: Shown) -> Table:
    lines = [
        Line((link("evt", one.pk), show.time(one.received_at), Cell(one.type), label(one.state)))
        for one in inbox.of_payments([row.pk])
    ]  # fmt: skip
    return Table("Events", ("Event", "Received", "Type", "State"), lines)


def _moves(row: Payment, show: Shown) -> Table:
    lines = [
        Line((show.time(one.at), label(one.source), label(one.target), Cell(one.cause, sub=f"{one.actor}, {one.process}")))
        for one in evidence.moves([row.pk], limit=limits.STAFF_STORY)
    ]
    return Table("Transitions", ("At", "From", "To", "Cause"), lines)


def _entries(row: Payment, show: Shown) -> Table:
    lines = [Line((link("ent", one.pk), show.time(one.recorded_at), Cell(one.kind))) for one in ledger.of_payment(row.pk)]
    return Table("Journal", ("Entry", "Recorded", "Kind"), lines)
