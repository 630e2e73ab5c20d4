"""What a worker does with an event that fails, kills, comes too early, or finds its order locked."""

from collections.abc import Callable
from typing import Any

import pytest

from holdfast.db import due
from holdfast.flows import recovery, reports, webhooks
from holdfast.flows.questions import Question
from holdfast.kernel import limits
from holdfast.kernel.faults import Crash
from holdfast.kernel.ids import new_id
from holdfast.orders import services as orders
from holdfast.providers import registry
from tests.crash.world import World
from tests.integration import driving
from tests.integration.driving import altered, paid_event


def events_due(world: World) -> None:
    driving.all_due(world.database, world.shop, "events")


def states(world: World) -> dict[str, int]:
    return driving.tally(row[0] for row in world.rows("SELECT state FROM inbox_event"))


def poisoned(world: World, *, kills: Callable[[dict[str, Any]], bool]) -> list[str]:
    """From now on, reading an event that `kills` ends the worker. Returns the list of the deaths, as they come."""
    import json

    adapter, deaths = registry.provider("stripe"), []
    real = adapter.read

    def read(*, body: bytes, type: str, account: Any) -> Any:
        event = json.loads(body)
        if kills(event):
            deaths.append(event["id"])
            raise Crash("poison")
        return real(body=body, type=type, account=account)

    world.patch.setattr(adapter, "read", read)
    return deaths


def test_an_event_that_kills_its_worker_is_parked_and_its_neighbours_are_applied(world: World) -> None:
    """R-F4: a poison pill does not loop for ever, and the innocents of its batch are not blamed for the deaths."""
    world.place()
    world.pay()
    innocent = driving.events(world.shop, world.gateway)
    poison = {**altered(paid_event(world)), "type": "customer.poisoned"}
    driving.receive(world.database, world.shop, poison, *innocent)
    deaths = poisoned(world, kills=lambda event: event["id"] == poison["id"])
    workers = 0
    while world.count("inbox_event", "state IN ('received', 'waiting')"):
        workers += 1
        assert workers < 20, "the pill loops"
        events_due(world)
        try:
            webhooks.work()
        except Crash:
            continue  # the supervisor starts another
    assert len(deaths) == limits.EVENT_DEATHS + 1
    assert world.rows("SELECT provider_event_id, state FROM inbox_event")[0] is not None
    parked = world.database.rows(
        "SELECT provider_event_id FROM inbox_event WHERE state = 'parked' AND merchant_id = %s", world.shop.id
    )
    assert parked == [(poison["id"],)]
    assert [row[0] for row in world.rows("SELECT kind FROM cases_case")] == ["parked"]
    assert world.state == "paid"


def test_failures_after_a_death_are_failures(world: World) -> None:
    """R-F4, S-11: one death long ago, then the event is early a few times. Nobody died of it again, so it is not parked."""
    world.place()
    early = altered(paid_event(world), metadata={"holdfast_payment": new_id().hex})
    driving.receive(world.database, world.shop, early)
    assert [claim.attempts for claim in due.claim("events")] == [1]  # and the worker dies
    for _ in range(limits.EVENT_DEATHS + 3):
        events_due(world)
        assert webhooks.work() == 1
    assert states(world) == {"waiting": 1}
    assert world.count("cases_case") == 0


def test_a_locked_order_after_a_death_is_not_another_death(world: World) -> None:
    """R-H2, R-F4: Busy is never counted as a failed try."""
    world.place()
    driving.receive(world.database, world.shop, paid_event(world))
    due.claim("events")  # and the worker dies
    with world.database.as_owner() as connection, connection.transaction():
        connection.execute("SELECT 1 FROM orders_order WHERE id = %s FOR UPDATE", [world.order_id])
        world.patch.setattr(orders, "lock_orders", _impatient_lock)
        for _ in range(limits.EVENT_DEATHS + 3):
            events_due(world)
            assert webhooks.work() == 1
    assert world.rows("SELECT state, failures, attempts FROM inbox_event") == [("received", 0, 1)]
    events_due(world)
    webhooks.work()
    assert (states(world), world.state) == ({"done": 1}, "paid")


