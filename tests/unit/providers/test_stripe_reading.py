"""Every path speaks of the same money with the same words; what is odd calls a person and moves nothing."""

import json
from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from provider_things import ACCOUNT, PAYMENT

from holdfast.providers.contract import AccountHandle, Kind, Source
from holdfast.providers.stripe import reading
from holdfast.providers.stripe.adapter import StripeAdapter
from holdfast.providers.stripe.events import INTENT_EVENTS, SESSION_EVENTS

CREATED, TOLD, CHARGED = 1700000000, 1700000600, 1700000500
HANDLE = AccountHandle(id=ACCOUNT, provider="stripe", live=False, credentials={})


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def session(**changes) -> dict:
    return {
        "id": "cs_test_1",
        "object": "checkout.session",
        "amount_total": 2500,
        "client_reference_id": PAYMENT.hex,
        "created": CREATED,
        "currency": "eur",
        "livemode": False,
        "metadata": {"holdfast_payment": PAYMENT.hex},
        "payment_intent": None,
        "payment_status": "unpaid",
        "status": "open",
        "url": "https://checkout.example/cs_test_1",
        "a_field_of_the_future": {"deep": [1]},
    } | changes


def intent(**changes) -> dict:
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "amount": 2500,
        "amount_capturable": 0,
        "amount_received": 0,
        "canceled_at": None,
        "cancellation_reason": None,
        "created": CREATED,
        "currency": "eur",
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": {"holdfast_payment": PAYMENT.hex},
        "status": "requires_payment_method",
    } | changes


DONE = "checkout.session.completed"
COMPLETE = {"status": "complete", "url": None}
PAID = COMPLETE | {"payment_status": "paid", "payment_intent": "pi_1"}
UNPAID = COMPLETE | {"payment_intent": "pi_1"}
SUCCEEDED = {"status": "succeeded", "amount_received": 2500}
HELD = {"status": "requires_capture", "amount_capturable": 2500}
LAPSED = {"status": "canceled", "cancellation_reason": "automatic", "canceled_at": TOLD}
VOIDED = {"status": "canceled", "cancellation_reason": "requested_by_customer", "canceled_at": TOLD}


def event(type_: str, subject: object, **changes) -> bytes:
    envelope = {"id": "evt_1", "type": type_, "created": TOLD, "livemode": False, "data": {"object": subject}}
    return json.dumps(envelope | changes).encode()


def read(type_: str, subject: object, **changes):
    return StripeAdapter().read(body=event(type_, subject, **changes), type=type_, account=HANDLE)


def polled(**changes):
    return reading.of_session(session(**changes), account=HANDLE, source=Source.POLL)


def test_an_open_session_gives_the_page_and_speaks_of_no_money():
    report = reading.of_session(session(), account=HANDLE, source=Source.REPLY)
    assert report.kind is Kind.OPENED
    assert report.pay_url == "https://checkout.example/cs_test_1"
    assert (report.provider, report.account_id, report.live, report.source) == ("stripe", ACCOUNT, False, "reply")
    assert (report.reference, report.provider_id, report.object_id) == (PAYMENT.hex, "cs_test_1", None)
    assert (report.amount_minor, report.currency) == (None, None)
    assert (report.occurred_at, report.raw_status, report.detail) == (at(CREATED), "open/unpaid", {})


@pytest.mark.parametrize(
    ("type_", "changes", "kind", "raw_status"),
    [
        (DONE, PAID, Kind.CAPTURED, "complete/paid"),
        (DONE, UNPAID, Kind.PENDING, "complete/unpaid"),
        (DONE, COMPLETE | {"payment_status": "no_payment_required"}, Kind.UNREADABLE, "complete/no_payment_required"),
        (DONE, COMPLETE | {"payment_status": "half_paid"}, Kind.UNREADABLE, "complete/half_paid"),
        (DONE, {"status": "dreaming"}, Kind.UNREADABLE, "dreaming/unpaid"),
        ("checkout.session.expired", {"status": "expired", "payment_status": "paid"}, Kind.UNREADABLE, "expired/paid"),
        ("checkout.session.async_payment_succeeded", PAID, Kind.CAPTURED, "complete/paid"),
        ("checkout.session.async_payment_failed", UNPAID, Kind.FAILED, "complete/unpaid"),
        ("checkout.session.expired", {"status": "expired", "url": None}, Kind.EXPIRED, "expired/unpaid"),
    ],
)  # fmt: skip
def test_every_session_event_has_its_kind(type_, changes, kind, raw_status):
    report = read(type_, session(**changes))
    assert (report.kind, report.raw_status, report.source) == (kind, raw_status, "webhook")
    assert (report.reference, report.provider_id, report.occurred_at) == (PAYMENT.hex, "cs_test_1", at(TOLD))
    assert report.pay_url == ""
    money = (2500, "EUR", "pi_1") if kind is Kind.CAPTURED else (None, None, None)
    assert (report.amount_minor, report.currency, report.object_id) == money


