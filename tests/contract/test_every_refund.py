"""What every provider must keep when money goes back, by whomever and whatever the network does."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from gateway_process import free_port
from shops import SILENT_S, outcome

from holdfast.kernel import clock
from holdfast.kernel.ids import new_id
from holdfast.providers.contract import (
    DISPUTE_KINDS,
    MONEY,
    REFUND_KINDS,
    Declined,
    Kind,
    NotSent,
    Pointer,
    Return,
    Unknown,
)

pytestmark = pytest.mark.needs("has_refunds")


def facts(reports) -> set:
    """What is the same by whatever path it was learned."""
    return {(r.kind, r.object_id, r.amount_minor, r.currency, r.money_id, r.refund_reference, r.live) for r in reports}


def of_refunds(reports) -> list:
    return [report for report in reports if report.kind in REFUND_KINDS]


@pytest.mark.parametrize("amount", [2500, 700, 1])
def test_a_refund_goes_back_once_and_says_of_what(shop, amount):
    money = shop.money()
    refund = money.refund(amount)
    report = refund.ask()
    assert (report.kind, report.amount_minor, report.currency) == (shop.refunded, amount, shop.currency)
    assert (report.refund_reference, report.money_id) == (refund.wanted.reference, money.id)
    assert (report.reference, report.provider, report.account_id) == (money.attempt.reference, shop.name, shop.account.id)
    assert report.object_id
    assert report.object_id != money.id
    assert report.live is False
    assert abs((report.occurred_at - clock.now()).total_seconds()) < 60
    assert shop.refunds_at_the_provider(money) == [amount]


def test_the_same_refund_asked_twice_is_one(shop):
    money = shop.money()
    refund = money.refund(700)
    assert refund.ask().object_id == refund.ask().object_id
    assert shop.refunds_at_the_provider(money) == [700]


def test_two_equal_refunds_of_a_part_are_two(shop):
    """S-05: nothing but the key tells them apart."""
    money = shop.money()
    ids = {money.refund(700).ask().object_id, money.refund(700).ask().object_id}
    assert len(ids) == 2
    assert shop.refunds_at_the_provider(money) == [700, 700]
    assert len(money.refunds()) == 2


def test_eight_at_once_with_one_key_refund_once(shop):
    money = shop.money()
    refund, start = money.refund(700), threading.Barrier(8)

    def ask() -> str | None:
        start.wait()
        try:
            return refund.ask().object_id
        except Unknown:  # The provider is at it already.
            return None

    with ThreadPoolExecutor(8) as pool:
        ids = {future.result() for future in [pool.submit(ask) for _ in range(8)]} - {None}
    assert len(ids) == 1
    assert shop.refunds_at_the_provider(money) == [700]


@pytest.mark.parametrize(("before", "wanted"), [(0, 2501), (2500, 1), (2500, 2500), (700, 1801)])
def test_more_than_was_captured_is_declined_and_nothing_moves(shop, before, wanted):
    money = shop.money()
    if before:
        money.refund(before).ask()
    refund = money.refund(wanted)
    with pytest.raises(Declined) as no:
        refund.ask()
    report = no.value.report
    assert (report.kind, report.object_id, report.amount_minor) == (Kind.REFUND_FAILED, None, None)
    assert (report.refund_reference, report.money_id, report.live) == (refund.wanted.reference, money.id, False)
    assert report.raw_status
    assert shop.refunds_at_the_provider(money) == ([before] if before else [])
    assert refund.fetch() is None or not shop.names_refunds


def test_a_bad_day_leaves_one_refund_or_none(shop, bad_refund_day):
    """S-04, S-30."""
    money = shop.money()
    refund = money.refund(700)
    shop.gateway.mood_next(shop.refund_operation, bad_refund_day.mood, times=bad_refund_day.times)
    assert outcome(refund.ask) == bad_refund_day.first
    assert shop.gateway.control("GET", "/moods")["next"] == []
    assert outcome(refund.fetch) == bad_refund_day.then
    assert shop.refunds_at_the_provider(money) == ([] if bad_refund_day.then == "nothing" else [700])
    if bad_refund_day.mood == "timeout_before":
        time.sleep(SILENT_S)
    if bad_refund_day.first != "Declined":
        assert refund.ask().kind is shop.refunded
        assert shop.refunds_at_the_provider(money) == [700]


@pytest.mark.needs("is_remote")
def test_a_closed_door_means_that_no_refund_was_sent(shop):
    money = shop.money()
    away = shop.another(secret_key=shop.secret_key, api_base=f"http://127.0.0.1:{free_port()}")
    money.attempt.shop = away
    for ask in (money.refund().ask, money.refund().fetch, lambda: away.adapter.look(pointer=at(money), account=away.account)):
        with pytest.raises(NotSent):
            ask()
    money.attempt.shop = shop
    assert shop.refunds_at_the_provider(money) == []


def test_bad_credentials_send_no_refund(shop, bad_credentials):
    """S-48."""
    money = shop.money()
    money.attempt.shop = shop.with_credentials(**bad_credentials)
    with pytest.raises(NotSent) as refused:
        money.refund().ask()
    assert shop.blames in refused.value.detail
    for secret in filter(None, bad_credentials.values()):
        assert str(secret) not in refused.value.detail
    assert shop.refunds_at_the_provider(money) == []


@pytest.mark.needs("is_remote")
def test_another_accounts_money_is_not_returned_and_not_said_to_be_impossible(shop):
    """Under the credentials of another account an earlier try may have been heard."""
    money = shop.money()
    money.attempt.shop = shop.another()
    with pytest.raises(Unknown):
        money.refund().ask()
    assert shop.refunds_at_the_provider(money) == []


@pytest.mark.needs("names_refunds")
def test_a_refund_is_found_by_its_id_and_by_our_reference_alone(shop):
    money = shop.money()
    money.refund(1).ask()
    refund = money.refund(700)
    made = refund.ask()
    money.refund(2).ask()
    assert facts([refund.fetch(), refund.fetch(made.object_id)]) == facts([made])


@pytest.mark.needs("names_refunds")
def test_a_refund_that_was_never_asked_for_is_certainly_not_there(shop):
    money = shop.money()
    money.refund(700).ask()
    assert money.refund(700).fetch() is None


def at(money) -> Pointer:
    return Pointer(kind=MONEY, id=money.id)


@pytest.mark.needs("names_refunds")
def test_an_attempt_is_told_with_its_refunds_oldest_first(shop):
    money = shop.money()
    assert (money.fetch().kind, list(money.fetch().also)) == (Kind.CAPTURED, [])
    made = [money.refund(amount).ask() for amount in (700, 800)]
    found = money.fetch()
    assert (found.kind, found.amount_minor, found.object_id) == (Kind.CAPTURED, 2500, money.id)
    assert facts(found.also) == facts(made)
    assert all(each.reference in (None, money.attempt.reference) for each in found.also)


@pytest.mark.needs("names_refunds")
def test_money_is_found_by_its_own_id_with_what_was_returned(shop):
    money = shop.money()
    made = money.refund(700).ask()
    found = shop.adapter.look(pointer=at(money), account=shop.account)
    assert (found.kind, found.reference, found.amount_minor) == (Kind.CAPTURED, money.attempt.reference, 2500)
    assert (found.object_id, found.provider_id) == (money.id, money.taken.provider_id)
    assert facts(found.also) == facts([made])


def test_what_a_pointer_names_and_nobody_knows_is_nothing(shop):
    shop.money()
    for id_ in ("pi_none", new_id().hex):
        assert shop.adapter.look(pointer=Pointer(kind=MONEY, id=id_), account=shop.account) is None
    assert shop.another().adapter.look(pointer=Pointer(kind="a kind of the future", id="1"), account=shop.account) is None


@pytest.mark.needs("is_remote")
def test_another_accounts_money_is_nothing_of_ours(shop):
    money = shop.money()
    assert shop.adapter.look(pointer=at(money), account=shop.another().account) is None


@pytest.mark.needs("has_webhooks", "names_refunds")
def test_our_refund_is_the_same_fact_by_every_path(shop):
    """S-03."""
    money = shop.money()
    refund = money.refund(700)
    told = [refund.ask(), refund.fetch(), *money.refunds(), *of_refunds(shop.hear())]
    told += of_refunds(shop.adapter.look(pointer=at(money), account=shop.account).also)
    assert facts(told) == facts(told[:1])
    assert len(told) >= 5


@pytest.mark.needs("has_dashboard")
def test_a_refund_past_us_is_seen_by_look_and_has_no_reference_of_ours(shop):
    money = shop.money()
    ours = money.refund(700).ask()
    theirs = shop.refund_at_the_dashboard(money, 800)
    assert shop.refunds_at_the_provider(money) == [700, 800]
    by_id = {each.object_id: each for each in money.refunds()}
    assert set(by_id) == {ours.object_id, theirs}
    seen = by_id[theirs]
    assert (seen.kind, seen.amount_minor, seen.currency) == (Kind.REFUNDED, 800, shop.currency)
    assert (seen.money_id, seen.refund_reference) == (money.id, None)


@pytest.mark.needs("has_dashboard", "has_webhooks")
def test_a_refund_past_us_is_heard_of(shop):
    money = shop.money()
    theirs = shop.refund_at_the_dashboard(money, 800)
    heard = of_refunds(shop.hear())
    assert facts(heard) == facts(money.refunds())
    assert {report.object_id for report in heard} == {theirs}


@pytest.mark.needs("has_slow_refunds", "names_refunds")
@pytest.mark.parametrize("succeeded", [True, False])
def test_a_slow_refund_is_pending_until_it_is_done_or_fails(shop, succeeded):
    money = shop.money()
    refund = money.refund(700)
    shop.next_refund("pending")
    made = refund.ask()
    assert (made.kind, made.amount_minor, made.refund_reference) == (Kind.REFUND_PENDING, 700, refund.wanted.reference)
    assert refund.fetch().kind is Kind.REFUND_PENDING
    shop.settle_refund(made.object_id, succeeded=succeeded)
    ended = Kind.REFUNDED if succeeded else Kind.REFUND_FAILED
    for report in (refund.fetch(), refund.fetch(made.object_id), *money.refunds()):
        assert facts([report]) == facts([replace(made, kind=ended)])


@pytest.mark.needs("has_bouncing_refunds")
def test_a_refund_that_bounces_fails_after_it_had_been_done(shop):
    money = shop.money()
    refund = money.refund(2500)
    shop.next_refund("bounces")
    made = refund.ask()
    assert made.kind is Kind.REFUNDED
    shop.settle_refund(made.object_id, succeeded=False)
    assert facts([refund.fetch(), *money.refunds()]) == facts([replace(made, kind=Kind.REFUND_FAILED)])
    assert shop.refunds_at_the_provider(money) == []
    again = money.refund(2500)
    assert again.ask().object_id != made.object_id
    assert shop.refunds_at_the_provider(money) == [2500]


@pytest.mark.needs("has_disputes")
@pytest.mark.parametrize("won", [True, False])
def test_a_dispute_and_its_funds_are_told_apart(shop, won):
    money = shop.money()
    dispute = shop.dispute(money)

    def told() -> list[tuple]:
        reports = [each for each in money.fetch().also if each.kind in DISPUTE_KINDS]
        assert all((each.object_id, each.money_id) == (dispute, money.id) for each in reports)
        return [(each.kind, each.amount_minor, each.currency) for each in reports]

    withdrawn = (Kind.FUNDS_WITHDRAWN, 2500, shop.currency)
    assert told() == [(Kind.DISPUTE_OPENED, 2500, shop.currency), withdrawn]
    (opened,) = [each for each in money.fetch().also if each.kind is Kind.DISPUTE_OPENED]
    assert opened.due_at > clock.now()
    shop.close_dispute(dispute, won=won)
    ended = [(Kind.DISPUTE_WON, 2500, shop.currency), withdrawn, (Kind.FUNDS_REINSTATED, 2500, shop.currency)]
    assert told() == (ended if won else [(Kind.DISPUTE_LOST, 2500, shop.currency), withdrawn])


@pytest.mark.needs("has_disputes")
def test_disputed_money_is_not_returned_as_well(shop):
    money = shop.money()
    shop.dispute(money)
    with pytest.raises(Declined) as no:
        money.refund().ask()
    assert (no.value.report.kind, no.value.report.object_id) == (Kind.REFUND_FAILED, None)
    assert shop.refunds_at_the_provider(money) == []


@pytest.mark.needs("has_fees")
def test_the_statement_tells_what_was_kept_of_which_money(shop):
    before = clock.now()
    money, other = shop.money(), shop.money()
    lines = list(shop.adapter.statement(since=before, until=clock.now(), account=shop.account))
    fees = [line for line in lines if line.kind is Kind.FEE]
    assert {line.money_id for line in fees} == {money.id, other.id}
    assert all(line.amount_minor > 0 for line in fees)
    assert len({line.object_id for line in fees}) == len(fees)
    again = shop.adapter.statement(since=before, until=clock.now(), account=shop.account)
    assert {line.object_id for line in again} == {line.object_id for line in lines}


def test_a_refund_survives_being_committed_and_read_again(shop):
    """The wanted refund is all that a retry has."""
    money = shop.money()
    refund = money.refund(700)
    made = refund.ask()
    refund.wanted = Return(
        reference=refund.wanted.reference, money=replace(money.taken), amount_minor=700, reason=refund.wanted.reason
    )
    assert refund.ask().object_id == made.object_id
