"""The lives of attempts with Mercado Pago, each told by every path: the reply, the notification that points, the look-up by id
and by our reference, the statement."""

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from shop_mercadopago import WEBHOOK_SECRET, MercadoPagoShop
from shops import Attempt, outcome

from holdfast.kernel import clock
from holdfast.kernel.money import shown
from holdfast.providers.contract import (
    MONEY,
    AmountNotPossible,
    Declined,
    Incoming,
    Kind,
    NotSent,
    Pointer,
    ProviderReport,
    Taken,
    Unknown,
    Unproven,
)

PAYS, DECLINES, NO_FUNDS = "4242424242424242", "4000000000000002", "4000000000009995"
EXPIRED, DECLINES_ONCE, SILENT = "4000000000000069", "4000009900000012", "4000009900000046"


@pytest.fixture
def mp(gateway) -> MercadoPagoShop:
    shop = MercadoPagoShop(gateway)
    shop.listen()
    return shop


def opened(shop: MercadoPagoShop, method: str = "card", **changes) -> tuple[Attempt, ProviderReport]:
    attempt = shop.attempt(method=method, **changes)
    report = attempt.open()
    assert report.kind is Kind.OPENED
    return attempt, report


def pay(shop: MercadoPagoShop, report: ProviderReport, card: str = PAYS, **more) -> dict:
    return shop.control(f"/preferences/{report.provider_id}/pay", card=card, **more)


def every_path(shop: MercadoPagoShop, attempt: Attempt, report: ProviderReport) -> list[ProviderReport]:
    """What each path says of the attempt now, what stands beside it put beside it. Notifications all point to the same state."""
    day = {"since": clock.now() - timedelta(hours=1), "until": clock.now() + timedelta(seconds=1), "account": shop.account}
    told = [attempt.fetch(report.provider_id), attempt.fetch(), *shop.adapter.statement(**day), *shop.hear()]
    return [line for each in told for line in (replace(each, also=()), *each.also)]


def money_of(reports) -> set[tuple]:
    """(kind, object, amount, currency, money) of everything but fees."""
    facts = [each for each in reports if each.amount_minor is not None and each.kind is not Kind.FEE]
    return {(r.kind, r.object_id, r.amount_minor, r.currency, r.money_id) for r in facts}


def captured(id_: int | str, minor: int = 2500) -> tuple:
    return (Kind.CAPTURED, str(id_), minor, "BRL", None)


# -- Cards ------------------------------------------------------------------------------------------------------------


def test_a_card_that_is_approved_is_the_same_money_by_every_path(mp):
    attempt, session = opened(mp)
    payment = pay(mp, session)
    reports = every_path(mp, attempt, session)
    assert money_of(reports) == {captured(payment["id"])}
    assert {r.reference for r in reports} == {attempt.reference}
    assert {r.provider_id for r in reports if r.kind is Kind.CAPTURED} == {session.provider_id, None}
    assert {r.live for r in reports} == {False}
    assert payment["redirect"].startswith("https://shop.example/thanks?collection_id=")


def test_what_was_kept_is_told_by_the_statement_once_per_payment(mp):
    _, session = opened(mp)
    payment = pay(mp, session)
    lines = list(mp.adapter.statement(since=clock.now() - timedelta(hours=1), until=clock.now(), account=mp.account))
    assert [(line.kind, line.object_id, line.amount_minor, line.money_id, line.raw_status) for line in lines] == [
        (Kind.CAPTURED, str(payment["id"]), 2500, None, "approved/accredited"),
        (Kind.FEE, f"{payment['id']}:fee", 125, str(payment["id"]), "mercadopago_fee"),
    ]
    assert list(mp.adapter.statement(since=clock.now() + timedelta(hours=1), until=clock.now(), account=mp.account)) == []


def test_a_declined_card_leaves_the_attempt_open_and_another_may_pay(mp):
    """A rejected payment is final for its own number, and for nothing else."""
    attempt, session = opened(mp)
    rejected = pay(mp, session, NO_FUNDS)
    assert (rejected["status"], rejected["status_detail"]) == ("rejected", "cc_rejected_insufficient_amount")
    found = attempt.fetch(session.provider_id)
    assert (found.kind, found.pay_url, found.provider_id) == (Kind.OPENED, session.pay_url, session.provider_id)
    assert found.detail["status_detail"] == "cc_rejected_insufficient_amount"
    assert {report.kind for report in mp.hear()} == {Kind.OPENED}
    approved = pay(mp, session)
    assert money_of(every_path(mp, attempt, session)) == {captured(approved["id"])}


