"""Staff see the rows of merchants they work for, and no others: on every page, by list, by id and by search."""

from uuid import UUID

from holdfast.flows import setup
from holdfast.kernel.clock import now
from tests import build
from tests.console.staff import LISTS, PASSWORD, Office
from tests.integration import driving

A_CASE = """
  INSERT INTO cases_case
    (id, merchant_id, kind, cause, order_id, state, moved, summary, proposal, evidence, opened_at, deadline_at)
  VALUES (gen_random_uuid(), %s, 'late_money', 'test', %s, 'open', '{"cause": "test"}', 'A summary of theirs', 'Decide', '{}',
          now(), now() + interval '1 day')
"""


def telling(office: Office) -> tuple[UUID, list[str]]:
    """A shop with something on every page; words that only its own staff may read."""
    order_id, payment_id = office.bought(MUG=1, BOOK=1)
    build.buy(office.shop, CUP=1)
    with office.database.as_owner() as connection:
        connection.execute(A_CASE, [office.shop.id, order_id])
    order, payment = build.order(office.shop, order_id), build.payment(office.shop, payment_id)
    [event] = driving.events(office.shop, office.gateway, "checkout.session.completed")
    return order_id, [order.number, str(payment.provider_id), event["id"], "A summary of theirs", order_id.hex, payment_id.hex]


def test_lists_show_nothing_of_another_merchant(office: Office, neighbour: Office) -> None:
    _, words = telling(office)
    own = " ".join(office.get(path) for path in LISTS)
    assert [word for word in words if word not in own] == []
    theirs = " ".join(neighbour.get(path) for path in LISTS)
    assert [word for word in words if word in theirs] == []


def test_no_page_of_another_merchants_thing_is_there(office: Office, neighbour: Office) -> None:
    telling(office)
    things = office.things()
    assert {path.partition("/")[0] for path in things} == {
        "orders",
        "payments",
        "events",
        "cases",
        "messages",
        "journal",
        "stock",
    }
    for path in things:
        office.get(path)
        assert "Not found" in neighbour.get(path, expected=404)


def test_a_search_finds_nothing_of_another_merchant(office: Office, neighbour: Office) -> None:
    order_id, words = telling(office)
    number = words[0]
    asked = [number, "ada@example.com", words[1], words[2], f"ord_{order_id.hex}", str(order_id)]
    for word in asked:
        assert number in office.get("orders/", q=word), word
        assert "Nothing here" in neighbour.get("orders/", q=word), word
    for path, word in (("payments/", words[1]), ("events/", words[2])):
        assert word in office.get(path, q=word)
        assert "Nothing here" in neighbour.get(path, q=word)


def test_nobody_chooses_a_merchant_they_do_not_work_for(office: Office, neighbour: Office) -> None:
    _, words = telling(office)
    answer = neighbour.client.post("/console/merchant/", {"merchant": str(office.shop.id)})
    assert (answer.status_code, b"You do not work for this merchant." in answer.content) == (404, True)
    assert words[0] not in neighbour.get("orders/")


def test_who_works_for_two_switches_and_loses_the_one_that_lets_go(office: Office, neighbour: Office) -> None:
    _, words = telling(office)
    setup.hire(merchant_id=office.shop.id, email="bob@neighbour.test", password=PASSWORD, role="finance", now=now())
    answer = neighbour.client.post("/console/merchant/", {"merchant": str(office.shop.id)})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/console/")
    assert words[0] in neighbour.get("orders/")
    assert "finance" in neighbour.text("")
    with office.database.as_owner() as connection:
        connection.execute("DELETE FROM merchants_membership WHERE merchant_id = %s AND role = 'finance'", [office.shop.id])
    assert words[0] not in neighbour.get("orders/")
    neighbour.get(office.things()[0], expected=404)
