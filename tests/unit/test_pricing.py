"""The quote: exact values first, then what holds for every purchase."""

import hashlib
import json
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.kernel.limits import MAX_AMOUNT_MINOR
from holdfast.kernel.money import UnknownCurrency
from holdfast.pricing import shipping, tax
from holdfast.pricing.quote import (
    BadLine,
    BadPrice,
    BadQuantity,
    Line,
    Rules,
    TooManyLines,
    TotalTooLarge,
    quote,
)
from holdfast.pricing.shipping import BadShipping, NotShippedThere
from holdfast.pricing.tax import BadRegion, BadTaxRate

TODAY = date(2026, 11, 21)
RATES = [
    {"region": "DE", "tax_class": "standard", "basis_points": 1900, "from": "2007-01-01"},
    {"region": "DE", "tax_class": "standard", "basis_points": 1600, "from": "2020-07-01"},
    {"region": "DE", "tax_class": "standard", "basis_points": 1900, "from": "2021-01-01"},
    {"region": "DE", "tax_class": "reduced", "basis_points": 700, "from": "2007-01-01"},
    {"region": "AT", "tax_class": "standard", "basis_points": 2000, "from": "2016-01-01"},
]
SHIPPING = {"DE": 490, "*": 1290}
GROSS = Rules.from_json(prices_include_tax=True, tax_rates=RATES, shipping_minor=SHIPPING)
NET = replace(GROSS, prices_include_tax=False)
TEE = Line(key="tee", name="Tee", sku="TEE-M", kind="good", unit_price_minor=1999, quantity=3, tax_class="standard")
BOOK = Line(key="book", name="Book", sku="BK", kind="digital", unit_price_minor=1070, quantity=1, tax_class="reduced")


def price(*lines, region="DE", currency="EUR", rules=GROSS, on=TODAY):
    return quote(lines=lines, region=region, currency=currency, rules=rules, on=on)


def rules_with(basis_points, *, included, shipping_minor=None):
    rate = {"region": "DE", "tax_class": "standard", "basis_points": basis_points, "from": "2000-01-01"}
    return Rules.from_json(prices_include_tax=included, tax_rates=[rate], shipping_minor=shipping_minor or {})


def shipping_of(amounts):
    return Rules.from_json(prices_include_tax=True, tax_rates=RATES, shipping_minor=amounts)


# -- Exact values -----------------------------------------------------------------------------------------------------


def test_tax_is_taken_out_of_gross_prices():
    got = price(TEE, BOOK)
    tee, book = got.lines
    assert (tee.subtotal_minor, tee.net_minor, tee.tax_minor, tee.total_minor) == (5997, 5039, 958, 5997)
    assert (book.subtotal_minor, book.net_minor, book.tax_minor, book.total_minor) == (1070, 1000, 70, 1070)
    assert (tee.tax_basis_points, book.tax_basis_points) == (1900, 700)
    assert (got.subtotal_minor, got.discount_minor) == (7067, 0)
    assert (got.shipping_minor, got.shipping_tax_minor, got.shipping_total_minor) == (490, 78, 490)
    assert (got.tax_minor, got.total_minor) == (958 + 70 + 78, 7557)


def test_tax_is_put_on_top_of_net_prices():
    got = price(TEE, BOOK, rules=NET)
    tee, book = got.lines
    assert (tee.subtotal_minor, tee.net_minor, tee.tax_minor, tee.total_minor) == (5997, 5997, 1139, 7136)
    assert (book.subtotal_minor, book.net_minor, book.tax_minor, book.total_minor) == (1070, 1070, 75, 1145)
    assert got.subtotal_minor == 7067
    assert (got.shipping_minor, got.shipping_tax_minor, got.shipping_total_minor) == (490, 93, 583)
    assert (got.tax_minor, got.total_minor) == (1139 + 75 + 93, 7136 + 1145 + 583)


@pytest.mark.parametrize(
    ("unit", "quantity", "tax_minor"),
    [(50, 1, 10), (47, 1, 9), (50, 2, 19), (5, 1, 1), (2, 1, 0), (3, 1, 1)],
)
def test_tax_is_rounded_half_up_once_per_line(unit, quantity, tax_minor):
    line = replace(TEE, unit_price_minor=unit, quantity=quantity)
    assert price(line, rules=rules_with(1900, included=False)).tax_minor == tax_minor


def test_two_lines_are_rounded_apart():
    one, other = replace(TEE, unit_price_minor=50, quantity=1), replace(TEE, key="other", unit_price_minor=50, quantity=1)
    assert price(one, other, rules=rules_with(1900, included=False)).tax_minor == 20


def test_rounding_half_of_an_inclusive_tax_goes_up():
    assert price(replace(TEE, unit_price_minor=1, quantity=1), rules=rules_with(10_000, included=True)).tax_minor == 1


