"""What Mercado Pago's objects mean. Whatever they hold, reading them never raises, and never says more than they do."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from provider_things import ACCOUNT, NOW, PAYMENT

from holdfast.kernel import clock
from holdfast.providers.contract import AccountHandle, Kind, Pointer, Source
from holdfast.providers.mercadopago import attempts, reading
from holdfast.providers.mercadopago.adapter import MercadoPagoAdapter

ACCOUNT_HANDLE = AccountHandle(id=ACCOUNT, provider="mercadopago", live=False, credentials={})
ADAPTER = MercadoPagoAdapter()
CARD = {
    "id": 17014025134,
    "status": "approved",
    "status_detail": "accredited",
    "external_reference": PAYMENT.hex,
    "transaction_amount": 58.8,
    "transaction_amount_refunded": 0,
    "currency_id": "BRL",
    "live_mode": False,
    "date_created": "2026-11-21T07:00:00.000-04:00",
    "date_approved": "2026-11-21T07:00:01.000-04:00",
    "date_last_updated": "2026-11-21T07:30:00.000-04:00",
    "payment_method_id": "visa",
    "order": {"id": 36523527642, "type": "mercadopago"},
    "refunds": [],
    "fee_details": [
        {"type": "mercadopago_fee", "amount": 2.93, "fee_payer": "collector"},
        {"type": "financing_fee", "amount": 1.5, "fee_payer": "payer"},
    ],
}
PIX = CARD | {
    "status": "pending",
    "status_detail": "pending_waiting_transfer",
    "payment_method_id": "pix",
    "order": {},
    "point_of_interaction": {"transaction_data": {"qr_code": "00020126…6304ABCD", "ticket_url": "https://mp.example/ticket"}},
}
REFUND = {
    "id": 1091618291,
    "payment_id": 17014025134,
    "amount": 10.0,
    "status": "approved",
    "date_created": "2026-11-21T07:10:00.000-04:00",
    "source": {"id": "1", "name": "Shop", "type": "collector"},
}
CASE = {
    "id": "234000062890459000",
    "payments": [17014025134],
    "currency": "BRL",
    "amount": 58.8,
    "date_documentation_deadline": "2026-11-28T07:00:00.000-04:00",
    "date_created": "2026-11-21T07:20:00.000-04:00",
}
PREFERENCE = {
    "id": "843382748-18d90a57-a4ce-4718-bc17-1234567890",
    "init_point": "https://mp.example/checkout",
    "external_reference": PAYMENT.hex,
    "expires": True,
    "expiration_date_to": "2026-11-21T08:36:00.000-04:00",
    "date_created": "2026-11-21T08:00:00.000-04:00",
}


@pytest.fixture(autouse=True)
def noon(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr(clock, "OFFSET_S", 0.0)


def read(payment, cases=()):
    return reading.of_payment(payment, account=ACCOUNT_HANDLE, source=Source.POLL, chargebacks=cases)


@pytest.mark.parametrize(
    ("status", "detail", "card", "pix"),
    [
        ("pending", "pending_waiting_payment", Kind.PENDING, Kind.OPENED),
        ("pending", "pending_challenge", Kind.PENDING, Kind.OPENED),
        ("in_process", "pending_contingency", Kind.PENDING, Kind.PENDING),
        ("in_process", "pending_review_manual", Kind.PENDING, Kind.PENDING),
        ("in_process", "offline_process", Kind.PENDING, Kind.PENDING),
        ("in_process", "deferred_retry", Kind.PENDING, Kind.PENDING),
        ("authorized", "pending_capture", Kind.AUTHORIZED, Kind.AUTHORIZED),
        ("approved", "accredited", Kind.CAPTURED, Kind.CAPTURED),
        ("approved", "partially_refunded", Kind.CAPTURED, Kind.CAPTURED),
        ("refunded", "refunded", Kind.CAPTURED, Kind.CAPTURED),
        ("refunded", "by_admin", Kind.CAPTURED, Kind.CAPTURED),
        ("charged_back", "in_process", Kind.CAPTURED, Kind.CAPTURED),
        ("in_mediation", "pending", Kind.CAPTURED, Kind.CAPTURED),
        ("rejected", "cc_rejected_high_risk", Kind.PENDING, Kind.FAILED),
        ("cancelled", "expired", Kind.PENDING, Kind.EXPIRED),
        ("canceled", "expired", Kind.PENDING, Kind.EXPIRED),
        ("cancelled", "by_collector", Kind.PENDING, Kind.CANCELLED),
        ("canceled", "by_payer", Kind.PENDING, Kind.CANCELLED),
        ("cancelled", None, Kind.PENDING, Kind.CANCELLED),
        ("processed", "accredited", Kind.UNREADABLE, Kind.UNREADABLE),
        ("Approved", "accredited", Kind.UNREADABLE, Kind.UNREADABLE),
    ],
)
def test_every_status_has_its_meaning_in_a_page_and_as_a_pix(status, detail, card, pix):
    told = {"status": status, "status_detail": detail}
    assert (read(CARD | told).kind, read(PIX | told).kind) == (card, pix)


def test_money_is_told_with_everything_that_binds_it():
    report = read(CARD)
    assert (report.kind, report.object_id, report.amount_minor, report.currency) == (Kind.CAPTURED, "17014025134", 5880, "BRL")
    assert (report.reference, report.provider_id, report.account_id, report.live) == (PAYMENT.hex, None, ACCOUNT, False)
    assert report.occurred_at == datetime(2026, 11, 21, 11, 0, 1, tzinfo=UTC)
    assert report.raw_status == "approved/accredited"
    assert list(report.also) == []


def test_an_open_pix_shows_its_code_and_its_page():
    report = read(PIX)
    assert (report.kind, dict(report.show), report.pay_url) == (
        Kind.OPENED, {"pix": "00020126…6304ABCD"}, "https://mp.example/ticket",
    )  # fmt: skip
    assert (report.provider_id, report.amount_minor) == ("17014025134", None)


def test_a_pix_in_somebody_s_page_is_not_our_pix():
    report = read(PIX | {"order": {"id": 1}})
    assert (report.kind, report.provider_id, dict(report.show)) == (Kind.PENDING, None, {})


@pytest.mark.parametrize("name", ["id", "status", "transaction_amount", "currency_id", "live_mode"])
@pytest.mark.parametrize("odd", [None, "", [], {}, True, 10**40, -5, "x" * 300, float("nan")])
def test_a_field_of_a_wrong_type_is_unreadable_and_never_money(name, odd):
    if name == "live_mode" and odd in (None, True):
        return
    report = read(CARD | {name: odd})
    assert (report.kind, report.amount_minor, list(report.also)) == (Kind.UNREADABLE, None, [])
    assert report.reference == PAYMENT.hex


@pytest.mark.parametrize("missing", ["id", "status", "transaction_amount", "currency_id"])
def test_a_field_that_is_missing_is_unreadable(missing):
    assert read({name: value for name, value in CARD.items() if name != missing}).kind is Kind.UNREADABLE


def test_a_payment_that_does_not_tell_its_mode_is_of_the_token_s():
    assert read({name: value for name, value in CARD.items() if name != "live_mode"}).live is False
    assert read(CARD | {"live_mode": True}).live is True


@pytest.mark.parametrize("odd", [None, 7, "", [], {}, "payment", [CARD]])
def test_what_is_no_payment_is_unreadable(odd):
    assert read(odd).kind is Kind.UNREADABLE


@pytest.mark.parametrize("odd", [None, 7, "", {}, {"transaction_data": None}, {"transaction_data": {"qr_code": 7}}])
def test_an_open_pix_without_a_code_calls_a_person(odd):
    assert read(PIX | {"point_of_interaction": odd}).kind is Kind.UNREADABLE


@pytest.mark.parametrize("amount", ["58.80", 58.801, 0, 0.0, 1e20])
def test_an_amount_that_is_none_is_unreadable(amount):
    assert read(CARD | {"transaction_amount": amount}).kind is Kind.UNREADABLE


@pytest.mark.parametrize("ours", [None, "", 7, "A-17", PAYMENT.hex.upper(), PAYMENT.hex + "0", str(PAYMENT)])
def test_a_reference_that_is_not_one_of_ours_names_nothing(ours):
    assert read(CARD | {"external_reference": ours}).reference is None


@pytest.mark.parametrize("odd", [None, 7, "yesterday", "2026-11-21T07:00:00"])
def test_a_time_that_cannot_be_read_is_now(odd):
    assert read(CARD | {"date_approved": odd, "date_last_updated": odd}).occurred_at == NOW


# -- Refunds ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("approved", Kind.REFUNDED),
        ("in_process", Kind.REFUND_PENDING),
        ("rejected", Kind.REFUND_FAILED),
        ("cancelled", Kind.REFUND_FAILED),
        ("rerouted", Kind.UNREADABLE),
    ],
)
def test_every_status_of_a_refund_has_its_meaning(status, kind):
    (report,) = read(CARD | {"refunds": [REFUND | {"status": status}]}).also
    amount = None if kind is Kind.UNREADABLE else 1000
    assert (report.kind, report.object_id, report.amount_minor, report.money_id) == (kind, "1091618291", amount, "17014025134")
    assert report.refund_reference is None


def test_a_refund_says_when_it_was_made_and_by_whom():
    (report,) = read(CARD | {"refunds": [REFUND]}).also
    assert report.occurred_at == datetime(2026, 11, 21, 11, 10, tzinfo=UTC)
    assert report.detail == {"asked_by": "collector"}


@pytest.mark.parametrize("name", ["id", "amount", "status", "payment_id"])
@pytest.mark.parametrize("odd", ["", [], {}, True, -1, "x"])
def test_an_odd_refund_calls_a_person_and_leaves_the_money_told(name, odd):
    report = read(CARD | {"refunds": [REFUND | {name: odd}]})
    assert (report.kind, report.amount_minor) == (Kind.CAPTURED, 5880)
    assert [(each.kind, each.money_id) for each in report.also] == [(Kind.UNREADABLE, "17014025134")]


@pytest.mark.parametrize("odd", [7, "", "refunds", [7], {"a": 1}])
def test_refunds_that_are_no_list_call_a_person(odd):
    assert [each.kind for each in read(CARD | {"refunds": odd}).also] == [Kind.UNREADABLE]


def test_a_sum_that_is_more_than_its_refunds_calls_a_person():
    told = read(CARD | {"refunds": [REFUND], "transaction_amount_refunded": 20.0}).also
    assert [each.kind for each in told] == [Kind.REFUNDED, Kind.UNREADABLE]


def test_a_refund_that_failed_is_no_part_of_the_sum():
    told = read(CARD | {"refunds": [REFUND | {"status": "rejected"}], "transaction_amount_refunded": 0}).also
    assert [each.kind for each in told] == [Kind.REFUND_FAILED]


# -- Disputes ---------------------------------------------------------------------------------------------------------


def charged_back(detail, cases=(CASE,), **more):
    return read(CARD | {"status": "charged_back", "status_detail": detail} | more, cases).also


def test_a_chargeback_tells_how_it_stands_then_who_holds_the_money():
    opened, withdrawn = charged_back("in_process")
    assert (opened.kind, opened.object_id, opened.amount_minor) == (Kind.DISPUTE_OPENED, "17014025134:chargeback", 5880)
    assert opened.due_at == datetime(2026, 11, 28, 11, tzinfo=UTC)
    assert (withdrawn.kind, withdrawn.amount_minor, withdrawn.due_at) == (Kind.FUNDS_WITHDRAWN, 5880, None)
    assert withdrawn.occurred_at == datetime(2026, 11, 21, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("detail", "kinds"),
    [
        ("in_process", [Kind.DISPUTE_OPENED, Kind.FUNDS_WITHDRAWN]),
        ("settled", [Kind.DISPUTE_LOST, Kind.FUNDS_WITHDRAWN]),
        ("reimbursed", [Kind.DISPUTE_WON, Kind.FUNDS_WITHDRAWN, Kind.FUNDS_REINSTATED]),
        ("rerouted", [Kind.UNREADABLE]),
        (None, [Kind.UNREADABLE]),
    ],
)
def test_every_status_of_a_chargeback_has_its_meaning(detail, kinds):
    assert [each.kind for each in charged_back(detail)] == kinds


def test_without_its_case_what_was_left_of_the_payment_was_withdrawn():
    told = charged_back("in_process", (), refunds=[REFUND], transaction_amount_refunded=10.0)
    assert [(each.kind, each.amount_minor) for each in told] == [
        (Kind.REFUNDED, 1000), (Kind.DISPUTE_OPENED, 4880), (Kind.FUNDS_WITHDRAWN, 4880),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["amount", "currency"])
@pytest.mark.parametrize("odd", [None, "", [], {}, True, "USD"])
def test_an_odd_case_calls_a_person(name, odd):
    assert [each.kind for each in charged_back("in_process", (CASE | {name: odd},))] == [Kind.UNREADABLE]


# -- Fees -------------------------------------------------------------------------------------------------------------


def test_the_books_tell_only_what_was_kept_from_the_merchant():
    money, fee = reading.of_books(CARD, account=ACCOUNT_HANDLE)
    assert (money.kind, money.source) == (Kind.CAPTURED, Source.STATEMENT)
    assert (fee.kind, fee.object_id, fee.amount_minor, fee.currency, fee.money_id) == (
        Kind.FEE, "17014025134:fee", 293, "BRL", "17014025134",
    )  # fmt: skip


@pytest.mark.parametrize("odd", [None, [], [{"type": "mercadopago_fee", "amount": 0, "fee_payer": "collector"}]])
def test_no_fee_is_no_line(odd):
    assert len(reading.of_books(CARD | {"fee_details": odd}, account=ACCOUNT_HANDLE)) == 1


@pytest.mark.parametrize("odd", [7, "", [7], [{}], [{"type": "x", "amount": "1", "fee_payer": "collector"}], [{"fee_payer": 1}]])
def test_an_odd_fee_calls_a_person(odd):
    told = reading.of_books(CARD | {"fee_details": odd}, account=ACCOUNT_HANDLE)
    assert [each.kind for each in told] == [Kind.CAPTURED, Kind.UNREADABLE]


# -- Pages ------------------------------------------------------------------------------------------------------------


def page(preference, *payments):
    found = [(str(each.get("status")), read(each)) for each in payments]
    return attempts.of_preference(preference, found, account=ACCOUNT_HANDLE, source=Source.POLL)


def test_an_open_page_can_be_paid_at():
    report = page(PREFERENCE)
    assert (report.kind, report.provider_id, report.pay_url, report.raw_status) == (
        Kind.OPENED, PREFERENCE["id"], "https://mp.example/checkout", "open",
    )  # fmt: skip
    assert report.reference == PAYMENT.hex


@pytest.mark.parametrize(
    ("late", "kind"),
    [(timedelta(minutes=-5), Kind.OPENED), (timedelta(minutes=5), Kind.OPENED), (timedelta(minutes=6), Kind.EXPIRED)],
)
def test_a_page_is_over_when_its_end_has_passed_for_certain(monkeypatch, late, kind):
    ends_at = datetime(2026, 11, 21, 12, 36, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: ends_at + late)
    assert page(PREFERENCE).kind is kind


def test_a_page_without_an_end_is_never_over():
    assert page(PREFERENCE | {"expires": False, "expiration_date_to": "2020-01-01T00:00:00.000-04:00"}).kind is Kind.OPENED
    assert page(PREFERENCE | {"expiration_date_to": None}).kind is Kind.OPENED


DECLINED = CARD | {"id": 1, "status": "rejected", "status_detail": "cc_rejected_other_reason"}
HELD = CARD | {"id": 2, "status": "in_process", "status_detail": "pending_review_manual"}
AUTHORIZED = CARD | {"id": 3, "status": "authorized", "status_detail": "pending_capture"}
ODD = CARD | {"id": 4, "status": "rerouted"}
PAID = CARD | {"id": 5}
PAID_LATER = CARD | {"id": 6, "date_approved": "2026-11-21T07:40:00.000-04:00"}


@pytest.mark.parametrize(
    ("payments", "kind", "object_id", "beside"),
    [
        ([DECLINED], Kind.OPENED, None, []),
        ([DECLINED, HELD], Kind.PENDING, "2", []),
        ([HELD, ODD], Kind.UNREADABLE, "4", []),
        ([ODD, AUTHORIZED], Kind.AUTHORIZED, "3", ["4"]),
        ([DECLINED, AUTHORIZED, PAID], Kind.CAPTURED, "5", ["3"]),
        ([PAID_LATER, PAID], Kind.CAPTURED, "5", ["6"]),
        ([PAID, PAID_LATER, ODD], Kind.CAPTURED, "5", ["6", "4"]),
    ],
)
def test_an_attempt_is_what_the_best_of_its_payments_is(payments, kind, object_id, beside):
    report = page(PREFERENCE, *payments)
    assert (report.kind, report.object_id, report.provider_id) == (kind, object_id, PREFERENCE["id"])
    assert [each.object_id for each in report.also] == beside


def test_a_page_that_is_over_does_not_hide_money_or_what_may_become_money():
    over = PREFERENCE | {"expiration_date_to": "2026-01-01T00:00:00.000-04:00"}
    kinds = [page(over, payment).kind for payment in (DECLINED, HELD, AUTHORIZED, PAID)]
    assert kinds == [Kind.EXPIRED, Kind.PENDING, Kind.AUTHORIZED, Kind.CAPTURED]


@pytest.mark.parametrize("name", ["id", "init_point", "expires", "expiration_date_to"])
@pytest.mark.parametrize("odd", ["", [], {}, 7])
def test_an_odd_page_is_unreadable(name, odd):
    assert page(PREFERENCE | {name: odd}).kind is Kind.UNREADABLE


@pytest.mark.parametrize("odd", [None, 7, "", [], {}])
def test_what_is_no_preference_is_unreadable(odd):
    assert page(odd).kind is Kind.UNREADABLE


# -- Notifications ----------------------------------------------------------------------------------------------------


def told(type_, **said):
    return ADAPTER.read(body=json.dumps({"type": type_, **said}).encode(), type=type_, account=ACCOUNT_HANDLE)


def test_notifications_of_money_point():
    assert told("payment", data={"id": "17014025134"}) == Pointer(kind="payment", id="17014025134")
    assert told("topic_chargebacks_wh", data={"id": 233000061680860000}) == Pointer(kind="chargeback", id="233000061680860000")


@pytest.mark.parametrize(
    "type_", ["order", "topic_merchant_order_wh", "stop_delivery_op_wh", "topic_claims_integration_wh", "mp-connect"]
)
def test_other_notifications_say_nothing(type_):
    assert told(type_, data={"id": "1"}) is None


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"7", b"{}", b'{"data": 7}', b'{"data": {"id": "../1"}}', b"\xff", b"[" * 100_000]
)
def test_a_notification_of_money_that_names_none_calls_a_person(body):
    assert ADAPTER.read(body=body, type="payment", account=ACCOUNT_HANDLE).kind is Kind.UNREADABLE
