"""One order, one page: every kind of fact of a real purchase, each with its evidence."""

import json
import re

from holdfast.kernel import ids
from tests import build
from tests.console.staff import LISTS, Office
from tests.integration import driving


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


def test_the_header_shows_the_states_side_by_side_and_the_ledgers_money(office: Office) -> None:
    order_id, _ = office.bought(MUG=2, BOOK=1)
    text = office.text(office.page_of(order_id))
    assert "Customer sees paid Order partially fulfilled Payment captured Fulfilment pending" in text
    assert "Captured €38.90 Refunded €0.00 Balance €38.90 Sold €38.90" in text
    assert "What the customer is told now: “The order is paid.”" in text
    assert "Name Ada E-mail ada@example.com" in text


def test_an_order_that_waits_tells_where_its_customer_pays(office: Office) -> None:
    order_id, _ = build.buy(office.shop, MUG=1)
    text = office.text(office.page_of(order_id))
    assert "Customer sees pending Order payment pending Payment open Fulfilment –" in text
    assert "“Pay on the provider's page.”" in text
    assert "The ledger holds nothing for this order." in text


def test_each_delivery_of_an_event_is_told_and_none_twice(office: Office) -> None:
    order_id, _ = office.bought(BOOK=1)
    driving.hear(office.database, office.shop, office.gateway, "checkout.session.completed")
    text = office.text(office.page_of(order_id))
    assert text.count("stripe sent checkout.session.completed, 2 deliveries.") == 1
    assert text.count("stripe sent checkout.session.completed again (delivery 2): nothing new.") == 1
    [event_id] = office.ids("inbox_event", "type = 'checkout.session.completed'")
    assert "Deliveries Delivery At 1" in office.text(f"events/evt_{event_id.hex}/")


def test_money_that_does_not_fit_is_told_with_its_case(office: Office) -> None:
    order_id, payment_id = build.buy(office.shop, BOOK=1)
    office.gateway.pay(build.payment(office.shop, payment_id).provider_id)
    [event] = driving.events(office.shop, office.gateway, "checkout.session.completed")
    driving.receive(office.database, office.shop, driving.altered(event, amount_total=777))
    build.work()
    text = office.text(office.page_of(order_id))
    assert "The provider took €7.77, which is not what was asked for: kept apart." in text
    assert "stripe took 777 EUR (minor units); we asked for 900 EUR. The order was not marked paid." in text
    assert "Captured €0.00 Refunded €0.00 Balance €0.00 Sold €0.00 Kept apart €7.77" in text
    [case_id] = office.ids("cases_case")
    assert "Refund it, or allocate it to the order it was meant for." in office.text(f"cases/case_{case_id.hex}/")
    assert "amount conflict" in office.text("")


def test_a_transition_names_its_cause_its_actor_its_process_and_leads_to_its_event(office: Office) -> None:
    order_id, _ = office.bought(BOOK=1)
    page = office.get(office.page_of(order_id))
    found = re.search(
        r"Payment went from open to captured: ([^<]+)\..*?By</dt><dd><span>(\w+)</span>.*?href=\"#(evt_\w+)\"", page, re.S
    )
    assert found is not None
    assert f'id="{found.group(3)}"' in page
    # Whichever of the two events that say so was applied first.
    assert found.group(1) in ("stripe webhook: complete/paid", "stripe webhook: succeeded")
    assert found.group(2) == "stripe"


def test_an_order_that_cost_nothing_says_so_and_shows_no_money(office: Office) -> None:
    build.give_away(office.shop)
    told = json.loads(build.check_out(office.shop, build.basket(office.shop, LEAFLET=1)).body)
    build.work()
    text = office.text(office.page_of(ids.parsed("ord", told["order"]["id"])))
    assert "Customer sees paid Order fulfilled Payment captured Fulfilment done" in text
    assert "There was nothing to pay: the order was settled, and no provider asked." in text
    assert "The ledger holds nothing for this order." in text
    for path in [*LISTS, *office.things()]:
        office.get(path)
