"""The exact requests that are committed and sent to Mercado Pago."""

import json
from datetime import timedelta

import pytest
from provider_things import ACCOUNT, NOW, ORDER, PAYMENT

from holdfast.kernel import clock
from holdfast.kernel.errors import Refused
from holdfast.providers.contract import AccountHandle, AmountNotPossible, Purchase
from holdfast.providers.mercadopago import request
from holdfast.providers.mercadopago.amounts import from_wire, to_wire


@pytest.fixture(autouse=True)
def noon(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(seconds=clock.OFFSET_S))
    monkeypatch.setattr(clock, "OFFSET_S", 0.0)


def account(**credentials) -> AccountHandle:
    return AccountHandle(id=ACCOUNT, provider="mercadopago", live=False, credentials={"access_token": "TEST-1"} | credentials)


def purchase(**changes) -> Purchase:
    said = {
        "payment_id": PAYMENT,
        "order_id": ORDER,
        "order_number": "A-17",
        "method": "card",
        "amount_minor": 2500,
        "currency": "BRL",
        "lines": [("Tea", 2100, 3), ("Shipping", 400, 1)],
        "email": "ada@example.com",
        "manual_capture": False,
        "expires_at": NOW + timedelta(minutes=31),
        "success_url": "https://shop.example/thanks",
        "cancel_url": "https://shop.example/cart",
    }
    return Purchase(**{**said, **changes})


def test_a_card_is_a_preference():
    assert request.compose(purchase(), account()) == {
        "preference": {
            "external_reference": "019a0000000070008000000000000001",
            "items": [
                {"title": "Tea", "quantity": 3, "unit_price": 7.0, "currency_id": "BRL"},
                {"title": "Shipping", "quantity": 1, "unit_price": 4.0, "currency_id": "BRL"},
            ],
            "back_urls": {
                "success": "https://shop.example/thanks",
                "pending": "https://shop.example/thanks",
                "failure": "https://shop.example/cart",
            },
            "auto_return": "approved",
            "binary_mode": True,
            "payment_methods": {"excluded_payment_types": [{"id": "ticket"}, {"id": "atm"}, {"id": "bank_transfer"}]},
            "expires": True,
            "expiration_date_to": "2026-11-21T08:36:00.000-04:00",
            "payer": {"email": "ada@example.com"},
        }
    }


def test_a_pix_is_a_payment_that_outlives_our_window_by_the_shortest_life_of_one():
    assert request.compose(purchase(method="pix"), account()) == {
        "payment": {
            "external_reference": "019a0000000070008000000000000001",
            "transaction_amount": 25.0,
            "payment_method_id": "pix",
            "description": "Order A-17",
            "date_of_expiration": "2026-11-21T09:06:00.000-04:00",
            "payer": {"email": "ada@example.com"},
        }
    }


def test_the_method_of_nobody_s_choice_is_the_card():
    assert set(request.compose(purchase(method=""), account())) == {"preference"}


@pytest.mark.parametrize("method", ["card", "pix"])
@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("https://shop.example/hooks", "https://shop.example/hooks?source_news=webhooks"),
        ("https://shop.example/hooks?a=1", "https://shop.example/hooks?a=1&source_news=webhooks"),
        ("https://shop.example/hooks?source_news=webhooks", "https://shop.example/hooks?source_news=webhooks"),
    ],
)
def test_an_address_for_notifications_asks_for_signed_ones_only(method, address, told):
    (said,) = request.compose(purchase(method=method), account(notification_url=address)).values()
    assert said["notification_url"] == told


@pytest.mark.parametrize("address", [None, "", 7])
def test_without_one_the_panel_s_address_counts(address):
    (said,) = request.compose(purchase(), account(notification_url=address)).values()
    assert "notification_url" not in said


def test_a_shop_without_https_is_not_returned_to_by_itself():
    said = request.compose(purchase(success_url="http://localhost:8000/thanks", email=""), account())["preference"]
    assert "auto_return" not in said
    assert "payer" not in said


def test_no_secret_is_in_a_request():
    said = request.compose(purchase(), account(access_token="TEST-secret", webhook_secrets=["hush"]))
    assert "secret" not in json.dumps(said)
    assert "hush" not in json.dumps(said)


def items(**changes) -> list[tuple]:
    return [(each["title"], each["quantity"], each["unit_price"]) for each in request.items(purchase(**changes))]


