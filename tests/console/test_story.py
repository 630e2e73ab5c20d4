"""One order, one page: every kind of fact of a real purchase, each with its evidence."""

import re

from tests.console.staff import Office


def test_a_paid_order_tells_every_kind_of_fact(office: Office) -> None:
    order_id, _ = office.bought(MUG=2, BOOK=1, TOUR_ADULT=1)
    page = office.get(office.page_of(order_id))
    kinds = set(re.findall(r'data-kind="(\w+)"', page))
    assert kinds == {
        "cart",
        "order",
        "attempt",
        "operation",
        "event",
        "money",
        "ledger",
        "stock",
        "move",
        "fulfilment",
        "message",
    }
    text = office.text(office.page_of(order_id))
    for told in (
        "Checkout placed the order over €68.90: 2 × Mug",
        "An attempt to take €68.90 with stripe began.",
        "We asked the provider to open a payment page: done.",
        "stripe sent checkout.session.completed.",
        "The provider confirmed that it took €68.90.",
        "The journal notes a capture of €68.90.",
        "receivable:stripe €68.90",
        "customer_deposits €68.90",
        "Reserved 2 of Mug.",
        "Order went from payment pending to paid:",
        "Payment went from open to captured:",
        "Book can be downloaded.",
        "The message “order paid” was sent.",
    ):
        assert told in text, told