def test_a_locked_order_is_not_a_failed_try(world: World) -> None:
    """R-H2: the event waits a moment and is applied once the order is free, however often it found it locked."""
    world.place()
    driving.receive(world.database, world.shop, paid_event(world))
    with world.database.as_owner() as connection, connection.transaction():
        connection.execute("SELECT 1 FROM orders_order WHERE id = %s FOR UPDATE", [world.order_id])
        world.patch.setattr(orders, "lock_orders", _impatient_lock)
        for _ in range(limits.EVENT_TRIES + 2):
            events_due(world)
            assert webhooks.work() == 1
        assert world.rows("SELECT state, failures, attempts, error FROM inbox_event") == [("received", 0, 0, "")]
    events_due(world)
    webhooks.work()
    assert (states(world), world.state) == ({"done": 1}, "paid")


def _impatient_lock(order_ids: Any) -> Any:
    """`lock_orders` with a lock timeout of a moment instead of three seconds."""
    from django.db import connection

    from holdfast.db.moves import lock_all
    from holdfast.orders.models import Order

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '20ms'")
    return lock_all(Order.objects.all(), order_ids)


def test_a_transient_failure_is_tried_again_and_a_done_event_is_not(world: World) -> None:
    """S-69, R-F3."""
    world.place()
    event = paid_event(world)
    driving.receive(world.database, world.shop, event)
    tries = []
    real = reports.record_all

    def record(*said: Any, **more: Any) -> Any:
        tries.append(said)
        if len(tries) < 3:
            raise RuntimeError("a bad moment")
        return real(*said, **more)

    world.patch.setattr(reports, "record_all", record)
    for expected in ("waiting", "waiting", "done"):
        events_due(world)
        webhooks.work()
        assert states(world) == {expected: 1}
    assert world.rows("SELECT failures, error FROM inbox_event") == [(2, "applied")]
    assert driving.receive(world.database, world.shop, event) == 0
    events_due(world)
    assert (webhooks.work(), len(tries)) == (0, 3)
    assert world.count("inbox_delivery") == 2


def test_an_event_that_fails_for_ever_is_parked_and_can_be_seen(world: World) -> None:
    """R-F4: after the documented number of tries, with the error on its row."""
    world.place()
    driving.receive(world.database, world.shop, paid_event(world))

    def broken(*said: Any, **more: Any) -> Any:
        raise RuntimeError("no way")

    world.patch.setattr(reports, "record_all", broken)
    for _ in range(limits.EVENT_TRIES):
        assert states(world) in ({"received": 1}, {"waiting": 1})
        events_due(world)
        webhooks.work()
    assert world.rows("SELECT state, failures, error FROM inbox_event") == [
        ("parked", limits.EVENT_TRIES, "RuntimeError: no way")
    ]
    assert [row[0] for row in world.rows("SELECT kind FROM cases_case")] == ["parked"]
    assert (world.state, world.count("ledger_entry")) == ("payment_pending", 0)


def test_an_operation_that_breaks_does_not_hold_up_its_neighbours(world: World) -> None:
    """A poisoned row of any lane: those that were claimed with it go on."""
    broken = []
    world.fill()
    world.gateway.mood_next("POST /v1/checkout/sessions", "reset_after", times=2)
    world.check_out()
    first = world.payment_id
    world.fill()
    world.gateway.mood_next("POST /v1/checkout/sessions", "reset_after", times=2)
    world.check_out()
    real = recovery.questions.ask

    def ask(question: Question, *, now: Any) -> str:
        if question.payment_id == first:
            broken.append(now)
            raise RuntimeError("a defect")
        return real(question, now=now)

    world.patch.setattr(recovery.questions, "ask", ask)
    driving.all_due(world.database, world.shop, "operations")
    with pytest.raises(RuntimeError, match="a defect"):
        recovery.work_operations()
    assert len(broken) == 1
    assert world.payment.state == "open"
    world.patch.undo()
    world.recover()
