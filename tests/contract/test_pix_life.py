"""The life of a Pix charge: opened, paid, paid twice, removed, paid all the same; every path tells of the same money."""

import time
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from pix_things import kinds, opened
from shop_pix import PixShop

from holdfast.kernel import brcode, clock
from holdfast.providers.contract import MONEY, Declined, Kind, NotSent, Pointer, Taken, Unknown
from holdfast.providers.pix import reading

CLOSE = "PATCH /pix/api/v2/cob/{txid}"


def test_the_customer_gets_a_code_of_this_charge_and_pays_exactly_its_amount(pix_shop):
    attempt = pix_shop.attempt()
    report = attempt.open()
    assert (report.kind, report.pay_url, report.provider_id) == (Kind.OPENED, "", attempt.reference)
    (charge,) = pix_shop.books()["charges"]
    code = brcode.parse(report.show["pix"])
    assert brcode.location_of(code) == charge["location"]
    assert (charge["txid"], charge["valor"], charge["chave"]) == (attempt.reference, {"original": "25.00"}, pix_shop.key)
    page = httpx.post(f"{pix_shop.gateway.url}/pix/pay", data={"code": report.show["pix"]}, trust_env=False)
    assert page.headers["location"] == f"/pix/pay/{attempt.reference}"
    assert httpx.post(f"{pix_shop.gateway.url}{page.headers['location']}", trust_env=False).status_code == 200
    paid = attempt.fetch()
    (received,) = pix_shop.books()["received"]
    assert (paid.kind, paid.amount_minor, paid.currency, paid.also) == (Kind.CAPTURED, 2500, "BRL", ())
    assert (paid.object_id, paid.reference) == (received["endToEndId"], attempt.reference)
    assert received["received_minor"] == 2500


def test_a_code_is_made_of_the_location_where_the_bank_gives_none(pix_shop):
    """`pixCopiaECola` is optional."""
    attempt = opened(pix_shop)
    report = attempt.fetch()
    (charge,) = pix_shop.books()["charges"]
    bare = {name: value for name, value in charge.items() if name != "pixCopiaECola"}
    made = brcode.parse(reading.code_of(bare, pix_shop.account))
    assert brcode.location_of(made) == brcode.location_of(brcode.parse(report.show["pix"]))
    assert (made["59"], made["60"]) == ("Padaria Sao Joao", "Sao Paulo")


def test_the_same_money_by_callback_poll_statement_and_look_is_one_fact(pix_shop):
    """S-03."""
    attempt = opened(pix_shop)
    (e2eid,) = pix_shop.paid(attempt.reference)
    since, until = clock.now() - timedelta(minutes=5), clock.now() + timedelta(minutes=5)
    looked = [
        pix_shop.adapter.look(pointer=Pointer(kind=kind, id=id_), account=pix_shop.account)
        for kind, id_ in ((MONEY, e2eid), ("pix", e2eid), ("txid", attempt.reference))
    ]
    stated = list(pix_shop.adapter.statement(since=since, until=until, account=pix_shop.account))
    reports = [
        attempt.fetch(),
        attempt.fetch(attempt.reference),
        attempt.close(attempt.reference),
        *looked,
        *stated,
        *pix_shop.hear(),
    ]
    assert len(reports) == 8
    facts = {(r.kind, r.object_id, r.amount_minor, r.currency, r.reference, r.provider_id, r.occurred_at) for r in reports}
    assert facts == {(Kind.CAPTURED, e2eid, 2500, "BRL", attempt.reference, attempt.reference, reports[0].occurred_at)}


def test_another_amount_is_told_as_it_was_paid(pix_shop):
    attempt = opened(pix_shop)
    pix_shop.paid(attempt.reference, valor="24.99")
    assert attempt.fetch().amount_minor == 2499


def test_two_pix_of_one_charge_are_two_captures(pix_shop):
    attempt = opened(pix_shop)
    ids = pix_shop.paid(attempt.reference, times=2)
    report = attempt.fetch()
    assert kinds(report) == ["captured", "captured"]
    assert [report.object_id, report.also[0].object_id] == ids
    assert {each.reference for each in (report, *report.also)} == {attempt.reference}
    assert sorted(each.object_id for each in pix_shop.hear()) == sorted(ids)


def test_a_charge_whose_time_is_over_is_still_open_until_it_is_removed(pix_shop):
    """There is no status for expired, and a Pix on its way may still arrive."""
    attempt = pix_shop.attempt()
    attempt.request["cob"]["calendario"]["expiracao"] = 1
    attempt.open()
    time.sleep(1.1)
    assert attempt.fetch().kind is Kind.OPENED
    assert httpx.post(f"{pix_shop.gateway.url}/pix/pay/{attempt.reference}", trust_env=False).status_code == 410
    assert attempt.close(attempt.reference).kind is Kind.CANCELLED


