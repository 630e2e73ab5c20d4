"""Money that goes back with Mercado Pago: refunds without a name, chargebacks, mediations."""

from dataclasses import replace
from datetime import timedelta

import pytest
from shop_mercadopago import MercadoPagoShop
from shops import Money

from holdfast.kernel import clock
from holdfast.providers.contract import DISPUTE_KINDS, MONEY, REFUND_KINDS, Declined, Kind, Pointer, Unknown
from holdfast.providers.mercadopago import refunds


@pytest.fixture
def mp(gateway) -> MercadoPagoShop:
    shop = MercadoPagoShop(gateway)
    shop.listen()
    return shop


@pytest.fixture(params=["card", "pix"])
def money(request, mp) -> Money:
    return mp.money(method=request.param)


def facts(reports) -> set:
    return {(r.kind, r.object_id, r.amount_minor, r.currency, r.money_id, r.live) for r in reports}


def of_kinds(reports, kinds) -> list:
    return [each for report in reports for each in (report, *report.also) if each.kind in kinds]


def by_every_path(mp, money, kinds) -> list:
    looked = mp.adapter.look(pointer=Pointer(kind=MONEY, id=money.id), account=mp.account)
    day = {"since": clock.now() - timedelta(hours=1), "until": clock.now() + timedelta(seconds=1), "account": mp.account}
    told = [money.fetch(), money.attempt.fetch(), looked, *mp.hear(), *mp.adapter.statement(**day)]
    assert {each.reference for each in told} == {money.attempt.reference}
    return of_kinds(told, kinds)


def test_our_refund_is_the_same_fact_by_every_path_but_only_its_answer_knows_that_it_is_ours(mp, money):
    """S-03."""
    refund = money.refund(700)
    made = refund.ask()
    assert (made.kind, made.refund_reference) == (Kind.REFUNDED, refund.wanted.reference)
    told = by_every_path(mp, money, REFUND_KINDS)
    assert facts(told) == facts([made])
    assert {each.refund_reference for each in told} == {None}
    by_id = refund.fetch(made.object_id)
    assert facts([by_id]) == facts([made])
    assert by_id.refund_reference == refund.wanted.reference


def test_the_only_refund_that_may_be_ours_is_told_without_our_name(mp, money):
    refund = money.refund(700)
    made = refund.ask()
    money.refund(800).ask()
    found = refund.fetch()
    assert facts([found]) == facts([made])
    assert found.refund_reference is None


def test_of_several_that_may_be_ours_none_is_named_and_the_key_tells(mp, money):
    refund = money.refund(700)
    made = refund.ask()
    mp.refund_at_the_dashboard(money, 700)
    with pytest.raises(Unknown, match="Which is ours"):
        refund.fetch()
    assert refund.ask().object_id == made.object_id
    assert mp.refunds_at_the_provider(money) == [700, 700]


def test_a_refund_that_is_older_than_our_intention_is_not_ours(mp, money, monkeypatch):
    monkeypatch.setattr(refunds, "CLOCKS_DIFFER", timedelta(0))
    money.refund(700).ask()
    assert money.refund(700).fetch() is None


def test_once_the_key_is_forgotten_a_no_may_be_about_our_own_refund(mp, money, monkeypatch):
    refund = money.refund(2500)
    refund.ask()
    monkeypatch.setattr(refunds.limits, "KEY_SAFE_AGE", timedelta(0))
    with pytest.raises(Unknown, match="may be ours"):
        mp.adapter.refund(wanted=refund.wanted, key="forgotten", account=mp.account)
    assert mp.refunds_at_the_provider(money) == [2500]


@pytest.mark.parametrize("by", ["collector", "admin"])
def test_a_refund_past_us_is_heard_of_with_who_made_it(mp, money, by):
    mp.control(f"/payments/{money.id}/refund", amount=25, by=by)
    (made,) = money.refunds()
    assert (made.kind, made.amount_minor, made.refund_reference, made.detail["asked_by"]) == (Kind.REFUNDED, 2500, None, by)
    assert facts(by_every_path(mp, money, REFUND_KINDS)) == facts([made])
    found = money.fetch()
    assert found.raw_status == ("refunded/by_admin" if by == "admin" else "refunded/refunded")
    assert (found.kind, found.amount_minor) == (Kind.CAPTURED, 2500)


@pytest.mark.parametrize("succeeded", [True, False])
def test_a_slow_refund_is_pending_until_it_is_done_or_fails(mp, money, succeeded):
    refund = money.refund(700)
    mp.next_refund("pending")
    made = refund.ask()
    assert (made.kind, made.amount_minor, made.refund_reference) == (Kind.REFUND_PENDING, 700, refund.wanted.reference)
    mp.settle_refund(made.object_id, succeeded=succeeded)
    ended = replace(made, kind=Kind.REFUNDED if succeeded else Kind.REFUND_FAILED)
    assert facts([refund.fetch(made.object_id), *by_every_path(mp, money, REFUND_KINDS)]) == facts([ended])
    assert mp.refunds_at_the_provider(money) == ([700] if succeeded else [])


