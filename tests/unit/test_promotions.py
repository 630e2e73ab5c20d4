"""Promotions, ways of shipping and fees: exact values first, then what holds for every purchase."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.pricing import promotions
from holdfast.pricing.fees import BadFee
from holdfast.pricing.promotions import BadPromotion, Kind, Promotion, Why
from holdfast.pricing.quote import Line, Rules, quote
from holdfast.pricing.shipping import BadShipping, NotShippedThere
from holdfast.pricing.tax import Basis

TODAY = date(2026, 11, 21)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
RATES = [
    {"region": "DE", "tax_class": "standard", "basis_points": 1900, "from": "2021-01-01"},
    {"region": "DE", "tax_class": "reduced", "basis_points": 700, "from": "2021-01-01"},
]
GROSS = Rules.from_json(prices_include_tax=True, tax_rates=RATES, shipping_minor={"DE": 490})
NET = replace(GROSS, prices_include_tax=False)


def line(key, unit, quantity=1, *, kind="good", tax_class="standard", weight_g=0):
    shared = {"name": key, "sku": key.upper(), "tax_class": tax_class, "weight_g": weight_g, "product": key}
    return Line(key=key, kind=kind, unit_price_minor=unit, quantity=quantity, **shared)


MUG, TEA, BOOK = line("mug", 1250, 2), line("tea", 333, 3), line("book", 1070, kind="digital", tax_class="reduced")
TEN = Promotion(key="ten", name="Ten percent", kind=Kind.PERCENT, basis_points=1000)
FIVE = Promotion(key="five", name="Five off", kind=Kind.FIXED, amount_minor=500, currency="EUR")
THIRD = Promotion(key="third", name="Three for two", kind=Kind.BUY_GET, buy=2, get=1)
FREE = Promotion(key="free", name="Free shipping", kind=Kind.FREE_SHIPPING)


def price(*lines, offered=(), rules=GROSS, at=NOON, **more):
    return quote(
        **{"lines": lines, "region": "DE", "currency": "EUR", "rules": rules, "on": TODAY, "offered": offered, "at": at} | more
    )


def gave(got):
    return {used.promotion.key: used.gave_minor for used in got.promotions}


# -- Each kind --------------------------------------------------------------------------------------------------------


def test_a_percentage_is_shared_over_the_lines_and_taxed_after_it():
    got = price(MUG, TEA, BOOK, offered=[TEN])
    assert gave(got) == {"ten": 457}
    assert [row.discount_minor for row in got.lines] == [250, 100, 107]
    assert [row.total_minor for row in got.lines] == [2250, 899, 963]
    assert [row.tax_minor for row in got.lines] == [359, 144, 63]
    assert (got.subtotal_minor, got.discount_minor, got.total_minor) == (4569, 457, 4112 + 490)


def test_tax_goes_on_top_of_what_is_left_where_prices_are_without_it():
    got = price(MUG, offered=[TEN], rules=NET)
    assert (got.lines[0].net_minor, got.lines[0].tax_minor, got.lines[0].total_minor) == (2250, 428, 2678)
    assert got.total_minor == 2678 + 490 + 93


def test_a_fixed_amount_loses_no_cent_in_three_lines():
    thing = line("a", 1000)
    got = price(thing, replace(thing, key="b"), replace(thing, key="c"), offered=[FIVE])
    assert [row.discount_minor for row in got.lines] == [167, 167, 166]
    assert got.discount_minor == 500


def test_a_fixed_amount_takes_no_more_than_there_is():
    got = price(line("sticker", 120, kind="digital"), offered=[FIVE])
    assert (got.discount_minor, got.total_minor, gave(got)) == (120, 0, {"five": 120})


def test_of_three_the_cheapest_is_free():
    assert [row.discount_minor for row in price(MUG, line("tea", 333), offered=[THIRD]).lines] == [0, 333]
    assert price(MUG, offered=[THIRD]).discount_minor == 0
    assert price(replace(MUG, quantity=7), offered=[THIRD]).discount_minor == 2 * 1250
    half = replace(THIRD, basis_points=5000)
    assert price(MUG, line("tea", 333), offered=[half]).discount_minor == 167


def test_free_shipping_gives_what_shipping_would_have_cost():
    got = price(MUG, offered=[FREE])
    assert (got.shipping_minor, got.shipping_total_minor, got.total_minor, gave(got)) == (0, 0, 2500, {"free": 490})
    told = price(BOOK, offered=[FREE])
    assert (told.promotions, told.unused) == ((), {"free": Why.NOTHING_IN_IT})


# -- Which one, and why not -------------------------------------------------------------------------------------------


def test_promotions_stack_by_priority_each_on_what_is_left():
    first = replace(FIVE, priority=5)
    assert gave(price(MUG, offered=[TEN, first])) == {"five": 500, "ten": 200}
    assert gave(price(MUG, offered=[replace(TEN, priority=9), first])) == {"ten": 250, "five": 500}


def test_an_exclusive_one_stands_alone():
    alone = replace(TEN, exclusive=True, priority=1)
    got = price(MUG, offered=[FIVE, alone, FREE])
    assert (gave(got), got.unused) == ({"ten": 250}, {"five": Why.NOT_COMBINED, "free": Why.NOT_COMBINED})
    late = price(MUG, offered=[replace(FIVE, priority=2), alone])
    assert (gave(late), late.unused) == ({"five": 500}, {"ten": Why.NOT_COMBINED})


def test_a_code_comes_before_an_automatic_one_of_the_same_priority():
    typed = replace(TEN, key="z", code="TEN", exclusive=True)
    assert gave(price(MUG, offered=[FIVE, typed])) == {"z": 250}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"starts_at": NOON + timedelta(seconds=1)}, Why.NOT_YET),
        ({"ends_at": NOON}, Why.OVER),
        ({"currency": "USD"}, Why.OTHER_CURRENCY),
        ({"minimum_minor": 2501, "currency": "EUR"}, Why.MINIMUM_NOT_REACHED),
        ({"products": frozenset({"tea"})}, Why.NOTHING_IN_IT),
        ({"excluded": frozenset({"mug"})}, Why.NOTHING_IN_IT),
    ],
)
def test_a_promotion_that_does_not_fit_says_why_and_changes_nothing(change, why):
    got = price(MUG, offered=[replace(TEN, **change)])
    assert (got.discount_minor, got.promotions, got.unused) == (0, (), {"ten": why})
    assert got.sha256() == price(MUG).sha256()


@pytest.mark.parametrize(
    "change",
    [
        {"starts_at": NOON},
        {"ends_at": NOON + timedelta(seconds=1)},
        {"minimum_minor": 2500, "currency": "EUR"},
        {"products": frozenset({"mug", "tea"})},
        {"excluded": frozenset({"tea"})},
    ],
)
def test_a_promotion_at_its_edge_is_used(change):
    assert price(MUG, offered=[replace(TEN, **change)]).discount_minor == 250


def test_only_what_it_is_for_is_cheaper_and_counts_for_its_minimum():
    only = replace(TEN, excluded=frozenset({"book"}), minimum_minor=3499, currency="EUR")
    assert [row.discount_minor for row in price(MUG, TEA, BOOK, offered=[only]).lines] == [250, 100, 0]
    more = replace(only, minimum_minor=3500)
    assert price(MUG, TEA, BOOK, offered=[more]).unused == {"ten": Why.MINIMUM_NOT_REACHED}
    assert promotions.minimum_missing(more, lines=(MUG, TEA, BOOK)) == 1


def test_the_snapshot_names_the_promotions_with_what_they_gave():
    typed = replace(TEN, code="WELCOME10")
    assert price(MUG, offered=[typed, FREE]).as_json()["promotions"] == [
        {"key": "ten", "name": "Ten percent", "code": "WELCOME10", "kind": "percent", "gave_minor": 250},
        {"key": "free", "name": "Free shipping", "code": "", "kind": "free_shipping", "gave_minor": 490},
    ]


def test_a_code_is_compared_in_capitals_without_spaces():
    assert promotions.normalised("  welcome10 ") == "WELCOME10"


# -- Ways of shipping, fees, somebody else's tax ----------------------------------------------------------------------

METHODS = [
    {"key": "parcel", "name": "Parcel", "by": "weight", "prices": {"DE": [[1000, 490], [5000, 790]], "*": [[2000, 1990]]}},
    {"key": "letter", "name": "Letter", "by": "value", "prices": {"DE": [[None, 390], [5000, 290]]}},
    {"key": "express", "name": "Express", "by": "flat", "prices": {"DE": 1490}, "free_from_minor": 9000},
]


def shipped(*lines, **more):
    rules = Rules.from_json(prices_include_tax=True, tax_rates=RATES, shipping_minor={"DE": 1}, shipping_methods=METHODS)
    got = price(*lines, rules=rules, **more)
    return got.shipping_method.method.key, got.shipping_minor, [offer.method.key for offer in got.shipping_offers]


def test_the_cheapest_way_is_taken_unless_another_was_chosen():
    mug = replace(MUG, weight_g=500)
    assert shipped(mug) == ("letter", 390, ["parcel", "letter", "express"])
    assert shipped(mug, method="parcel") == ("parcel", 490, ["parcel", "letter", "express"])
    assert shipped(replace(mug, weight_g=501), method="parcel")[:2] == ("parcel", 790)


def test_a_way_that_is_not_possible_gives_way_to_the_cheapest():
    assert shipped(replace(MUG, weight_g=2501), method="parcel") == ("letter", 390, ["letter", "express"])
    assert shipped(MUG, method="express", region="FR") == ("parcel", 1990, ["parcel"])
    with pytest.raises(NotShippedThere):
        shipped(replace(MUG, weight_g=1001), region="FR")


def test_a_higher_value_ships_for_less_or_for_nothing_after_discounts():
    lamp = line("lamp", 9000)
    assert shipped(line("lamp", 5000))[:2] == ("letter", 290)
    assert shipped(lamp, method="express")[:2] == ("express", 0)
    assert shipped(lamp, method="express", offered=[TEN])[:2] == ("express", 1490)


@pytest.mark.parametrize(
    "methods",
    [
        {},
        [None],
        [{"key": "a", "name": "A", "by": "flat"}],
        [METHODS[0], METHODS[0]],
        [{**METHODS[0], "by": "drone"}],
        [{**METHODS[0], "key": ""}],
        [{**METHODS[0], "prices": {}}],
        [{**METHODS[0], "prices": {"de": [[1, 1]]}}],
        [{**METHODS[0], "prices": {"DE": [[5, 1], [1, 1]]}}],
        [{**METHODS[0], "prices": {"DE": [[None, 1], [1, 1]]}}],
        [{**METHODS[0], "prices": {"DE": [[1, -1]]}}],
        [{**METHODS[0], "prices": {"DE": 490}}],
        [{**METHODS[2], "prices": {"DE": 1.5}}],
        [{**METHODS[2], "free_from_minor": -1}],
        [{**METHODS[2], "colour": "red"}],
    ],
)
def test_nonsense_in_ways_of_shipping_is_a_clear_sentence(methods):
    with pytest.raises(BadShipping):
        Rules.from_json(prices_include_tax=True, tax_rates=[], shipping_minor={}, shipping_methods=methods or [{}])


HANDLING = {"key": "handling", "name": "Handling", "amount_minor": 150, "tax_class": "reduced"}


def test_a_fee_has_its_own_tax_and_is_in_the_total():
    rules = Rules.from_json(prices_include_tax=True, tax_rates=RATES, shipping_minor={}, fees_charged=[HANDLING])
    got = price(BOOK, rules=rules)
    assert (got.fees_minor, got.fees_total_minor, got.total_minor) == (150, 150, 1220)
    assert (got.fees[0].net_minor, got.fees[0].tax_minor, got.tax_minor) == (140, 10, 80)
    on_top = price(BOOK, rules=replace(rules, prices_include_tax=False))
    assert (on_top.fees_minor, on_top.fees_total_minor, on_top.total_minor) == (150, 161, 1145 + 161)
    assert price(rules=rules).total_minor == 0


@pytest.mark.parametrize(
    "change",
    [{"key": ""}, {"amount_minor": -1}, {"amount_minor": 1.5}, {"amount_minor": True}, {"tax_class": 1}, {"per": "line"}],
)
def test_nonsense_in_fees_is_a_clear_sentence(change):
    with pytest.raises(BadFee):
        Rules.from_json(prices_include_tax=True, tax_rates=[], shipping_minor={}, fees_charged=[HANDLING | change])


@dataclass(frozen=True)
class Everywhere:
    """A tax service that takes five per cent of everything."""

    def basis(self, *, region, tax_class, on, included):
        return Basis(region=region, tax_class=tax_class, basis_points=500, from_date=on, included=included)


def test_another_tax_service_decides_instead_of_the_table():
    got = price(BOOK, taxes=Everywhere())
    assert (got.lines[0].tax_minor, got.lines[0].tax_basis_points) == (51, 500)


# -- From the merchant's data -----------------------------------------------------------------------------------------


def test_a_promotion_is_read_from_data():
    rules = {"kind": "percent", "basis_points": 1000, "minimum_minor": 2000, "currency": "EUR", "excluded": ["book"]}
    got = promotions.from_json(rules, key="k", name="n", code="TEN", starts_at=NOON)
    assert got == Promotion(
        key="k", name="n", code="TEN", kind=Kind.PERCENT, basis_points=1000, minimum_minor=2000, currency="EUR",
        excluded=frozenset({"book"}), starts_at=NOON,
    )  # fmt: skip


PERCENT = {"kind": "percent", "basis_points": 1000}


@pytest.mark.parametrize(
    "rules",
    [
        None,
        {},
        {"kind": "gift"},
        {"kind": "percent"},
        {"kind": "fixed", "amount_minor": 100},
        {"kind": "buy_get", "buy": 2},
        {"kind": "buy_get", "buy": 0, "get": 1},
        {"kind": "free_shipping", "amount_minor": 5},
        {**PERCENT, "basis_points": 10_001},
        {**PERCENT, "basis_points": 10.0},
        {**PERCENT, "basis_points": True},
        {**PERCENT, "minimum_minor": 100},
        {**PERCENT, "minimum_minor": 100, "currency": "XXX"},
        {**PERCENT, "products": "mug"},
        {**PERCENT, "exclusive": 1},
    ],
)
def test_nonsense_in_a_promotion_is_a_clear_sentence(rules):
    with pytest.raises(Exception, match=r".{20,}") as caught:
        promotions.from_json(rules, key="k", name="n")
    assert caught.value.status == 422


@pytest.mark.parametrize("code", ["ab", "with space", "x" * 41, "lower"])
def test_a_code_is_capitals_and_digits(code):
    with pytest.raises(BadPromotion):
        promotions.from_json(PERCENT, key="k", name="n", code=code)


# -- What holds for every purchase ------------------------------------------------------------------------------------

NAMES = ["mug", "tea", "book"]
carts = st.lists(
    st.tuples(
        st.integers(0, 1_000_000), st.integers(1, 99), st.sampled_from(["standard", "reduced"]),
        st.sampled_from(["good", "digital"]), st.sampled_from(NAMES),
    ),
    max_size=6,
).map(
    lambda rows: [
        replace(line(name, unit, quantity, kind=kind, tax_class=tax_class), key=str(n))
        for n, (unit, quantity, tax_class, kind, name) in enumerate(rows)
    ]
)  # fmt: skip
offers = st.lists(
    st.builds(
        Promotion,
        key=st.uuids().map(lambda each: each.hex),
        name=st.just("x"),
        kind=st.sampled_from(list(Kind)),
        code=st.sampled_from(["", "CODE"]),
        basis_points=st.integers(1, 10_000),
        amount_minor=st.integers(1, 2_000_000),
        currency=st.just("EUR"),
        buy=st.integers(1, 3),
        get=st.integers(1, 3),
        priority=st.integers(-2, 2),
        exclusive=st.booleans(),
        minimum_minor=st.sampled_from([0, 0, 5000]),
        products=st.frozensets(st.sampled_from(NAMES), max_size=1),
        excluded=st.frozensets(st.sampled_from(NAMES), max_size=1),
    ),
    max_size=5,
    unique_by=lambda each: each.key,
)


@given(lines=carts, offered=offers, included=st.booleans())
def test_every_discount_adds_up_and_nothing_falls_below_zero(lines, offered, included):
    got = price(*lines, offered=offered, rules=replace(GROSS, prices_include_tax=included))
    for row in got.lines:
        assert 0 <= row.discount_minor <= row.subtotal_minor
        assert (row.total_minor if included else row.net_minor) == row.subtotal_minor - row.discount_minor
        assert row.tax_minor >= 0
        assert row.net_minor + row.tax_minor == row.total_minor
    by_lines = sum(used.gave_minor for used in got.promotions if used.promotion.kind != Kind.FREE_SHIPPING)
    assert got.discount_minor == sum(row.discount_minor for row in got.lines) == by_lines
    assert all(used.gave_minor > 0 for used in got.promotions)
    assert got.total_minor >= 0
    assert got.total_minor == got.subtotal_minor - got.discount_minor + got.shipping_minor + (0 if included else got.tax_minor)


@given(lines=carts, offered=offers)
def test_an_exclusive_promotion_is_never_seen_with_another(lines, offered):
    got = price(*lines, offered=offered)
    assert len(got.promotions) <= 1 or not any(used.promotion.exclusive for used in got.promotions)


@given(lines=carts, offered=offers, random=st.randoms())
def test_the_order_in_which_promotions_are_found_does_not_matter(lines, offered, random):
    shuffled = random.sample(offered, len(offered))
    assert price(*lines, offered=offered).sha256() == price(*lines, offered=shuffled).sha256()


@given(lines=carts, promotion=offers)
def test_what_a_promotion_is_not_for_keeps_its_price(lines, promotion):
    for one in promotion:
        got = price(*lines, offered=[one])
        assert all(row.discount_minor == 0 for row, it in zip(got.lines, lines, strict=True) if not one.is_for(it))


@given(lines=carts, offered=offers, included=st.booleans())
def test_a_currency_of_three_decimals_ends_on_what_cards_take(lines, offered, included):
    """B5: Stripe takes dinars in steps of ten fils; prices that keep to them make a total that does, and no fils is lost."""
    dinars = [replace(it, unit_price_minor=it.unit_price_minor * 10) for it in lines]
    mine = [replace(it, currency="KWD") for it in offered]
    got = price(*dinars, offered=mine, currency="KWD", rules=replace(GROSS, prices_include_tax=included))
    assert got.total_minor % 10 == 0
    for row in got.lines:
        assert (row.discount_minor % 10, row.total_minor % 10) == (0, 0)
        assert 0 <= row.discount_minor <= row.subtotal_minor
        assert row.net_minor + row.tax_minor == row.total_minor
    assert got.discount_minor == sum(it.gave_minor for it in got.promotions if it.promotion.kind != Kind.FREE_SHIPPING)


def test_prices_between_two_steps_are_reckoned_to_the_last_fils():
    got = price(line("mug", 1234), offered=[TEN], currency="KWD")
    assert (got.lines[0].discount_minor, got.lines[0].total_minor) == (123, 1111)
    assert price(line("mug", 1240), offered=[TEN], currency="KWD").lines[0].discount_minor == 120
