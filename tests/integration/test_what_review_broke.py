"""Attacks of a hostile review that once succeeded. Each is a sentence that has to hold for good."""

import json
import secrets
from typing import Any

import pytest

from holdfast import invariants
from holdfast.flows import cancelling, checkout, direct, expiry, fulfil, messages, recovery, reports, setup, webhooks
from holdfast.flows.expiry import StillPayable
from holdfast.inventory.queries import SlotClosed
from holdfast.kernel import faults, ids
from holdfast.merchants.queries import ProviderNotOffered
from holdfast.providers.contract import Unknown
from tests import build
from tests.build import now
from tests.integration import driving

DIRECT = "POST /fake-gateway/start/"


@pytest.fixture
def shop(database, gateway, secret_key):
    gateway.moods(probabilities={}, settings={"direct_latency_s": 0, "timeout_s": 4})
    return build.shop(gateway.url, secret_key)


def cycles(database, shop, count=3) -> None:
    """The worker's loops, with everything made due each time."""
    for _ in range(count):
        driving.all_due(database, shop)
        build.work()


def start(shop, order_id="ORD1", amount_minor=10_000):
    return direct.start(merchant_id=shop.id, order_id=order_id, amount_minor=amount_minor, currency="EUR", now=now())


def cancel(shop, order_id):
    return cancelling.cancel(merchant_id=shop.id, order_id=order_id, actor="merchant", use=build.use(), now=now())


def pay_again(shop, order_id):
    return checkout.pay_again(merchant_id=shop.id, order_id=order_id, wish=build.wish(), use=build.use(), now=now())


def seen(shop, order_id) -> dict[str, Any]:
    """The order's page over HTTP, as its customer sees it."""
    from django.test import Client

    from holdfast.flows import answers

    headers = {"Authorization": f"Bearer {shop.pk}", "Order-Token": answers.order_token(order_id)}
    return Client(SERVER_NAME="127.0.0.1").get(f"/v1/orders/{ids.shown('ord', order_id)}", headers=headers).json()


# -- What is not wanted any more is never charged ---------------------------------------------------------------------


def test_a_direct_charge_in_doubt_is_not_sent_again_once_its_order_has_let_go(database, gateway, shop):
    gateway.mood_next(DIRECT, "timeout_before", seconds=0.3)
    assert start(shop).status == 202
    order_id = database.value("SELECT id FROM orders_order")
    driving.travel(database, minutes=47)
    expiry.work()
    with pytest.raises(StillPayable):
        cancel(shop, order_id)
    cycles(database, shop)
    assert driving.charged(shop, gateway) == []
    assert cancel(shop, order_id).status == 200
    cycles(database, shop)
    assert driving.charged(shop, gateway) == []
    assert database.rows("SELECT o.state, p.state FROM orders_order o JOIN payments_payment p ON p.order_id = o.id") == [
        ("cancelled", "expired")
    ]


def test_an_order_is_not_cancelled_while_a_replaced_attempt_can_be_paid(database, gateway, shop, monkeypatch):
    from holdfast.providers.stripe import adapter

    order_id, payment_id = build.buy(shop, MUG=1)

    def away(*_: Any, **__: Any) -> None:
        raise Unknown("away")

    with monkeypatch.context() as patched:
        patched.setattr(adapter, "ask", away)
        for minutes in (32, 16):
            driving.travel(database, minutes=minutes)
            expiry.work()
            driving.all_due(database, shop, "orders")
            expiry.work()
        assert (build.order(shop, order_id).state, build.payment(shop, payment_id).state) == ("expired", "open")
        with pytest.raises(StillPayable):
            cancel(shop, order_id)
    assert cancel(shop, order_id).status == 200
    assert build.payment(shop, payment_id).state == "expired"


