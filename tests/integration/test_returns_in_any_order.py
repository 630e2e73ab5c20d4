"""Whatever the order in which the events of a payment and of its refund arrive, the end is the same (S-25, S-54)."""

import itertools
from typing import Any

import pytest

from tests import build
from tests.crash.world import LEDGER, TOTAL, World
from tests.integration import driving
from tests.integration.moneyback import apply, intent, paid, picture, refund, refund_id, settle_refund, sold

PAID = ("checkout.session.completed", "payment_intent.succeeded")
SLOW = (*PAID, "refund.created", "refund.updated")
BOUNCED = ("refund.created", "refund.updated", "refund.failed")


def restock(world: World) -> None:
    """Another mug, so that every order finds one."""
    with world.database.as_owner() as connection:
        connection.execute(
            """WITH more AS (UPDATE inventory_stock SET on_hand = on_hand + 1 WHERE merchant_id = %s AND name = 'Mug' RETURNING *)
               INSERT INTO inventory_movement (id, merchant_id, stock_id, delta, cause, at)
               SELECT gen_random_uuid(), merchant_id, id, 1, 'received', now() FROM more""",
            [world.shop.id],
        )


def events_of(world: World, paid_with: str, types: tuple[str, ...]) -> list[dict[str, Any]]:
    """The events of one PaymentIntent and its refunds, one of each type."""
    told = driving.events(world.shop, world.gateway)
    about = [each for each in told if paid_with in (each["data"]["object"]["id"], each["data"]["object"].get("payment_intent"))]
    return [next(each for each in about if each["type"] == type_) for type_ in types]


def arrive(world: World, told: Any, *, twice: bool) -> None:
    """One after the other, each applied (and looked up, where it comes too early) before the next."""
    for event in told:
        for copy in (event, driving.altered(event)) if twice else (event,):
            driving.receive(world.database, world.shop, copy)
            driving.receive(world.database, world.shop, copy)
            apply(world)


def ending(world: World) -> str:
    end = picture(world)
    end.stock = []
    assert world.count("inbox_event", "state NOT IN ('done', 'ignored')") == 0
    return str(end)


@pytest.mark.parametrize("amount", [640, TOTAL])
def test_every_order_of_a_payments_and_its_refunds_events_ends_the_same(world: World, amount: int) -> None:
    """S-54, S-25, R-F4, R-F7: all 24 orders of paid, paid, refund made and refund done. A refund that is heard of first brings
    its money with it: the provider is asked about that money."""
    ends: dict[str, int] = {}
    early = 0
    for number, way in enumerate(itertools.permutations(range(len(SLOW)))):
        restock(world)
        world.cart = build.basket(world.shop, MUG=1, BOOK=1)
        world.remember(build.check_out(world.shop, world.cart, key="k"))
        paid_with = world.gateway.pay(world.payment.provider_id)["payment_intent"]
        world.gateway.mood_next("refund", "refund_pending")
        made = world.gateway.control("POST", f"/payments/{paid_with}/refund", amount=amount)["id"]
        world.gateway.control("POST", f"/refunds/{made}/settle", outcome="succeeded")
        told = events_of(world, paid_with, SLOW)
        assert [each["data"]["object"]["status"] for each in told[2:]] == ["pending", "succeeded"]
        arrive(world, [told[index] for index in way], twice=number % 5 == 0)
        early += world.count("inbox_event", f"points AND order_id = '{world.order_id}'") > 0
        text = ending(world)
        ends[text] = ends.get(text, 0) + 1
    assert list(ends.values()) == [24], "\n".join(ends)
    assert early == 12  # wherever a refund's event was the first of the four
    end = picture(world)
    assert (end.order, end.refunds) == (
        "refunded" if amount == TOTAL else "partially_refunded", [("provider", "succeeded", amount)],
    )  # fmt: skip
    assert (end.ledger, end.messages) == (sold(TOTAL - amount), ["order_paid", "refunded"])
    assert end.facts == sorted([("capture", TOTAL), ("refund", amount)])
    assert end.cases == []


def test_every_order_of_a_bounced_refunds_events_ends_the_same(world: World) -> None:
    """S-54, R-J2: ours had succeeded by the reply; its three events come in any order, each twice."""
    ends: dict[str, int] = {}
    for way in itertools.permutations(BOUNCED):
        restock(world)
        before = {each["id"] for each in world.gateway.books(world.shop.secret_key)["refunds"]}
        paid(world)
        refund(world, f"r{len(ends)}{way}", amount_minor=640)
        (made,) = [each["id"] for each in world.gateway.books(world.shop.secret_key)["refunds"] if each["id"] not in before]
        world.gateway.control("POST", f"/refunds/{made}/settle", outcome="failed")
        arrive(world, events_of(world, intent(world), way), twice=True)
        text = ending(world)
        ends[text] = ends.get(text, 0) + 1
    assert list(ends.values()) == [6], "\n".join(ends)
    end = picture(world)
    assert (end.order, end.ledger, end.refunds) == ("paid", LEDGER, [("requested", "failed", 640)])
    assert end.cases == ["refund_failed"]


def test_a_refunds_event_before_the_payments_pays_and_refunds_the_order(world: World) -> None:
    """R-F4, S-11: it waits for the look-up, and is applied by it; nothing is dropped."""
    world.place()
    paid_with = world.gateway.pay(world.payment.provider_id)["payment_intent"]
    world.gateway.control("POST", f"/payments/{paid_with}/refund")
    driving.hear(world.database, world.shop, world.gateway, "refund.created")
    apply(world)
    end = picture(world)
    assert (end.order, end.refunds, end.ledger) == ("refunded", [("provider", "succeeded", TOTAL)], {})
    assert (end.messages, world.count("inbox_event", "state = 'done'")) == (["order_paid", "refunded"], 1)


def test_a_refund_of_something_else_that_was_sold_there_is_ignored(world: World) -> None:
    """R-F5: the provider is asked about its money, and it is nothing of ours."""
    paid(world)
    refund(world, amount_minor=640)
    settle_refund(world, "succeeded")
    (event,) = driving.events(world.shop, world.gateway, "refund.created")
    foreign = driving.altered(event, id="re_foreign", payment_intent="pi_foreign", metadata={})
    assert refund_id(world) != "re_foreign"
    driving.receive(world.database, world.shop, foreign)
    apply(world)
    assert world.count("inbox_event", "type = 'refund.created' AND state = 'ignored'") == 1
    assert picture(world).refunds == [("requested", "succeeded", 640)]


@pytest.mark.parametrize("what", ["refund", "dispute"])
def test_what_happened_to_money_before_we_heard_of_it_is_learned_with_it(world: World, what: str) -> None:
    """S-08, R-F4, R-G4: every webhook was lost; the one question about the attempt tells of the payment and of what followed,
    although neither the dashboard's refund nor a dispute carries our reference."""
    world.place()
    paid_with = world.gateway.pay(world.payment.provider_id)["payment_intent"]
    made = world.gateway.control("POST", f"/payments/{paid_with}/{what}")
    if what == "dispute":
        world.gateway.control("POST", f"/disputes/{made['id']}/close", outcome="lost")
    world.recover()
    end = picture(world)
    assert (end.order, end.ledger, world.count("inbox_event")) == ("refunded", {}, 0)
    assert (end.refunds, end.disputes) == (
        ([("provider", "succeeded", TOTAL)], []) if what == "refund" else ([], [("lost", TOTAL, TOTAL)])
    )
