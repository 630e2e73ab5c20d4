"""One capture is learned by many paths at the same instant: one posting, one order, one message, and nobody sees an error."""

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

from holdfast.db import due
from holdfast.flows import questions, recovery, reports, webhooks
from holdfast.orders import services as orders
from holdfast.orders.models import Order
from holdfast.payments import services as payments
from holdfast.providers import registry
from tests import build
from tests.conftest import in_parallel
from tests.crash.world import LEDGER, TOTAL, World
from tests.integration import driving

PATHS = 10
DELIVERIES = 50


def assert_paid_once(world: World) -> None:
    assert world.order_id is not None
    assert driving.picture(world.database, world.order_id) == driving.Picture(
        order="paid",
        payments=[("captured", TOTAL)],
        facts=[("capture", TOTAL)],
        ledger=LEDGER,
        stock=[(9, 0)],
        reservations=["committed"],
        messages=["order_paid"],
        fulfilments=["download pending", "shipment pending"],
        cases=[],
    )
    assert world.count("ledger_entry") == 2
    assert world.count("inventory_movement", "cause = 'sold'") == 1
    moves = world.database.rows("SELECT target FROM db_transition WHERE subject_id = %s ORDER BY id", world.order_id)
    assert [row[0] for row in moves] == ["payment_pending", "paid"]


def ways_to_learn(world: World) -> list[Callable[[], Any]]:
    """The return page's look-up, the poll, the late reply and both webhooks: five ways, twice."""
    claims = [claim for claim in due.claim("events", batch=50) if claim.id in _decisive(world)]
    assert len(claims) == 2
    adapter, at = registry.provider("stripe"), build.now()
    question = dict(merchant_id=world.shop.id, payment_id=world.payment_id, now=at)  # noqa: C408
    account = _handle(world)
    reply = adapter.fetch(reference=world.payment.pk.hex, provider_id=world.payment.provider_id, account=account)
    assert reply is not None
    return [
        lambda: questions.look_up(**question),
        lambda: reports.apply(reply, merchant_id=world.shop.id, now=at).verdict,
        lambda: webhooks.handle_one(claims[0], now=at),
        lambda: webhooks.handle_one(claims[1], now=at),
        lambda: recovery.poll(due.Claim(world.shop.id, world.payment_id, 1), now=at),
    ] * 2


def _decisive(world: World) -> set[Any]:
    types = "type IN ('payment_intent.succeeded', 'checkout.session.completed')"
    return {row[0] for row in world.database.rows(f"SELECT id FROM inbox_event WHERE {types}")}


def _handle(world: World) -> Any:
    from holdfast.db.tenancy import reading
    from holdfast.merchants import queries as merchants

    with reading(world.shop.id):
        return merchants.handle(merchants.account(world.shop.account_id))


def test_ten_paths_at_the_same_instant_are_one_capture(world: World) -> None:
    """S-02, S-03: return page, poll, reply and webhooks together."""
    world.place()
    world.pay()
    world.hear()
    ways = ways_to_learn(world)
    told = driving.tally(in_parallel(PATHS, lambda i: ways[i]()))
    assert told.keys() <= {"applied", "nothing_new", "done"}
    assert sum(told.values()) == PATHS
    assert_paid_once(world)
    assert world.check_out().status == 201


def test_without_the_lock_of_the_order_callers_run_into_each_other(world: World) -> None:
    """Control of S-02: all have read "open" before anybody writes "captured". The database's laws still allow one posting; what
    the lock gives is that nobody is shown an error."""
    world.place()
    world.pay()
    world.hear()
    ways = ways_to_learn(world)
    everybody_has_looked = threading.Barrier(PATHS)
    real = payments.record_fact

    def record_fact(*said: Any, **more: Any) -> int:
        everybody_has_looked.wait(driving.PATIENCE_S)
        return real(*said, **more)

    world.patch.setattr(orders, "lock_orders", lambda keys: {row.pk: row for row in Order.objects.filter(pk__in=keys)})
    world.patch.setattr(payments, "record_fact", record_fact)
    told = in_parallel(PATHS, lambda i: (ways[0], ways[1])[i % 2]())
    errors = driving.tally(type(each).__name__ for each in told if isinstance(each, Exception))
    print(f"\ncontrol, no lock on the order: {errors} of {PATHS} callers")
    assert sum(errors.values()) == PATHS - 1
    assert world.count("ledger_entry", "kind = 'capture'") == 1


def test_fifty_parallel_deliveries_of_one_event_are_one_event(world: World) -> None:
    """S-25, R-F2, R-F3: fifty deliveries counted, one event, handled by five workers at once."""
    world.place()
    world.pay()
    (event,) = driving.events(world.shop, world.gateway, "payment_intent.succeeded")
    fresh = in_parallel(DELIVERIES, lambda _: driving.receive(world.database, world.shop, event))
    assert sorted(fresh) == [0] * (DELIVERIES - 1) + [1]
    assert (world.count("inbox_event"), world.count("inbox_delivery")) == (1, DELIVERIES)
    assert world.count("db_payload", "kind = 'webhook'") == 1
    handled = in_parallel(5, lambda _: webhooks.work())
    assert sorted(handled) == [0, 0, 0, 0, 1]
    assert_paid_once(world)
    assert driving.receive(world.database, world.shop, event) == 0
    assert webhooks.work() == 0
    assert world.count("inbox_delivery") == DELIVERIES + 1


