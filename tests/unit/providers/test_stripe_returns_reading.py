"""Refunds, disputes and lines of the books: what each word means, and that what is odd calls a person and moves nothing."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from provider_things import ACCOUNT, NOW, PAYMENT

from holdfast.kernel import clock
from holdfast.providers.contract import DISPUTE_KINDS, MONEY, REFUND_KINDS, AccountHandle, Kind, Pointer, Source
from holdfast.providers.stripe.adapter import StripeAdapter
from holdfast.providers.stripe.books import of_line
from holdfast.providers.stripe.disputes import of_dispute
from holdfast.providers.stripe.events import CHARGE_EVENTS, DISPUTE_EVENTS, REFUND_EVENTS
from holdfast.providers.stripe.refunds import of_refund

MADE, TOLD, DUE = 1700000000, 1700000600, 1700604800
REFUND = "e" * 32
HANDLE = AccountHandle(id=ACCOUNT, provider="stripe", live=False, credentials={})


@pytest.fixture(autouse=True)
def noon(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def refund(**changes) -> dict:
    return {
        "id": "re_1",
        "object": "refund",
        "amount": 700,
        "charge": "ch_1",
        "created": MADE,
        "currency": "eur",
        "metadata": {"holdfast_refund": REFUND, "holdfast_payment": PAYMENT.hex},
        "payment_intent": "pi_1",
        "reason": None,
        "status": "succeeded",
        "a_field_of_the_future": {"deep": [1]},
    } | changes


def line(amount: int, fee: int = 0, **changes) -> dict:
    return {
        "id": "txn_1",
        "object": "balance_transaction",
        "amount": amount,
        "created": MADE,
        "currency": "eur",
        "fee": fee,
        "source": "du_1",
        "type": "adjustment",
    } | changes


def dispute(**changes) -> dict:
    return {
        "id": "du_1",
        "object": "dispute",
        "amount": 2500,
        "balance_transactions": [],
        "charge": "ch_1",
        "created": MADE,
        "currency": "eur",
        "evidence_details": {"due_by": DUE},
        "livemode": False,
        "metadata": {},
        "payment_intent": "pi_1",
        "reason": "fraudulent",
        "status": "needs_response",
    } | changes


def charge(**changes) -> dict:
    mine = {"holdfast_payment": PAYMENT.hex}
    return {"id": "ch_1", "object": "charge", "livemode": False, "payment_intent": "pi_1", "metadata": mine} | changes


def read(type_: str, subject: object, **changes):
    envelope = {"id": "evt_1", "type": type_, "created": TOLD, "livemode": False, "data": {"object": subject}}
    return StripeAdapter().read(body=json.dumps(envelope | changes).encode(), type=type_, account=HANDLE)


def polled(**changes):
    return of_refund(refund(**changes), account=HANDLE, source=Source.POLL)


# -- Refunds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("pending", Kind.REFUND_PENDING),
        ("requires_action", Kind.REFUND_PENDING),
        ("succeeded", Kind.REFUNDED),
        ("failed", Kind.REFUND_FAILED),
        ("canceled", Kind.REFUND_FAILED),
        ("rerouted", Kind.UNREADABLE),
    ],
)
@pytest.mark.parametrize("type_", sorted(REFUND_EVENTS))
def test_every_status_of_a_refund_has_its_kind_whatever_the_event(type_, status, kind):
    report = read(type_, refund(status=status))
    assert (report.kind, report.raw_status, report.source) == (kind, status, "webhook")
    assert (report.object_id, report.money_id, report.provider_id) == ("re_1", "pi_1", None)
    assert (report.reference, report.refund_reference) == (PAYMENT.hex, REFUND)
    money = (None, None) if kind is Kind.UNREADABLE else (700, "EUR")
    assert (report.amount_minor, report.currency) == money
    assert (report.occurred_at, report.live) == (at(TOLD), False)


def test_a_poll_dates_a_refund_by_its_making_but_never_its_failure():
    assert polled().occurred_at == at(MADE)
    assert polled(status="failed", failure_reason="lost_or_stolen_card").occurred_at == NOW
    assert polled(status="failed", failure_reason="lost_or_stolen_card").detail == {"failure_reason": "lost_or_stolen_card"}


@pytest.mark.parametrize("metadata", [{}, None, [], {"holdfast_refund": 7}, {"holdfast_refund": "x" * 32}])
def test_a_refund_from_the_dashboard_has_no_reference_and_is_no_less_true(metadata):
    report = polled(metadata=metadata)
    assert (report.kind, report.reference, report.refund_reference) == (Kind.REFUNDED, None, None)


def test_an_expanded_payment_intent_is_the_same_money():
    assert polled(payment_intent={"id": "pi_1", "object": "payment_intent"}).money_id == "pi_1"


def test_whole_kronur_go_back_as_whole_kronur():
    assert (polled(currency="isk", amount=30_000).amount_minor, polled(currency="isk", amount=50).kind) == (300, Kind.UNREADABLE)


@pytest.mark.parametrize("live", [True, False])
def test_a_refund_is_of_the_mode_of_its_event(live):
    assert read("refund.created", refund(), livemode=live).live is live


@pytest.mark.parametrize("odd", [None, "false", 0, []])
def test_an_event_about_a_refund_without_a_mode_is_unreadable(odd):
    report = read("refund.created", refund(), livemode=odd)
    assert (report.kind, report.refund_reference, report.amount_minor) == (Kind.UNREADABLE, REFUND, None)


WRONG_MONEY = [
    {"amount": None}, {"amount": "700"}, {"amount": 700.0}, {"amount": True}, {"amount": -700}, {"amount": 0}, {"amount": 10**15},
    {"currency": None}, {"currency": 978}, {"currency": "xxx"}, {"currency": "ugx"}, {"status": None}, {"status": 7},
    {"id": None}, {"id": []}, {"object": "charge"}, {"object": None}, {"object": []}, {"payment_intent": 7},
    {"payment_intent": {"id": 7}}, {"payment_intent": ""},
]  # fmt: skip


@pytest.mark.parametrize("changes", WRONG_MONEY)
def test_a_wrong_typed_field_of_a_refund_is_unreadable_and_carries_no_money(changes):
    report = read("refund.updated", refund() | changes)
    assert (report.kind, report.amount_minor, report.currency) == (Kind.UNREADABLE, None, None)
    assert (report.reference, report.refund_reference) == (PAYMENT.hex, REFUND)


# -- Disputes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("warning_needs_response", Kind.DISPUTE_OPENED),
        ("needs_response", Kind.DISPUTE_OPENED),
        ("appeal_needs_response", Kind.DISPUTE_OPENED),
        ("warning_under_review", Kind.DISPUTE_REVIEWED),
        ("under_review", Kind.DISPUTE_REVIEWED),
        ("appeal_under_review", Kind.DISPUTE_REVIEWED),
        ("warning_closed", Kind.DISPUTE_WON),
        ("won", Kind.DISPUTE_WON),
        ("lost", Kind.DISPUTE_LOST),
    ],
)
def test_every_status_of_a_dispute_has_its_kind_and_moves_no_funds_by_itself(status, kind):
    report = read("charge.dispute.updated", dispute(status=status))
    assert (report.kind, report.raw_status, list(report.also)) == (kind, status, [])
    assert (report.object_id, report.money_id, report.amount_minor, report.currency) == ("du_1", "pi_1", 2500, "EUR")
    assert report.due_at == (at(DUE) if kind is Kind.DISPUTE_OPENED else None)
    assert (report.reference, report.occurred_at, report.detail) == (None, at(TOLD), {"reason": "fraudulent"})


@pytest.mark.parametrize(
    ("details", "kind"),
    [
        ({"card": {"case_type": "block"}}, Kind.DISPUTE_WON),
        ({"card": {"case_type": "resolution"}}, Kind.DISPUTE_LOST),
        ({"card": {"case_type": "chargeback"}}, Kind.UNREADABLE),
        ({"card": None}, Kind.UNREADABLE),
        (None, Kind.UNREADABLE),
    ],
)
def test_a_prevented_dispute_was_blocked_or_given_in_to(details, kind):
    assert read("charge.dispute.closed", dispute(status="prevented", payment_method_details=details)).kind is kind


def funds(report) -> list[tuple]:
    return [(each.kind, each.amount_minor, each.currency, each.occurred_at) for each in report.also]


def test_the_funds_are_the_disputes_own_movements():
    moves = [line(-2000, 1500), line(-500), line(2500, -1500, created=TOLD)]
    report = read("charge.dispute.closed", dispute(status="won", balance_transactions=moves))
    withdrawn, reinstated = (Kind.FUNDS_WITHDRAWN, 2500, "EUR", at(MADE)), (Kind.FUNDS_REINSTATED, 2500, "EUR", at(TOLD))
    assert (report.kind, funds(report)) == (Kind.DISPUTE_WON, [withdrawn, reinstated])
    assert [each.detail for each in report.also] == [{}, {"fee_returned": {"amount": 1500, "currency": "EUR"}}]
    assert all((each.object_id, each.money_id, each.also) == ("du_1", "pi_1", ()) for each in report.also)


def test_an_unknown_status_calls_a_person_but_the_funds_stay_said():
    report = read("charge.dispute.updated", dispute(status="arbitrated", balance_transactions=[line(-2500, 1500)]))
    assert (report.kind, report.raw_status, report.amount_minor) == (Kind.UNREADABLE, "arbitrated", None)
    assert funds(report) == [(Kind.FUNDS_WITHDRAWN, 2500, "EUR", at(MADE))]


@pytest.mark.parametrize(("type_", "moved"), [(name, moved) for name, moved in DISPUTE_EVENTS.items() if moved])
def test_an_event_about_funds_is_believed_where_the_dispute_shows_no_movement(type_, moved):
    assert funds(read(type_, dispute())) == [(moved, 2500, "EUR", at(TOLD))]


def test_an_event_about_funds_does_not_say_twice_what_the_dispute_shows():
    report = read("charge.dispute.funds_withdrawn", dispute(balance_transactions=[line(-900)]))
    assert funds(report) == [(Kind.FUNDS_WITHDRAWN, 900, "EUR", at(MADE))]


def test_funds_settled_in_another_currency_are_the_whole_dispute():
    report = read("charge.dispute.created", dispute(balance_transactions=[line(-2700, 1500, currency="usd")]))
    assert funds(report) == [(Kind.FUNDS_WITHDRAWN, 2500, "EUR", at(MADE))]
    assert report.also[0].detail == {"settled": {"amount": 2700, "currency": "USD"}}
    twice = [line(-1700, currency="usd"), line(-1000, currency="usd")]
    assert read("charge.dispute.created", dispute(balance_transactions=twice)).kind is Kind.UNREADABLE
    mixed = [line(-1700, currency="usd"), line(-1000)]
    assert read("charge.dispute.created", dispute(balance_transactions=mixed)).kind is Kind.UNREADABLE


def test_a_poll_dates_the_opening_only():
    opened, lost = (of_dispute(dispute(status=s), account=HANDLE, source=Source.POLL) for s in ("needs_response", "lost"))
    assert (opened.occurred_at, lost.occurred_at) == (at(MADE), NOW)


@pytest.mark.parametrize(
    "changes",
    [
        *WRONG_MONEY,
        {"livemode": "false"},
        {"balance_transactions": None},
        {"balance_transactions": "txn_1"},
        {"balance_transactions": ["txn_1"]},
        {"balance_transactions": [{}]},
        {"balance_transactions": [line(-2500) | {"amount": "-2500"}]},
        {"balance_transactions": [line(-2500, currency=None)]},
        {"balance_transactions": [line(-2500, fee=None)]},
    ],
)  # fmt: skip
def test_a_wrong_typed_field_of_a_dispute_is_unreadable_and_carries_no_money(changes):
    report = read("charge.dispute.updated", dispute() | changes)
    assert (report.kind, report.amount_minor, report.currency, list(report.also)) == (Kind.UNREADABLE, None, None, [])


@pytest.mark.parametrize("odd", [None, 7, "soon", {}, {"due_by": None}, {"due_by": "tomorrow"}, {"due_by": True}])
def test_a_dispute_without_a_date_is_opened_all_the_same(odd):
    report = read("charge.dispute.created", dispute(evidence_details=odd))
    assert (report.kind, report.due_at) == (Kind.DISPUTE_OPENED, None)


# -- What only points, and what is nobody's of ours -----------------------------------------------------------------------


@pytest.mark.parametrize("type_", sorted(CHARGE_EVENTS))
def test_a_charge_points_to_its_money(type_):
    assert read(type_, charge()) == Pointer(kind=MONEY, id="pi_1")
    for odd in ({"payment_intent": 7}, {"payment_intent": ""}, {"livemode": True}):
        report = read(type_, charge(**odd))
        assert (report.kind, report.reference) == (Kind.UNREADABLE, PAYMENT.hex)


@pytest.mark.parametrize(
    ("type_", "subject"), [("refund.created", refund()), ("charge.dispute.created", dispute()), ("charge.refunded", charge())]
)
def test_what_is_about_a_charge_without_a_payment_intent_is_not_ours(type_, subject):
    assert read(type_, subject | {"payment_intent": None}) is None
    del subject["payment_intent"]
    assert read(type_, subject).kind is Kind.UNREADABLE


# -- The books ----------------------------------------------------------------------------------------------------------


def told(body: object) -> list:
    return of_line(body, account=HANDLE)


def test_a_charge_in_the_books_tells_its_fee():
    (fee,) = told(line(2500, 103, type="charge", source=charge()))
    assert (fee.kind, fee.amount_minor, fee.currency, fee.object_id) == (Kind.FEE, 103, "EUR", "txn_1:fee")
    assert (fee.money_id, fee.reference, fee.source, fee.occurred_at) == ("pi_1", PAYMENT.hex, "statement", at(MADE))
    assert told(line(2500, 0, type="charge", source=charge())) == []


@pytest.mark.parametrize("source", [charge(metadata={}), charge(metadata={}, payment_intent=None), None, {"object": "payout"}])
def test_somebody_elses_line_tells_nothing(source):
    assert told(line(2500, 103 if source and source["object"] == "charge" else 0, type="charge", source=source)) == []


def test_a_fee_of_its_own_is_of_no_money():
    (fee,) = told(line(-200, 0, type="stripe_fee", source=None))
    assert (fee.kind, fee.amount_minor, fee.money_id, fee.object_id) == (Kind.FEE, 200, None, "txn_1:fee")
    assert told(line(200, 0, type="stripe_fee", source=None)) == []


def test_a_refund_in_the_books_tells_how_it_stands_and_what_came_back_of_the_fee():
    (report,) = told(line(-700, 0, type="refund", source=refund(status="failed")))
    assert (report.kind, report.object_id, report.source) == (Kind.REFUND_FAILED, "re_1", "statement")
    (report,) = told(line(-700, -20, type="refund", source=refund()))
    assert (report.kind, report.detail) == (Kind.REFUNDED, {"fee_returned": {"amount": 20, "currency": "EUR"}})


def test_a_dispute_in_the_books_tells_its_fee_its_standing_and_its_funds():
    moves = [line(-2500, 1500)]
    reports = told(line(-2500, 1500, source=dispute(balance_transactions=moves)))
    assert [report.kind for report in reports] == [Kind.FEE, Kind.DISPUTE_OPENED, Kind.FUNDS_WITHDRAWN]
    assert all((report.money_id, list(report.also)) == ("pi_1", []) for report in reports)


@pytest.mark.parametrize(
    "changes",
    [
        {"fee": None}, {"fee": "103"}, {"fee": True}, {"currency": None}, {"currency": "ugx"}, {"id": 7}, {"type": None},
        {"object": "charge"}, {"source": "ch_1"}, {"source": []}, {"source": {}}, {"source": charge(object=None)},
        {"source": charge(payment_intent=7)}, {"source": charge(payment_intent=None)},
    ],
)  # fmt: skip
def test_a_wrong_typed_line_is_unreadable_and_carries_no_money(changes):
    (report,) = told(line(2500, 103, type="charge", source=charge()) | changes)
    assert (report.kind, report.amount_minor, report.source) == (Kind.UNREADABLE, None, "statement")


# -- Anything at all ----------------------------------------------------------------------------------------------------

values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5), st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2), st.just([line(-1)]),
)  # fmt: skip
SUBJECTS = {"refund": refund(), "dispute": dispute(balance_transactions=[line(-2500, 1500)]), "charge": charge()}
FIELDS = sorted({name for subject in SUBJECTS.values() for name in subject})


@given(
    name=st.sampled_from(sorted(SUBJECTS)),
    odd=st.lists(st.tuples(st.sampled_from(FIELDS), values), min_size=1, max_size=4),
    type_=st.sampled_from(sorted(REFUND_EVENTS | DISPUTE_EVENTS.keys() | CHARGE_EVENTS)),
)
def test_no_content_can_crash_a_reader_or_move_money_of_the_wrong_type(name, odd, type_):
    subject = SUBJECTS[name] | dict(odd)
    said = read(type_, subject)
    reports = [] if said is None or isinstance(said, Pointer) else [said, *said.also]
    reports += told(line(-700, 20, source=subject))
    for report in reports:
        assert isinstance(report.live, bool)
        if report.kind in REFUND_KINDS | DISPUTE_KINDS | {Kind.FEE}:
            assert type(report.amount_minor) is int
            assert report.amount_minor > 0
            assert report.object_id
            assert report.money_id or report.kind is Kind.FEE
        else:
            assert (report.kind, report.amount_minor) == (Kind.UNREADABLE, None)