@pytest.mark.parametrize(("currency", "total"), [("EUR", 5997), ("JPY", 5997), ("KWD", 5997)])
def test_minor_units_are_whole_in_every_currency(currency, total):
    assert price(TEE, currency=currency, rules=shipping_of({})).total_minor == total


def test_a_yen_of_tax_is_never_a_hundredth_of_one():
    got = price(replace(TEE, unit_price_minor=108, quantity=1), currency="JPY", rules=rules_with(800, included=True))
    assert (got.lines[0].net_minor, got.tax_minor, got.total_minor) == (100, 8, 108)


def test_shipping_is_charged_only_when_something_is_shipped():
    booking = replace(BOOK, key="tour", kind="booking")
    assert price(BOOK, booking).shipping_minor == 0
    assert price(BOOK, booking).total_minor == 2140
    assert price(BOOK, TEE).shipping_minor == 490
    assert price(BOOK, booking).shipping_tax_minor == 0


def test_shipping_is_by_region_and_a_star_is_everywhere_else():
    assert price(TEE, region="AT").shipping_minor == 1290
    assert price(TEE, region="AT").shipping_tax_minor == 215
    assert price(TEE, region="FR").shipping_total_minor == 1290


def test_a_region_of_its_own_may_cost_nothing():
    assert price(TEE, rules=shipping_of({"DE": 0, "*": 900})).shipping_minor == 0


def test_a_shop_ships_where_it_says():
    with pytest.raises(NotShippedThere, match="does not ship to FR"):
        price(TEE, region="FR", rules=shipping_of({"DE": 490}))
    assert price(BOOK, region="FR", rules=shipping_of({"DE": 490})).shipping_minor == 0
    assert price(TEE, region="FR", rules=shipping_of({})).shipping_minor == 0


@pytest.mark.parametrize(
    ("on", "basis_points", "since"),
    [
        (date(2006, 12, 31), 0, None),
        (date(2007, 1, 1), 1900, "2007-01-01"),
        (date(2020, 6, 30), 1900, "2007-01-01"),
        (date(2020, 7, 1), 1600, "2020-07-01"),
        (date(2020, 12, 31), 1600, "2020-07-01"),
        (date(2021, 1, 1), 1900, "2021-01-01"),
    ],
)
def test_the_newest_rate_that_has_begun_is_in_force(on, basis_points, since):
    backwards = replace(GROSS, tax_rates=GROSS.tax_rates[::-1])
    for rules in (GROSS, backwards):
        line = price(TEE, on=on, rules=rules).lines[0]
        assert line.tax_basis.as_json() == {
            "region": "DE",
            "tax_class": "standard",
            "basis_points": basis_points,
            "from": since,
            "of": "gross",
        }


def test_without_a_rate_there_is_no_tax_and_the_basis_says_so():
    got = price(TEE, region="FR", rules=NET)
    assert (got.tax_minor, got.total_minor) == (0, 5997 + 1290)
    assert got.lines[0].tax_basis.as_json() == {
        "region": "FR",
        "tax_class": "standard",
        "basis_points": 0,
        "from": None,
        "of": "net",
    }


def test_no_lines_cost_nothing():
    got = price()
    assert (got.lines, got.subtotal_minor, got.shipping_minor, got.tax_minor, got.total_minor) == ((), 0, 0, 0, 0)


def test_a_thing_may_be_free():
    assert price(replace(BOOK, unit_price_minor=0)).total_minor == 0


# -- The snapshot -----------------------------------------------------------------------------------------------------


def test_the_snapshot_holds_everything_an_order_must_remember():
    basis = {"region": "DE", "tax_class": "standard", "basis_points": 1900, "from": "2021-01-01", "of": "gross"}
    assert price(TEE).as_json() == {
        "rules_version": 2,
        "currency": "EUR",
        "region": "DE",
        "address_basis": {"region": "DE"},
        "exchange_rate_assumption": None,
        "promotions": [],
        "prices_include_tax": True,
        "lines": [
            {
                "key": "tee",
                "name": "Tee",
                "sku": "TEE-M",
                "kind": "good",
                "quantity": 3,
                "unit_price_minor": 1999,
                "subtotal_minor": 5997,
                "discount_minor": 0,
                "net_minor": 5039,
                "tax_minor": 958,
                "total_minor": 5997,
                "tax_basis": basis,
            }
        ],
        "subtotal_minor": 5997,
        "discount_minor": 0,
        "shipping_minor": 490,
        "shipping_tax_minor": 78,
        "shipping_total_minor": 490,
        "shipping_tax_basis": basis,
        "shipping_method": {"key": "standard", "name": "Shipping"},
        "fees": [],
        "fees_minor": 0,
        "fees_total_minor": 0,
        "tax_minor": 1036,
        "total_minor": 6487,
    }