def test_a_worker_that_was_down_over_the_grace_still_asks_the_provider_to_close(database, gateway, shop):
    """R-H1."""
    order_id, payment_id = build.buy(shop, MUG=1)
    driving.travel(database, minutes=47)
    cycles(database, shop)
    assert (build.order(shop, order_id).state, build.payment(shop, payment_id).state) == ("expired", "expired")
    assert database.count("payments_operation", "kind = 'close' AND state = 'succeeded'") == 1


def test_an_answer_that_cannot_be_read_is_asked_about_until_it_can(database, gateway, shop, monkeypatch):
    """S-68, R-D4."""
    from holdfast.providers.sandbox import adapter

    real = adapter.of_charge
    with monkeypatch.context() as patched:
        patched.setattr(adapter, "of_charge", lambda charge, **more: real({**charge, "status": "processing"}, **more))
        assert start(shop).status == 202
        cycles(database, shop)
        assert database.rows("SELECT state FROM payments_payment") == [("unknown",)]
        assert database.rows("SELECT kind FROM cases_case") == [("unknown_status",)]
    cycles(database, shop)
    assert database.rows("SELECT state, captured_minor FROM payments_payment") == [("captured", 10_000)]
    assert database.rows("SELECT state FROM orders_order") == [("paid",)]
    assert driving.charged(shop, gateway) == [(database.value("SELECT replace(id::text, '-', '') FROM payments_payment"), 10_000)]


def test_who_paid_late_for_goods_that_are_gone_is_not_asked_to_pay_again(database, gateway, secret_key):
    """R-D7, S-31."""
    shop = build.shop(gateway.url, f"sk_test_{secrets.token_hex(8)}", slug="one", mugs=1)
    order_id, payment_id = build.buy(shop, MUG=1)
    session = build.payment(shop, payment_id).provider_id
    gateway.pause()
    try:
        gateway.pay(session)
        driving.travel(database, minutes=47)
        with database.as_owner() as owner:  # its webhook and our question both come after somebody took the last one
            owner.execute("UPDATE payments_payment SET due_at = NULL")
    finally:
        gateway.resume()
    expired = database.value("SELECT state FROM orders_order")
    assert expired == "payment_pending"
    _expire_without_asking(database, shop)
    build.buy(shop, MUG=1)
    driving.hear(database, shop, gateway)
    while webhooks.work():
        pass
    assert build.order(shop, order_id).state == "expired"
    assert seen(shop, order_id)["next"]["action"] == "wait"
    with pytest.raises(checkout.NotPayable):
        pay_again(shop, order_id)
    assert len(driving.charged(shop, gateway)) == 1


def _expire_without_asking(database, shop) -> None:
    """The grace is over and the close question is still on its way."""
    driving.all_due(database, shop, "orders")
    expiry.work()


def test_a_direct_order_is_not_paid_by_another_road(database, gateway, shop):
    gateway.mood_next(DIRECT, "fail_before", times=3)
    assert start(shop).status == 502
    with pytest.raises(checkout.NotPayable):
        pay_again(shop, database.value("SELECT id FROM orders_order"))


def test_an_unpaid_order_does_not_freeze_a_price_or_a_departed_tour(database, gateway, shop):
    """R-A3, R-K1."""
    order_id, _ = build.buy(shop, TOUR_ADULT=1)
    driving.travel(database, minutes=32)
    cycles(database, shop)
    with database.as_owner() as owner:
        owner.execute("UPDATE inventory_slot SET cutoff_at = now() - interval '1 minute'")
    with pytest.raises(SlotClosed):
        pay_again(shop, order_id)
    driving.travel(database, minutes=61)
    with pytest.raises(checkout.quotes.PricesTooOld):
        pay_again(shop, order_id)
    assert build.order(shop, order_id).state == "expired"


