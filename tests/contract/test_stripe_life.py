"""The life of a Checkout Session: what its customer does, what its events say, and that every path agrees."""

from datetime import timedelta

import pytest

from holdfast.kernel import clock
from holdfast.providers.contract import Declined, Kind, Unknown, Unproven

PAYS, DECLINES, DECLINES_FIRST, CHALLENGES = "4242424242424242", "4000000000009995", "4000009900000012", "4000002760003184"
SETTLES, FAILS_LATER = "4000009900000020", "4000009900000038"

EXPIRED, COMPLETED = "checkout.session.expired", "checkout.session.completed"
SETTLED, UNSETTLED = "checkout.session.async_payment_succeeded", "checkout.session.async_payment_failed"
SUCCEEDED, NOT_YET = "payment_intent.succeeded", "payment_intent.payment_failed"
HELD, ENDED = "payment_intent.amount_capturable_updated", "payment_intent.canceled"


def story(shop) -> list[tuple[str, str]]:
    """The events that say something, with what they say."""
    return [(type_, str(report.kind)) for type_, report in shop.told() if report is not None]


def opened(shop, **changes):
    attempt = shop.attempt(**changes)
    return attempt, attempt.open()


def captured_facts(reports) -> set:
    return {(r.object_id, r.amount_minor, r.currency, r.reference, r.live) for r in reports if r.kind is Kind.CAPTURED}


def test_the_customer_sees_the_order_on_the_page_and_pays_exactly_its_amount(stripe_shop):
    attempt, session = opened(stripe_shop)
    assert session.pay_url == f"{stripe_shop.gateway.url}/pay/{session.provider_id}"
    assert stripe_shop.gateway.pay(session.pay_url)["redirect"] == "https://shop.example/thanks"
    (payment,) = stripe_shop.gateway.books(stripe_shop.secret_key)["payments"]
    assert (payment["captured_minor"], payment["currency"]) == (2500, "eur")
    assert payment["client_reference_id"] == attempt.reference
    assert payment["metadata"] == {
        "holdfast_payment": attempt.reference,
        "holdfast_order": attempt.bought.order_id.hex,
        "holdfast_order_number": attempt.bought.order_number,
    }


def test_the_same_money_by_webhook_and_poll_is_one_fact(stripe_shop):
    """S-03."""
    attempt, session = opened(stripe_shop)
    intent = stripe_shop.gateway.pay(session.provider_id)["payment_intent"]
    reports = [*stripe_shop.hear(), attempt.fetch(), attempt.fetch(session.provider_id), attempt.close(session.provider_id)]
    assert [str(report.kind) for report in reports] == ["captured"] * 5
    assert captured_facts(reports) == {(intent, 2500, "EUR", attempt.reference, False)}


def test_a_plain_payment(stripe_shop):
    _, session = opened(stripe_shop)
    stripe_shop.gateway.pay(session.provider_id)
    assert sorted(story(stripe_shop)) == [(COMPLETED, "captured"), (SUCCEEDED, "captured")]


def test_a_decline_and_then_success_in_the_same_session_is_paid(stripe_shop):
    """R-D4."""
    attempt, session = opened(stripe_shop)
    assert stripe_shop.gateway.pay(session.provider_id, DECLINES)["status"] == "declined"
    declined = attempt.fetch(session.provider_id)
    assert declined.kind is Kind.OPENED
    assert declined.detail["decline_code"] == "insufficient_funds"
    assert story(stripe_shop) == [(NOT_YET, "pending")]
    stripe_shop.gateway.pay(session.provider_id, PAYS)
    paid = attempt.fetch(session.provider_id)
    assert (paid.kind, paid.amount_minor, paid.detail) == (Kind.CAPTURED, 2500, {})
    assert sorted(story(stripe_shop)) == [(COMPLETED, "captured"), (NOT_YET, "pending"), (SUCCEEDED, "captured")]
    assert len(captured_facts(stripe_shop.hear())) == 1


def test_a_card_that_is_declined_first_and_one_that_asks_the_bank_both_end_paid(stripe_shop):
    for card, presses in ((DECLINES_FIRST, 2), (CHALLENGES, 1)):
        attempt, session = opened(stripe_shop)
        for _ in range(presses):
            stripe_shop.gateway.pay(session.provider_id, card)
        assert attempt.fetch(session.provider_id).kind is Kind.CAPTURED


