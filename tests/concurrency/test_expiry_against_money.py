"""The window closes while the customer pays. Whoever is first at the provider decides, and nothing is lost either way."""

import json
import threading
from collections import Counter
from typing import Any

from holdfast.db import tenancy
from holdfast.db.due import Claim
from holdfast.flows import checkout, expiry, questions, webhooks
from holdfast.flows.checkout import NotPayable
from holdfast.idempotency.services import Answer, InProgress
from holdfast.kernel import faults
from tests import build
from tests.conftest import in_parallel
from tests.crash.world import LEDGER, TOTAL, World
from tests.integration import driving

ROUNDS = 20
#: Before the question, while it is on its way, and (the last) when the provider has closed.
PRESSED_AT = ("expiry.intend:before", "expiry.intend:after", "ask.close:before", "ask.close:after")


def window_over(world: World) -> Claim:
    with world.database.as_owner() as connection:
        connection.execute("UPDATE orders_order SET expires_at = now() - interval '1 s' WHERE id = %s", [world.order_id])
    assert world.order_id is not None
    return Claim(world.shop.id, world.order_id, 1)


def apply_events(world: World) -> None:
    world.hear()
    while webhooks.work():
        pass


def test_paid_first_then_the_window_closes(world: World) -> None:
    """R-H4, S-35: nothing happens."""
    world.place()
    world.pay()
    apply_events(world)
    assert expiry.expire(window_over(world), now=build.now()) == "settled"
    assert (world.state, build.stock(world.shop)) == ("paid", (9, 0))


def test_paid_at_the_provider_and_the_window_closes_before_we_hear(world: World) -> None:
    """R-D6: asking the provider to close tells that it is paid."""
    world.place()
    world.pay()
    assert expiry.expire(window_over(world), now=build.now()) == "asked"
    assert (world.state, build.stock(world.shop)) == ("paid", (9, 0))
    apply_events(world)
    assert driving.picture(world.database, world.order_id).ledger == LEDGER


def test_the_window_closes_first_and_the_page_is_gone(world: World) -> None:
    """R-H1."""
    world.place()
    assert expiry.expire(window_over(world), now=build.now()) == "asked"
    assert world.gateway.pay(world.payment.provider_id)["status"] == "closed"
    apply_events(world)
    assert (world.state, build.stock(world.shop)) == ("expired", (10, 0))
    assert driving.charged(world.shop, world.gateway) == []


def test_the_order_is_paid_exactly_when_the_provider_took_the_money(world: World) -> None:
    """R-D6, S-54: expiry and payer at once, twenty times. The payer's button is pressed when expiry passes a point that goes
    round; the gateway decides who was first, and we agree with it."""
    ends: Counter[str] = Counter()
    expected = []
    for seed in range(ROUNDS):
        world.cart = build.basket(world.shop, TOUR_CHILD=1) if seed % 2 else build.basket(world.shop, BOOK=1)
        world.remember(build.check_out(world.shop, world.cart))
        claim, session, pressed = window_over(world), world.payment.provider_id, threading.Event()
        point = PRESSED_AT[seed % len(PRESSED_AT)]

        def press(name: str, point: str = point, pressed: threading.Event = pressed) -> None:
            if name == point:
                pressed.set()

        def pay(session: str = session, pressed: threading.Event = pressed) -> str:
            assert pressed.wait(driving.PATIENCE_S)
            told = str(world.gateway.pay(session)["status"])
            apply_events(world)
            return told

        with world.patch.context() as patch:
            patch.setattr(faults, "fault_point", press)
            patch.setattr(tenancy, "fault_point", press)
            told = in_parallel(2, lambda i, pay=pay, claim=claim: pay() if i else expiry.expire(claim, now=build.now()))
        assert told[0] == "asked", told
        apply_events(world)
        took = told[1] == "complete"
        assert world.state == ("paid" if took else "expired"), told
        ends[world.state] += 1
        expected += [(world.payment.pk.hex, world.payment.amount_minor)] if took else []
    print(f"\nexpiry against payer: {dict(ends)}")
    assert ends["expired"] >= ROUNDS // len(PRESSED_AT)
    assert driving.charged(world.shop, world.gateway) == sorted(expected)
    assert build.stock(world.shop, "TOUR-CHILD")[1] == 0


