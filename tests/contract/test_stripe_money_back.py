"""Stripe's own life of money that goes back: every event through `verify` and `read`, and every path tells the same facts."""

from dataclasses import replace

import pytest

from holdfast.kernel import clock
from holdfast.providers.contract import DISPUTE_KINDS, MONEY, REFUND_KINDS, Declined, Kind, Pointer, Source, Unknown

SLOW, BOUNCES = "4000000000007726", "4000000000005126"
MADE, CHANGED, BOUNCED, NUDGE = "refund.created", "refund.updated", "refund.failed", "charge.refunded"
TWIN = "charge.refund.updated"


@pytest.fixture
def money(stripe_shop):
    return stripe_shop.money()


def back(shop) -> list[tuple[str, str]]:
    """The events about money that went back, oldest first, with what they say."""
    return [(type_, str(said.kind)) for type_, said in shop.told() if said and type_.startswith(("refund.", "charge."))]


def facts(reports, kinds) -> set:
    return {(r.kind, r.object_id, r.amount_minor, r.currency, r.money_id, r.live) for r in reports if r.kind in kinds}


def heard(shop, type_) -> list:
    """What the events of one type say, with what they say besides."""
    return [each for named, said in shop.told() if named == type_ for each in (said, *said.also)]


def test_a_refund_of_ours_is_told_by_two_events_and_names_both_our_ids(stripe_shop, money):
    refund = money.refund(700)
    made = refund.ask()
    assert sorted(back(stripe_shop)) == [(NUDGE, MONEY), (MADE, "refunded")]
    (by_event,) = heard(stripe_shop, MADE)
    assert (by_event.reference, by_event.refund_reference) == (money.attempt.reference, refund.wanted.reference)
    assert (by_event.source, by_event.raw_status, by_event.provider_id) == (Source.WEBHOOK, "succeeded", None)
    assert facts([by_event], REFUND_KINDS) == facts([made], REFUND_KINDS) == {
        (Kind.REFUNDED, made.object_id, 700, "EUR", money.id, False)
    }  # fmt: skip


def test_stripe_keeps_our_words_about_a_refund(stripe_shop, money):
    refund = money.refund(700)
    refund.ask()
    (kept,) = stripe_shop.gateway.books(stripe_shop.secret_key)["refunds"]
    assert kept["metadata"] == {
        "holdfast_refund": refund.wanted.reference,
        "holdfast_payment": money.attempt.reference,
        "holdfast_reason": "Too small",
    }
    assert (kept["payment_intent"], kept["amount"], kept["currency"]) == (money.id, 700, "eur")


def test_the_nudge_of_a_charge_leads_to_the_whole_picture(stripe_shop, money):
    theirs = stripe_shop.refund_at_the_dashboard(money, 800)
    (pointer,) = [said for type_, said in stripe_shop.told() if type_ == NUDGE]
    assert pointer == Pointer(kind=MONEY, id=money.id)
    seen = stripe_shop.adapter.look(pointer=pointer, account=stripe_shop.account)
    assert (seen.kind, seen.amount_minor, seen.reference) == (Kind.CAPTURED, 2500, money.attempt.reference)
    assert facts(seen.also, REFUND_KINDS) == {(Kind.REFUNDED, theirs, 800, "EUR", money.id, False)}


def test_a_slow_refund_is_heard_when_it_is_made_and_when_it_is_done(stripe_shop, money):
    stripe_shop.next_refund("pending")
    made = money.refund(700).ask()
    assert back(stripe_shop) == [(MADE, "refund_pending"), (NUDGE, MONEY)]
    (pending,) = heard(stripe_shop, MADE)
    assert pending.detail == {"pending_reason": "processing"}
    stripe_shop.settle_refund(made.object_id, succeeded=True)
    assert sorted(back(stripe_shop)[2:]) == [(TWIN, "refunded"), (CHANGED, "refunded")]
    done = {(Kind.REFUNDED, made.object_id, 700, "EUR", money.id, False)}
    assert facts(money.refunds(), REFUND_KINDS) == facts(heard(stripe_shop, CHANGED), REFUND_KINDS) == done


def test_a_bounced_refund_says_so_by_every_path(stripe_shop, money):
    stripe_shop.next_refund("bounces")
    refund = money.refund(2500)
    made = refund.ask()
    stripe_shop.settle_refund(made.object_id, succeeded=False)
    assert sorted(back(stripe_shop)) == [
        (TWIN, "refund_failed"), (NUDGE, MONEY), (MADE, "refunded"), (BOUNCED, "refund_failed"), (CHANGED, "refund_failed"),
    ]  # fmt: skip
    told = [refund.fetch(), *money.refunds(), *heard(stripe_shop, BOUNCED), *heard(stripe_shop, CHANGED)]
    assert facts(told, REFUND_KINDS) == {(Kind.REFUND_FAILED, made.object_id, 2500, "EUR", money.id, False)}
    assert {report.detail["failure_reason"] for report in told} == {"expired_or_canceled_card"}