@pytest.mark.parametrize(
    ("type_", "changes", "kind", "amount"),
    [
        ("payment_intent.succeeded", SUCCEEDED, Kind.CAPTURED, 2500),
        ("payment_intent.succeeded", SUCCEEDED | {"amount_received": 1800}, Kind.CAPTURED, 1800),
        ("payment_intent.payment_failed", {}, Kind.PENDING, None),
        ("payment_intent.payment_failed", {"status": "requires_action"}, Kind.PENDING, None),
        ("payment_intent.amount_capturable_updated", HELD, Kind.AUTHORIZED, 2500),
        ("payment_intent.canceled", VOIDED, Kind.CANCELLED, None),
        ("payment_intent.canceled", VOIDED | {"cancellation_reason": None}, Kind.CANCELLED, None),
        ("payment_intent.canceled", LAPSED, Kind.EXPIRED, None),
        ("payment_intent.succeeded", {"status": "rerouted"}, Kind.UNREADABLE, None),
    ],
)
def test_every_intent_event_has_its_kind(type_, changes, kind, amount):
    report = read(type_, intent(**changes))
    assert (report.kind, report.amount_minor) == (kind, amount)
    assert (report.reference, report.provider_id, report.object_id) == (PAYMENT.hex, None, "pi_1")
    assert report.currency == (None if amount is None else "EUR")
    assert report.occurred_at == at(TOLD)


@pytest.mark.parametrize(
    ("session_changes", "intent_changes", "kind", "raw_status"),
    [
        (PAID, SUCCEEDED, Kind.CAPTURED, "complete/paid/succeeded"),
        (COMPLETE, HELD, Kind.AUTHORIZED, "complete/unpaid/requires_capture"),
        (COMPLETE, {"status": "processing"}, Kind.PENDING, "complete/unpaid/processing"),
        (COMPLETE, {"status": "requires_payment_method"}, Kind.FAILED, "complete/unpaid"),
        (COMPLETE, LAPSED, Kind.EXPIRED, "complete/unpaid/canceled"),
        (COMPLETE, VOIDED, Kind.CANCELLED, "complete/unpaid/canceled"),
        (COMPLETE, {"status": "rerouted"}, Kind.UNREADABLE, "complete/unpaid/rerouted"),
        ({}, {}, Kind.OPENED, "open/unpaid"),
        ({}, {"status": "requires_action"}, Kind.OPENED, "open/unpaid"),
        ({}, SUCCEEDED, Kind.CAPTURED, "open/unpaid/succeeded"),
        ({"status": "expired"}, {}, Kind.EXPIRED, "expired/unpaid"),
        ({"status": "expired"}, SUCCEEDED, Kind.CAPTURED, "expired/unpaid/succeeded"),
    ],
)
def test_a_poll_sees_the_intent_too_and_believes_its_money_first(session_changes, intent_changes, kind, raw_status):
    report = polled(**session_changes | {"payment_intent": intent(**intent_changes)})
    assert (report.kind, report.raw_status) == (kind, raw_status)


def test_the_same_money_is_one_fact_whichever_way_it_came():
    """S-03."""
    facts = {
        (report.object_id, report.amount_minor, report.currency, report.reference)
        for report in (
            read("checkout.session.completed", session(**PAID)),
            read("checkout.session.async_payment_succeeded", session(**PAID)),
            read("payment_intent.succeeded", intent(**SUCCEEDED)),
            polled(**PAID),
            polled(**PAID | {"payment_intent": intent(**SUCCEEDED)}),
            polled(**PAID | {"payment_intent": intent(**SUCCEEDED, latest_charge={"id": "ch_1", "created": CHARGED})}),
        )
    }
    assert facts == {("pi_1", 2500, "EUR", PAYMENT.hex)}


def test_a_session_that_expires_and_its_intent_that_is_ended_with_it_say_the_same():
    """S-54: the two events come in any order."""
    assert read("checkout.session.expired", session(status="expired")).kind is Kind.EXPIRED
    assert read("payment_intent.canceled", intent(**LAPSED)).kind is Kind.EXPIRED


def test_a_decline_inside_an_open_session_is_news_for_people_only():
    """R-D4."""
    error = {"code": "card_declined", "decline_code": "insufficient_funds", "message": "No funds.", "charge": "ch_1"}
    report = polled(payment_intent=intent(last_payment_error=error))
    assert report.kind is Kind.OPENED
    assert report.detail == {"code": "card_declined", "decline_code": "insufficient_funds", "message": "No funds."}
    failed = read("payment_intent.payment_failed", intent(last_payment_error=error))
    assert (failed.kind, failed.detail["decline_code"]) == (Kind.PENDING, "insufficient_funds")


def test_a_poll_dates_the_money_by_its_charge():
    money = intent(**SUCCEEDED, latest_charge={"id": "ch_1", "created": CHARGED})
    assert polled(**PAID | {"payment_intent": money}).occurred_at == at(CHARGED)


def test_whole_kronur_come_back_as_whole_kronur():
    report = read("checkout.session.completed", session(**PAID, currency="isk", amount_total=50_000))
    assert (report.kind, report.amount_minor, report.currency) == (Kind.CAPTURED, 500, "ISK")


