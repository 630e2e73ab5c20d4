"""A process dies at every commit and at every question of the flows, just before and just after. Then it is repaired by the
client's retry, and separately by the worker, and the journey goes on to its end with everything exactly once.

The points are read from the source: a new commit or question without a scenario here fails the test.
"""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.mail.backends.locmem import EmailBackend

import holdfast.flows
from holdfast.db.tenancy import Busy
from holdfast.flows import (
    cancelling,
    coupons,
    direct,
    expiry,
    fulfil,
    housekeeping,
    members,
    messages,
    questions,
    recovery,
    reports,
    setup,
    shopping,
    webhooks,
)
from holdfast.flows.expiry import NotCancellable
from holdfast.fulfilment import services as fulfilment
from holdfast.kernel import faults
from holdfast.providers import registry
from tests import build
from tests.crash import money_back, transfers  # noqa: F401 - their scenarios are registered
from tests.crash.registry import REPEATED, SCENARIOS, reaches
from tests.crash.world import LOST_REPLY, Plan, World
from tests.integration import driving

FLOWS = Path(holdfast.flows.__file__).parent


# -- The declared points ----------------------------------------------------------------------------------------------


def declared() -> set[str]:
    """Every step that a flow commits or asks under. The one formatted name is a question's kind (`questions.STEPS`)."""
    steps = set(questions.STEPS)
    for path in FLOWS.glob("*.py"):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
            if name == "writing":
                (step,) = [keyword.value for keyword in call.keywords if keyword.arg == "step"]
            elif name == "asking":
                (step,) = call.args
            else:
                continue
            if isinstance(step, ast.JoinedStr):
                assert ast.unparse(step) == "f'ask.{question.kind}'", f"{path.name}: a step that cannot be read"
                continue
            assert isinstance(step, ast.Constant), f"{path.name}: a step that cannot be read"
            steps.add(step.value)
    return steps


# -- The cart: there is no money in it, and the shopper sees what happened -------------------------------------------------


@reaches("shopping.open_cart", by_client=True)
def opening_a_cart(world: World) -> Plan:
    def finish() -> None:
        world.place()
        world.finish()

    return Plan(lambda: shopping.open_cart(merchant_id=world.shop.id, region=None, now=build.now()), finish)


@reaches("shopping.add_line")
def adding_a_line(world: World) -> Plan:
    """Adding has no key: a shopper whose request died looks at the cart, as every page shows it, and sets the quantity."""
    world.cart = build.basket(world.shop, BOOK=1)
    return Plan(lambda: build.put(world.shop, world.cart, "MUG"), lambda: _look_and_buy(world))


@reaches("shopping.change_line", by_client=True)
def changing_a_line(world: World) -> Plan:
    world.cart = build.basket(world.shop, MUG=3, BOOK=1)
    return Plan(lambda: _set(world, "MUG", 1), lambda: _look_and_buy(world))


@reaches("shopping.set_region", by_client=True)
def setting_the_region(world: World) -> Plan:
    world.fill()

    def act() -> None:
        shopping.set_region(merchant_id=world.shop.id, cart_id=world.cart.id, token_sha256=world.cart.hash, region="DE")

    return Plan(act, lambda: _look_and_buy(world))


@reaches("shopping.choose_shipping", by_client=True)
def choosing_how_it_is_shipped(world: World) -> Plan:
    world.fill()

    def act() -> None:
        shopping.choose_shipping(
            merchant_id=world.shop.id, cart_id=world.cart.id, token_sha256=world.cart.hash, method="standard"
        )

    return Plan(act, lambda: _look_and_buy(world))


@reaches("coupons.try_code", "coupons.set_code", by_client=True)
def typing_a_code_in(world: World) -> Plan:
    """A try that was counted is all that may be lost of it. The code is for something else by the time of the checkout."""
    _announce(world)
    world.fill()

    def act() -> None:
        coupons.set_code(
            merchant_id=world.shop.id,
            cart_id=world.cart.id,
            token_sha256=world.cart.hash,
            code="TEN",
            address="",
            now=build.now(),
        )

    def finish() -> None:
        act()
        assert world.rows("SELECT coupon FROM carts_cart") == [("TEN",)]
        _remove_code(world)
        _look_and_buy(world)

    return Plan(act, finish)


