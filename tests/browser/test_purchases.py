"""R-D4, R-D7, R-A4: people buy in a browser. Each purchase is paid and handed over within a minute."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PHONE
from tests.browser.shopper import APPROVED, DECLINED, Shopper, waited

pytestmark = pytest.mark.processes

WITHIN_S = 60.0
CODE = re.compile(r"^([2-9A-HJ-NP-Z]{4} ){3}[2-9A-HJ-NP-Z]{4}$")


@contextmanager
def within_a_minute(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    print(f"{what}: {took:.1f} s")
    assert took < WITHIN_S


def test_a_good_is_bought_paid_and_shipped(shopper: Shopper) -> None:
    with within_a_minute("a good"):
        shopper.go("/")
        shopper.photograph("home")
        shopper.page.get_by_role("link", name="Enamel mug").click()
        shopper.page.get_by_label("Red").check()
        shopper.page.get_by_label("How many?").fill("2")
        shopper.photograph("product")
        shopper.press("Put into the cart")
        expect(shopper.page.locator(".sum dd")).to_have_text("29,90\u00a0€")
        shopper.photograph("cart")
        shopper.order(ships=True)
        shopper.photograph("provider")
        shopper.pay()
        shopper.sees("Thank you. Your order is paid")
        expect(shopper.page.get_by_text("We are packing your parcel")).to_be_visible()
        shopper.photograph("paid")
        order = shopper.newest_order()
        assert (order["total_minor"], order["status"]) == (2990, "paid")
        shopper.ship(order["id"])
        shopper.page.reload()
        shopper.sees("Thank you. Everything is on its way to you")
        expect(shopper.page.get_by_text("Harbour Post")).to_be_visible()
        shopper.photograph("shipped")


def test_a_download_is_bought_without_an_address(shopper: Shopper) -> None:
    with within_a_minute("a download"):
        shopper.put_in("harbour-guide")
        shopper.to_checkout()
        assert shopper.page.get_by_label("Street and number").count() == 0
        shopper.order(ships=False)
        shopper.pay()
        expect(shopper.page.get_by_role("heading", name="Your downloads")).to_be_visible()
        shopper.sees("Thank you. Your order is complete")
        assert CODE.match(shopper.page.locator(".ticket strong").inner_text())
        shopper.photograph("downloads")
        assert shopper.newest_order()["state"] == "fulfilled"


def test_a_tour_is_booked_for_several_people_at_a_time_of_a_day(shopper: Shopper) -> None:
    with within_a_minute("a tour"):
        shopper.book(day=3, time_of_day=1, Adult=2, Child=1)
        expect(shopper.page.locator(".line")).to_have_count(2)
        expect(shopper.page.locator(".sum dd")).to_have_text("75,00\u00a0€")
        shopper.photograph("cart")
        shopper.order(ships=False)
        shopper.pay()
        expect(shopper.page.locator(".ticket")).to_have_count(3)
        first = shopper.page.locator(".ticket").first
        expect(first).to_contain_text("15:00 to 17:00")
        expect(first).to_contain_text("Pier 3, below the clock tower")
        codes = {shopper.page.locator(".ticket strong").nth(index).inner_text() for index in range(3)}
        assert len(codes) == 3
        assert all(CODE.match(code) for code in codes)
        shopper.photograph("vouchers")


def test_declined_then_approved_on_the_same_page_is_paid(shopper: Shopper) -> None:
    shopper.put_in("enamel-mug")
    address = shopper.order(ships=True)
    shopper.pay(DECLINED)
    expect(shopper.page.get_by_role("alert")).to_be_visible()
    shopper.photograph("declined")
    assert shopper.page.url == address
    assert shopper.newest_order()["status"] == "pending"
    shopper.pay(APPROVED)
    shopper.sees("Thank you. Your order is paid")


def test_a_tab_closed_before_returning_loses_nothing(shopper: Shopper) -> None:
    """The order turns paid by the webhook; its page is found again from the shop."""
    shopper.put_in("harbour-guide")
    page = shopper.order(ships=False)
    shopper.page.close()
    paid = httpx.post(page, data={"card": APPROVED}, follow_redirects=False, timeout=30, trust_env=False)
    assert paid.status_code == 303
    assert waited(lambda: shopper.newest_order()["state"] == "fulfilled")
    shopper.page = shopper.new_tab()
    shopper.go("/orders")
    shopper.page.get_by_role("link", name=re.compile("^Order ")).first.click()
    shopper.sees("Thank you. Your order is complete")
    shopper.photograph("found-again")


def test_going_back_and_changing_the_cart_ends_the_first_page(shopper: Shopper) -> None:
    """R-A4: the first page cannot buy the bigger cart, and one of the two orders is paid."""
    shopper.put_in("enamel-mug")
    first = shopper.order(ships=True)
    shopper.page.get_by_role("link", name="Cancel and go back").click()
    shopper.sees("Your order waits for its payment")
    shopper.photograph("went-back")
    shopper.press("Change the cart instead")
    shopper.page.get_by_label("Quantity of Enamel mug").fill("3")
    shopper.press("Change")
    expect(shopper.page.locator(".sum dd")).to_have_text("42,40\u00a0€")
    second = shopper.order(ships=True)
    assert second != first
    late = httpx.post(first, data={"card": APPROVED}, follow_redirects=False, timeout=30, trust_env=False)
    assert late.status_code == 410, "the page of the smaller cart has closed"
    shopper.pay()
    shopper.sees("Thank you. Your order is paid")
    newest, before = shopper.orders()[:2]
    assert (newest["total_minor"], newest["status"]) == (4240, "paid")
    assert (before["total_minor"], before["status"]) == (1740, "cancelled")


def test_going_back_without_a_change_stays_with_the_order(shopper: Shopper) -> None:
    shopper.put_in("enamel-mug")
    shopper.order(ships=True)
    placed = len(shopper.orders())
    shopper.page.get_by_role("link", name="Cancel and go back").click()
    shopper.page.get_by_role("link", name="Go on with this order").click()
    shopper.sees("Your payment is not finished")
    shopper.photograph("not-finished")
    shopper.page.get_by_role("link", name=re.compile("^Pay ")).click()
    shopper.pay()
    shopper.sees("Thank you. Your order is paid")
    assert len(shopper.orders()) == placed


def test_a_double_click_on_pay_makes_one_order(shopper: Shopper) -> None:
    shopper.put_in("enamel-mug")
    placed = len(shopper.orders())
    shopper.to_checkout()
    shopper.fill_in(ships=True)
    shopper.page.get_by_role("button", name=re.compile("^Pay ")).dblclick(no_wait_after=True)
    shopper.page.wait_for_url(f"{shopper.house.gateway}/**")
    assert len(shopper.orders()) == placed + 1


def test_a_checkout_sent_again_by_the_back_button_is_the_same_order(shopper: Shopper) -> None:
    shopper.put_in("enamel-mug")
    placed = len(shopper.orders())
    first = shopper.order(ships=True)
    shopper.page.go_back()
    if shopper.page.get_by_role("button", name=re.compile("^Pay ")).count():
        shopper.fill_in(ships=True)
        shopper.press(re.compile("^Pay "))
        shopper.page.wait_for_url(f"{shopper.house.gateway}/**")
        assert shopper.page.url == first
    else:
        shopper.sees("Your order waits for its payment")
    assert len(shopper.orders()) == placed + 1


@pytest.mark.parametrize("shopper", [{"viewport": PHONE, "has_touch": True, "is_mobile": True}], indirect=True, ids=["phone"])
def test_a_phone_is_enough(shopper: Shopper) -> None:
    shopper.go("/")
    shopper.photograph("home")
    shopper.book(day=4, Adult=1)
    shopper.put_in("rain-jacket")
    shopper.photograph("cart")
    for path in ("/", "/p/harbour-tour", "/cart", "/checkout"):
        shopper.go(path)
        overhang = shopper.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overhang <= 0, f"{path} is {overhang} px wider than the screen"
    shopper.order(ships=True)
    shopper.photograph("provider")
    shopper.pay()
    shopper.sees("Thank you. Your order is paid")
    shopper.photograph("paid")


@pytest.mark.parametrize(
    "shopper",
    [{"viewport": {"width": 320, "height": 568}, "locale": language} for language in ("en-GB", "de-DE", "es-ES", "pt-BR")],
    indirect=True,
    ids=["en", "de", "es", "pt-br"],
)
def test_no_page_is_wider_than_the_narrowest_screen(shopper: Shopper) -> None:
    """320 pixels are also what is left of a laptop's screen at 400 %."""
    shopper.go("/p/enamel-mug")
    shopper.page.locator("form.buy button.main").click()
    shopper.page.wait_for_url("**/cart")
    wider = {}
    for path in ("/", "/p/enamel-mug", "/p/harbour-tour", "/cart", "/checkout", "/orders", "/nowhere"):
        shopper.go(path)
        wider[path] = shopper.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    shopper.go("/cart")
    shopper.photograph("cart")
    assert {path: width for path, width in wider.items() if width > 0} == {}


@pytest.mark.parametrize("shopper", [{"java_script_enabled": False}], indirect=True, ids=["without scripts"])
def test_without_scripts_a_purchase_works_there_and_back(shopper: Shopper) -> None:
    shopper.book(day=5, Adult=0, Child=2)
    shopper.put_in("harbour-guide")
    shopper.order(ships=False)
    shopper.pay()
    shopper.photograph("back")
    shopper.sees("Thank you. Your order is complete")
    expect(shopper.page.locator(".ticket")).to_have_count(3)
