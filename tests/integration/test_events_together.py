"""Events of one batch share a transaction; what is wrong with one of them harms none of its neighbours."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from holdfast.db import writes
from holdfast.db.tenancy import writing
from holdfast.db.writes import Overtaken
from holdfast.flows import webhooks
from holdfast.inventory.models import Stock
from holdfast.orders.models import Order
from holdfast.providers import registry
from tests import build
from tests.integration import driving

ORDERS = 6


@pytest.fixture
def shop(database, gateway, secret_key):
    return build.shop(gateway_url=gateway.url, secret_key=secret_key)


def paid(database: Any, shop: Any, gateway: Any, count: int = ORDERS) -> list[Any]:
    """So many orders, paid at the gateway, their decisive events stored."""
    orders = []
    for _ in range(count):
        order_id, payment_id = build.buy(shop, MUG=1)
        gateway.pay(build.payment(shop, payment_id).provider_id)
        orders.append(order_id)
    driving.hear(database, shop, gateway, "checkout.session.completed")
    return orders


def test_a_batch_pays_all_its_orders_with_a_constant_number_of_statements(database, gateway, shop):
    paid(database, shop, gateway)
    with CaptureQueriesContext(connection) as captured:
        assert webhooks.work() == ORDERS
    assert database.rows("SELECT DISTINCT state FROM orders_order") == [("paid",)]
    assert build.stock(shop) == (10 - ORDERS, 0)
    assert database.count("ledger_entry") == 2 * ORDERS
    assert len(captured) <= 40, "\n".join(query["sql"][:100] for query in captured)


def test_a_poisoned_event_does_not_spoil_its_batch(database, gateway, shop, monkeypatch):
    """S-69 and its neighbour: five of six are done, the sixth waits with its error."""
    paid(database, shop, gateway)
    adapter = registry.provider("stripe")
    real, poisoned = adapter.read, []

    def read(*, body: bytes, **more: Any) -> Any:
        if not poisoned:
            poisoned.append(body)
        if body == poisoned[0]:
            raise RuntimeError("a defect")
        return real(body=body, **more)

    monkeypatch.setattr(adapter, "read", read)
    assert webhooks.work() == ORDERS
    assert sorted(database.rows("SELECT state, failures FROM inbox_event")) == [("done", 0)] * (ORDERS - 1) + [("waiting", 1)]
    assert database.count("orders_order", "state = 'paid'") == ORDERS - 1
    assert database.count("ledger_entry") == 2 * (ORDERS - 1)


def test_a_foreign_event_is_ignored_and_its_neighbours_are_applied(database, gateway, shop):
    """R-F5: something else was sold with the same account."""
    paid(database, shop, gateway, count=2)
    (event,) = driving.events(shop, gateway, "checkout.session.completed")[:1]
    driving.receive(database, shop, driving.altered(event, id="cs_foreign", metadata={}, client_reference_id=None))
    webhooks.work()
    assert sorted(row[0] for row in database.rows("SELECT state FROM inbox_event")) == ["done", "done", "ignored"]


# -- Writes that go together ------------------------------------------------------------------------------------------


def test_a_read_sees_what_was_written_before_it(database, shop):
    with writing(shop.id, step="test.reads_see_writes"):
        stock = Stock(merchant_id=shop.id, kind="item", name="Fresh", on_hand=1)
        writes.insert(stock)
        writes.add(Stock, stock.pk, on_hand=2, reserved=1)
        writes.change(stock, name="Fresher")
        assert Stock.objects.filter(name="Fresher").values_list("on_hand", "reserved").get() == (3, 1)
    assert database.rows("SELECT on_hand, reserved FROM inventory_stock WHERE name = 'Fresher'") == [(3, 1)]
    with database.as_owner() as owner:  # stock is the sum of its movements: see invariants
        owner.execute("UPDATE inventory_stock SET on_hand = 0, reserved = 0 WHERE name = 'Fresher'")


def test_an_error_in_a_flow_sends_nothing_of_what_waited(database, shop):
    def flow() -> None:
        with writing(shop.id, step="test.error"):
            writes.insert(Stock(merchant_id=shop.id, kind="item", name="Never"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        flow()
    assert database.count("inventory_stock", "name = 'Never'") == 0
    with writing(shop.id, step="test.next"):
        pass
    assert database.count("inventory_stock", "name = 'Never'") == 0


def test_a_stale_writer_is_told_that_it_was_overtaken(database, shop):
    """S-56: the row is no longer where it was read."""
    order_id, _ = build.buy(shop, MUG=1)

    def stale() -> None:
        with writing(shop.id, step="test.stale"):
            writes.change(Order.objects.get(pk=order_id), was="expired", due_at=None)

    with pytest.raises(Overtaken):
        stale()
    assert database.count("orders_order", "due_at IS NOT NULL") == 1


def test_outside_of_a_flow_each_write_is_sent_at_once(database, shop):
    from django.db import transaction

    from holdfast.db.tenancy import reading

    with reading(shop.id):
        (stock,) = Stock.objects.filter(name="Mug")
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('holdfast.merchant', %s, true)", [str(shop.id)])
        writes.change(stock, name="Beaker")
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM inventory_stock WHERE id = %s", [stock.pk])
            assert cursor.fetchone() == ("Beaker",)
