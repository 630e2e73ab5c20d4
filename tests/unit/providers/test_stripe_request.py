"""The committed request says exactly what the order says, and stays valid for every retry."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from provider_things import NOW, ORDER, PAYMENT

from holdfast.kernel import clock
from holdfast.kernel.money import UnknownCurrency
from holdfast.providers.contract import AmountNotPossible, Purchase
from holdfast.providers.stripe import request
from holdfast.providers.stripe.amounts import from_stripe, to_stripe

PURCHASE = Purchase(
    payment_id=PAYMENT,
    order_id=ORDER,
    order_number="A-17",
    amount_minor=2500,
    currency="EUR",
    lines=[("Tea", 2100, 3), ("Shipping", 400, 1)],
    email="ada@example.com",
    manual_capture=False,
    expires_at=NOW + timedelta(minutes=31),
    success_url="https://shop.example/thanks",
    cancel_url="https://shop.example/cart",
)


@pytest.fixture(autouse=True)
def noon(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


def items(**changes):
    return request.compose(replace(PURCHASE, **changes))["line_items"]


def test_the_whole_request():
    ours = {"holdfast_payment": PAYMENT.hex, "holdfast_order": ORDER.hex, "holdfast_order_number": "A-17"}
    composed = request.compose(PURCHASE)
    assert composed == {
        "mode": "payment",
        "line_items": [
            {"price_data": {"currency": "eur", "unit_amount": 700, "product_data": {"name": "Tea"}}, "quantity": 3},
            {"price_data": {"currency": "eur", "unit_amount": 400, "product_data": {"name": "Shipping"}}, "quantity": 1},
        ],
        "client_reference_id": PAYMENT.hex,
        "metadata": ours,
        "payment_intent_data": {"metadata": ours, "capture_method": "automatic_async"},
        "adaptive_pricing": {"enabled": False},
        "success_url": "https://shop.example/thanks",
        "cancel_url": "https://shop.example/cart",
        "expires_at": int((NOW + timedelta(minutes=66)).timestamp()),
        "customer_email": "ada@example.com",
    }
    assert json.loads(json.dumps(composed)) == composed


def test_without_an_address_nothing_is_said_of_one():
    assert "customer_email" not in request.compose(replace(PURCHASE, email=""))


def test_manual_capture_is_asked_for():
    assert request.compose(replace(PURCHASE, manual_capture=True))["payment_intent_data"]["capture_method"] == "manual"


def test_a_price_that_does_not_divide_is_one_item_with_its_count_in_the_name():
    (item,) = items(lines=[("Tea", 1000, 3)], amount_minor=1000)
    assert item["quantity"] == 1
    assert item["price_data"]["unit_amount"] == 1000
    assert item["price_data"]["product_data"]["name"] == "3 × Tea"


@pytest.mark.parametrize(
    "lines",
    [
        [("Tea", 3000, 3), ("Discount", -500, 1)],
        [(f"Tea {n}", 25, 1) for n in range(100)] + [("Nothing", 0, 1)],
    ],
)
def test_what_stripe_cannot_show_line_by_line_is_one_item_named_after_the_order(lines):
    (item,) = items(lines=lines)
    assert (item["price_data"]["unit_amount"], item["quantity"]) == (2500, 1)
    assert item["price_data"]["product_data"]["name"] == "Order A-17"


def test_lines_that_do_not_sum_to_the_amount_are_a_defect_and_nothing_is_composed():
    with pytest.raises(ValueError, match="sum to 2400, its amount is 2500"):
        items(lines=[("Tea", 2400, 1)])


@pytest.mark.parametrize(("name", "shown"), [("", "Item"), (" \n ", "Item"), ("a\tb", "a b"), ("x" * 251, "x" * 249 + "…")])
def test_names_fit(name, shown):
    (item,) = items(lines=[(name, 2500, 1)])
    assert item["price_data"]["product_data"]["name"] == shown


line = st.tuples(st.text(max_size=300), st.integers(-(10**6), 10**6), st.integers(1, 999))


@given(lines=st.lists(line, min_size=1, max_size=120), currency=st.sampled_from(["EUR", "JPY", "KWD", "ISK"]))
def test_items_always_sum_to_the_amount(lines, currency):
    amount = sum(amount for _, amount, _ in lines)
    if amount <= 0 or (currency == "KWD" and amount % 10):
        return
    composed = items(lines=lines, amount_minor=amount, currency=currency)
    sums = sum(item["price_data"]["unit_amount"] * item["quantity"] for item in composed)
    assert sums == to_stripe(amount, currency)
    assert 1 <= len(composed) <= 100
    for item in composed:
        assert item["price_data"]["unit_amount"] >= 0
        assert 1 <= len(item["price_data"]["product_data"]["name"]) <= 250
        assert item["price_data"]["unit_amount"] % {"KWD": 10, "ISK": 100}.get(currency, 1) == 0


def test_every_retry_until_our_window_ends_meets_stripes_half_hour():
    expires_at = request.expires_at(NOW + timedelta(minutes=31))
    last_retry = (NOW + timedelta(minutes=31)).timestamp()
    assert expires_at - last_retry == 35 * 60


@pytest.mark.parametrize(
    ("window_minutes", "lifetime_minutes"), [(-600, 35), (-1, 35), (0, 35), (1, 36), (31, 66), (1405, 1435), (1440, 1435)]
)
def test_the_session_lives_between_stripes_limits(window_minutes, lifetime_minutes):
    expires_at = request.expires_at(NOW + timedelta(minutes=window_minutes))
    assert expires_at == int(NOW.timestamp()) + lifetime_minutes * 60


def test_a_drill_that_moves_our_clock_does_not_move_stripes(monkeypatch):
    monkeypatch.setattr(clock, "OFFSET_S", 3 * 86_400)
    real_now = NOW - timedelta(days=3)
    assert request.expires_at(NOW + timedelta(minutes=31)) == int(real_now.timestamp()) + 66 * 60


@pytest.mark.parametrize(
    ("minor", "currency", "units"), [(1250, "EUR", 1250), (500, "JPY", 500), (5, "ISK", 500), (5120, "KWD", 5120)]
)
def test_stripes_units_and_back(minor, currency, units):
    assert to_stripe(minor, currency) == units
    assert from_stripe(units, currency) == minor


@pytest.mark.parametrize(("minor", "currency"), [(5124, "KWD"), (1, "BHD"), (500, "UGX")])
def test_what_stripe_cannot_take_exactly_is_refused_before_anything_is_sent(minor, currency):
    with pytest.raises(AmountNotPossible):
        to_stripe(minor, currency)


def test_what_cannot_be_read_exactly_is_not_guessed():
    with pytest.raises(AmountNotPossible):
        from_stripe(550, "ISK")
    with pytest.raises(AmountNotPossible):
        from_stripe(500, "UGX")
    with pytest.raises(UnknownCurrency):
        from_stripe(500, "XXX")