@pytest.mark.parametrize("card", [DECLINES, NO_FUNDS, EXPIRED])
def test_an_attempt_with_nothing_but_declines_ends_only_with_its_page(mp, card):
    attempt, session = opened(mp)
    for _ in range(3):
        pay(mp, session, card)
    assert {r.kind for r in (attempt.fetch(), attempt.fetch(session.provider_id), *mp.hear())} == {Kind.OPENED}
    assert attempt.close(session.provider_id).kind is Kind.EXPIRED
    assert {r.kind for r in (attempt.fetch(), attempt.fetch(session.provider_id), *mp.hear())} == {Kind.EXPIRED}


def test_two_approved_payments_at_one_page_are_two_facts(mp):
    attempt, session = opened(mp)
    first, second = pay(mp, session), pay(mp, session)
    found = attempt.fetch(session.provider_id)
    assert (found.kind, found.object_id) == (Kind.CAPTURED, str(first["id"]))
    assert [(each.kind, each.object_id, each.amount_minor) for each in found.also] == [(Kind.CAPTURED, str(second["id"]), 2500)]
    assert money_of(every_path(mp, attempt, session)) == {captured(first["id"]), captured(second["id"])}
    assert attempt.close(session.provider_id).object_id == str(first["id"])


def test_a_payment_that_is_held_for_a_look_is_pending_and_then_decided(mp):
    attempt, session = opened(mp)
    held = pay(mp, session, review=True)
    found = attempt.fetch(session.provider_id)
    assert (found.kind, found.object_id, found.raw_status) == (
        Kind.PENDING, str(held["id"]), "in_process/pending_review_manual",
    )  # fmt: skip
    mp.control(f"/payments/{held['id']}/settle", outcome="succeeded")
    assert money_of(every_path(mp, attempt, session)) == {captured(held["id"])}


def test_closing_lets_go_of_a_payment_that_is_not_decided(mp):
    attempt, session = opened(mp)
    held = pay(mp, session, review=True)
    assert attempt.close(session.provider_id).kind is Kind.EXPIRED
    (payment,) = mp.books()["payments"]
    assert (payment["payment"], payment["status"]) == (held["id"], "cancelled/by_collector")


def test_a_page_that_was_closed_takes_no_more_money(mp):
    attempt, session = opened(mp)
    attempt.close(session.provider_id)
    page = httpx.get(session.pay_url, trust_env=False)
    assert "This payment page has expired" in page.text
    with pytest.raises(httpx.HTTPStatusError):
        pay(mp, session)
    assert mp.books()["payments"] == []


def test_closing_after_the_money_came_tells_of_the_money(mp):
    attempt, session = opened(mp)
    payment = pay(mp, session)
    closed = attempt.close(session.provider_id)
    assert (closed.kind, closed.object_id, closed.amount_minor) == (Kind.CAPTURED, str(payment["id"]), 2500)


CLOSE = "PUT /checkout/preferences/{id}"


@pytest.mark.parametrize("mood", ["timeout_after", "reset_after", "truncate", "error_after", "fail_before"])
def test_closing_on_a_bad_day_ends_closed(mp, mood):
    attempt, session = opened(mp)
    mp.gateway.mood_next(CLOSE, mood, times=2)
    assert outcome(lambda: attempt.close(session.provider_id)) == "Unknown"
    assert attempt.close(session.provider_id).kind is Kind.EXPIRED


def test_a_page_that_was_made_twice_is_one_attempt_and_is_closed_as_a_whole(mp):
    """Mercado Pago does not say that preferences heed keys: a lost answer may leave one that nobody knows of."""
    attempt = mp.attempt()
    mp.gateway.moods(settings={"mp_preference_keys": 0})
    try:
        first, second = attempt.open(), attempt.open()
    finally:
        mp.gateway.moods(settings={"mp_preference_keys": 1})
    assert first.provider_id != second.provider_id
    assert attempt.fetch().provider_id == second.provider_id
    payment = pay(mp, first)
    assert {each.object_id for each in (attempt.fetch(), attempt.fetch(second.provider_id), *mp.hear())} == {str(payment["id"])}
    assert {each.provider_id for each in mp.hear()} == {None}
    attempt.close(second.provider_id)
    for page in (first, second):
        assert "has expired" in httpx.get(page.pay_url, trust_env=False).text