def test_while_the_bank_is_asked_the_session_is_simply_open(stripe_shop):
    attempt, session = opened(stripe_shop)
    assert stripe_shop.gateway.pay(session.provider_id, CHALLENGES, approve=None)["status"] == "challenge"
    assert attempt.fetch(session.provider_id).kind is Kind.OPENED
    assert story(stripe_shop) == []


def test_manual_capture_is_authorized_by_every_path_but_the_sessions_own_event(stripe_shop):
    attempt, session = opened(stripe_shop, manual_capture=True)
    intent = stripe_shop.gateway.pay(session.provider_id)["payment_intent"]
    held = attempt.fetch(session.provider_id)
    assert (held.kind, held.amount_minor, held.currency, held.object_id) == (Kind.AUTHORIZED, 2500, "EUR", intent)
    assert sorted(story(stripe_shop)) == [(COMPLETED, "pending"), (HELD, "authorized")]
    (by_webhook,) = [report for report in stripe_shop.hear() if report.kind is Kind.AUTHORIZED]
    assert (by_webhook.amount_minor, by_webhook.object_id, by_webhook.reference) == (2500, intent, attempt.reference)


def test_an_authorization_that_lapses_expires_by_every_path(stripe_shop):
    attempt, session = opened(stripe_shop, manual_capture=True)
    intent = stripe_shop.gateway.pay(session.provider_id)["payment_intent"]
    stripe_shop.gateway.ring(intent)
    assert attempt.fetch(session.provider_id).kind is Kind.EXPIRED
    assert (ENDED, "expired") in story(stripe_shop)


@pytest.mark.parametrize(
    ("card", "outcome", "after", "event"),
    [
        (SETTLES, "succeeded", Kind.CAPTURED, (SETTLED, "captured")),
        (FAILS_LATER, "failed", Kind.FAILED, (UNSETTLED, "failed")),
    ],
)
def test_a_delayed_method_is_pending_until_the_bank_has_spoken(stripe_shop, card, outcome, after, event):
    """R-D3: completed but unpaid is not paid."""
    attempt, session = opened(stripe_shop)
    intent = stripe_shop.gateway.pay(session.provider_id, card)["payment_intent"]
    assert attempt.fetch(session.provider_id).kind is Kind.PENDING
    assert attempt.close(session.provider_id).kind is Kind.PENDING
    assert story(stripe_shop) == [(COMPLETED, "pending")]
    stripe_shop.gateway.settle(intent, outcome)
    assert attempt.fetch(session.provider_id).kind is after
    assert event in story(stripe_shop)
    facts = {(intent, 2500, "EUR", attempt.reference, False)} if after is Kind.CAPTURED else set()
    assert captured_facts([*stripe_shop.hear(), attempt.fetch()]) == facts


def test_a_closed_session_cannot_be_paid_any_more(stripe_shop):
    attempt, session = opened(stripe_shop)
    assert attempt.close(session.provider_id).kind is Kind.EXPIRED
    assert stripe_shop.gateway.pay(session.provider_id)["status"] == "closed"
    assert attempt.fetch(session.provider_id).kind is Kind.EXPIRED
    assert stripe_shop.gateway.books(stripe_shop.secret_key)["payments"] == []
    assert story(stripe_shop) == [(EXPIRED, "expired")]


def test_a_session_that_is_closed_after_a_decline_says_expired_twice(stripe_shop):
    """S-54: its intent is ended with it, and the two events come in any order."""
    attempt, session = opened(stripe_shop)
    stripe_shop.gateway.pay(session.provider_id, DECLINES)
    assert attempt.close(session.provider_id).kind is Kind.EXPIRED
    assert sorted(story(stripe_shop)) == [(EXPIRED, "expired"), (ENDED, "expired"), (NOT_YET, "pending")]


def test_a_session_that_ends_by_itself_is_expired(stripe_shop):
    attempt, session = opened(stripe_shop)
    assert stripe_shop.gateway.ring(session.provider_id) == ["expire"]
    assert attempt.fetch(session.provider_id).kind is Kind.EXPIRED
    assert attempt.close(session.provider_id).kind is Kind.EXPIRED
    assert story(stripe_shop) == [(EXPIRED, "expired")]


def test_closing_a_paid_session_tells_of_the_money(stripe_shop):
    attempt, session = opened(stripe_shop)
    stripe_shop.gateway.pay(session.provider_id)
    report = attempt.close(session.provider_id)
    assert (report.kind, report.amount_minor, report.reference) == (Kind.CAPTURED, 2500, attempt.reference)