def test_without_the_unique_event_fifty_deliveries_are_fifty_events_and_still_one_capture(world: World) -> None:
    """Control of S-25: without the inbox's wall each delivery is an event of its own; the door stands behind it."""
    world.place()
    world.pay()
    (event,) = driving.events(world.shop, world.gateway, "payment_intent.succeeded")
    with world.database.as_owner() as owner:
        (source,) = owner.execute("SELECT pg_get_functiondef('holdfast_receive'::regproc)").fetchone()
        unguarded, guards = re.subn(r"WHERE \(SELECT true.*?DO NOTHING", "", source, flags=re.DOTALL)
        assert guards == 1
        owner.execute("ALTER TABLE inbox_event DROP CONSTRAINT inbox_event_once")
        owner.execute(unguarded.encode())
    in_parallel(DELIVERIES, lambda _: driving.receive(world.database, world.shop, event))
    events = world.count("inbox_event")
    handled = in_parallel(5, lambda _: _drain())
    print(f"\ncontrol, no unique event: {events} events of one, handled {sum(handled)} times")
    assert events == sum(handled) == DELIVERIES
    assert_paid_once(world)


def _drain() -> int:
    total = 0
    while claimed := webhooks.work():
        total += claimed
    return total


def test_one_claim_in_the_hands_of_two_workers_is_applied_once(world: World) -> None:
    """R-F4: a lease that ended too early. Five workers hold the same claims."""
    world.place()
    world.pay()
    world.hear()
    claims = due.claim("events", batch=50)
    told = in_parallel(5, lambda _: [webhooks.handle_one(claim, now=build.now()) for claim in claims])
    assert {outcome for each in told for outcome in each} == {"done", "ignored"}
    assert_paid_once(world)


def test_two_events_of_one_payment_within_a_millisecond_are_both_applied(world: World) -> None:
    """S-53: on two workers, in both orders of arrival."""
    world.place()
    world.pay()
    world.hear()
    claims = [claim for claim in due.claim("events", batch=50) if claim.id in _decisive(world)]
    told = in_parallel(2, lambda i: webhooks.handle_one(claims[i], now=build.now()))
    assert told == ["done", "done"]
    assert_paid_once(world)


# -- The provider is quicker than we are ------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["webhook", "poll"])
def test_money_that_is_reported_before_our_own_commit_is_applied(world: World, by: str) -> None:
    """S-11, S-53: the customer has paid, and the world knows it, while the checkout has not written the provider's reply."""
    real = questions._apply

    def overtaken(question: Any, report: Any, outcome: str, *, now: Any) -> str:
        assert report is not None
        world.gateway.pay(report.provider_id)
        world.payment_id = question.payment_id
        if by == "webhook":
            world.hear()
            webhooks.work()
        else:
            questions.look_up(merchant_id=world.shop.id, payment_id=question.payment_id, now=now)
        world.order_id = world.payment.order_id
        assert_paid_once(world)
        return real(question, report, outcome, now=now)

    world.patch.setattr(questions, "_apply", overtaken)
    world.fill()
    first = world.check_out()
    assert first.status == 201
    assert_paid_once(world)
    assert world.check_out() == first
    assert driving.sessions(world.shop, world.gateway) == 1


def test_an_event_before_the_payment_is_committed_waits_and_is_applied(world: World) -> None:
    """S-11: stored, waiting, applied afterwards; never dropped, and no sleep."""
    from holdfast.payments.models import Payment

    seen: list[tuple[str, str]] = []

    def at_the_last_moment(name: str) -> None:
        if name != "checkout.place:before" or seen:
            return
        placed = Payment.objects.get()
        world.payment_id = placed.pk
        early = driving.paid_event(_Uncommitted(placed))
        driving.receive(world.database, world.shop, early)
        driving.Aside(webhooks.work).result()
        seen.extend(world.database.rows("SELECT state, error FROM inbox_event"))

    world.patch.setattr("holdfast.db.tenancy.fault_point", at_the_last_moment)
    world.fill()
    assert world.check_out().status == 201
    ((state, error),) = seen
    assert (state, error.split(":")[0]) == ("waiting", "early")
    assert world.state == "payment_pending"
    driving.all_due(world.database, world.shop, "events")
    assert webhooks.work() == 1
    assert_paid_once(world)


class _Uncommitted:
    """The world, as the transaction that is placing the order sees it."""

    def __init__(self, payment: Any) -> None:
        self.payment = payment