def test_late_money_for_a_departed_tour_becomes_a_case(database, gateway, shop):
    order_id, payment_id = build.buy(shop, TOUR_ADULT=1)
    gateway.pay(build.payment(shop, payment_id).provider_id)
    driving.travel(database, minutes=47)
    with database.as_owner() as owner:
        owner.execute("UPDATE inventory_slot SET cutoff_at = now() - interval '1 minute'")
    expiry.work()
    driving.hear(database, shop, gateway)
    build.work()
    assert build.order(shop, order_id).state == "expired"
    assert database.rows("SELECT kind FROM cases_case") == [("late_money",)]
    assert database.count("fulfilment_handover") == 0


def test_a_test_account_takes_no_order_once_there_is_a_live_one(database, gateway, shop):
    keys = {"secret_key": "sk_live_x", "webhook_secrets": ["w"], "api_base": gateway.url}
    live = setup.open_account(merchant_id=shop.id, provider="stripe", mode="live", credentials=keys, now=now())
    _, payment_id = build.buy(shop, BOOK=1)
    assert build.payment(shop, payment_id).account_id == live.pk
    with pytest.raises(ProviderNotOffered):
        start(shop)


def test_a_shopper_cannot_choose_the_direct_gateway(database, gateway, shop):
    with pytest.raises(ProviderNotOffered):
        build.check_out(shop, build.basket(shop, BOOK=1), provider="sandbox")


# -- Money is booked once, and where it belongs -----------------------------------------------------------------------


def test_money_of_one_payment_never_pays_another(database, gateway, shop):
    """S-58: the metadata of a PaymentIntent can be edited by anyone with access to the dashboard."""
    _, payment_a = build.buy(shop, MUG=1)
    order_b, payment_b = build.buy(shop, MUG=1)
    gateway.pay(build.payment(shop, payment_a).provider_id)
    event = driving.events(shop, gateway, "payment_intent.succeeded")[0]
    for sent in (event, driving.altered(event, metadata={"holdfast_payment": payment_b.hex})):
        driving.receive(database, shop, sent)
        while webhooks.work():
            pass
    assert build.order(shop, order_b).state == "payment_pending"
    assert database.rows("SELECT kind FROM cases_case") == [("foreign_reference",)]


def test_money_that_paid_another_order_first_leaves_a_case(database, gateway, shop):
    order_a, payment_a = build.buy(shop, MUG=1)
    _, payment_b = build.buy(shop, MUG=1)
    gateway.pay(build.payment(shop, payment_a).provider_id)
    event = driving.events(shop, gateway, "payment_intent.succeeded")[0]
    driving.receive(database, shop, driving.altered(event, metadata={"holdfast_payment": payment_b.hex}))
    while webhooks.work():
        pass
    driving.hear(database, shop, gateway)
    build.work()
    assert build.order(shop, order_a).state == "payment_pending"
    assert set(database.rows("SELECT kind FROM cases_case")) == {("foreign_reference",)}


@pytest.mark.parametrize("less_first", [False, True])
def test_a_smaller_word_about_known_money_is_not_booked_again(database, gateway, shop, less_first):
    """S-54: in either order."""
    _, payment_id = build.buy(shop, MUG=1)
    gateway.pay(build.payment(shop, payment_id).provider_id)
    event = driving.events(shop, gateway, "payment_intent.succeeded")[0]
    less = driving.altered(event, amount_received=event["data"]["object"]["amount_received"] - 100)
    for sent in (less, event) if less_first else (event, less):
        driving.receive(database, shop, sent)
        while webhooks.work():
            pass
    assert build.payment(shop, payment_id).state == "captured"
    balances = dict(database.rows("SELECT account, sum(debit_minor - credit_minor) FROM ledger_posting GROUP BY 1"))
    assert (balances["receivable:stripe"], balances.get("unapplied_funds", 0), balances["customer_deposits"]) == (1740, 0, 0)
    assert database.rows("SELECT kind FROM cases_case") == [("amount_conflict",)]


# -- Nothing loops for ever, and nothing is overlooked ----------------------------------------------------------------