CLOSE = "POST /v1/checkout/sessions/{id}/expire"


@pytest.mark.parametrize("mood", ["timeout_after", "reset_after", "truncate", "error_after", "fail_during"])
def test_closing_on_a_bad_day_ends_closed(stripe_shop, mood):
    attempt, session = opened(stripe_shop)
    stripe_shop.gateway.mood_next(CLOSE, mood, times=2 if mood in ("timeout_after", "reset_after") else 1)
    try:
        assert attempt.close(session.provider_id).kind is Kind.EXPIRED
    except Unknown:
        assert mood in ("timeout_after", "reset_after", "truncate")
        assert attempt.close(session.provider_id).kind is Kind.EXPIRED
    assert stripe_shop.gateway.pay(session.provider_id)["status"] == "closed"


def test_a_session_of_another_account_is_unknown_and_not_gone(stripe_shop):
    attempt, session = opened(stripe_shop)
    attempt.shop = stripe_shop.another()
    for ask in (attempt.fetch, attempt.close):
        with pytest.raises(Unknown, match="does not show session"):
            ask(session.provider_id)


def test_a_session_that_is_asked_for_too_late_is_declined(stripe_shop):
    """Stripe measures `expires_at` from its own now; that there is no session is looked up before it is said."""
    attempt = stripe_shop.attempt()
    attempt.request["expires_at"] = int((clock.now() + timedelta(minutes=29)).timestamp())
    with pytest.raises(Declined) as no:
        attempt.open()
    assert (no.value.report.kind, no.value.report.detail["param"]) == (Kind.FAILED, "expires_at")
    assert stripe_shop.attempts_at_the_provider() == 0


def test_a_key_with_another_request_is_unknown_and_the_first_is_found(stripe_shop):
    """S-24: the committed request is sent again as it is; if it were not, nothing is opened twice."""
    attempt, session = opened(stripe_shop)
    attempt.request["customer_email"] = "grace@example.com"
    with pytest.raises(Unknown, match="with another request"):
        attempt.open()
    assert attempt.fetch().provider_id == session.provider_id
    assert stripe_shop.attempts_at_the_provider() == 1


def test_forged_and_stale_webhooks_prove_nothing(stripe_shop):
    _, session = opened(stripe_shop)
    stripe_shop.gateway.pay(session.provider_id)
    event = stripe_shop.events()[-1]
    for more in ({"variant": "forged"}, {"skew_s": -900}, {"skew_s": 900}):
        sent = stripe_shop.delivery(event, **more)
        with pytest.raises(Unproven):
            stripe_shop.adapter.verify(
                headers=sent.headers, body=sent.body, credentials=stripe_shop.account.credentials, now=clock.now()
            )


def test_a_hundred_other_sessions_do_not_hide_ours(stripe_shop):
    attempt, session = opened(stripe_shop)
    for _ in range(101):
        stripe_shop.attempt().open()
    assert attempt.fetch().provider_id == session.provider_id


@pytest.mark.parametrize(("currency", "minor", "wire"), [("JPY", 2500, 2500), ("KWD", 12_340, 12_340), ("ISK", 500, 50_000)])
def test_other_currencies_are_taken_and_read_to_the_unit(stripe_shop, currency, minor, wire):
    attempt, session = opened(stripe_shop, currency=currency, amount_minor=minor, lines=[("Tea", minor, 1)])
    stripe_shop.gateway.pay(session.provider_id)
    (payment,) = stripe_shop.gateway.books(stripe_shop.secret_key)["payments"]
    assert payment["captured_minor"] == wire
    facts = captured_facts([*stripe_shop.hear(), attempt.fetch()])
    assert [(amount, spoken) for _, amount, spoken, _, _ in facts] == [(minor, currency)]


def test_every_event_of_a_busy_account_reads_to_a_known_kind_or_to_nothing(stripe_shop):
    for card in (PAYS, DECLINES, SETTLES, FAILS_LATER, CHALLENGES):
        _, session = opened(stripe_shop)
        stripe_shop.gateway.pay(session.provider_id, card)
    types = {type_ for type_, _ in stripe_shop.told()}
    silent = {type_ for type_, report in stripe_shop.told() if report is None}
    assert {"charge.succeeded", "payment_intent.created", "payment_intent.processing", "charge.failed"} <= silent
    assert silent == types - {COMPLETED, SUCCEEDED, NOT_YET}
    assert Kind.UNREADABLE not in {report.kind for report in stripe_shop.hear()}
