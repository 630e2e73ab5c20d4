"""Goods and messages hang on one durable fact, once each, whatever is repeated."""

from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend

from holdfast.db.due import Claim
from holdfast.flows import checkout, fulfil, messages, webhooks
from holdfast.flows.fulfil import NotShippable
from holdfast.fulfilment.services import MoreThanOrdered
from holdfast.idempotency.services import Answer, KeyReused
from holdfast.inventory.services import InsufficientStock
from holdfast.kernel import limits
from tests import build
from tests.conftest import in_parallel
from tests.crash.world import World
from tests.integration import driving


def buy(world: World, **quantities: int) -> None:
    world.cart = build.basket(world.shop, **quantities)
    world.check_out()
    world.pay()
    world.hear()
    while webhooks.work():
        pass
    assert world.state == "paid"


def line(world: World, sku: str) -> Any:
    return world.database.value("SELECT id FROM orders_orderline WHERE order_id = %s AND sku = %s", world.order_id, sku)


def ship(world: World, parts: dict[Any, int] | None, key: str, fingerprint: str = "f" * 64) -> Answer:
    assert world.order_id is not None
    use = build.use(key, scope="merchant", fingerprint=fingerprint)
    return fulfil.ship(merchant_id=world.shop.id, order_id=world.order_id, parts=parts, tracking={}, use=use, now=build.now())


def claims(world: World, lane_table: str) -> list[Claim]:
    return [Claim(world.shop.id, row[0], 1) for row in world.rows(f"SELECT id FROM {lane_table}")]


def test_a_fulfilment_repeated_by_ten_workers_hands_over_once(world: World) -> None:
    """R-I1: three downloads and two places are five codes, all different."""
    buy(world, BOOK=3, TOUR_ADULT=2)
    both = claims(world, "fulfilment_fulfilment")
    assert len(both) == 2
    told = in_parallel(10, lambda i: fulfil.begin(both[i % 2], now=build.now()))
    assert driving.tally(told) == {"done": 2, "rested": 8}
    assert world.state == "fulfilled"
    codes = [row[0] for row in world.rows("SELECT code FROM fulfilment_handover")]
    assert len(codes) == len(set(codes)) == 5
    assert [row[0] for row in sorted(world.rows("SELECT topic FROM outbox_message"))] == [
        "download_ready",
        "order_paid",
        "voucher_ready",
    ]


def test_parcels_go_out_in_parts_and_never_more_than_ordered(world: World) -> None:
    """R-I1, R-E1."""
    buy(world, MUG=3, CUP=1)
    build.work()
    mug, cup = line(world, "MUG"), line(world, "CUP")
    first = ship(world, {mug: 2}, "one")
    assert (first.status, world.state) == (201, "partially_fulfilled")
    assert ship(world, {mug: 2}, "one") == first
    with pytest.raises(KeyReused):
        ship(world, {mug: 1}, "one", "e" * 64)
    with pytest.raises(MoreThanOrdered):
        ship(world, {mug: 2}, "two")
    with pytest.raises(MoreThanOrdered):
        ship(world, {cup: 1, mug: 2}, "two")
    assert world.count("fulfilment_handover") == 1
    assert ship(world, {cup: 1, mug: 1}, "two").status == 201  # a refusal lets go of its key
    assert world.state == "fulfilled"
    with pytest.raises(NotShippable):
        ship(world, None, "three")
    assert world.database.value("SELECT sum(quantity) FROM fulfilment_handover WHERE merchant_id = %s", world.shop.id) == 4
    assert world.count("outbox_message", "topic = 'order_shipped'") == 2


def test_two_clerks_who_ship_the_rest_at_once_send_one_parcel(world: World) -> None:
    """R-I1."""
    buy(world, MUG=2)
    told = in_parallel(2, lambda i: ship(world, None, f"clerk-{i}"))
    assert driving.tally(type(each).__name__ for each in told) == {"Answer": 1, "NotShippable": 1}
    assert world.rows("SELECT quantity FROM fulfilment_handover") == [(2,)]


def test_nothing_is_shipped_before_it_is_paid(world: World) -> None:
    """R-I2, R-G5."""
    world.place()
    with pytest.raises(NotShippable):
        ship(world, None, "early")
    assert (world.state, world.count("fulfilment_handover"), world.count("idempotency_key")) == ("payment_pending", 0, 1)


def test_a_fulfilment_that_always_fails_is_parked_with_a_case(world: World) -> None:
    """R-I2."""
    buy(world, BOOK=1)

    def broken(*said: Any, **more: Any) -> Any:
        raise RuntimeError("no codes left")

    world.patch.setattr("holdfast.fulfilment.services.hand_over_units", broken)
    for _ in range(limits.FULFILMENT_TRIES):
        driving.all_due(world.database, world.shop, "fulfilments")
        assert fulfil.work() == 1
    assert world.rows("SELECT state, error FROM fulfilment_fulfilment") == [("parked", "RuntimeError: no codes left")]
    assert [row[0] for row in world.rows("SELECT kind FROM cases_case")] == ["parked"]
    assert world.state == "paid"
    assert (fulfil.work(), world.count("fulfilment_handover")) == (0, 0)