@reaches("coupons.remove_code", by_client=True)
def taking_a_code_out(world: World) -> Plan:
    _announce(world)
    world.fill()
    with world.database.as_owner() as connection:
        connection.execute("UPDATE carts_cart SET coupon = 'TEN' WHERE id = %s", [world.cart.id])

    def finish() -> None:
        _remove_code(world)
        _look_and_buy(world)

    return Plan(lambda: _remove_code(world), finish)


def _announce(world: World) -> None:
    offer = setup.Offer(name="Ten", rules={"kind": "percent", "basis_points": 1000}, code="TEN", total_limit=1)
    setup.announce(merchant_id=world.shop.id, offer=offer, now=build.now())


def _remove_code(world: World) -> None:
    coupons.remove_code(merchant_id=world.shop.id, cart_id=world.cart.id, token_sha256=world.cart.hash)


@reaches("shopping.reopen", by_client=True)
def going_back_from_payment(world: World) -> Plan:
    """The copy is another cart; the order and its frozen cart stay as they are and can be paid."""
    world.place()

    def act() -> None:
        shopping.reopen(merchant_id=world.shop.id, cart_id=world.cart.id, token_sha256=world.cart.hash, now=build.now())

    return Plan(act, world.finish)


@reaches("members.register", by_client=True)
def registering_a_customer(world: World) -> Plan:
    def finish() -> None:
        assert (world.count("customers_customer"), world.count("customers_contact")) == (1, 1)
        world.place()
        world.finish()

    return Plan(lambda: _member(world), finish)


@reaches("members.claim", by_client=True)
def claiming_a_cart(world: World) -> Plan:
    """What the guest had is in the customer's cart once, and is bought."""
    customer = _member(world)
    world.cart = build.basket(world.shop, BOOK=1)
    _claim(world, world.cart, customer)
    guest = build.basket(world.shop, MUG=1)

    def finish() -> None:
        assert world.count("carts_cart", "state = 'merged'") == 1
        world.check_out()
        world.finish()

    return Plan(lambda: _claim(world, guest, customer), finish)


def _member(world: World) -> Any:
    told = {"email": "ada@example.com", "name": "Ada", "phone": "", "address": {}}
    return members.register(merchant_id=world.shop.id, reference="4711", now=build.now(), **told)[0].pk


def _claim(world: World, cart: Any, customer: Any) -> None:
    members.claim(merchant_id=world.shop.id, cart_id=cart.id, token_sha256=cart.hash, customer_id=customer, now=build.now())


@reaches("housekeeping.cart")
def abandoning_a_cart(world: World) -> Plan:
    left = build.basket(world.shop, MUG=1)
    with world.database.as_owner() as connection:
        connection.execute("UPDATE carts_cart SET due_at = now() - interval '1 s' WHERE id = %s", [left.id])

    def finish() -> None:
        with world.database.as_owner() as connection:
            connection.execute(
                "UPDATE carts_cart SET due_at = now() - interval '1 s' WHERE id = %s AND due_at IS NOT NULL", [left.id]
            )
        housekeeping.work()
        assert world.count("carts_cart", "state = 'abandoned'") == 1
        world.place()
        world.finish()

    return Plan(housekeeping.work, finish)


def _set(world: World, sku: str, quantity: int) -> None:
    sql = "SELECT id FROM carts_cartline WHERE cart_id = %s AND variant_id = %s"
    line_id = world.database.value(sql, world.cart.id, world.shop.variants[sku])
    if line_id is None:
        build.put(world.shop, world.cart, sku, quantity)
        return
    shopping.change_line(
        merchant_id=world.shop.id,
        cart_id=world.cart.id,
        token_sha256=world.cart.hash,
        line_id=line_id,
        quantity=quantity,
    )


def _look_and_buy(world: World) -> None:
    _set(world, "MUG", 1)
    world.check_out()
    world.finish()


# -- Checkout ---------------------------------------------------------------------------------------------------------


@reaches("checkout.place", "ask.open", "questions.apply", by_client=True)
def checking_out(world: World) -> Plan:
    world.fill()
    return Plan(world.check_out, lambda: _check_out_and_finish(world))


@reaches("questions.silence", by_client=True)
def checking_out_without_an_answer(world: World) -> Plan:
    """S-29: the gateway makes the session and the connection breaks."""
    world.fill()
    world.gateway.mood_next(*LOST_REPLY, times=2)
    return Plan(world.check_out, lambda: _check_out_and_finish(world))


