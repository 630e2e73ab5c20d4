"""The direct payment API (R-D8): the shop's order_id is the key, and the gateway fails three times in ten."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from holdfast.flows import direct
from holdfast.flows.direct import OtherAmount
from holdfast.idempotency.services import Answer
from tests import build
from tests.conftest import in_parallel
from tests.crash.world import World
from tests.integration import driving
from tests.integration.driving import charged

START = "POST /fake-gateway/start/"


@pytest.fixture(autouse=True)
def reliable(gateway: Any, impatient: None) -> Iterator[None]:
    """The gateway fails only when it is told to."""
    gateway.moods(probabilities={START: {"fail_before": 0}}, settings={"direct_latency_s": 0})
    yield
    gateway.moods(probabilities={START: {"fail_before": 0.3}})


def start(world: World, order_id: str = "ORD123", amount_minor: int = 10_000) -> Answer:
    return direct.start(merchant_id=world.shop.id, order_id=order_id, amount_minor=amount_minor, currency="EUR", now=build.now())


def amounts(world: World) -> list[int]:
    return sorted(amount for _, amount in charged(world.shop, world.gateway))


def test_the_same_order_id_is_charged_once_and_answered_alike(world: World) -> None:
    first = start(world)
    assert first.status == 200
    assert set(json.loads(first.body)) == {"payment_id"}
    assert [start(world) for _ in range(5)] == [first] * 5
    assert amounts(world) == [10_000]


def test_twenty_parallel_starts_of_one_order_id_are_one_charge(world: World) -> None:
    told = in_parallel(20, lambda _: start(world))
    assert {type(each) for each in told} == {Answer}
    assert {each.status for each in told} <= {200, 202}
    assert len({json.loads(each.body)["payment_id"] for each in told}) == 1
    assert amounts(world) == [10_000]
    assert start(world).status == 200
    assert (world.count("orders_order"), world.count("payments_payment")) == (1, 1)


def test_another_amount_for_the_same_order_id_is_refused(world: World) -> None:
    """Also when both are started at the same instant."""
    told = in_parallel(2, lambda i: start(world, amount_minor=(10_000, 20_000)[i]))
    assert driving.tally(type(each).__name__ for each in told) == {"Answer": 1, "OtherAmount": 1}
    (charge,) = amounts(world)
    with pytest.raises(OtherAmount):
        start(world, amount_minor=30_000 - charge)
    assert amounts(world) == [charge]


def test_thirty_percent_failures_leave_every_order_id_charged_once_or_not_at_all(world: World) -> None:
    """Up to three tries each. COMPLETED has its charge, FAILED has none."""
    world.gateway.moods(probabilities={START: {"fail_before": 0.3}})
    told = [start(world, f"ORD{number}", 1_000 + number) for number in range(40)]
    world.gateway.moods(probabilities={START: {"fail_before": 0}})
    statuses = Counter(each.status for each in told)
    assert statuses.keys() <= {200, 502}
    assert amounts(world) == sorted(1_000 + number for number, each in enumerate(told) if each.status == 200)
    assert [start(world, f"ORD{number}", 1_000 + number) for number in range(40)] == told
    assert len(amounts(world)) == statuses[200]


def test_all_tries_failed_is_failed_and_stays_so(world: World) -> None:
    """A final 502 is the stored answer: the gateway is well again, and the same order_id is not tried again."""
    world.gateway.mood_next(START, "fail_before", times=3)
    first = start(world)
    assert (first.status, first.body) == (502, b'{"error":"Gateway error"}')
    world.recover()
    assert [start(world) for _ in range(3)] == [first] * 3
    assert amounts(world) == []
    assert world.rows("SELECT state FROM payments_payment") == [("failed",)]
    assert start(world, "ORD124").status == 200


def test_a_third_try_that_succeeds_is_completed(world: World) -> None:
    world.gateway.mood_next(START, "fail_before", times=2)
    assert start(world).status == 200
    assert amounts(world) == [10_000]


@pytest.mark.parametrize(("mood", "was_charged"), [("timeout_before", False), ("reset_after", True), ("truncate", True)])
def test_an_outcome_nobody_knows_is_pending_until_it_is_looked_up(world: World, mood: str, was_charged: bool) -> None:
    """S-29: never FAILED in doubt, and never charged twice."""
    world.gateway.mood_next(START, mood)
    world.gateway.mood_next("*", "latency", seconds=0)
    first = start(world)
    if first.status == 202:
        told = json.loads(first.body)
        assert told["status"] == "PENDING"
    driving.until(world.recover, lambda _: start(world).status != 202)
    assert (start(world).status, amounts(world)) == (200, [10_000])
    assert was_charged or first.status == 202


def test_a_paid_direct_order_is_in_the_ledger_and_has_nothing_to_hand_over(world: World) -> None:
    start(world)
    world.recover()
    ((order_id, state),) = world.rows("SELECT id, state FROM orders_order")
    end = driving.picture(world.database, order_id)
    assert (state, end.ledger) == ("paid", {"receivable:sandbox": 10_000, "sales": -10_000})
    assert (end.fulfilments, end.messages, end.cases) == ([], [], [])