def test_a_removed_charge_cannot_be_paid_by_a_person(pix_shop):
    attempt = opened(pix_shop)
    assert attempt.close(attempt.reference).kind is Kind.CANCELLED
    assert httpx.post(f"{pix_shop.gateway.url}/pix/pay/{attempt.reference}", trust_env=False).status_code == 410
    assert (attempt.fetch().kind, attempt.fetch().raw_status) == (Kind.CANCELLED, "REMOVIDA_PELO_USUARIO_RECEBEDOR")
    assert pix_shop.books()["received"] == []


def test_a_charge_that_the_bank_removed_is_cancelled(pix_shop):
    attempt = opened(pix_shop)
    pix_shop.gateway.control("POST", f"/pix/charges/{attempt.reference}/remove")
    report = attempt.fetch()
    assert (report.kind, report.raw_status) == (Kind.CANCELLED, "REMOVIDA_PELO_PSP")
    assert attempt.close(attempt.reference).kind is Kind.CANCELLED


def test_money_for_a_removed_charge_wins_by_every_path(pix_shop):
    """S-75: the customer had confirmed; the charge itself shows no money."""
    attempt = opened(pix_shop)
    attempt.close(attempt.reference)
    (e2eid,) = pix_shop.paid(attempt.reference)
    (charge,) = pix_shop.books()["charges"]
    assert (charge["status"], "pix" in charge) == ("REMOVIDA_PELO_USUARIO_RECEBEDOR", False)
    for report in (attempt.fetch(), attempt.close(attempt.reference), attempt.open(), *pix_shop.hear()):
        assert (report.kind, report.object_id, report.amount_minor) == (Kind.CAPTURED, e2eid, 2500)


def test_closing_a_paid_charge_tells_of_the_money(pix_shop):
    attempt = opened(pix_shop)
    pix_shop.paid(attempt.reference)
    report = attempt.close(attempt.reference)
    assert (report.kind, report.amount_minor) == (Kind.CAPTURED, 2500)


@pytest.mark.parametrize("mood", ["timeout_after", "reset_after", "truncate", "error_after"])
def test_closing_on_a_bad_day_ends_closed(pix_shop, mood):
    attempt = opened(pix_shop)
    pix_shop.gateway.mood_next(CLOSE, mood)
    assert attempt.close(attempt.reference).kind is Kind.CANCELLED


@pytest.mark.parametrize("mood", ["fail_before", "fail_during", "timeout_before"])
def test_a_charge_that_stays_open_is_unknown_and_never_closed(pix_shop, mood):
    attempt = opened(pix_shop)
    pix_shop.gateway.mood_next(CLOSE, mood)
    with pytest.raises(Unknown):
        attempt.close(attempt.reference)
    assert attempt.fetch().kind is Kind.OPENED
    assert attempt.close(attempt.reference).kind is Kind.CANCELLED


def test_a_charge_that_the_bank_does_not_show_is_not_gone(pix_shop):
    attempt = opened(pix_shop)
    attempt.shop = pix_shop.another()
    for ask in (attempt.fetch, attempt.close):
        with pytest.raises(Unknown, match="does not show charge"):
            ask(attempt.reference)


def test_a_charge_that_the_bank_refuses_is_declined_with_its_words(pix_shop):
    attempt = pix_shop.attempt()
    attempt.request["cob"]["valor"]["original"] = "0.00"
    with pytest.raises(Declined) as no:
        attempt.open()
    report = no.value.report
    assert (report.kind, report.raw_status, report.object_id) == (Kind.FAILED, "CobOperacaoInvalida", None)
    assert "O campo cob.valor.original é zero." in report.detail["message"]
    assert pix_shop.attempts_at_the_provider() == 0


def test_a_key_of_somebody_else_is_declined(pix_shop):
    other = PixShop(pix_shop.gateway)
    opened(other)
    attempt = pix_shop.attempt()
    attempt.request["cob"]["chave"] = other.key
    with pytest.raises(Declined) as no:
        attempt.open()
    assert "não pertence a este usuário recebedor" in no.value.report.detail["message"]
    assert other.key not in str(no.value.report)


def test_an_account_without_a_key_sends_nothing(pix_shop):
    attempt = pix_shop.with_credentials(pix_key="").attempt()
    with pytest.raises(NotSent, match="no Pix key"):
        attempt.open()


def test_money_cannot_be_captured_twice_or_before_it_is_there(pix_shop):
    attempt = opened(pix_shop)
    nothing = Taken(reference=attempt.reference, provider_id=attempt.reference, object_id="x", amount_minor=2500, currency="BRL")
    with pytest.raises(Declined) as no:
        pix_shop.adapter.capture(money=nothing, amount_minor=2500, key="k", account=pix_shop.account)
    assert no.value.report.kind is Kind.OPENED
    pix_shop.paid(attempt.reference)
    taken = replace(nothing, object_id=attempt.fetch().object_id)
    assert pix_shop.adapter.capture(money=taken, amount_minor=2500, key="k", account=pix_shop.account).amount_minor == 2500
