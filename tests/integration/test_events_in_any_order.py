"""Whatever the order in which a payment's events arrive, and however often, the end is the same."""

import itertools
import json
import random
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from holdfast.flows import webhooks
from holdfast.kernel.ids import new_id
from holdfast.providers.stripe.events import INTENT_EVENTS, SESSION_EVENTS
from tests import build
from tests.crash.world import LEDGER, TOTAL, World
from tests.integration import driving
from tests.integration.driving import Picture

#: Orders of arrival that are tried for each story; all of them where there are no more.
ORDERS = 10
SEED = 54

PAYS, DECLINED, CHALLENGED, SLOW = "4242424242424242", "4000000000000002", "4000002760003184", "4000009900000020"

PAID = Picture(
    order="paid",
    payments=[("captured", TOTAL)],
    facts=[("capture", TOTAL)],
    ledger=LEDGER,
    stock=[],
    reservations=["committed"],
    messages=["order_paid"],
    fulfilments=["download pending", "shipment pending"],
    cases=[],
)


def unpaid(order: str, payment: str, reservation: str) -> Picture:
    return Picture(
        order=order,
        payments=[(payment, 0)],
        facts=[],
        ledger={},
        stock=[],
        reservations=[reservation],
        messages=["payment_problem"],
        fulfilments=[],
        cases=[],
    )


def pay(*cards: str) -> Callable[[World], None]:
    def story(world: World) -> None:
        for card in cards:
            world.gateway.pay(world.payment.provider_id, card)

    return story


def settle(outcome: str) -> Callable[[World], None]:
    def story(world: World) -> None:
        intent = world.gateway.pay(world.payment.provider_id, SLOW)["payment_intent"]
        world.gateway.settle(intent, outcome)

    return story


def expire(*cards: str) -> Callable[[World], None]:
    def story(world: World) -> None:
        pay(*cards)(world)
        world.gateway.control("POST", f"/alarms/{world.payment.provider_id}/ring")

    return story


STORIES: dict[str, tuple[Callable[[World], None], Picture]] = {
    "paid at once": (pay(PAYS), PAID),
    "declined, then paid": (pay(DECLINED, PAYS), PAID),
    "declined twice, then paid": (pay(DECLINED, DECLINED, PAYS), PAID),
    "paid after a question of the bank": (pay(CHALLENGED), PAID),
    "a slow method that succeeds": (settle("succeeded"), PAID),
    "a slow method that fails": (settle("failed"), unpaid("payment_failed", "failed", "released")),
    "never paid": (expire(), unpaid("expired", "expired", "expired")),
    "declined, then never paid": (expire(DECLINED), unpaid("expired", "expired", "expired")),
}


@pytest.mark.parametrize("story", STORIES)
def test_every_order_of_arrival_ends_the_same(world: World, story: str) -> None:
    """S-54, R-F7, R-D4. Each order of arrival is played on an order of its own; once, each event arrives twice."""
    tell, expected = STORIES[story]
    world.place()
    tell(world)
    template = Template(world)
    assert {event["type"] for event in template.events} & (SESSION_EVENTS | INTENT_EVENTS)

    ways = list(itertools.islice(itertools.permutations(template.events), 5_000))
    chosen = ways if len(ways) <= ORDERS else random.Random(SEED).sample(ways, ORDERS)
    ends: dict[str, int] = {}
    for number, way in enumerate(chosen):
        end = play(world, template, way, twice=number == 0)
        ends[str(end)] = ends.get(str(end), 0) + 1
    assert ends == {str(expected): len(chosen)}


def test_an_authorization_and_its_capture_end_the_same_in_any_order(world: World) -> None:
    """R-D3, S-54: a late word about the authorization does not take the capture back."""
    world.cart = build.basket(world.shop, MUG=1, BOOK=1)
    world.remember(build.check_out(world.shop, world.cart, key="k", manual_capture=True))
    intent = world.gateway.pay(world.payment.provider_id)["payment_intent"]
    answer = httpx.post(
        f"{world.gateway.url}/v1/payment_intents/{intent}/capture",
        headers={"Authorization": f"Bearer {world.shop.secret_key}"},
        trust_env=False,
    )
    assert answer.status_code == 200
    template = Template(world)
    ends = [play(world, template, way, manual_capture=True) for way in itertools.permutations(template.events)]
    for end in ends:
        end.facts = [fact for fact in end.facts if fact[0] == "capture"]  # a capture heard first needs no authorization
    assert ends == [PAID] * 6


class Template:
    """The events of a real payment, to be told of other orders under their ids."""

    def __init__(self, world: World) -> None:
        acted_on = SESSION_EVENTS | INTENT_EVENTS
        self.events = [event for event in driving.events(world.shop, world.gateway) if event["type"] in acted_on]
        self.reference, self.session = world.payment.pk.hex, world.payment.provider_id
        self.objects = {event["data"]["object"]["id"] for event in self.events} - {self.session}

    def told_of(self, world: World, way: Any) -> list[dict[str, Any]]:
        """The events in this order, about the world's present payment."""
        run = new_id().hex
        text = json.dumps(way).replace(self.reference, world.payment.pk.hex).replace(self.session, world.payment.provider_id)
        for id_ in self.objects:
            text = text.replace(id_, f"pi_{run}")
        told: list[dict[str, Any]] = json.loads(text)
        return [{**event, "id": f"evt_{run}_{number}"} for number, event in enumerate(told)]


def play(world: World, template: Template, way: Any, *, twice: bool = False, **wishes: Any) -> Picture:
    cart = build.basket(world.shop, MUG=1, BOOK=1)
    with world.database.as_owner() as connection:
        connection.execute(
            """WITH more AS (UPDATE inventory_stock SET on_hand = on_hand + 1 WHERE merchant_id = %s AND name = 'Mug' RETURNING *)
               INSERT INTO inventory_movement (id, merchant_id, stock_id, delta, cause, at)
               SELECT gen_random_uuid(), merchant_id, id, 1, 'received', now() FROM more""",
            [world.shop.id],
        )
    world.remember(build.check_out(world.shop, cart, key="k", **wishes))
    for event in template.told_of(world, way):
        for _ in range(2 if twice else 1):
            driving.receive(world.database, world.shop, event)
            webhooks.work()
    assert world.order_id is not None
    end = driving.picture(world.database, world.order_id)
    end.stock = []
    assert world.count("inbox_event", "state NOT IN ('done', 'ignored')") == 0
    return end
