"""What a shopper does in a browser, in their words."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from playwright.sync_api import BrowserContext, Page, expect

from holdfast.first_run import House

APPROVED, DECLINED = "4242424242424242", "4000000000000002"
#: What a slow machine may take for one thing; a purchase as a whole has a minute (the promise).
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)


class Shopper:
    """One browser context with one tab. `complaints` are things that no page of ours may do."""

    def __init__(self, house: House, context: BrowserContext, picture: Callable[[str], Path]) -> None:
        self.house, self.context, self._picture = house, context, picture
        self.complaints: list[str] = []
        self.page = self.new_tab()

    def new_tab(self) -> Page:
        page = self.context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("console", lambda message: self._hear(message.text))
        return page

    def _hear(self, text: str) -> None:
        if "Content Security Policy" in text or "Refused to" in text:
            self.complaints.append(text)

    # -- In the shop --------------------------------------------------------------------------------------------------

    def go(self, path: str) -> None:
        self.page.goto(self.house.web + path)

    def photograph(self, part: str) -> None:
        self.page.screenshot(path=self._picture(part), full_page=True)

    def press(self, name: str | re.Pattern[str]) -> None:
        self.page.get_by_role("button", name=name).first.click()

    def put_in(self, slug: str) -> None:
        self.go(f"/p/{slug}")
        self.press("Put into the cart")
        expect(self.page.get_by_role("heading", level=1, name="Your cart")).to_be_visible()

    def book(self, *, day: int = 2, time_of_day: int = 0, **people: int) -> str:
        """A place on the harbour tour; returns the day as the page writes it."""
        self.go("/")
        self.page.get_by_role("link", name="Harbour tour by boat").click()
        link = self.page.locator(".days a").nth(day)
        text = link.inner_text()
        link.click()
        self.page.locator("input[name=slot]").nth(time_of_day).check()
        for who, count in people.items():
            self.page.get_by_label(who).fill(str(count))
        self.photograph("tour")
        self.press("Put into the cart")
        return text

    def to_checkout(self) -> None:
        self.go("/cart")
        self.page.get_by_role("link", name="Go to checkout").click()

    def fill_in(self, *, ships: bool, email: str = "ada@example.com") -> None:
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Name", exact=True).fill("Ada Lovelace")
        if ships:
            self.page.get_by_label("Street and number").fill("Pier 1")
            self.page.get_by_label("Postal code").fill("20457")
            self.page.get_by_label("City").fill("Hamburg")

    def order(self, *, ships: bool) -> str:
        """Check out; returns the address of the provider's page."""
        self.to_checkout()
        self.fill_in(ships=ships)
        self.photograph("checkout")
        self.press(re.compile("^Pay "))
        self.page.wait_for_url(f"{self.house.gateway}/**")
        return self.page.url

    # -- On the provider's page ---------------------------------------------------------------------------------------

    def pay(self, card: str = APPROVED) -> None:
        self.page.get_by_label("Card number").fill(card)
        self.press(re.compile("^Pay "))

    # -- At the order's page ------------------------------------------------------------------------------------------

    def sees(self, headline: str) -> None:
        expect(self.page.get_by_role("heading", level=1, name=headline)).to_be_visible()

    def headline(self) -> str:
        return self.page.get_by_role("heading", level=1).inner_text()

    @property
    def order_path(self) -> str:
        found = re.search(r"/orders/[0-9a-f]{64}", self.page.url)
        assert found, self.page.url
        return found.group()

    # -- Behind the counter -------------------------------------------------------------------------------------------

    def ship(self, order_id: str) -> None:
        """The merchant's server says what it sent."""
        key = self.house.secrets["secret_key"]
        httpx.post(
            f"{self.house.web}/v1/orders/{order_id}/shipments",
            headers={"Authorization": f"Bearer {key}", "Idempotency-Key": uuid4().hex},
            json={"tracking": {"carrier": "Harbour Post", "number": "HP1"}},
            timeout=30,
            trust_env=False,
        ).raise_for_status()

    def newest_order(self) -> dict[str, Any]:
        return self.orders()[0]

    def orders(self) -> list[dict[str, Any]]:
        """The merchant's orders, newest first."""
        key = self.house.secrets["secret_key"]
        answer = httpx.get(
            f"{self.house.web}/v1/orders?limit=100",
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
            trust_env=False,
        ).raise_for_status()
        rows: list[dict[str, Any]] = answer.json()["orders"]
        return rows


def waited(until: Callable[[], bool], *, seconds: float = 30) -> bool:
    """Look again and again, for at most so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if until():
            return True
        time.sleep(0.2)
    return False