@pytest.mark.parametrize(
    ("metadata", "client_reference_id", "reference"),
    [
        ({"holdfast_payment": PAYMENT.hex}, "b" * 32, PAYMENT.hex),
        ({}, PAYMENT.hex, PAYMENT.hex),
        (None, PAYMENT.hex, PAYMENT.hex),
        ({"holdfast_payment": 7}, PAYMENT.hex, PAYMENT.hex),
        ({}, None, None),
        ({}, "their-own-reference", None),
        ([], 7, None),
        ({"holdfast_payment": "x" * 32}, {}, None),
    ],
)
def test_a_reference_that_is_not_ours_is_none_and_no_error(metadata, client_reference_id, reference):
    report = read("checkout.session.completed", session(**PAID, metadata=metadata, client_reference_id=client_reference_id))
    assert (report.kind, report.reference) == (Kind.CAPTURED, reference)


@pytest.mark.parametrize("live", [True, False])
def test_the_mode_is_the_objects(live):
    report = read("checkout.session.completed", session(**PAID, livemode=live), livemode=live)
    assert (report.kind, report.live) == (Kind.CAPTURED, live)


@pytest.mark.parametrize("odd", [None, "false", 0, True])
def test_an_event_of_another_mode_than_its_object_is_unreadable(odd):
    report = read("checkout.session.completed", session(**PAID), livemode=odd)
    assert (report.kind, report.reference, report.amount_minor) == (Kind.UNREADABLE, PAYMENT.hex, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_total": None},
        {"amount_total": "2500"},
        {"amount_total": 2500.0},
        {"amount_total": True},
        {"amount_total": -2500},
        {"amount_total": 0},
        {"amount_total": 10**15},
        {"currency": None},
        {"currency": 978},
        {"currency": "xxx"},
        {"currency": "ugx"},
        {"payment_intent": None},
        {"payment_intent": 7},
        {"payment_intent": {"id": "pi_1"}},
        {"status": None},
        {"status": 7},
        {"payment_status": []},
        {"livemode": "false"},
        {"id": None},
        {"object": "payment_intent"},
    ],
)
def test_a_wrong_typed_field_is_unreadable_and_carries_no_money(changes):
    report = read("checkout.session.completed", session(**PAID) | changes)
    assert (report.kind, report.amount_minor, report.currency) == (Kind.UNREADABLE, None, None)
    assert report.reference == PAYMENT.hex


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"7", b"{}", b'{"data": 1}', b'{"data": {"object": 1}, "created": 1}', b"\xff", b"[" * 100_000,
     event(DONE, None), event(DONE, []), event(DONE, "cs_1")],
)  # fmt: skip
def test_a_body_without_an_object_is_unreadable(body):
    report = StripeAdapter().read(body=body, type="checkout.session.completed", account=HANDLE)
    assert (report.kind, report.reference, report.provider_id, report.live) == (Kind.UNREADABLE, None, None, False)


@pytest.mark.parametrize(
    "type_",
    ["payment_intent.created", "payment_intent.processing", "payment_intent.requires_action", "charge.succeeded",
     "charge.updated", "refund.rerouted", "charge.dispute.rerouted", "checkout.session.rerouted",
     "payment_intent.settlement_rerouted", "v2.core.account.updated", "", "checkout.session.completed "],
)  # fmt: skip
def test_every_other_event_says_nothing_that_moves_state(type_):
    """S-68."""
    assert read(type_, session(**PAID)) is None
    assert StripeAdapter().read(body=b"not even json", type=type_, account=HANDLE) is None


def test_the_events_that_are_read():
    assert len(SESSION_EVENTS) == 4
    assert len(INTENT_EVENTS) == 4


values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5), st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip
whole = [(kind, name) for kind, body in (("s", session(**PAID)), ("i", intent(**SUCCEEDED))) for name in body]


@given(
    odd=st.lists(st.tuples(st.sampled_from(whole), values), min_size=1, max_size=4),
    type_=st.sampled_from(sorted(SESSION_EVENTS | INTENT_EVENTS)),
)
def test_no_content_can_crash_a_reader_or_make_money_of_the_wrong_type(odd, type_):
    subjects = {"s": session(**PAID), "i": intent(**SUCCEEDED)}
    for (kind, name), value in odd:
        subjects[kind][name] = value
    nested = subjects["s"] | {"payment_intent": subjects["i"]}
    for subject in (subjects["s"], subjects["i"], nested):
        report = read(type_, subject)
        assert report.kind in Kind
        assert isinstance(report.live, bool)
        if report.kind in (Kind.CAPTURED, Kind.AUTHORIZED):
            assert type(report.amount_minor) is int
            assert report.amount_minor > 0
            assert report.object_id
            assert report.currency == report.currency.upper()
        else:
            assert report.amount_minor is None


def test_every_pair_of_known_words_has_a_kind_and_only_paid_is_money():
    for status, paid in product(["open", "complete", "expired"], ["paid", "unpaid", "no_payment_required"]):
        kind = polled(status=status, payment_status=paid, payment_intent="pi_1").kind
        assert (kind is Kind.CAPTURED) == ((status, paid) == ("complete", "paid"))