@reaches("checkout.pay_again", by_client=True)
def paying_again(world: World) -> Plan:
    _expired(world)
    world.sessions = 2

    def finish() -> None:
        world.pay_again()
        world.finish(dead_attempts=("expired",))

    return Plan(world.pay_again, finish)


@reaches("direct.intend", by_client=True)
def paying_directly(world: World) -> Plan:
    """D8: the shop's order_id is the key."""
    world.gateway.mood_next("POST /fake-gateway/start/", "latency", seconds=0)

    def start() -> Any:
        return direct.start(merchant_id=world.shop.id, order_id="ORD1", amount_minor=5000, currency="EUR", now=build.now())

    def finish() -> None:
        world.gateway.mood_next("POST /fake-gateway/start/", "latency", seconds=0)
        answer = start()
        world.recover()
        assert start().status == 200
        assert answer.body in (start().body, start().body[:-1] + b',"status":"PENDING"}')
        (charge,) = driving.charged(world.shop, world.gateway)
        assert charge[1] == 5000
        rows = world.database.rows("SELECT id, state, captured_minor FROM payments_payment WHERE merchant_id = %s", world.shop.id)
        assert [(row[0].hex, *row[1:]) for row in rows] == [(charge[0], "captured", 5000)]

    return Plan(start, finish)


def _check_out_and_finish(world: World) -> None:
    """The client's last word: the same key gives the answer of the one order."""
    world.check_out()
    world.finish()
    assert world.check_out().status in (201, 202)


# -- Looking up -------------------------------------------------------------------------------------------------------


@reaches("ask.fetch", "reports.apply", "recovery.poll")
def polling_a_payment(world: World) -> Plan:
    """S-08: paid, and every webhook was lost."""
    world.place()
    world.pay()
    driving.all_due(world.database, world.shop, "payments")
    return Plan(recovery.work_payments, world.finish)


@reaches("recovery.look", by_client=True)
def looking_at_a_payment(world: World) -> Plan:
    """S-41: a person opens a payment in doubt."""
    world.place()
    world.pay()
    look = lambda: recovery.look(merchant_id=world.shop.id, payment_id=world.payment_id, now=build.now())  # noqa: E731
    return Plan(look, world.finish)


@reaches("recovery.known")
def finding_what_was_not_answered(world: World) -> Plan:
    _in_doubt(world)
    return Plan(recovery.work_operations, world.finish)


@reaches("recovery.later")
def finding_nobody_to_ask(world: World) -> Plan:
    _in_doubt(world)
    world.gateway.mood_next("GET /v1/checkout/sessions", "reset_after", times=2)
    return Plan(recovery.work_operations, world.finish)


@reaches("recovery.rest")
def resting_an_operation_that_ended(world: World) -> Plan:
    """Its answer came while another worker had it in hand."""
    world.place()
    with world.database.as_owner() as connection:
        connection.execute(
            "UPDATE payments_operation SET due_at = now() - interval '1 s' WHERE merchant_id = %s", [world.shop.id]
        )
    return Plan(recovery.work_operations, world.finish)


@reaches("recovery.give_up")
def giving_up_what_never_arrived(world: World) -> Plan:
    """R-D4: a key too old to be used, and the provider knows nothing of it. The customer may pay another way."""
    _account_at(world, "http://127.0.0.1:9")
    world.place()
    _account_at(world, world.gateway.url)
    driving.travel(world.database, hours=24)
    with world.database.as_owner() as connection:
        connection.execute("UPDATE payments_operation SET attempts = 1 WHERE merchant_id = %s", [world.shop.id])
        connection.execute("UPDATE merchants_merchant SET price_honoured_s = 200000 WHERE id = %s", [world.shop.id])
    driving.all_due(world.database, world.shop, "operations")

    def finish() -> None:
        world.recover()
        assert (world.state, world.payment.state) == ("expired", "expired")
        world.assert_untouched()
        world.pay_again()
        world.finish(dead_attempts=("expired",))

    return Plan(recovery.work_operations, finish)


def _in_doubt(world: World) -> None:
    """The session is there, we do not know it, and one try of recovery is behind us."""
    world.fill()
    world.gateway.mood_next(*LOST_REPLY, times=2)
    assert world.check_out().status == 202
    with world.database.as_owner() as connection:
        connection.execute("UPDATE payments_operation SET attempts = 1 WHERE merchant_id = %s", [world.shop.id])
    driving.all_due(world.database, world.shop, "operations")