def test_each_cause_has_exactly_one_message(world: World) -> None:
    """R-I3: however often its events come, and however often the worker looks."""
    buy(world, MUG=1, BOOK=1)
    for _ in range(3):
        for event in driving.events(world.shop, world.gateway):
            driving.receive(world.database, world.shop, driving.altered(event))
        world.recover()
    world.ship()
    world.ship()
    world.recover()
    number = build.order(world.shop, world.order_id).number
    assert sorted(letter.subject for letter in mail.outbox if number in letter.subject) == [
        f"Your download of order {number}",
        f"Your order {number} is on its way",
        f"Your order {number} is paid",
    ]
    assert sorted(world.rows("SELECT topic, state FROM outbox_message")) == [
        ("download_ready", "sent"),
        ("order_paid", "sent"),
        ("order_shipped", "sent"),
    ]


def test_a_mail_server_that_is_down_costs_nothing_but_time(world: World) -> None:
    """S-37: the order stands, the mail goes out when the server is back."""
    world.patch.setattr(EmailBackend, "send_messages", _refused)
    buy(world, BOOK=1)
    build.work()
    assert world.state == "fulfilled"
    assert mail.outbox == []
    for _ in range(3):
        driving.all_due(world.database, world.shop, "messages")
        messages.work()
    assert world.count("outbox_message", "state = 'pending' AND error LIKE 'ConnectionRefusedError%%'") == 2
    world.patch.undo()
    world.patch.setattr("django.conf.settings.EMAIL_BACKEND", "django.core.mail.backends.locmem.EmailBackend")
    world.recover()
    assert world.count("outbox_message", "state = 'sent'") == 2


def test_a_message_that_nobody_can_take_is_parked_and_the_others_go_out(world: World) -> None:
    """R-I3: an address that no mail program can write is a failure like any other; it must not stop the lane."""
    real = messages.EmailMessage

    def unwritable(subject: str, *said: Any, **more: Any) -> Any:
        if "is paid" in subject:
            raise ValueError("Header values can't contain newlines")
        return real(subject, *said, **more)

    world.patch.setattr(messages, "EmailMessage", unwritable)
    buy(world, BOOK=1)
    build.work()
    for _ in range(limits.MESSAGE_TRIES):
        driving.all_due(world.database, world.shop, "messages")
        messages.work()
    assert sorted(world.rows("SELECT topic, state FROM outbox_message")) == [("download_ready", "sent"), ("order_paid", "parked")]


def test_a_message_that_was_sent_meanwhile_is_not_sent_again(world: World) -> None:
    """R-I3: a second worker whose claim is older than the first one's success."""
    buy(world, BOOK=1)
    (message,) = claims(world, "outbox_message")
    assert messages.send(message, now=build.now()) == "sent"
    messages.send(message, now=build.now())
    assert len(mail.outbox) == 1


def test_an_order_that_was_rolled_back_has_told_nobody(world: World) -> None:
    """S-18: the last step of placing it fails; there is no order, no message, no session, and the key is free."""
    world.cart = build.basket(world.shop, MUG=11)
    with pytest.raises(InsufficientStock):
        world.check_out()
    for table in (
        "orders_order",
        "payments_payment",
        "payments_operation",
        "outbox_message",
        "idempotency_key",
        "customers_contact",
    ):
        assert world.count(table) == 0
    assert driving.sessions(world.shop, world.gateway) == 0
    assert world.database.value("SELECT state FROM carts_cart WHERE id = %s", world.cart.id) == "active"


def test_money_that_was_rolled_back_has_told_nobody(world: World) -> None:
    """S-18, R-F6: the last step of applying an event fails; payment, order, ledger, stock and messages are as before."""
    world.place()
    world.pay()
    world.hear()

    def broken(*said: Any, **more: Any) -> Any:
        raise RuntimeError("at the last moment")

    world.patch.setattr("holdfast.inbox.services.finish", broken)
    webhooks.work()
    assert (world.state, world.payment.state) == ("payment_pending", "open")
    for table in ("ledger_entry", "payments_fact", "outbox_message", "fulfilment_fulfilment"):
        assert world.count(table) == 0
    assert build.stock(world.shop) == (10, 1)
    assert mail.outbox == []
    world.patch.undo()
    world.patch.setattr("django.conf.settings.EMAIL_BACKEND", "django.core.mail.backends.locmem.EmailBackend")
    world.recover()
    assert world.state == "partially_fulfilled"


def test_the_first_caller_and_a_retry_get_the_same_bytes_though_money_came_between(world: World) -> None:
    """R-E1: the answer is stored with the provider's reply; a webhook that is applied before it is sent changes nothing of it."""
    world.fill()
    real = checkout.ask

    def ask_and_be_overtaken(question: Any, *, now: Any) -> str:
        outcome = real(question, now=now)
        payment = world.database.rows("SELECT provider_id FROM payments_payment WHERE id = %s", question.payment_id)
        world.gateway.pay(payment[0][0])
        world.hear()
        while webhooks.work():
            pass
        return outcome

    world.patch.setattr(checkout, "ask", ask_and_be_overtaken)
    first = world.check_out()
    assert world.state == "paid"
    assert world.check_out() == first


def _refused(*_: Any) -> int:
    raise ConnectionRefusedError("connection refused")
