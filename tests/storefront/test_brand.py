"""R-M1: a merchant's brand is data, and whatever stands in it, the page can be read and carries nothing foreign."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.merchants.models import Merchant
from holdfast.storefront import brand

COLOURS = st.from_regex(r"\A#[0-9a-f]{6}\Z")


def of(**said: Any) -> brand.Brand:
    return brand.read(Merchant(name="Shop", locale="en", brand=said))


@given(colour=COLOURS, paper=COLOURS, ink=COLOURS)
def test_any_colours_keep_their_contrast(colour: str, paper: str, ink: str) -> None:
    own = of(colour=colour, paper=paper, ink=ink)
    assert brand.contrast(own.on_colour, own.colour) >= 4.5
    assert brand.contrast(own.colour_text, own.paper) >= 4.5
    assert brand.contrast(own.ink, own.paper) >= 4.5
    soft = re.search(r"--soft-ink: (#[0-9a-f]{6})", own.css)
    assert soft
    assert brand.contrast(soft.group(1), own.paper) >= 4.5


@pytest.mark.parametrize("wrong", ["red", "#fff", "#12345g", "url(x)", "#000000;}body{display:none", 7, None, ["#000000"]])
def test_a_wrong_colour_is_the_default(wrong: Any) -> None:
    assert of(colour=wrong).colour == brand.DEFAULT_COLOUR


@pytest.mark.parametrize(
    "wrong", ["http://x.test/a.svg", "https://x.test/a.svg; script-src *", "https://x.test/a b", "javascript:1", 7]
)
def test_a_logo_is_a_plain_https_address_or_none(wrong: Any) -> None:
    assert of(logo=wrong).logo == ""
    assert of(logo=wrong).logo_origin == ""


def test_a_logo_of_another_site_is_let_through_by_its_origin_alone() -> None:
    assert of(logo="https://cdn.test/logo.svg").logo_origin == "https://cdn.test"


@pytest.mark.parametrize("said", [None, [], "x", 7, {"font": "x;y", "corners": 4, "locales": "de", "tagline": 9, "mark": {}}])
def test_any_nonsense_is_a_plain_brand(said: Any) -> None:
    own = brand.read(Merchant(name="Shop", locale="de", brand=said))
    assert (own.mark, own.tagline, own.locales, own.corners) == ("S", "", ("de",), "0.75rem")
    assert own.css.count("{") == own.css.count("}") == 1


def test_contrast_is_that_of_the_standard() -> None:
    assert round(brand.contrast("#000000", "#ffffff"), 2) == 21
    assert round(brand.contrast("#777777", "#ffffff"), 2) == 4.48