def _account_at(world: World, address: str) -> None:
    keys = {"secret_key": world.shop.secret_key, "webhook_secrets": [build.WEBHOOK_SECRET], "api_base": address}
    setup.open_account(merchant_id=world.shop.id, provider="stripe", mode="test", credentials=keys, now=build.now())


# -- Webhooks ---------------------------------------------------------------------------------------------------------


@reaches("webhooks.apply_together")
def applying_events_together(world: World) -> Plan:
    _heard(world)
    return Plan(webhooks.work, world.finish)


@reaches("webhooks.apply")
def applying_an_event(world: World) -> Plan:
    _heard(world)
    _one_by_one(world)
    return Plan(webhooks.work, world.finish)


@reaches("webhooks.announce")
def trying_an_event_after_a_death(world: World) -> Plan:
    _heard(world)
    with world.database.as_owner() as connection:
        connection.execute("UPDATE inbox_event SET attempts = 1 WHERE merchant_id = %s", [world.shop.id])
    return Plan(webhooks.work, world.finish)


@reaches("webhooks.fail")
def failing_once_on_an_event(world: World) -> Plan:
    """S-69."""
    _heard(world)
    _one_by_one(world)
    adapter = registry.provider("stripe")
    world.patch.setattr(adapter, "read", _once(adapter.read, RuntimeError("a bad moment")))
    return Plan(webhooks.work, world.finish)


@reaches("webhooks.postpone")
def finding_the_order_locked(world: World) -> Plan:
    _heard(world)
    _one_by_one(world)
    world.patch.setattr(reports, "record_all", _once(reports.record_all, Busy()))
    return Plan(webhooks.work, world.finish)


def _one_by_one(world: World) -> None:
    """As if none of the events could be applied with the others."""
    world.patch.setattr(webhooks, "_handle_together", lambda merchant_id, claims, *, now: claims)


def _heard(world: World) -> None:
    world.place()
    world.pay()
    world.hear()


def _once(real: Callable[..., Any], error: Exception) -> Callable[..., Any]:
    """Raises on the first call, then works."""
    waiting = [error]

    def call(*said: Any, **more: Any) -> Any:
        if waiting:
            raise waiting.pop()
        return real(*said, **more)

    return call


# -- Expiry and cancellation ------------------------------------------------------------------------------------------


@reaches("expiry.intend", "ask.close")
def expiring_an_order(world: World) -> Plan:
    world.place()
    _window_over(world)

    def finish() -> None:
        world.recover()
        assert (world.state, world.payment.state) == ("expired", "expired")
        world.assert_untouched()
        world.sessions = 2
        world.pay_again()
        world.finish(dead_attempts=("expired",))

    return Plan(expiry.work, finish)


@reaches("cancelling.claim", "expiry.cancel", "expiry.cancelled", "cancelling.answer", by_client=True)
def cancelling_an_order(world: World) -> Plan:
    world.place()

    def finish() -> None:
        assert _cancel(world) == (200, "cancelled")
        assert (world.state, world.payment.state) == ("cancelled", "expired")
        world.assert_untouched()
        assert driving.sessions(world.shop, world.gateway) == 1
        assert world.gateway.pay(world.payment.provider_id)["status"] == "closed"

    return Plan(lambda: _cancel(world), finish)


@reaches("cancelling.let_go", by_client=True)
def cancelling_what_is_paid(world: World) -> Plan:
    world.paid()
    return Plan(lambda: _cancel(world), world.finish)


def _cancel(world: World) -> Any:
    import json

    try:
        answer = cancelling.cancel(
            merchant_id=world.shop.id,
            order_id=world.order_id,
            actor="shopper",
            use=build.use("cancel", scope="order"),
            now=build.now(),
        )
    except NotCancellable:
        return "not cancellable"
    return answer.status, json.loads(answer.body)["order"]["state"]


def _window_over(world: World) -> None:
    with world.database.as_owner() as connection:
        connection.execute(
            "UPDATE orders_order SET expires_at = now() - interval '1 s', due_at = now() - interval '1 s' WHERE id = %s",
            [world.order_id],
        )