def test_money_that_the_search_does_not_know_yet_is_told_by_its_notification(mp):
    attempt, session = opened(mp)
    payment = pay(mp, session)
    mp.gateway.moods(settings={"mp_search_lag_s": 600})
    try:
        assert {(r.kind, r.object_id) for r in mp.hear()} == {(Kind.CAPTURED, str(payment["id"]))}
        assert attempt.fetch(session.provider_id).kind is Kind.OPENED
    finally:
        mp.gateway.moods(settings={"mp_search_lag_s": 0})


def test_a_payment_without_a_word_is_found_by_looking(mp):
    """Its notifications never arrive."""
    attempt, session = opened(mp)
    held = pay(mp, session, SILENT, review=True)
    assert attempt.fetch(session.provider_id).kind is Kind.PENDING
    mp.control(f"/payments/{held['id']}/settle", outcome="succeeded")
    assert attempt.fetch().object_id == str(held["id"])


@pytest.mark.parametrize(("currency", "minor", "wire"), [("CLP", 2500, 2500), ("COP", 250_000, 250_000), ("ARS", 1, 1)])
def test_other_currencies_are_taken_and_read_to_the_unit(mp, currency, minor, wire):
    attempt, session = opened(mp, currency=currency, amount_minor=minor, lines=[("Tea", minor, 1)])
    payment = pay(mp, session)
    if currency == "COP":  # Whole pesos on the wire; ours count cents.
        assert payment["transaction_amount"] == 2500
    found = attempt.fetch(session.provider_id)
    assert (shown(found.amount_minor, found.currency), found.amount_minor) == (shown(minor, currency), wire)


# -- Pix --------------------------------------------------------------------------------------------------------------


def test_a_pix_that_is_paid_is_the_same_money_by_every_path(mp):
    attempt, pix = opened(mp, "pix")
    assert pix.show["pix"].startswith("00020126")
    assert pix.pay_url == f"{mp.gateway.url}/mercadopago/payments/{pix.provider_id}/ticket"
    assert httpx.post(pix.pay_url, data={"answer": "pay"}, trust_env=False).status_code == 200
    reports = every_path(mp, attempt, pix)
    assert money_of(reports) == {captured(pix.provider_id)}
    assert {r.provider_id for r in reports} == {pix.provider_id}


def test_an_open_pix_shows_its_code_again(mp):
    attempt, pix = opened(mp, "pix")
    for again in (attempt.open(), attempt.fetch(), attempt.fetch(pix.provider_id), *mp.hear()):
        assert (again.kind, again.show, again.pay_url, again.provider_id) == (
            Kind.OPENED, pix.show, pix.pay_url, pix.provider_id,
        )  # fmt: skip


def test_a_pix_whose_time_is_over_has_expired(mp):
    attempt, pix = opened(mp, "pix")
    assert mp.gateway.ring(f"mp-{pix.provider_id}") == ["expire"]
    for report in (attempt.fetch(), attempt.fetch(pix.provider_id), attempt.close(pix.provider_id), *mp.hear()):
        assert (report.kind, report.raw_status) == (Kind.EXPIRED, "cancelled/expired")


@pytest.mark.parametrize(("by", "kind"), [("payer", Kind.CANCELLED), ("collector", Kind.CANCELLED), ("expired", Kind.EXPIRED)])
def test_who_ended_a_pix_is_told(mp, by, kind):
    attempt, pix = opened(mp, "pix")
    mp.control(f"/payments/{pix.provider_id}/cancel", by=by)
    assert {r.kind for r in (attempt.fetch(), *mp.hear())} == {kind}


def test_the_newer_spelling_of_cancelled_is_read_as_well(mp):
    attempt, pix = opened(mp, "pix")
    mp.control(f"/payments/{pix.provider_id}/alter", status="canceled", status_detail="by_collector")
    assert attempt.fetch(pix.provider_id).kind is Kind.CANCELLED