def test_a_line_that_does_not_divide_is_one_item():
    assert items(lines=[("Tea", 2500, 3)]) == [("3 × Tea", 1, 25.0)]


@pytest.mark.parametrize(
    "lines",
    [
        [("Tea", 3000, 1), ("Voucher", -500, 1)],
        [("Tea", 2500, 1), ("Gift", 0, 1)],
        [("Tea", 25, 1)] * 100 + [("Tea", 0, 1)],
    ],
)
def test_lines_that_cannot_be_shown_are_one_item_named_after_the_order(lines):
    assert items(lines=lines) == [("Order A-17", 1, 25.0)]


def test_lines_that_do_not_add_up_are_a_defect_of_ours():
    with pytest.raises(ValueError, match="sum to 2400"):
        items(lines=[("Tea", 2400, 1)])


def test_titles_are_short_and_never_empty():
    assert items(lines=[(" \n ", 2500, 1)]) == [("Item", 1, 25.0)]
    ((title, _, _),) = items(lines=[("é" * 400, 2500, 1)])
    assert (len(title), title[-1]) == (250, "…")


@pytest.mark.parametrize("total", [1, 99, 2501, 123_456_789])
@pytest.mark.parametrize("quantity", [1, 3, 7])
@pytest.mark.parametrize("currency", ["BRL", "CLP", "KWD"])
def test_items_add_up_exactly(total, quantity, currency):
    said = request.items(purchase(lines=[("Tea", total, quantity)], amount_minor=total, currency=currency))
    assert sum(from_wire(each["unit_price"], currency) * each["quantity"] for each in said) == total


@pytest.mark.parametrize(
    ("minor", "currency", "wire"),
    [
        (5880, "BRL", 58.8),
        (1, "BRL", 0.01),
        (2500, "CLP", 2500),
        (250_000, "COP", 2500),
        (999_999_999_999, "ARS", 9_999_999_999.99),
    ],
)
def test_amounts_are_numbers_of_whole_units_and_come_back_to_the_cent(minor, currency, wire):
    assert (to_wire(minor, currency), type(to_wire(minor, currency))) == (wire, type(wire))
    assert from_wire(json.loads(json.dumps(wire)), currency) == minor


@pytest.mark.parametrize("cents", [1, 99, 250_050])
def test_parts_of_a_peso_are_not_possible_where_whole_ones_count(cents):
    with pytest.raises(AmountNotPossible, match="whole units"):
        to_wire(cents, "COP")


def test_a_line_between_two_whole_pesos_is_not_shown_alone():
    lines = [("Tea", 150_050, 1), ("Cake", 99_950, 1)]
    said = items(lines=lines, amount_minor=250_000, currency="COP")
    assert said == [("Order A-17", 1, 2500)]


def test_a_whole_line_of_pesos_is_divided_only_into_whole_pesos():
    assert items(lines=[("Tea", 250_000, 4)], amount_minor=250_000, currency="COP") == [("Tea", 4, 625)]
    assert items(lines=[("Tea", 250_000, 3)], amount_minor=250_000, currency="COP") == [("3 × Tea", 1, 2500)]


@pytest.mark.parametrize("wire", [58.801, float("nan"), float("inf"), 1e300])
def test_an_amount_with_too_many_decimals_is_no_amount(wire):
    with pytest.raises(Refused):
        from_wire(wire, "BRL")


def test_a_drill_s_clock_is_not_mercado_pago_s(monkeypatch):
    """Only the time that is left is taken from ours."""
    monkeypatch.setattr(clock, "OFFSET_S", 86_400.0)
    said = request.compose(purchase(expires_at=NOW + timedelta(days=1, minutes=31)), account())
    assert said["preference"]["expiration_date_to"] == "2026-11-21T08:36:00.000-04:00"


def test_a_window_that_has_ended_still_gives_a_life_that_is_accepted():
    said = request.compose(purchase(method="pix", expires_at=NOW - timedelta(hours=1)), account())
    assert said["payment"]["date_of_expiration"] == "2026-11-21T08:35:00.000-04:00"


def test_a_window_of_months_ends_where_mercado_pago_s_does():
    said = request.compose(purchase(method="pix", expires_at=NOW + timedelta(days=90)), account())
    assert said["payment"]["date_of_expiration"] == "2026-12-21T07:55:00.000-04:00"
