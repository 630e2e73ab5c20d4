"""The provider's answer to our question is late, lost, cut or a lie. Nobody pays twice, and nobody is told "failed" in doubt."""

import json
import socket
from typing import Any

import pytest

from holdfast.flows import recovery
from holdfast.kernel import limits
from tests import build
from tests.crash.world import TOTAL, World
from tests.gateway_process import free_port
from tests.integration import driving
from tests.integration.driving import charged, sessions

OPEN = "POST /v1/checkout/sessions"
#: mood → how many tries of the SDK meet it: it repeats on silence and 5xx, and not on an answer that is cut. While the gateway
#: is silent it keeps the key, as Stripe does: the second try is told that the first is still being worked on.
BREAKS = {"timeout_before": 1, "timeout_after": 2, "reset_after": 2, "truncate": 1, "error_after": 2, "fail_before": 2}


@pytest.mark.parametrize("mood", BREAKS)
def test_a_broken_answer_leaves_one_attempt_that_is_found(world: World, mood: str) -> None:
    """S-29, S-42, S-71, R-E2: 202 while nobody knows; the same key leads to the same attempt and to one session."""
    world.fill()
    world.gateway.mood_next(OPEN, mood, times=BREAKS[mood])
    first = world.check_out()
    payment_id = world.payment_id
    if first.status == 202:
        assert (world.payment.state, world.state) == ("unknown", "payment_pending")
        assert world.count("idempotency_key", "status IS NULL") == 1
        told = json.loads(first.body)
        assert (told["order"]["status"], told["payment"]["url"]) == ("pending", "")

    second = driving.until(lambda: _repeated(world), lambda answer: answer.status != 202)
    assert (second.status, world.payment_id, world.payment.state) == (201, payment_id, "open")
    assert sessions(world.shop, world.gateway) == 1
    assert world.check_out() == second
    world.finish()


@pytest.mark.parametrize("mood", BREAKS)
def test_a_broken_answer_is_found_by_the_worker_alone(world: World, mood: str) -> None:
    """S-29, S-43: the customer does not come back with the request; the worker finds out, and the answer waits under the key."""
    world.fill()
    world.gateway.mood_next(OPEN, mood, times=BREAKS[mood])
    world.check_out()
    driving.until(world.recover, lambda _: world.payment.state != "unknown")
    assert (world.payment.state, world.state) == ("open", "payment_pending")
    assert sessions(world.shop, world.gateway) == 1
    assert world.check_out().status == 201
    assert world.count("payments_operation") == world.count("payments_payment") == 1
    world.finish()


def test_a_failure_that_made_nothing_and_is_kept_under_the_key_ends_the_attempt(world: World) -> None:
    """S-71, S-12: the key will never make a session, and none is there. The customer can pay again at once."""
    world.fill()
    world.gateway.mood_next(OPEN, "fail_during", times=2)
    first = world.check_out()
    assert (first.status, world.payment.state, world.state) == (201, "failed", "payment_failed")
    assert (sessions(world.shop, world.gateway), build.stock(world.shop)) == (0, (10, 0))
    assert world.check_out() == first
    world.pay_again()
    world.finish(dead_attempts=("failed",))


def test_a_payment_in_doubt_never_ends_by_time(world: World) -> None:
    """R-D4, S-52: a day without a word from the provider, then it says "paid". The order is paid, late."""
    world.fill()
    world.gateway.mood_next(OPEN, "reset_after", times=2)
    world.check_out()
    reference = world.payment.pk.hex
    session = _session_of(world, reference)
    _account_at(world, f"http://127.0.0.1:{free_port()}")
    for hours in (1, 3, 20):
        driving.travel(world.database, hours=hours)
        driving.all_due(world.database, world.shop)
        build.work()
        assert world.payment.state == "unknown"
    assert world.state == "expired"
    assert build.stock(world.shop) == (10, 0)

    world.gateway.pay(session)
    _account_at(world, world.gateway.url)
    world.recover()
    assert world.state == "partially_fulfilled"  # the book is delivered, the mug waits for the merchant
    assert charged(world.shop, world.gateway) == [(reference, TOTAL)]
    assert (world.payment.state, world.payment.captured_minor) == ("captured", TOTAL)
    assert build.stock(world.shop) == (9, 0)