def test_a_pix_that_was_closed_is_cancelled_and_may_still_be_paid(mp):
    """S-75: the payer's bank had it on its way. Money wins, whenever it comes."""
    attempt, pix = opened(mp, "pix")
    for report in (attempt.close(pix.provider_id), attempt.close(pix.provider_id)):
        assert (report.kind, report.raw_status) == (Kind.CANCELLED, "cancelled/by_collector")
    mp.control(f"/payments/{pix.provider_id}/pay-late")
    assert money_of(every_path(mp, attempt, pix)) == {captured(pix.provider_id)}
    assert attempt.close(pix.provider_id).kind is Kind.CAPTURED


PIX = "POST /v1/payments"


@pytest.mark.parametrize(
    ("mood", "times", "first", "then"),
    [
        ("timeout_before", 1, "Unknown", "nothing"),
        ("timeout_after", 2, "Unknown", "opened"),
        ("reset_after", 1, "opened", "opened"),
        ("truncate", 2, "Unknown", "opened"),
        ("error_after", 2, "Unknown", "opened"),
        ("fail_during", 2, "Unknown", "nothing"),
    ],
)
def test_a_bad_day_leaves_one_pix_or_none(mp, mood, times, first, then):
    attempt = mp.attempt(method="pix")
    mp.gateway.mood_next(PIX, mood, times=times)
    assert outcome(attempt.open) == first
    mp.gateway.control("DELETE", "/moods/next")
    assert outcome(attempt.fetch) == then
    assert mp.attempts_at_the_provider() == (0 if then == "nothing" else 1)


def test_a_pix_that_is_asked_for_too_late_is_declined(mp):
    attempt = mp.attempt(method="pix")
    attempt.request["payment"]["date_of_expiration"] = "2026-01-01T12:00:00.000-04:00"
    with pytest.raises(Declined) as no:
        attempt.open()
    assert (no.value.report.kind, no.value.report.raw_status) == (Kind.FAILED, "23")
    assert "date_of_expiration" in no.value.report.detail["message"]
    assert mp.attempts_at_the_provider() == 0


def test_a_refusal_of_what_exists_finds_it(mp):
    """S-65: its key is forgotten after a day, and the request has gone stale."""
    attempt, pix = opened(mp, "pix")
    attempt.request["payment"]["date_of_expiration"] = "2026-01-01T12:00:00.000-04:00"
    found = mp.adapter.open(request=attempt.request, key="another", account=mp.account)
    assert (found.kind, found.provider_id) == (Kind.OPENED, pix.provider_id)


def test_a_key_with_another_request_is_unknown_and_the_first_is_found(mp):
    """S-24."""
    attempt, pix = opened(mp, "pix")
    attempt.request["payment"]["transaction_amount"] = 26.0
    with pytest.raises(Unknown, match="with another one"):
        attempt.open()
    assert attempt.fetch().provider_id == pix.provider_id
    assert mp.attempts_at_the_provider() == 1


def test_what_cannot_be_a_pix_is_refused_before_anybody_is_asked(mp):
    with pytest.raises(AmountNotPossible, match="in BRL"):
        mp.attempt(method="pix", currency="ARS")
    with pytest.raises(AmountNotPossible, match="e-mail"):
        mp.attempt(method="pix", email="")


# -- Who may hear what ------------------------------------------------------------------------------------------------


def test_nothing_of_another_account_is_claimed_to_be_gone(mp):
    attempt, session = opened(mp)
    other, pix = opened(mp, "pix")
    attempt.shop = other.shop = mp.another()
    for ask, id_ in ((attempt.fetch, session.provider_id), (attempt.close, session.provider_id), (other.fetch, pix.provider_id)):
        with pytest.raises(Unknown, match=r"does not (show|end)"):
            ask(id_)
    with pytest.raises(Unknown, match="does not show"):
        other.close(pix.provider_id)


def test_a_token_of_the_other_mode_sends_nothing(mp):
    for changes in ({"access_token": "APP_USR-1234567890"},):
        attempt = mp.with_credentials(**changes).attempt()
        with pytest.raises(NotSent, match="other mode"):
            attempt.open()