def _expired(world: World) -> None:
    world.place()
    _window_over(world)
    world.recover()
    assert world.state == "expired"


# -- After the money --------------------------------------------------------------------------------------------------


@reaches("fulfil.begin")
def beginning_to_fulfil(world: World) -> Plan:
    world.paid()
    return Plan(fulfil.work, world.finish)


@reaches("fulfil.fail")
def failing_once_to_fulfil(world: World) -> Plan:
    world.paid()
    world.patch.setattr(fulfilment, "hand_over_units", _once(fulfilment.hand_over_units, RuntimeError("no codes left")))
    return Plan(fulfil.work, world.finish)


@reaches("fulfil.ship", by_client=True)
def shipping(world: World) -> Plan:
    world.paid()
    return Plan(world.ship, world.finish)


@reaches("ask.send", "messages.sent")
def sending_a_message(world: World) -> Plan:
    world.paid()
    return Plan(messages.work, world.finish)


@reaches("messages.fail")
def failing_once_to_send(world: World) -> Plan:
    """S-37."""
    world.paid()
    world.patch.setattr(EmailBackend, "send_messages", _once(EmailBackend.send_messages, ConnectionRefusedError()))
    return Plan(messages.work, world.finish)


@reaches("messages.drop")
def writing_to_nobody(world: World) -> Plan:
    """R-N4: the contact was erased before the message went out."""
    world.paid()
    with world.database.as_owner() as connection:
        connection.execute("UPDATE customers_contact SET email = '' WHERE merchant_id = %s", [world.shop.id])

    def finish() -> None:
        world.ship()
        world.recover()
        assert world.state == "fulfilled"
        assert world.count("outbox_message", "state = 'dropped'") == 3
        assert world.count("outbox_message") == 3
        world.assert_books()

    return Plan(messages.work, finish)


# -- Setting up -------------------------------------------------------------------------------------------------------


@reaches("setup.key", "setup.account", "setup.goods", "setup.promotion", by_client=True)
def setting_up(world: World) -> Plan:
    """The first start, repeated until it has come to its end."""

    def act() -> None:
        at = build.now()
        token = f"pk_{world.shop.id.hex}"
        setup.issue_key(merchant_id=world.shop.id, kind="publishable", name="web", now=at, token=token)
        _account_at(world, world.gateway.url)
        goods = setup.Goods("good", "pen", "Pen", [("PEN", "", 100)], stock=5)
        setup.stock_up(merchant_id=world.shop.id, goods=goods, currency="EUR", now=at)
        _announce(world)

    def finish() -> None:
        assert world.count("promotions_promotion") == 1
        assert world.count("merchants_apikey", "name = 'web'") == 1
        assert world.count("merchants_account", "provider = 'stripe'") == 1
        assert (
            world.count("inventory_stock", "name = 'Pen' AND on_hand = 5") == world.count("catalog_variant", "sku = 'PEN'") == 1
        )
        world.place()
        world.finish()

    return Plan(act, finish)


# -- The test ---------------------------------------------------------------------------------------------------------


def points() -> Iterator[Any]:
    """(step, moment, who repairs it). Where a client has nothing to repeat there is only the worker."""
    for step in sorted(declared()):
        for moment in ("before", "after"):
            for by in ("worker", "client") if step in REPEATED else ("worker",):
                yield pytest.param(step, moment, by, id=f"{step}:{moment}, repaired by the {by}")


def test_every_commit_and_every_question_has_a_scenario() -> None:
    assert declared() == set(SCENARIOS)


@pytest.mark.parametrize(("step", "moment", "by"), list(points()))
def test_a_death_at_any_point_is_repaired(world: World, step: str, moment: str, by: str) -> None:
    """R-E4, R-F4, S-29, S-30: nothing is lost, nothing is done twice, and the purchase can be completed."""
    assert step in SCENARIOS, f"{step} is declared in the flows and has no scenario here"
    plan = SCENARIOS[step](world)
    point = f"{step}:{moment}"
    faults.PASSED.clear()
    faults.ARMED[point] = "raise"
    with pytest.raises(faults.Crash, match=point):
        plan.act()
    assert faults.PASSED[point] == 1
    assert faults.ARMED == {}

    if by == "worker":
        world.recover()
    else:
        driving.all_due(world.database, world.shop)
    if step in REPEATED:
        plan.act()
    plan.finish()
