"""What every provider that can hold money must keep: it is taken once, or let go of, and it can lapse."""

import time

import pytest
from shops import SILENT_S, outcome

from holdfast.providers.contract import Declined, Kind, NotSent

pytestmark = pytest.mark.needs("captures_later")


@pytest.fixture
def held(shop):
    return shop.money(manual_capture=True)


def stands(held) -> tuple:
    report = held.fetch()
    return report.kind, report.amount_minor


@pytest.mark.parametrize("amount", [2500, 1800, 1])
def test_held_money_is_taken_once_whole_or_in_part(held, amount):
    assert stands(held) == (Kind.AUTHORIZED, 2500)
    for report in (held.capture(amount), held.capture(amount), held.fetch()):
        assert (report.kind, report.amount_minor, report.currency) == (Kind.CAPTURED, amount, "EUR")
        assert (report.object_id, report.reference) == (held.id, held.attempt.reference)
        assert report.provider_id == held.taken.provider_id
        assert report.live is False


def test_a_second_capture_with_another_key_takes_nothing_more(held):
    held.capture(1800)
    again = held.capture(2500, key="again")
    assert (again.kind, again.amount_minor) == (Kind.CAPTURED, 1800)
    assert stands(held) == (Kind.CAPTURED, 1800)


def test_more_than_is_held_is_declined_and_can_be_tried_again(held):
    with pytest.raises(Declined) as no:
        held.capture(2501)
    report = no.value.report
    assert (report.kind, report.object_id, report.reference) == (Kind.AUTHORIZED, held.id, held.attempt.reference)
    assert stands(held) == (Kind.AUTHORIZED, 2500)
    assert held.capture(2500, key="again").amount_minor == 2500


def test_a_hold_that_lapsed_cannot_be_taken(shop, held):
    shop.lapse(held)
    assert stands(held)[0] is Kind.EXPIRED
    with pytest.raises(Declined) as no:
        held.capture()
    assert (no.value.report.kind, no.value.report.reference) == (Kind.EXPIRED, held.attempt.reference)
    assert held.close().kind is Kind.EXPIRED


def test_held_money_is_let_go_of_and_cannot_be_taken_any_more(held):
    for report in (held.close(), held.close(), held.fetch()):
        assert (report.kind, report.reference) == (Kind.CANCELLED, held.attempt.reference)
        assert report.provider_id == held.taken.provider_id
    with pytest.raises(Declined) as no:
        held.capture()
    assert no.value.report.kind is Kind.CANCELLED
    assert stands(held)[0] is Kind.CANCELLED


def test_letting_go_of_money_that_was_taken_tells_of_it(held):
    held.capture(1800)
    report = held.close()
    assert (report.kind, report.amount_minor, report.object_id) == (Kind.CAPTURED, 1800, held.id)


def test_a_part_that_was_taken_is_all_that_can_be_returned(shop, held):
    held.capture(1800)
    with pytest.raises(Declined):
        held.refund(1801).ask()
    assert held.refund(1800).ask().amount_minor == 1800
    assert shop.refunds_at_the_provider(held) == [1800]


@pytest.mark.needs("has_webhooks")
def test_a_capture_is_the_same_fact_by_every_path(shop, held):
    told = [held.capture(1800), held.fetch(), *shop.hear()]
    captured = {(r.object_id, r.amount_minor, r.currency, r.reference) for r in told if r.kind is Kind.CAPTURED}
    assert captured == {(held.id, 1800, "EUR", held.attempt.reference)}


@pytest.mark.needs("has_webhooks")
def test_a_hold_that_ended_is_heard_of_in_one_voice(shop):
    lapsed, freed = shop.money(manual_capture=True), shop.money(manual_capture=True)
    shop.lapse(lapsed)
    freed.close()
    heard = {(r.reference, r.kind) for r in shop.hear() if r.kind in (Kind.EXPIRED, Kind.CANCELLED, Kind.CAPTURED)}
    assert heard == {(lapsed.attempt.reference, Kind.EXPIRED), (freed.attempt.reference, Kind.CANCELLED)}


def test_a_bad_day_of_a_capture_takes_once_or_not_at_all(shop, held, bad_capture_day):
    """S-29, S-71."""
    shop.gateway.mood_next(shop.capture_operation, bad_capture_day.mood, times=bad_capture_day.times)
    assert outcome(lambda: held.capture(1800)) == bad_capture_day.first
    assert stands(held)[0] == bad_capture_day.then
    if bad_capture_day.mood == "timeout_before":
        time.sleep(SILENT_S)
    key = "again" if bad_capture_day.first == "Declined" else "capture"
    assert held.capture(1800, key=key).amount_minor == 1800
    assert stands(held) == (Kind.CAPTURED, 1800)


def test_a_bad_day_of_letting_go_ends_without_a_hold(shop, held, bad_void_day):
    shop.gateway.mood_next(shop.void_operation, bad_void_day.mood, times=bad_void_day.times)
    assert outcome(held.close) == bad_void_day.first
    assert stands(held)[0] == bad_void_day.then
    if bad_void_day.mood == "timeout_before":
        time.sleep(SILENT_S)
    assert held.close().kind is Kind.CANCELLED
    assert stands(held)[0] is Kind.CANCELLED


def test_bad_credentials_capture_nothing(shop, held, bad_credentials):
    held.attempt.shop = shop.with_credentials(**bad_credentials)
    for ask in (held.capture, held.close):
        with pytest.raises(NotSent) as refused:
            ask()
        assert shop.blames in refused.value.detail
    held.attempt.shop = shop
    assert stands(held) == (Kind.AUTHORIZED, 2500)