def test_money_of_a_live_payment_in_a_test_account_says_so(mp):
    attempt, pix = opened(mp, "pix")
    mp.control(f"/payments/{pix.provider_id}/alter", live_mode=True)
    assert attempt.fetch(pix.provider_id).live is True


def test_a_payment_that_is_none_of_ours_is_nothing(mp):
    attempt, pix = opened(mp, "pix")
    mp.control(f"/payments/{pix.provider_id}/alter", external_reference="somebody's own")
    for kind, id_ in ((MONEY, pix.provider_id), ("payment", pix.provider_id), ("payment", "1"), ("chargeback", "1")):
        assert mp.adapter.look(pointer=Pointer(kind=kind, id=id_), account=mp.account) is None
    assert attempt.fetch() is None
    assert list(mp.adapter.statement(since=clock.now() - timedelta(hours=1), until=clock.now(), account=mp.account)) == []


def test_a_status_of_the_future_is_for_a_person_to_read(mp):
    """S-68."""
    attempt, pix = opened(mp, "pix")
    mp.control(f"/payments/{pix.provider_id}/alter", status="rerouted")
    for report in (attempt.fetch(pix.provider_id), attempt.fetch(), *mp.hear()):
        assert (report.kind, report.reference, report.amount_minor) == (Kind.UNREADABLE, attempt.reference, None)


def verified(mp: MercadoPagoShop, notice: dict, **more) -> Incoming:
    each = mp.delivery(notice, **more)
    (incoming,) = mp.adapter.verify(
        headers=each.headers, body=each.body, credentials=mp.account.credentials, now=clock.now(), query=each.query
    )
    return incoming


def test_forged_and_future_notifications_and_those_of_last_week_prove_nothing(mp):
    _, session = opened(mp)
    pay(mp, session)
    (notice,) = mp.notifications()
    assert verified(mp, notice).type == "payment"
    assert verified(mp, notice, skew_s=-4 * 86_400).type == "payment"
    for more in ({"variant": "forged"}, {"variant": "ipn"}, {"skew_s": -6 * 86_400}, {"skew_s": 900}):
        with pytest.raises(Unproven):
            verified(mp, notice, **more)


def test_times_in_milliseconds_are_read_as_well(mp):
    _, session = opened(mp)
    pay(mp, session)
    mp.gateway.moods(settings={"mp_ts_ms": 1})
    try:
        (notice,) = mp.notifications()
        assert len(notice["headers"]["x-signature"].split(",")[0]) == len("ts=") + 13
        assert verified(mp, notice).event_id == f"{notice['said']['id']}:payment.created"
        with pytest.raises(Unproven):
            verified(mp, notice, skew_s=900)
    finally:
        mp.gateway.moods(settings={"mp_ts_ms": 0})


def test_a_notification_only_points(mp):
    _, pix = opened(mp, "pix")
    (notice,) = mp.notifications()
    incoming = verified(mp, notice)
    pointer = mp.adapter.read(body=incoming.body, type=incoming.type, account=mp.account)
    assert pointer == Pointer(kind="payment", id=pix.provider_id)
    assert mp.account.credentials["webhook_secrets"][1] == WEBHOOK_SECRET


def test_a_hundred_other_attempts_do_not_hide_ours_nor_the_books(mp):
    attempt, session = opened(mp)
    payment = pay(mp, session)
    for _ in range(105):
        mp.attempt(method="pix").open()
    assert attempt.fetch().object_id == str(payment["id"])
    day = {"since": clock.now() - timedelta(hours=1), "until": clock.now(), "account": mp.account}
    assert [line.object_id for line in mp.adapter.statement(**day)] == [str(payment["id"]), f"{payment['id']}:fee"]


def test_a_capture_only_tells_how_the_attempt_stands(mp):
    money = mp.money()
    assert money.capture().kind is Kind.CAPTURED
    attempt, session = opened(mp)
    taken = Taken(reference=attempt.reference, provider_id=session.provider_id, object_id="1", amount_minor=2500, currency="BRL")
    with pytest.raises(Declined) as no:
        mp.adapter.capture(money=taken, amount_minor=2500, key="k", account=mp.account)
    assert no.value.report.kind is Kind.OPENED