def test_the_parts_of_a_payment_add_up_to_it(mp, money):
    made = [money.refund(amount).ask() for amount in (700, 800, 1000)]
    assert money.fetch().raw_status == "refunded/refunded"
    assert facts(money.refunds()) == facts(made)
    with pytest.raises(Declined) as no:
        money.refund(1).ask()
    assert no.value.report.raw_status == "2063"


def test_half_a_unit_of_a_currency_without_decimals_is_declined_before_it_is_sent(mp):
    money = mp.money(currency="COP", amount_minor=250_000, lines=[("Tea", 250_000, 1)])
    with pytest.raises(Declined) as no:
        money.refund(150).ask()
    assert no.value.report.raw_status == "AmountNotPossible"
    assert money.refund(100).ask().amount_minor == 100


@pytest.mark.parametrize("won", [True, False])
def test_a_chargeback_is_the_same_facts_by_every_path(mp, money, won):
    dispute = mp.dispute(money)
    withdrawn = (Kind.FUNDS_WITHDRAWN, dispute, 2500, "BRL", money.id, False)
    opened = (Kind.DISPUTE_OPENED, dispute, 2500, "BRL", money.id, False)
    assert facts(by_every_path(mp, money, DISPUTE_KINDS)) == {opened, withdrawn}
    mp.close_dispute(dispute, won=won)
    ended = {
        True: {(Kind.DISPUTE_WON, *opened[1:]), withdrawn, (Kind.FUNDS_REINSTATED, *opened[1:])},
        False: {(Kind.DISPUTE_LOST, *opened[1:]), withdrawn},
    }
    assert facts(by_every_path(mp, money, DISPUTE_KINDS)) == ended[won]
    assert (money.fetch().kind, money.fetch().amount_minor) == (Kind.CAPTURED, 2500)


def test_a_chargeback_of_a_part_withdraws_that_part(mp, money):
    money.refund(700).ask()
    mp.dispute(money, 1000)
    told = {(r.kind, r.amount_minor) for r in by_every_path(mp, money, DISPUTE_KINDS)}
    assert told == {(Kind.DISPUTE_OPENED, 1000), (Kind.FUNDS_WITHDRAWN, 1000)}


def test_a_chargeback_whose_case_is_not_seen_yet_is_the_same_dispute(mp, money):
    dispute = mp.dispute(money)
    mp.gateway.moods(settings={"mp_search_lag_s": 600})
    try:
        found = mp.adapter.fetch(reference=money.attempt.reference, provider_id=money.id, account=mp.account)
    finally:
        mp.gateway.moods(settings={"mp_search_lag_s": 0})
    assert [(each.kind, each.object_id, each.amount_minor, each.due_at) for each in found.also] == [
        (Kind.DISPUTE_OPENED, dispute, 2500, None),
        (Kind.FUNDS_WITHDRAWN, dispute, 2500, None),
    ]


def test_a_notification_of_a_case_points_to_it_and_leads_to_the_payment(mp, money):
    mp.dispute(money)
    (case,) = mp.books()["chargebacks"]
    pointers = [said for type_, said in mp.told() if type_ == "topic_chargebacks_wh"]
    assert pointers == [Pointer(kind="chargeback", id=case["id"])]
    found = mp.adapter.look(pointer=pointers[0], account=mp.account)
    assert (found.kind, found.object_id, found.also[0].kind) == (Kind.CAPTURED, money.id, Kind.DISPUTE_OPENED)


def test_a_mediation_is_a_dispute_without_funds(mp, money):
    mp.control(f"/payments/{money.id}/alter", status="in_mediation", status_detail="pending")
    assert facts(by_every_path(mp, money, DISPUTE_KINDS)) == {
        (Kind.DISPUTE_OPENED, f"{money.id}:mediation", 2500, "BRL", money.id, False)
    }
    assert money.refund(2500).ask().kind is Kind.REFUNDED


def test_words_of_the_future_beside_the_money_leave_the_money_told(mp, money):
    """S-68."""
    mp.control(f"/payments/{money.id}/alter", status="charged_back", status_detail="rerouted")
    found = money.fetch()
    assert (found.kind, found.amount_minor, [each.kind for each in found.also]) == (Kind.CAPTURED, 2500, [Kind.UNREADABLE])
    assert found.also[0].object_id == f"{money.id}:chargeback"


def test_money_that_went_back_without_a_refund_to_show_calls_a_person(mp, money):
    mp.control(f"/payments/{money.id}/alter", status="refunded", status_detail="refunded", transaction_amount_refunded=25.0)
    (odd,) = money.fetch().also
    assert (odd.kind, odd.money_id, odd.amount_minor) == (Kind.UNREADABLE, money.id, None)
    assert odd.detail["unreadable"] == "2500 minor units were refunded, and refunds of 0 are shown"
