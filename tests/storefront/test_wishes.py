"""What a shopper wishes besides the lines: a code, a way of shipping; and that nobody pays another total than the form showed."""

import json
from datetime import timedelta
from typing import Any

import pytest

from holdfast.flows import setup
from holdfast.flows.setup import Offer
from holdfast.kernel.clock import now
from tests import build
from tests.storefront.conftest import Visitor, hidden, text

TEN = {"kind": "percent", "basis_points": 1000}
WAYS = [
    {"key": "slow", "name": "By ship", "by": "flat", "prices": {"DE": 490, "FR": 990}},
    {"key": "fast", "name": "Courier", "by": "flat", "prices": {"DE": 1490}},
]


@pytest.fixture
def offers(shop: Any) -> None:
    setup.announce(merchant_id=shop.id, offer=Offer(name="Welcome", rules=TEN, code="WELCOME10"), now=now())


def merchant_says(database: Any, column: str, value: Any) -> None:
    with database.as_owner() as owner:
        owner.execute(f"UPDATE merchants_merchant SET {column} = %s", [json.dumps(value)])


def test_a_code_is_taken_out_again_and_tries_are_counted(visitor: Visitor, shop: Any, offers: None) -> None:
    visitor.put_in(shop.variants["MUG"])
    assert visitor.post("/cart/coupon", code=" welcome10 ")["Location"] == "/cart"
    assert "Total 16,15 €" in text(visitor.get("/cart"))
    assert visitor.post("/cart/coupon", remove="1")["Location"] == "/cart"
    assert "Total 17,40 €" in text(visitor.get("/cart"))
    told = [visitor.post("/cart/coupon", code=f"guess{number}")["Location"] for number in range(10)]
    assert told == ["/cart?said=unknown_code"] * 9 + ["/cart?said=too_many_tries"]
    assert "Too many codes were tried." in text(visitor.get(told[-1]))


def test_a_shop_without_codes_asks_for_none(visitor: Visitor, shop: Any) -> None:
    visitor.put_in(shop.variants["MUG"])
    assert "A code to pay less" not in text(visitor.get("/cart"))


def test_countries_are_those_that_some_way_of_shipping_goes_to(visitor: Visitor, shop: Any, database: Any) -> None:
    merchant_says(database, "shipping_methods", WAYS)
    visitor.put_in(shop.variants["MUG"])
    page = visitor.get("/cart").content.decode()
    assert 'value="FR"' in page
    assert 'value="IT"' not in page
    visitor.post("/cart/region", region="FR")
    told = text(visitor.get("/cart"))
    assert "How it is shipped" not in told  # only one way goes there
    assert "9,90 €" in told


def test_what_is_not_shipped_costs_no_shipping_and_says_none(visitor: Visitor, shop: Any) -> None:
    visitor.put_in(shop.variants["BOOK"])
    for page in ("/cart", "/checkout"):
        assert "Shipping" not in text(visitor.get(page))
    visitor.put_in(shop.variants["MUG"])
    assert "Shipping to Germany 4,90 €" in text(visitor.get("/cart"))


def test_a_fee_stands_in_the_totals_of_cart_and_order(visitor: Visitor, shop: Any, offers: None, database: Any) -> None:
    merchant_says(database, "fees", [{"key": "h", "name": "Handling", "amount_minor": 119, "tax_class": "standard"}])
    visitor.put_in(shop.variants["MUG"])
    visitor.post("/cart/coupon", code="welcome10")
    visitor.check_out()
    order = str(visitor.check_out(key="f" * 32)["Location"])
    for page in ("/orders", order):
        assert visitor.get(page).status_code == 200
    told = text(visitor.get(order))
    for row in ("Welcome -1,25 €", "Handling 1,19 €", "Total 17,34 €"):
        assert row in told


def test_nobody_pays_another_total_than_the_form_showed(visitor: Visitor, shop: Any, database: Any) -> None:
    """R-A3: whatever it was that changed; here shipping, a moment after the form was opened."""
    visitor.put_in(shop.variants["MUG"])
    form = visitor.get("/checkout")
    merchant_says(database, "shipping_minor", {"DE": 790, "*": 990})
    page = visitor.check_out(key=hidden(form, "key"), accept_quote=hidden(form, "accept_quote"))
    assert page.status_code == 409
    assert "Accept 20,40 € and pay" in text(page)
    assert database.count("orders_order") == 0
    accepted = visitor.check_out(key=hidden(page, "key"), accept_quote=hidden(page, "accept_quote"))
    assert accepted.status_code == 303
    assert database.value("SELECT total_minor FROM orders_order") == 2040


def test_a_code_that_ended_is_told_beside_the_new_total(visitor: Visitor, shop: Any, offers: None, database: Any) -> None:
    visitor.put_in(shop.variants["MUG"])
    visitor.post("/cart/coupon", code="welcome10")
    form = visitor.get("/checkout")
    with database.as_owner() as owner:
        owner.execute("UPDATE promotions_promotion SET ends_at = %s", [now() - timedelta(minutes=1)])
    assert "This code takes nothing off your cart now." in text(visitor.get("/cart"))
    page = visitor.check_out(key=hidden(form, "key"), accept_quote=hidden(form, "accept_quote"))
    assert page.status_code == 409
    assert "WELCOME10 not valid any more" in text(page)
    assert "Accept 17,40 € and pay" in text(page)


def test_an_offer_for_each_customer_once_is_told_when_it_is_used_up(visitor: Visitor, shop: Any, database: Any) -> None:
    """The cart does not know who buys; the form does."""
    setup.announce(merchant_id=shop.id, offer=Offer(name="First order", rules=TEN, customer_limit=1), now=now())
    build.buy(shop, MUG=1)
    visitor.put_in(shop.variants["MUG"])
    form = visitor.get("/checkout")
    assert "First order -1,25 €" in text(form)
    page = visitor.check_out(key=hidden(form, "key"), accept_quote=hidden(form, "accept_quote"))
    assert page.status_code == 409
    assert "First order not valid any more" in text(page)
    accepted = visitor.check_out(key=hidden(page, "key"), accept_quote=hidden(page, "accept_quote"))
    assert accepted.status_code == 303
    assert database.value("SELECT max(total_minor) FROM orders_order") == 1740


def test_a_cart_that_was_changed_back_goes_on_with_its_order_and_shows_it(visitor: Visitor, shop: Any, database: Any) -> None:
    """R-A4: something is put in and taken out again while the payment is open. One order, and the cart's page leads to it."""
    visitor.put_in(shop.variants["MUG"])
    first = visitor.check_out()
    visitor.put_in(shop.variants["BOOK"])
    page = visitor.get("/cart").content.decode()
    book = page[page.index('aria-label="In your cart"') :].split('action="/cart/lines/')[2].split('"')[0]
    visitor.post(f"/cart/lines/{book}", remove="1")
    again = visitor.check_out()
    assert (again.status_code, again["Location"]) == (303, first["Location"])
    assert database.count("orders_order") == database.count("payments_payment") == 1
    shown = text(visitor.get("/cart"))
    assert "Your order waits for its payment" in shown
    assert f"Order {database.value('SELECT number FROM orders_order')} over 17,40 €" in shown