def test_the_cards_that_are_slow_or_bounce_end_as_they_should(stripe_shop):
    for card, ends in ((SLOW, Kind.REFUNDED), (BOUNCES, Kind.REFUND_FAILED)):
        attempt = stripe_shop.attempt()
        opened = attempt.open()
        stripe_shop.gateway.pay(opened.pay_url, card)
        paid = attempt.fetch(opened.provider_id)
        made = stripe_shop.gateway.control("POST", f"/payments/{paid.object_id}/refund", amount=2500)["id"]
        stripe_shop.gateway.ring(made)
        (refund,) = attempt.fetch(opened.provider_id).also
        assert (refund.kind, refund.object_id) == (ends, made)


def test_a_dispute_that_is_lost_keeps_its_money(stripe_shop, money):
    dispute = stripe_shop.dispute(money)
    stripe_shop.close_dispute(dispute, won=False)
    told = [*stripe_shop.hear(), *money.fetch().also]
    assert facts(told, DISPUTE_KINDS) == {
        (Kind.DISPUTE_OPENED, dispute, 2500, "EUR", money.id, False),
        (Kind.FUNDS_WITHDRAWN, dispute, 2500, "EUR", money.id, False),
        (Kind.DISPUTE_LOST, dispute, 2500, "EUR", money.id, False),
    }
    assert Kind.DISPUTE_OPENED not in {report.kind for report in money.fetch().also}


def test_a_dispute_that_is_won_gives_its_money_and_its_fee_back(stripe_shop, money):
    dispute = stripe_shop.dispute(money, 900)
    stripe_shop.close_dispute(dispute, won=True)
    told = [*stripe_shop.hear(), *money.fetch().also]
    assert facts(told, DISPUTE_KINDS) == {
        (Kind.DISPUTE_OPENED, dispute, 900, "EUR", money.id, False),
        (Kind.FUNDS_WITHDRAWN, dispute, 900, "EUR", money.id, False),
        (Kind.DISPUTE_WON, dispute, 900, "EUR", money.id, False),
        (Kind.FUNDS_REINSTATED, dispute, 900, "EUR", money.id, False),
    }
    returned = [report.detail for report in told if report.kind is Kind.FUNDS_REINSTATED]
    assert returned == [{"fee_returned": {"amount": 1500, "currency": "EUR"}}] * len(returned)


def test_each_event_of_a_dispute_tells_how_it_stands_and_who_holds_its_money(stripe_shop, money):
    dispute = stripe_shop.dispute(money)
    stripe_shop.close_dispute(dispute, won=True)
    said = [
        (type_.removeprefix("charge.dispute."), [str(each.kind) for each in (report, *report.also)])
        for type_, report in stripe_shop.told()
        if type_.startswith("charge.dispute.")
    ]
    assert said == [
        ("created", ["dispute_opened", "funds_withdrawn"]),
        ("funds_withdrawn", ["dispute_opened", "funds_withdrawn"]),
        ("funds_reinstated", ["dispute_won", "funds_withdrawn", "funds_reinstated"]),
        ("closed", ["dispute_won", "funds_withdrawn", "funds_reinstated"]),
    ]
    due = {each.due_at for each in heard(stripe_shop, "charge.dispute.created")}
    assert len(due - {None}) == 1


def test_a_refund_of_disputed_money_is_declined_with_stripes_word_for_it(stripe_shop, money):
    stripe_shop.dispute(money)
    with pytest.raises(Declined) as no:
        money.refund(700).ask()
    assert no.value.report.raw_status == "charge_disputed"


def test_a_refund_of_what_is_gone_is_declined_with_stripes_word_for_it(stripe_shop, money):
    money.refund().ask()
    with pytest.raises(Declined) as no:
        money.refund(1).ask()
    assert (no.value.report.raw_status, no.value.report.refund_reference is None) == ("charge_already_refunded", False)


def test_a_key_with_another_amount_is_unknown_and_the_first_refund_is_found(stripe_shop, money):
    """S-24."""
    refund = money.refund(700)
    made = refund.ask()
    refund.wanted = replace(refund.wanted, amount_minor=800)
    with pytest.raises(Unknown, match="with another request"):
        refund.ask()
    assert refund.fetch().object_id == made.object_id
    assert stripe_shop.refunds_at_the_provider(money) == [700]


