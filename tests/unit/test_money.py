"""Whole minor units: nothing is lost, nothing is guessed."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.kernel import money
from holdfast.kernel.limits import MAX_AMOUNT_MINOR
from holdfast.kernel.money import BadAmount, Money, UnknownCurrency

amounts = st.integers(-MAX_AMOUNT_MINOR, MAX_AMOUNT_MINOR)
weights = st.lists(st.integers(0, 10**9), min_size=1, max_size=20)
currencies = st.sampled_from(["EUR", "JPY", "KWD"])


@pytest.mark.parametrize(
    ("currency", "places"), [("EUR", 2), ("USD", 2), ("BRL", 2), ("HUF", 2), ("JPY", 0), ("CLP", 0), ("KWD", 3), ("TND", 3)]
)
def test_a_currency_has_the_decimals_of_iso_4217(currency, places):
    assert money.exponent(currency) == places


@pytest.mark.parametrize("currency", ["", "eur", "XXX", "EURO", "€"])
def test_another_currency_is_refused(currency):
    with pytest.raises(UnknownCurrency):
        money.exponent(currency)
    with pytest.raises(UnknownCurrency):
        Money(1, currency)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("12.50", "EUR", 1250),
        ("12.5", "EUR", 1250),
        ("12.500", "EUR", 1250),
        (Decimal("0.01"), "EUR", 1),
        (0, "EUR", 0),
        ("-3.05", "EUR", -305),
        ("0E+999999", "EUR", 0),
        ("1e2", "EUR", 10_000),
        ("1250", "JPY", 1250),
        ("1250.0", "JPY", 1250),
        ("1.234", "KWD", 1234),
        ("9999999999.99", "EUR", MAX_AMOUNT_MINOR),
        ("-9999999999.99", "EUR", -MAX_AMOUNT_MINOR),
        ("999999999999", "JPY", MAX_AMOUNT_MINOR),
    ],
)
def test_an_amount_becomes_minor_units(amount, currency, minor):
    assert money.to_minor(amount, currency) == minor


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("12.505", "EUR"),
        ("0.5", "JPY"),
        ("1.2345", "KWD"),
        ("1." + "0" * 40 + "1", "EUR"),
        ("NaN", "EUR"),
        ("sNaN", "EUR"),
        ("Infinity", "EUR"),
        ("-Infinity", "EUR"),
        ("1e400000", "EUR"),
        ("1e-400000", "EUR"),
        ("", "EUR"),
        ("12,50", "EUR"),
        ("twelve", "EUR"),
        (None, "EUR"),
        ([], "EUR"),
        ("10000000000.00", "EUR"),
        ("-10000000000.00", "EUR"),
        ("1000000000000", "JPY"),
    ],
)
def test_what_is_no_amount_is_refused_instead_of_rounded(amount, currency):
    with pytest.raises(BadAmount):
        money.to_minor(amount, currency)


@given(amounts, currencies)
def test_minor_units_survive_the_way_through_decimals(minor, currency):
    assert money.to_minor(money.to_decimal(minor, currency), currency) == minor
    assert money.to_minor(str(money.to_decimal(minor, currency)), currency) == minor


def test_an_amount_is_shown_with_its_currencys_decimals():
    assert money.shown(1250, "EUR") == "12.50 EUR"
    assert money.shown(1250, "JPY") == "1250 JPY"
    assert money.shown(1250, "KWD") == "1.250 KWD"
    assert money.shown(-5, "EUR") == "-0.05 EUR"


@pytest.mark.parametrize(
    ("total", "shares", "expected"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (101, [1, 1, 1], [34, 34, 33]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (10, [1, 2], [3, 7]),
        (4, [3, 2], [2, 2]),
        (5, [0, 1], [0, 5]),
        (7, [0, 0, 0], [7, 0, 0]),
        (0, [3, 4], [0, 0]),
        (1, [1, 5, 5], [0, 1, 0]),
        (1, [5], [1]),
    ],
)
def test_a_total_is_split_by_largest_remainder(total, shares, expected):
    assert money.allocate(total, shares) == expected


def test_nothing_cannot_be_split():
    with pytest.raises(ValueError, match="nothing to allocate to"):
        money.allocate(1, [])


@given(amounts, weights)
def test_no_cent_is_lost_in_a_split(total, shares):
    parts = money.allocate(total, shares)
    assert sum(parts) == total
    assert len(parts) == len(shares)


@given(amounts, weights.filter(any))
def test_every_part_of_a_split_is_within_one_unit_of_its_exact_share(total, shares):
    whole = sum(shares)
    for part, share in zip(money.allocate(total, shares), shares, strict=True):
        assert abs(part * whole - total * share) < whole
        assert part == 0 or (part > 0) == (total > 0)
        assert share > 0 or part == 0


@pytest.mark.parametrize(
    ("amount", "numerator", "denominator", "expected"),
    [
        (1, 1, 2, 1),
        (-1, 1, 2, -1),
        (3, 1, 2, 2),
        (1, 49, 100, 0),
        (1, 51, 100, 1),
        (100, 1900, 10_000, 19),
        (50, 1900, 10_000, 10),
        (47, 1900, 10_000, 9),
        (-50, 1900, 10_000, -10),
        (0, 7, 3, 0),
    ],
)
def test_a_ratio_is_rounded_half_up_away_from_zero(amount, numerator, denominator, expected):
    assert money.ratio(amount, numerator, denominator) == expected


@given(amounts, st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_ratio_is_within_half_a_unit(amount, numerator, denominator):
    assert 2 * abs(money.ratio(amount, numerator, denominator) * denominator - amount * numerator) <= denominator


def test_money_adds_up_in_one_currency_only():
    assert Money(250, "EUR") + Money(50, "EUR") == Money(300, "EUR")
    assert Money(250, "EUR") - Money(300, "EUR") == Money(-50, "EUR")
    assert str(Money(250, "EUR")) == "2.50 EUR"
    with pytest.raises(TypeError, match="EUR and JPY do not add up"):
        Money(1, "EUR") + Money(1, "JPY")
    with pytest.raises(TypeError):
        Money(1, "EUR") - Money(1, "JPY")


@pytest.mark.parametrize(
    ("currency", "prices", "grain"),
    [("KWD", [1250, 10], 10), ("KWD", [1250, 11], 1), ("KWD", [], 10), ("EUR", [1250], 1), ("JPY", [1250], 1)],
)
def test_we_round_to_what_cards_take(currency, prices, grain):
    assert money.grain(currency, prices) == grain


def test_a_ratio_and_its_shares_keep_to_the_grain():
    assert [money.ratio(minor, 1000, 10_000, grain=10) for minor in (40, 50, 149, 150, -150)] == [0, 10, 10, 20, -20]
    assert money.allocate(100, [10, 10, 10], grain=10) == [40, 30, 30]
    with pytest.raises(ValueError, match="105 is no multiple of 10"):
        money.allocate(105, [1], grain=10)
