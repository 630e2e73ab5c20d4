"""What every provider must keep, whatever the network does. A new provider joins by a file `shop_<provider>.py`."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from gateway_process import GatewayProcess, free_port
from shops import SILENT_S, outcome, subclasses

from holdfast.kernel import clock
from holdfast.kernel.errors import HoldfastError
from holdfast.providers.contract import Declined, Kind, NotSent, Unknown, Unproven
from holdfast.providers.registry import ADAPTERS


def test_every_provider_has_a_shop():
    assert set(subclasses()) == set(ADAPTERS)


def test_an_attempt_opens_with_our_reference_and_no_more_claims_than_it_knows(shop):
    attempt = shop.attempt()
    report = attempt.open()
    assert (report.kind, report.reference, report.provider, report.account_id) == (
        shop.opened, attempt.reference, shop.name, shop.account.id,
    )  # fmt: skip
    assert report.live is False
    assert report.provider_id
    assert abs((report.occurred_at - clock.now()).total_seconds()) < 60
    money = (2500, shop.currency) if report.kind is Kind.CAPTURED else (None, None)
    assert (report.amount_minor, report.currency) == money
    assert bool(report.pay_url) is shop.has_page
    assert bool(report.pay_url or report.show) == (report.kind is Kind.OPENED)


def test_the_same_key_opens_once(shop):
    attempt = shop.attempt()
    first, second = attempt.open(), attempt.open()
    assert first.provider_id == second.provider_id
    assert shop.attempts_at_the_provider() == 1


def test_two_attempts_are_two(shop):
    assert shop.attempt().open().provider_id != shop.attempt().open().provider_id
    assert shop.attempts_at_the_provider() == 2


def test_eight_at_once_with_one_key_open_once(shop):
    """A client that lost patience, a worker that recovers and a second tab all ask with the committed key."""
    attempt, start = shop.attempt(), threading.Barrier(8)

    def ask() -> str | None:
        start.wait()
        try:
            return attempt.open().provider_id
        except Unknown:  # Stripe answers 409 while the first is at it.
            return None

    with ThreadPoolExecutor(8) as pool:
        ids = {future.result() for future in [pool.submit(ask) for _ in range(8)]} - {None}
    assert len(ids) == 1
    assert shop.attempts_at_the_provider() == 1


def test_what_was_opened_is_found_by_our_reference_alone(shop):
    attempt = shop.attempt()
    opened = attempt.open()
    shop.attempt().open()
    found = attempt.fetch()
    assert (found.provider_id, found.kind, found.reference) == (opened.provider_id, shop.opened, attempt.reference)
    assert attempt.fetch(opened.provider_id).provider_id == opened.provider_id


@pytest.mark.needs("is_remote")
def test_what_was_never_asked_is_certainly_not_there(shop):
    shop.attempt().open()
    assert shop.attempt().fetch() is None


def test_a_bad_day_has_its_meaning_and_leaves_one_attempt_or_none(shop, bad_day):
    """S-29, S-71, R-D8."""
    attempt = shop.attempt()
    shop.gateway.mood_next(shop.operation, bad_day.mood, times=bad_day.times)
    assert outcome(attempt.open) == bad_day.first
    assert shop.gateway.control("GET", "/moods")["next"] == []
    assert outcome(attempt.fetch) == bad_day.then
    assert shop.attempts_at_the_provider() == (0 if bad_day.then == "nothing" else 1)
    if bad_day.mood == "timeout_before":
        time.sleep(SILENT_S)
    if bad_day.first != "Declined":
        assert attempt.open().kind is shop.opened
        assert shop.attempts_at_the_provider() == 1


def test_a_declined_attempt_says_so_in_a_report(shop, declining_day):
    shop.gateway.mood_next(shop.operation, declining_day.mood, times=declining_day.times)
    attempt = shop.attempt()
    with pytest.raises(Declined) as no:
        attempt.open()
    report = no.value.report
    assert (report.kind, report.reference, report.account_id) == (Kind.FAILED, attempt.reference, shop.account.id)
    assert (report.amount_minor, report.object_id, report.live) == (None, None, False)
    assert report.raw_status


@pytest.mark.needs("is_remote")
def test_a_closed_door_means_not_sent(shop):
    away = shop.another(api_base=f"http://127.0.0.1:{free_port()}")
    attempt = away.attempt()
    with pytest.raises(NotSent):
        attempt.open()
    with pytest.raises(NotSent):
        attempt.fetch()
    with pytest.raises(NotSent):
        attempt.close(shop.some_id)


def test_bad_credentials_mean_not_sent_and_never_pending(shop, bad_credentials):
    """S-48."""
    attempt = shop.with_credentials(**bad_credentials).attempt()
    with pytest.raises(NotSent) as refused:
        attempt.open()
    assert shop.blames in refused.value.detail
    for secret in filter(None, bad_credentials.values()):
        assert str(secret) not in refused.value.detail


@pytest.mark.needs("is_remote")
def test_another_accounts_attempt_is_not_found_by_its_reference(shop):
    attempt = shop.attempt()
    attempt.open()
    attempt.shop = shop.another()
    assert attempt.fetch() is None


@pytest.mark.needs("is_remote")
def test_a_provider_that_was_killed_and_came_back_still_knows(shop, tmp_path):
    with GatewayProcess(tmp_path / "books") as mortal:
        mortal.moods(**shop.quiet)
        own = type(shop)(mortal)
        attempt = own.attempt()
        opened = attempt.open()
        mortal.kill()
        for ask in (attempt.open, attempt.fetch):
            with pytest.raises(HoldfastError) as silent:
                ask()
            assert isinstance(silent.value, NotSent | Unknown)
        mortal.start()
        mortal.moods(**shop.quiet)
        assert attempt.fetch().provider_id == opened.provider_id
        assert attempt.open().provider_id == opened.provider_id
        assert own.attempts_at_the_provider() == 1


def test_closing_tells_what_is_true_and_may_be_repeated(shop):
    attempt = shop.attempt()
    opened = attempt.open()
    first, second = attempt.close(opened.provider_id), attempt.close(opened.provider_id)
    assert (first.kind, second.kind) == (shop.closed, shop.closed)
    assert first.reference == second.reference == attempt.reference


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b'{"id":"evt_1","object":"event","type":"a.b","created":1}'])
@pytest.mark.parametrize("headers", [{}, {"stripe-signature": "t=1,v1=00"}, {"x-signature": "ts=1,v1=00"}])
def test_without_proof_there_is_no_event(shop, headers, body):
    with pytest.raises(Unproven):
        shop.adapter.verify(headers=headers, body=body, credentials=shop.account.credentials, now=clock.now())


@pytest.mark.parametrize("type_", ["", "payment_intent.settlement_rerouted", "invoice.paid", "a type of the future"])
def test_an_event_of_another_type_says_nothing(shop, type_):
    """S-68."""
    assert shop.adapter.read(body=b"{}", type=type_, account=shop.account) is None


def test_the_request_survives_being_stored_as_json(shop):
    attempt = shop.attempt()
    opened = attempt.open()
    attempt.request = json.loads(json.dumps(attempt.request))
    assert attempt.open().provider_id == opened.provider_id