@pytest.mark.breaks_the_list
def test_the_list_sees_lanes_that_are_dead(database, gateway, shop):
    _, payment_id = build.buy(shop, BOOK=1)
    gateway.pay(build.payment(shop, payment_id).provider_id)
    driving.hear(database, shop, gateway)
    while webhooks.work():
        pass
    build.buy(shop, BOOK=1)
    with database.as_owner() as owner:
        for table in ("fulfilment_fulfilment", "outbox_message", "payments_payment"):
            owner.execute(f"UPDATE {table} SET due_at = now() - interval '9 days' WHERE due_at IS NOT NULL")
    broken = {row.invariant for row in invariants.check()}
    assert broken == {"paid_order_is_being_fulfilled", "messages_are_sent", "attempts_are_asked_about"}


def test_stock_returns_when_the_grace_is_over_however_often_it_was_tried(database, gateway, shop, monkeypatch):
    from holdfast.providers.stripe import adapter

    order_id, _ = build.buy(shop, MUG=1)
    with database.as_owner() as owner:
        owner.execute("UPDATE orders_order SET attempts = 9")
    monkeypatch.setattr(adapter, "ask", lambda *_, **__: (_ for _ in ()).throw(Unknown("away")))
    driving.travel(database, minutes=32)
    expiry.work()
    driving.travel(database, minutes=15)
    expiry.work()
    recovery.work_payments()
    assert build.order(shop, order_id).state == "expired"
    assert build.stock(shop) == (10, 0)


def test_a_message_and_a_download_that_kill_the_worker_are_parked(database, gateway, shop):
    _, payment_id = build.buy(shop, BOOK=1)
    gateway.pay(build.payment(shop, payment_id).provider_id)
    driving.hear(database, shop, gateway)
    while webhooks.work():
        pass
    lanes = (("messages", messages.work, "ask.send:after"), ("fulfilments", fulfil.work, "fulfil.begin:before"))
    for _ in range(20):
        for lane, work, point in lanes:
            driving.all_due(database, shop, lane)
            faults.ARMED[point] = "raise"
            try:
                work()
            except faults.Crash:
                continue
            finally:
                faults.ARMED.pop(point, None)
    assert database.rows("SELECT state FROM outbox_message") == [("parked",)]
    assert database.rows("SELECT state FROM fulfilment_fulfilment") == [("parked",)]
    assert database.count("cases_case", "kind = 'parked'") == 2


def test_a_statement_that_takes_too_long_counts_as_a_failed_try(database, gateway, shop, monkeypatch):
    from django.db import connection

    _, payment_id = build.buy(shop, MUG=1)
    gateway.pay(build.payment(shop, payment_id).provider_id)
    driving.hear(database, shop, gateway, "payment_intent.succeeded")

    def slow(*_: Any, **__: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 20")
            cursor.execute("SELECT pg_sleep(1)")

    monkeypatch.setattr(reports, "record_all", slow)
    webhooks.work()
    assert database.rows("SELECT state, attempts, failures FROM inbox_event") == [("waiting", 1, 1)]


@pytest.mark.breaks_the_list
def test_an_answer_refused_at_the_door_is_asked_for_ever_more_rarely(database, gateway, shop):
    with database.as_owner() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE merchants_account SET mode = 'live' WHERE provider = 'sandbox'")
    start(shop)
    for _ in range(5):
        driving.all_due(database, shop, "operations")
        recovery.work_operations()
    assert database.value("SELECT extract(epoch FROM due_at - now()) > 25 FROM payments_operation")
    assert database.rows("SELECT kind FROM cases_case") == [("foreign_reference",)]


def test_an_order_reads_as_its_lines_and_shipping_sum_up(database, gateway, shop):
    order_id, _ = build.buy(shop, MUG=1, BOOK=1)
    page = seen(shop, order_id)
    assert json.dumps(page["lines"]).count('"total_minor"') == 2
    assert sum(line["total_minor"] for line in page["lines"]) + page["shipping_minor"] == page["total_minor"] == 2640