def test_what_was_never_sent_is_sent_later(world: World) -> None:
    """S-50: connection refused is certain, so the operation is not_sent, the payment not in doubt, and it is asked again."""
    world.fill()
    _account_at(world, f"http://127.0.0.1:{free_port()}")
    assert world.check_out().status == 202
    assert world.payment.state == "created"
    assert world.count("payments_operation", "state = 'not_sent'") == 1
    _account_at(world, world.gateway.url)
    world.recover()
    assert world.payment.state == "open"
    assert sessions(world.shop, world.gateway) == 1
    world.finish()


def test_every_webhook_is_lost_and_the_order_is_paid_all_the_same(world: World) -> None:
    """S-08, S-43: within the first published question, with the same follow-ups as by webhook."""
    world.place()
    world.pay()
    assert recovery.work_payments() == 0
    driving.travel(world.database, seconds=limits.POLL_AFTER[0].total_seconds() + 1)
    assert recovery.work_payments() == 1
    assert world.state == "paid"
    assert world.count("inbox_event") == 0
    world.finish()


def test_the_questions_about_an_open_payment_follow_the_published_schedule(world: World) -> None:
    """R-G1: 30 s after it opened, then at growing pauses, for ever hourly."""
    world.place()
    pauses = []
    for _ in range(len(limits.POLL_AFTER) + 1):
        sql = "SELECT extract(epoch FROM due_at - holdfast_now()) FROM payments_payment WHERE id = %s"
        pauses.append(round(float(world.database.value(sql, world.payment_id)), -1))
        driving.all_due(world.database, world.shop, "payments")
        assert recovery.work_payments() == 1
    assert pauses == [30, 60, 120, 300, 600, 1800, 3600, 3600]


def test_a_person_who_looks_is_answered_by_a_fresh_question(world: World) -> None:
    """S-41: at most once in ten seconds, however many look."""
    world.place()
    world.pay()
    at = build.now()
    for _ in range(3):
        recovery.look(merchant_id=world.shop.id, payment_id=world.payment_id, now=at)
    assert recovery.work_payments() == 1
    assert world.state == "paid"


def test_a_provider_that_is_deaf_costs_no_money_and_no_lock(world: World) -> None:
    """A listener that accepts and never answers: the shopper waits for our patience, not for the provider's."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        _account_at(world, f"http://127.0.0.1:{deaf.getsockname()[1]}")
        world.fill()
        assert world.check_out().status == 202
    assert world.payment.state == "unknown"
    _account_at(world, world.gateway.url)
    world.recover()
    assert (world.payment.state, sessions(world.shop, world.gateway)) == ("open", 1)


def _repeated(world: World) -> Any:
    """The client repeats its request, after the time that a request may hold its key."""
    driving.all_due(world.database, world.shop)
    return world.check_out()


def _session_of(world: World, reference: str) -> str:
    import httpx

    headers = {"Authorization": f"Bearer {world.shop.secret_key}"}
    told = httpx.get(f"{world.gateway.url}/v1/checkout/sessions", headers=headers, trust_env=False).json()
    (session,) = [each for each in told["data"] if each["client_reference_id"] == reference]
    return str(session["id"])


def _account_at(world: World, address: str) -> Any:
    from holdfast.flows import setup

    keys = {"secret_key": world.shop.secret_key, "webhook_secrets": [build.WEBHOOK_SECRET], "api_base": address}
    return setup.open_account(merchant_id=world.shop.id, provider="stripe", mode="test", credentials=keys, now=build.now())