def test_an_open_session_is_polled_with_one_request(stripe_shop):
    attempt = stripe_shop.attempt()
    opened = attempt.open()

    def asked() -> int:
        counters = stripe_shop.gateway.books()["counters"]
        return sum(count for name, count in counters.items() if name.startswith("request GET /v1/"))

    before = asked()
    attempt.fetch(opened.provider_id)
    assert asked() - before == 1
    stripe_shop.pay(opened)
    before = asked()
    attempt.fetch(opened.provider_id)
    assert asked() - before == 3


def test_the_books_tell_fees_of_payments_and_of_disputes(stripe_shop, money):
    """2.9 % and 0.30 of a payment, 15.00 of a dispute. What comes back with a won dispute is no fee but a detail."""
    before = clock.now()
    refund = money.refund(700).ask()
    dispute = stripe_shop.dispute(money, 900)
    stripe_shop.close_dispute(dispute, won=True)
    lines = list(stripe_shop.adapter.statement(since=before.replace(year=2020), until=clock.now(), account=stripe_shop.account))
    fees = [(line.amount_minor, line.currency, line.money_id, line.reference) for line in lines if line.kind is Kind.FEE]
    assert sorted(fees) == [(103, "EUR", money.id, money.attempt.reference), (1500, "EUR", money.id, None)]
    assert all(line.object_id.startswith("txn_") and line.object_id.endswith(":fee") for line in lines if line.kind is Kind.FEE)
    assert facts(lines, REFUND_KINDS) == facts([refund], REFUND_KINDS)
    assert facts(lines, DISPUTE_KINDS) == facts(money.fetch().also, DISPUTE_KINDS)
    assert {line.source for line in lines} == {Source.STATEMENT}


def test_the_books_are_read_to_their_last_page(stripe_shop, money):
    for _ in range(105):
        stripe_shop.refund_at_the_dashboard(money, 1)
    since = clock.now().replace(year=2020)
    lines = list(stripe_shop.adapter.statement(since=since, until=clock.now(), account=stripe_shop.account))
    assert len({line.object_id for line in lines if line.kind is Kind.REFUNDED}) == 105
    assert len(money.refunds()) == 105
    assert list(stripe_shop.adapter.statement(since=since, until=since, account=stripe_shop.account)) == []


@pytest.mark.parametrize(("currency", "minor", "part", "wire"), [("JPY", 2500, 100, 100), ("ISK", 500, 300, 30_000)])
def test_other_currencies_go_back_to_the_unit(stripe_shop, currency, minor, part, wire):
    money = stripe_shop.money(currency=currency, amount_minor=minor, lines=[("Tea", minor, 1)])
    made = money.refund(part).ask()
    assert stripe_shop.refunds_at_the_provider(money) == [wire]
    assert facts([made, *money.refunds(), *heard(stripe_shop, MADE)], REFUND_KINDS) == {
        (Kind.REFUNDED, made.object_id, part, currency, money.id, False)
    }


def test_a_step_that_stripe_does_not_take_is_declined_before_it_is_sent(stripe_shop):
    """Stripe counts dinars in steps of ten."""
    money = stripe_shop.money(currency="KWD", amount_minor=12_340, lines=[("Tea", 12_340, 1)], manual_capture=True)
    with pytest.raises(Declined) as no:
        money.capture(12_335)
    assert (no.value.report.kind, no.value.report.amount_minor) == (Kind.AUTHORIZED, 12_340)
    money.capture(12_340)
    with pytest.raises(Declined) as no:
        money.refund(335).ask()
    assert (no.value.report.kind, no.value.report.raw_status) == (Kind.REFUND_FAILED, "AmountNotPossible")
    assert stripe_shop.refunds_at_the_provider(money) == []


def test_a_payment_intent_that_no_session_of_ours_made_is_not_ours(stripe_shop):
    attempt = stripe_shop.attempt()
    for name in ("metadata", "payment_intent_data", "client_reference_id"):
        del attempt.request[name]
    session = stripe_shop.adapter.open(request=attempt.request, key="theirs", account=stripe_shop.account)
    intent = stripe_shop.gateway.pay(session.pay_url)["payment_intent"]
    pointer = Pointer(kind=MONEY, id=intent)
    assert stripe_shop.adapter.look(pointer=pointer, account=stripe_shop.account) is None
    since = clock.now().replace(year=2020)
    assert list(stripe_shop.adapter.statement(since=since, until=clock.now(), account=stripe_shop.account)) == []
