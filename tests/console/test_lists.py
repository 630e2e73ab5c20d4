"""Lists: filters, pages at a bounded cost, every kind of search, and statements that do not grow."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from holdfast.kernel import ids, limits
from tests import build
from tests.console.staff import LISTS, Office
from tests.integration import driving


def numbers(office: Office, **query: str) -> list[str]:
    """Order numbers on a page of the list, from the top."""
    page = office.get("orders/", **query)
    rows = office.database.rows("SELECT number FROM orders_order WHERE merchant_id = %s", office.shop.id)
    return sorted((number for (number,) in rows if number in page), key=page.index)


def number(office: Office, order_id: Any) -> str:
    return build.order(office.shop, order_id).number


def onward(page: str, word: str) -> str:
    """Where a link below a list of orders leads; empty when it is not there."""
    found = re.search(rf'<a href="([^"]+)">{word}</a>', page)
    return f"orders/{found.group(1)}" if found else ""


def statements(act: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as asked:
        act()
    return len(asked)


def test_orders_are_found_by_everything_that_names_them(office: Office) -> None:
    order_id, payment_id = office.bought(MUG=1)
    build.check_out(office.shop, build.basket(office.shop, CUP=1), email="grace@navy.test")
    order, payment = build.order(office.shop, order_id), build.payment(office.shop, payment_id)
    [event] = driving.events(office.shop, office.gateway, "checkout.session.completed")
    fact = office.database.value("SELECT object_id FROM payments_fact WHERE payment_id = %s", payment_id)
    [event_id], entry_id = office.ids("inbox_event", "type = 'checkout.session.completed'"), office.ids("ledger_entry")[0]
    for word in (
        order.number, order.number.lower(), order.number.replace("-", ""), order.number[:4], "ada@example.com", "ADA@Example.com",
        "ada@ex", "ada", payment.provider_id, fact, event["id"], ids.shown("ord", order_id), ids.shown("pay", payment_id),
        ids.shown("evt", event_id), ids.shown("ent", entry_id), str(order_id), str(payment_id), f"  {order.number} ",
    ):  # fmt: skip
        assert numbers(office, q=str(word)) == [order.number], word


@pytest.mark.parametrize(
    "word", ["nobody", "'; DROP TABLE", "%", "_", "ord_", "ord_zzz", "pay_" + "0" * 32, "\x00", "é" * 300, "*"]
)
def test_a_word_that_names_nothing_finds_nothing(office: Office, word: str) -> None:
    build.buy(office.shop, MUG=1)
    assert "Nothing here" in office.get("orders/", q=word)


def test_orders_are_filtered_by_each_machine_and_by_day(office: Office) -> None:
    paid, _ = office.bought(BOOK=1)
    shipped, _ = office.bought(MUG=1)
    pending, _ = build.buy(office.shop, CUP=1)
    paid, shipped, pending = (number(office, order_id) for order_id in (paid, shipped, pending))
    assert numbers(office) == [pending, shipped, paid]
    assert numbers(office, status="paid") == [shipped, paid]
    assert numbers(office, status="pending") == [pending]
    assert numbers(office, status="refunded") == []
    assert numbers(office, state="fulfilled") == [paid]
    assert numbers(office, state="fulfilled", status="pending") == []
    assert numbers(office, payment="open") == [pending]
    assert numbers(office, payment="captured", fulfilment="pending") == [shipped]
    assert numbers(office, fulfilment="done") == [paid]
    yesterday, morrow = (build.now().date() + timedelta(days=days) for days in (-1, 1))
    assert numbers(office, **{"from": yesterday.isoformat(), "to": morrow.isoformat()}) == [pending, shipped, paid]
    assert numbers(office, **{"from": "2090-01-01"}) == []
    assert numbers(office, to="2020-01-01") == []


@pytest.mark.parametrize(
    "query", [{"state": "nonsense"}, {"from": "yesterday"}, {"to": "9999-12-31"}, {"before": "x"}, {"from": "0001-01-01"}]
)
def test_a_filter_that_means_nothing_is_no_filter(office: Office, query: dict[str, str]) -> None:
    order_id, _ = build.buy(office.shop, MUG=1)
    assert numbers(office, **query) == [number(office, order_id)]


def test_pages_follow_each_other_without_a_gap(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    from holdfast.db import pages

    monkeypatch.setitem(pages.newest.__kwdefaults__, "size", 2)
    made = [number(office, build.buy(office.shop, BOOK=1)[0]) for _ in range(5)][::-1]
    seen, link = [], "orders/"
    for _ in range(3):
        page = office.get(link)
        seen += [word for word in made if word in page]
        link = onward(page, "Older")
    assert seen == made
    assert link == ""


def test_a_rare_word_is_looked_for_in_a_window_and_the_page_says_so(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STAFF_WINDOW", 2)
    paid, _ = office.bought(BOOK=1)
    for _ in range(3):
        build.buy(office.shop, BOOK=1)
    page = office.get("orders/", state="fulfilled")
    assert "Looked through 2 rows" in page
    assert number(office, paid) not in page
    assert number(office, paid) in office.get(onward(page, "Look further"))


@pytest.mark.parametrize("path", LISTS)
def test_a_list_takes_as_many_statements_however_long_it_is(office: Office, path: str) -> None:
    office.bought(MUG=1, BOOK=1)
    few = statements(lambda: office.get(path))
    for _ in range(4):
        office.bought(MUG=1, CUP=1, BOOK=2, TOUR_ADULT=1)
    assert statements(lambda: office.get(path)) == few
    assert few <= 22


def test_an_order_takes_as_many_statements_however_much_happened(office: Office) -> None:
    small, _ = office.bought(BOOK=1)
    large, _ = office.bought(BOOK=9, MUG=2, CUP=3, TOUR_ADULT=2, TOUR_CHILD=1)
    for _ in range(3):
        driving.hear(office.database, office.shop, office.gateway)
    few = statements(lambda: office.get(office.page_of(small)))
    assert statements(lambda: office.get(office.page_of(large))) == few
    assert few <= 32