def test_two_workers_and_a_customer_who_cancels_close_one_page(world: World) -> None:
    """R-C2, R-E4: expiry twice and a cancellation at once. One of them closes, all of them agree."""
    world.place()
    claim = window_over(world)
    work = [
        lambda: expiry.expire(claim, now=build.now()),
        lambda: expiry.expire(claim, now=build.now()),
        lambda: expiry.cancel(merchant_id=world.shop.id, order_id=claim.id, actor="shopper", now=build.now()),
    ]
    told = in_parallel(3, lambda i: work[i]())
    assert {type(each).__name__ for each in told} <= {"str", "NoneType", "StillPayable"}, told
    expiry.cancel(merchant_id=world.shop.id, order_id=claim.id, actor="shopper", now=build.now())
    assert (world.state, world.payment.state, build.stock(world.shop)) == ("cancelled", "expired", (10, 0))
    assert world.count("payments_operation", "kind = 'close'") == 1


def test_ten_tabs_that_pay_again_open_one_attempt(world: World) -> None:
    """R-D1: at most one attempt is in flight, with keys of their own and with one key."""
    world.place()
    expiry.expire(window_over(world), now=build.now())
    assert world.state == "expired"

    def again(key: str) -> Answer:
        assert world.order_id is not None
        use = build.use(key, scope="order")
        return checkout.pay_again(merchant_id=world.shop.id, order_id=world.order_id, wish=build.wish(), use=use, now=build.now())

    told = in_parallel(10, lambda i: again(f"tab-{i // 2}"))
    assert {type(each) for each in told} <= {Answer, NotPayable, InProgress}
    answers = {each.body for each in told if isinstance(each, Answer)}
    assert len(answers) == 1
    assert (world.count("payments_payment"), driving.sessions(world.shop, world.gateway)) == (2, 2)
    assert build.stock(world.shop) == (10, 1)


def test_late_money_and_a_new_attempt_at_once_sell_once(world: World) -> None:
    """R-D6, S-10: the grace let the order go; the first page is paid while the customer opens a second one."""
    world.place()
    first = world.payment
    with world.database.as_owner() as connection:
        connection.execute("UPDATE orders_order SET expires_at = now() - interval '1 hour' WHERE id = %s", [world.order_id])
    assert world.order_id is not None
    assert expiry.expire(Claim(world.shop.id, world.order_id, 1), now=build.now()) == "expired"
    world.pay()
    world.hear()
    told = in_parallel(2, lambda i: world.pay_again() if i else webhooks.work())
    assert isinstance(told[1], Answer | NotPayable)
    world.recover()
    assert driving.charged(world.shop, world.gateway) == [(first.pk.hex, TOTAL)]
    end = driving.picture(world.database, world.order_id)
    assert (end.order, end.ledger, end.stock, end.cases) == ("partially_fulfilled", LEDGER, [(9, 0)], [])
    assert world.count("payments_payment", "state IN ('open', 'created', 'unknown')") == 0


def test_a_page_that_opens_after_its_order_was_paid_is_closed(world: World) -> None:
    """R-D6, S-10: late money pays the order while the provider is still opening a second page. Nobody is shown that page, and
    once it is there it is closed."""
    world.place()
    first = world.payment
    with world.database.as_owner() as connection:
        connection.execute("UPDATE orders_order SET expires_at = now() - interval '1 hour' WHERE id = %s", [world.order_id])
    assert world.order_id is not None
    expiry.expire(Claim(world.shop.id, world.order_id, 1), now=build.now())
    world.gateway.pay(first.provider_id)
    real = questions._apply

    def overtaken(*said: Any, **more: Any) -> str:
        apply_events(world)
        return real(*said, **more)

    world.patch.setattr(questions, "_apply", overtaken)
    told = json.loads(world.pay_again().body)
    assert (told["order"]["status"], told["payment"]["url"]) == ("paid", "")
    world.patch.setattr(questions, "_apply", real)
    world.recover()
    second = world.payment
    assert (second.pk == first.pk, second.state) == (False, "expired")
    assert world.gateway.pay(second.provider_id)["status"] == "closed"
    assert driving.charged(world.shop, world.gateway) == [(first.pk.hex, TOTAL)]
