"""Two people, or two paths, and one sum of money that goes back: once, and never more than came in."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from holdfast.db import due
from holdfast.flows import lookups, questions, recovery, webhooks
from holdfast.flows.refunds import MoreThanLeft, NothingLeft
from holdfast.idempotency.services import Answer, InProgress
from holdfast.orders import services as orders
from holdfast.orders.models import Order
from holdfast.payments import refunds
from tests import build
from tests.conftest import in_parallel
from tests.crash.world import LEDGER, TOTAL, World
from tests.integration import driving
from tests.integration.moneyback import (
    REFUND,
    at_the_dashboard,
    dispute,
    hear,
    money,
    paid,
    picture,
    refund,
    returned,
    sold,
    told,
)

OPERATORS = 10
ROUNDS = 5


def assert_all_back_once(world: World) -> None:
    end = picture(world)
    assert (end.order, end.ledger, end.refunds) == ("refunded", {}, [("requested", "succeeded", TOTAL)])
    assert (end.facts, end.messages) == ([("capture", TOTAL), ("refund", TOTAL)], ["order_paid", "refunded"])
    assert returned(world) == [(TOTAL, "succeeded")]
    assert world.count("ledger_entry", "kind = 'refund'") == 1


# -- Two people -------------------------------------------------------------------------------------------------------


def test_one_key_pressed_many_times_is_one_refund(world: World) -> None:
    """S-06, R-E1: whoever comes while it is being worked on is told so, and then gets the same answer."""
    paid(world)
    got = in_parallel(OPERATORS, lambda _: refund(world, "one", amount_minor=TOTAL))
    answers = [each for each in got if isinstance(each, Answer)]
    assert driving.tally(type(each).__name__ for each in got).keys() <= {"Answer", "InProgress"}
    assert len({answer.body for answer in answers}) == 1
    assert refund(world, "one", amount_minor=TOTAL) == answers[0]
    assert_all_back_once(world)


def test_two_operators_with_keys_of_their_own_make_one_refund(world: World) -> None:
    """S-06: the others see that it was requested already."""
    paid(world)
    got = in_parallel(OPERATORS, lambda i: refund(world, f"operator {i}"))
    assert driving.tally(type(each).__name__ for each in got) == {"Answer": 1, "NothingLeft": OPERATORS - 1}
    assert {each.status for each in got if isinstance(each, NothingLeft)} == {409}
    assert_all_back_once(world)
    assert world.count("idempotency_key", "subject = 'refund'") == 1  # a refusal lets go of its key


def test_two_refunds_that_sum_above_the_capture_are_one(world: World) -> None:
    """S-46: refused by the lock, which knows how much is left."""
    paid(world)
    got = in_parallel(2, lambda i: refund(world, f"operator {i}", amount_minor=2000))
    assert driving.tally(type(each).__name__ for each in got) == {"Answer": 1, "MoreThanLeft": 1}
    (no,) = [each for each in got if isinstance(each, MoreThanLeft)]
    assert no.extra == {"left_minor": 640, "wanted_minor": 2000, "currency": "EUR"}
    end = picture(world)
    assert (end.refunds, end.ledger, returned(world)) == (
        [("requested", "succeeded", 2000)], sold(640), [(2000, "succeeded")],
    )  # fmt: skip


def everybody_looks_before_anybody_writes(world: World, count: int) -> None:
    """The lock of the order is switched off, and all have seen the same sum left."""
    have_looked = threading.Barrier(count)
    real = refunds.request

    def request(*said: Any, **more: Any) -> Any:
        have_looked.wait(driving.PATIENCE_S)
        return real(*said, **more)

    world.patch.setattr(orders, "lock_orders", lambda keys: {row.pk: row for row in Order.objects.filter(pk__in=keys)})
    world.patch.setattr(refunds, "request", request)


def test_without_the_lock_the_database_refuses_the_second(world: World) -> None:
    """S-46, control of the lock: both have found 26.40 left, and the law `payments_refund_within_captured` stands behind it."""
    paid(world)
    everybody_looks_before_anybody_writes(world, 2)
    got = in_parallel(2, lambda i: refund(world, f"operator {i}", amount_minor=2000))
    assert driving.tally(type(each).__name__ for each in got) == {"Answer": 1, "MoreThanLeft": 1}
    (no,) = [each for each in got if isinstance(each, MoreThanLeft)]
    assert no.extra == {}  # said by the database, which does not reckon
    assert (picture(world).refunds, returned(world)) == ([("requested", "succeeded", 2000)], [(2000, "succeeded")])


def test_without_lock_and_law_both_are_asked_for(world: World) -> None:
    """Control of S-46: the race is real. Only the provider is left to refuse the second."""
    paid(world)
    with world.database.as_owner() as owner:
        owner.execute("DROP FUNCTION payments_refund_within_captured() CASCADE")
    everybody_looks_before_anybody_writes(world, 2)
    in_parallel(2, lambda i: refund(world, f"operator {i}", amount_minor=2000))
    asked = [amount for _, _, amount in picture(world).refunds]
    print(f"\ncontrol, neither lock nor law: {sum(asked)} asked for of {TOTAL}")
    assert asked == [2000, 2000]
    assert returned(world) == [(2000, "succeeded")]


def test_equal_refunds_that_fit_are_all_made(world: World) -> None:
    """S-05, S-46: ten at once of 2.64 are all of it, to the cent."""
    paid(world)
    got = in_parallel(OPERATORS, lambda i: refund(world, f"operator {i}", amount_minor=TOTAL // OPERATORS))
    assert [told(each) for each in got] == [(201, "succeeded", 264)] * OPERATORS
    assert returned(world) == [(264, "succeeded")] * OPERATORS
    end = picture(world)
    assert (end.order, end.ledger, money(world)) == ("refunded", {}, (TOTAL, TOTAL, 0))


# -- A refund and a dispute -------------------------------------------------------------------------------------------


def test_a_refund_against_a_dispute_never_gives_the_money_twice(world: World) -> None:
    """S-46, R-J1: whichever is heard first. The bank has the money; ours is refused by us or by the provider."""
    seen: dict[str, int] = {}
    for number in range(ROUNDS):
        paid(world)
        dispute(world)
        driving.hear(world.database, world.shop, world.gateway)
        ways: list[Callable[[], Any]] = [drain, lambda: refund(world, f"r{number}")]  # noqa: B023
        got = in_parallel(2, lambda i: ways[i]())[1]  # noqa: B023
        if isinstance(got, Answer):
            assert told(got) == (201, "failed", TOTAL)
        else:
            assert isinstance(got, NothingLeft)
        seen[type(got).__name__] = seen.get(type(got).__name__, 0) + 1
        drain()
        end = picture(world)
        assert end.ledger == {**{n: m for n, m in LEDGER.items() if n != "receivable:stripe"}, "disputed": TOTAL}
        assert (money(world), end.facts) == ((TOTAL, 0, TOTAL), [("capture", TOTAL), ("withdrawn", TOTAL)])
    print(f"\nrefund against dispute: {seen}")
    assert sum(seen.values()) == ROUNDS
    assert returned(world) == []


def test_a_dispute_between_the_refund_and_our_commit_takes_the_rest(world: World) -> None:
    """S-45: the provider has given 10.00 back, and a dispute takes what is left before we have written it down."""
    paid(world)
    real = questions._apply

    def overtaken(*said: Any, **more: Any) -> Any:
        world.patch.setattr(questions, "_apply", real)
        dispute(world)
        driving.hear(world.database, world.shop, world.gateway, "charge.dispute.created", "charge.dispute.funds_withdrawn")
        driving.Aside(drain).result()
        assert money(world) == (TOTAL, 0, 1640)
        return real(*said, **more)

    world.patch.setattr(questions, "_apply", overtaken)
    assert told(refund(world, amount_minor=1000)) == (201, "succeeded", 1000)
    hear(world)
    end = picture(world)
    assert (money(world), end.refunds, end.disputes) == (
        (TOTAL, 1000, 1640), [("requested", "succeeded", 1000)], [("open", 1640, 0)],
    )  # fmt: skip
    with pytest.raises(NothingLeft):
        refund(world, "more")


# -- Many paths -------------------------------------------------------------------------------------------------------


def drain() -> int:
    total = 0
    while claimed := webhooks.work() + lookups.work():
        total += claimed
    return total


def test_webhooks_poll_recovery_and_the_client_learn_of_one_refund_together(world: World) -> None:
    """S-34, S-25, R-E4: the reply was lost. Ten paths at the same instant are one refund, one posting, one message."""
    paid(world)
    world.gateway.mood_next(REFUND, "reset_after", times=2)
    assert told(refund(world)) == (202, "unknown", TOTAL)
    ((refund_id,),) = world.rows("SELECT id FROM payments_refund")
    ((operation_id,),) = world.database.rows("SELECT id FROM payments_operation WHERE refund_id = %s", refund_id)
    driving.hear(world.database, world.shop, world.gateway)
    claims = [
        driving.claim("events", row[0])
        for row in world.database.rows("SELECT id FROM inbox_event WHERE type = 'refund.created' AND state = 'received'")
    ]
    assert len(claims) == 1
    ids, at = {"merchant_id": world.shop.id}, build.now()
    ways: list[Callable[[], Any]] = [
        lambda: webhooks.handle_one(claims[0], now=at),
        lambda: questions.look_up_refund(refund_id=refund_id, now=at, **ids),
        lambda: questions.look_up(payment_id=world.payment_id, now=at, **ids),
        lambda: recovery.resume(due.Claim(world.shop.id, operation_id, 2), now=at),
        lambda: refund(world).status,
    ] * 2
    got = driving.tally(in_parallel(len(ways), lambda i: ways[i]()))
    assert got.keys() <= {"applied", "nothing_new", "done", "succeeded", "known", "201", "202", InProgress.__name__}
    drain()
    assert_all_back_once(world)
    assert told(refund(world)) == (201, "succeeded", TOTAL)


def test_one_dashboard_refund_told_by_all_its_events_at_once_is_one_row(world: World) -> None:
    """S-25, S-53, R-J1: a report that names no refund of ours, by six paths at the same instant."""
    paid(world)
    at_the_dashboard(world, 640)
    driving.hear(world.database, world.shop, world.gateway)
    ask = {"merchant_id": world.shop.id, "payment_id": world.payment_id, "now": build.now()}
    ways: list[Callable[[], Any]] = [drain, lambda: questions.look_up(**ask)] * 3
    got = in_parallel(len(ways), lambda i: ways[i]())
    assert [each for each in got if isinstance(each, Exception)] == []
    drain()
    end = picture(world)
    assert (end.refunds, end.ledger, end.messages.count("refunded")) == (
        [("provider", "succeeded", 640)], sold(2000), 1,
    )  # fmt: skip
