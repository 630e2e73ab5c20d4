"""Giving a Pix back: asked for, lost on the way, too late; and what the bank takes back of its own accord."""

from datetime import timedelta

import pytest
from pix_things import opened, received
from shop_pix import RETURN

from holdfast.providers.contract import Declined, Kind, Unknown
from holdfast.providers.pix import returns


def test_a_return_is_pending_and_then_done_by_every_path(pix_shop):
    money = pix_shop.money()
    refund = money.refund(1000)
    asked = refund.ask()
    id_ = f"{money.id}:{refund.wanted.reference}"
    assert (asked.kind, asked.object_id, asked.money_id) == (Kind.REFUND_PENDING, id_, money.id)
    assert (asked.amount_minor, asked.currency, asked.refund_reference) == (1000, "BRL", refund.wanted.reference)
    pix_shop.settle_refund(id_, succeeded=True)
    told = [each for each in pix_shop.hear() if each.money_id]
    reports = [refund.fetch(), refund.fetch(id_), refund.ask(), *money.refunds(), *told]
    assert len(reports) == 6, "both callbacks lead to the Pix as it is now"
    facts = {(r.kind, r.object_id, r.money_id, r.amount_minor, r.refund_reference, r.reference) for r in reports}
    assert facts == {(Kind.REFUNDED, id_, money.id, 1000, refund.wanted.reference, money.attempt.reference)}
    assert pix_shop.refunds_at_the_provider(money) == [1000]


def test_a_return_that_could_not_be_made_says_why(pix_shop):
    money = pix_shop.money()
    refund = money.refund()
    pix_shop.settle_refund(refund.ask().object_id, succeeded=False)
    report = refund.fetch()
    assert (report.kind, report.raw_status) == (Kind.REFUND_FAILED, "NAO_REALIZADO")
    assert report.detail["motivo"] == "Conta do usuário pagador encerrada"
    assert pix_shop.refunds_at_the_provider(money) == []


@pytest.mark.parametrize("mood", ["timeout_after", "reset_after", "truncate", "error_after"])
def test_a_return_whose_answer_was_lost_is_found_and_made_once(pix_shop, mood):
    """S-73, S-65: the id is the same, and the bank would refuse it."""
    money = pix_shop.money()
    refund = money.refund(1000)
    pix_shop.gateway.mood_next(RETURN, mood)
    assert refund.ask().kind is Kind.REFUND_PENDING
    assert refund.ask().kind is Kind.REFUND_PENDING
    assert pix_shop.refunds_at_the_provider(money) == [1000]


def test_a_return_that_never_arrived_is_unknown_and_made_by_the_next_try(pix_shop):
    money = pix_shop.money()
    refund = money.refund(1000)
    pix_shop.gateway.mood_next(RETURN, "fail_during")
    with pytest.raises(Unknown):
        refund.ask()
    assert refund.fetch() is None
    assert refund.ask().kind is Kind.REFUND_PENDING
    assert pix_shop.refunds_at_the_provider(money) == [1000]


def test_more_than_was_paid_is_declined_and_nothing_returned(pix_shop):
    money = pix_shop.money()
    money.refund(2000).ask()
    refund = money.refund(501)
    with pytest.raises(Declined) as no:
        refund.ask()
    report = no.value.report
    assert (report.kind, report.raw_status, report.object_id) == (Kind.REFUND_FAILED, "PixDevolucaoInvalida", None)
    assert "excederia o valor do pix originário" in report.detail["message"]
    assert (report.refund_reference, report.money_id) == (refund.wanted.reference, money.id)
    assert pix_shop.refunds_at_the_provider(money) == [2000]


def test_a_return_on_day_91_is_refused_before_the_call(pix_shop):
    """S-74."""
    attempt = opened(pix_shop)
    pix_shop.paid(attempt.reference, days_ago=91)
    old, name = received(attempt), f"request {RETURN}"
    asked = pix_shop.gateway.books()["counters"].get(name, 0)
    with pytest.raises(Declined) as no:
        old.refund().ask()
    assert (no.value.report.kind, no.value.report.raw_status) == (Kind.REFUND_FAILED, "too_old")
    assert pix_shop.gateway.books()["counters"].get(name, 0) == asked
    assert pix_shop.refunds_at_the_provider(old) == []


def test_on_day_91_a_return_that_was_made_in_time_is_found(pix_shop, monkeypatch):
    """The answer of a try on day 90 was lost: to refuse it now would be a word too strong."""
    attempt = opened(pix_shop)
    pix_shop.paid(attempt.reference, days_ago=89.9)
    refund = received(attempt).refund(1000)
    refund.ask()
    monkeypatch.setattr(returns, "RETURNED_WITHIN", timedelta(days=80))
    assert returns.too_old(refund.wanted.money.object_id)
    assert refund.ask().kind is Kind.REFUND_PENDING


def test_on_day_90_a_return_is_made(pix_shop):
    attempt = opened(pix_shop)
    pix_shop.paid(attempt.reference, days_ago=89.9)
    assert received(attempt).refund().ask().kind is Kind.REFUND_PENDING


def test_between_day_90_and_certainty_the_bank_decides(pix_shop):
    attempt = opened(pix_shop)
    pix_shop.paid(attempt.reference, days_ago=90.2)
    with pytest.raises(Declined) as no:
        received(attempt).refund().ask()
    assert no.value.report.raw_status == "PixDevolucaoInvalida"
    assert "90 dias" in no.value.report.detail["message"]


@pytest.mark.parametrize("nature", ["MED_FRAUDE", "MED_OPERACIONAL", "MED_PIX_AUTOMATICO"])
def test_money_that_the_bank_takes_back_is_a_refund_that_nobody_asked_for(pix_shop, nature):
    money = pix_shop.money()
    made = pix_shop.gateway.control("POST", f"/pix/received/{money.id}/return", natureza=nature, valor="25.00")
    (by_poll,) = money.refunds()
    *_, by_callback = [each for each in pix_shop.hear() if each.money_id]
    for report in (by_poll, by_callback):
        assert (report.kind, report.object_id, report.amount_minor) == (Kind.REFUNDED, f"{money.id}:{made['id']}", 2500)
        assert (report.refund_reference, report.money_id, report.reference) == (None, money.id, money.attempt.reference)
        assert report.detail["natureza"] == nature
        assert "MED" in report.detail["returned_by"]