def test_the_hash_is_that_of_the_canonical_snapshot_and_stays_over_versions():
    got = price(replace(TEE, name="Tée"))
    canonical = json.dumps(got.as_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert got.sha256() == hashlib.sha256(canonical).hexdigest()
    assert price(TEE).sha256() == "87611644d3a0ebaef4db8ce4aec294f27b9f96e0356b9490601fc6879aa77539"


def test_the_hash_does_not_change_with_the_day_or_with_rates_that_do_not_apply():
    other = {"region": "US", "tax_class": "standard", "basis_points": 100, "from": "2020-01-01"}
    more = Rules.from_json(prices_include_tax=True, tax_rates=[*RATES, other], shipping_minor=SHIPPING)
    assert price(TEE, on=TODAY + timedelta(days=1), rules=more).sha256() == price(TEE).sha256()


@pytest.mark.parametrize(
    "change",
    [
        {"key": "x"},
        {"name": "x"},
        {"sku": "x"},
        {"kind": "digital"},
        {"unit_price_minor": 2000},
        {"quantity": 4},
        {"tax_class": "reduced"},
    ],
)
def test_the_hash_changes_with_every_part_of_a_line(change):
    assert price(replace(TEE, **change)).sha256() != price(TEE).sha256()


def test_the_hash_changes_with_region_currency_and_rules():
    hashes = {
        price(TEE).sha256(),
        price(TEE, region="AT").sha256(),
        price(TEE, currency="USD").sha256(),
        price(TEE, rules=NET).sha256(),
        price(TEE, rules=shipping_of({"DE": 491})).sha256(),
        price(TEE, on=date(2020, 8, 1)).sha256(),
        price(TEE, TEE_TWO).sha256(),
        price(TEE_TWO, TEE).sha256(),
    }
    assert len(hashes) == 8


TEE_TWO = replace(TEE, key="two")


# -- Refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quantity", [0, -1, 1000, 1.0, "1", True, None])
def test_a_quantity_is_a_whole_number_within_limits(quantity):
    with pytest.raises(BadQuantity):
        price(replace(TEE, quantity=quantity))


def test_the_largest_quantity_is_taken():
    assert price(replace(BOOK, quantity=999)).total_minor == 999 * 1070


@pytest.mark.parametrize("unit", [-1, 1.5, "100", True, None])
def test_a_price_is_a_whole_number_of_zero_or_more(unit):
    with pytest.raises(BadPrice):
        price(replace(TEE, unit_price_minor=unit))


@pytest.mark.parametrize("kind", ["", "Good", "service"])
def test_a_kind_is_one_of_three(kind):
    with pytest.raises(BadLine, match="no kind of line"):
        price(replace(TEE, kind=kind))


def test_two_lines_may_not_share_a_key():
    with pytest.raises(BadLine, match="same key"):
        price(TEE, TEE)


@pytest.mark.parametrize("currency", ["XXX", "eur", ""])
def test_an_unknown_currency_is_refused_even_for_nothing(currency):
    with pytest.raises(UnknownCurrency):
        price(currency=currency)


@pytest.mark.parametrize("region", ["", "de", "DEU", "D", "*", "DE\n"])
def test_a_region_that_would_silently_be_free_of_tax_is_refused(region):
    with pytest.raises(BadRegion):
        price(BOOK, region=region)


def test_a_total_at_the_limit_is_taken_and_one_more_is_refused():
    at_limit = replace(BOOK, unit_price_minor=MAX_AMOUNT_MINOR, tax_class="none")
    assert price(at_limit).total_minor == MAX_AMOUNT_MINOR
    with pytest.raises(TotalTooLarge):
        price(replace(at_limit, unit_price_minor=MAX_AMOUNT_MINOR + 1))
    with pytest.raises(TotalTooLarge):
        price(at_limit, replace(BOOK, key="straw", unit_price_minor=1, tax_class="none"))
    with pytest.raises(TotalTooLarge):
        price(replace(at_limit, tax_class="standard"), rules=NET)


def test_a_hundred_lines_are_taken_and_one_more_is_refused():
    many = [replace(BOOK, key=str(n)) for n in range(101)]
    assert price(*many[:100]).total_minor == 100 * 1070
    with pytest.raises(TooManyLines):
        price(*many)


RATE = RATES[0]


@pytest.mark.parametrize(
    "rates",
    [
        None,
        {},
        "DE",
        [None],
        ["DE"],
        [{}],
        [{**RATE, "region": "de"}],
        [{**RATE, "region": "DEU"}],
        [{**RATE, "region": None}],
        [{**RATE, "tax_class": ""}],
        [{**RATE, "tax_class": 1}],
        [{**RATE, "basis_points": -1}],
        [{**RATE, "basis_points": 10_001}],
        [{**RATE, "basis_points": 19.0}],
        [{**RATE, "basis_points": "1900"}],
        [{**RATE, "basis_points": True}],
        [{**RATE, "from": "yesterday"}],
        [{**RATE, "from": "2020-13-01"}],
        [{**RATE, "from": None}],
        [{**RATE, "until": "2030-01-01"}],
        [{key: RATE[key] for key in ("region", "tax_class", "basis_points")}],
        [RATE, {**RATE, "basis_points": 700}],
    ],
)
def test_nonsense_in_tax_rates_is_a_clear_sentence(rates):
    with pytest.raises(BadTaxRate) as caught:
        Rules.from_json(prices_include_tax=True, tax_rates=rates, shipping_minor={})
    assert caught.value.status == 422
    assert len(caught.value.detail) > 20


def test_rates_at_both_ends_are_taken():
    ends = [{**RATE, "basis_points": 0}, {**RATE, "tax_class": "luxury", "basis_points": 10_000}]
    assert [rate.basis_points for rate in tax.rates_from_json(ends)] == [0, 10_000]


@pytest.mark.parametrize(
    "amounts",
    [None, [], "490", {"de": 1}, {"DEU": 1}, {1: 1}, {"DE": -1}, {"DE": 1.5}, {"DE": "1"}, {"DE": True}, {"DE": 10**12}],
)
def test_nonsense_in_shipping_is_a_clear_sentence(amounts):
    with pytest.raises(BadShipping):
        Rules.from_json(prices_include_tax=True, tax_rates=[], shipping_minor=amounts)


def test_shipping_at_both_ends_is_taken():
    ends = {"DE": 0, "*": MAX_AMOUNT_MINOR}
    assert shipping.from_json(ends) == ends


def test_rules_do_not_change_with_the_json_they_came_from():
    amounts = {"DE": 490}
    rules = Rules.from_json(prices_include_tax=True, tax_rates=[], shipping_minor=amounts)
    amounts["DE"] = 1
    assert rules.shipping[0].price(region="DE", weight_g=0, value_minor=0) == 490


# -- What holds for every purchase ------------------------------------------------------------------------------------

carts = st.lists(
    st.tuples(
        st.integers(0, 10_000_000),
        st.integers(1, 999),
        st.sampled_from(["standard", "reduced", "none"]),
        st.sampled_from(["good", "digital", "booking"]),
    ),
    max_size=8,
).map(
    lambda rows: tuple(
        Line(key=str(n), name="x", sku="x", kind=kind, unit_price_minor=unit, quantity=quantity, tax_class=tax_class)
        for n, (unit, quantity, tax_class, kind) in enumerate(rows)
    )
)
everywhere = {"region": st.sampled_from(["DE", "AT", "FR"]), "currency": st.sampled_from(["EUR", "JPY", "KWD"])}


@given(lines=carts, included=st.booleans(), **everywhere)
def test_everything_adds_up(lines, included, region, currency):
    got = price(*lines, region=region, currency=currency, rules=replace(GROSS, prices_include_tax=included))
    assert got.total_minor == sum(line.total_minor for line in got.lines) + got.shipping_total_minor
    assert got.tax_minor == sum(line.tax_minor for line in got.lines) + got.shipping_tax_minor
    assert got.subtotal_minor == sum(line.subtotal_minor for line in got.lines)
    for line in got.lines:
        assert line.subtotal_minor == line.unit_price_minor * line.quantity
        assert line.net_minor + line.tax_minor == line.total_minor
        assert (line.total_minor if included else line.net_minor) == line.subtotal_minor
        assert 0 <= line.tax_minor <= line.total_minor
    assert got.total_minor == got.subtotal_minor + got.shipping_minor + (0 if included else got.tax_minor)


@given(lines=carts, included=st.booleans(), **everywhere)
def test_the_same_purchase_has_the_same_quote_and_hash(lines, included, region, currency):
    rules = replace(GROSS, prices_include_tax=included)
    one = price(*lines, region=region, currency=currency, rules=rules)
    again = price(*[replace(line) for line in lines], region=region, currency=currency, rules=replace(rules))
    assert one == again
    assert one.sha256() == again.sha256()
    assert json.loads(json.dumps(one.as_json())) == one.as_json()


@given(st.integers(0, 10**9), st.integers(0, 10_000))
def test_prices_with_and_without_tax_agree(net_minor, basis_points):
    """What is charged on top of a net price is what is found inside the gross price that it makes, to the unit."""
    on_top = price(
        replace(BOOK, unit_price_minor=net_minor, tax_class="standard"), rules=rules_with(basis_points, included=False)
    )
    inside = price(
        replace(BOOK, unit_price_minor=on_top.total_minor, tax_class="standard"), rules=rules_with(basis_points, included=True)
    )
    assert inside.total_minor == on_top.total_minor
    assert inside.tax_minor == on_top.tax_minor
