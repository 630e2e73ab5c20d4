"""The console in a browser: somebody buys, and staff read the whole story of it, at a laptop and on a phone."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from holdfast import smoke

ROOT = Path(__file__).resolve().parents[2]
SIZES = {"laptop": {"width": 1366, "height": 900}, "phone": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def bought(house: Any) -> str:
    """The number of an order with a good, a download and a tour, bought over HTTP and fulfilled."""
    keys = {name: house.secrets[name] for name in ("publishable_key", "secret_key")}
    assert smoke.buy(web=house.web, gateway=house.gateway, **keys)
    merchant = {"Authorization": f"Bearer {keys['secret_key']}"}
    number: str = httpx.get(f"{house.web}/v1/orders", headers=merchant, trust_env=False).json()["orders"][0]["number"]
    return number


@pytest.fixture(params=[("laptop", "light"), ("laptop", "dark"), ("phone", "light"), ("phone", "dark")], ids="-".join)
def staff(request: pytest.FixtureRequest, browser: Any, house: Any, bought: str) -> Iterator[Any]:
    """Somebody of the shop, logged in. Nothing may be loaded from elsewhere and no script may complain."""
    size, scheme = request.param
    context = browser.new_context(viewport=SIZES[size], color_scheme=scheme, locale="en-GB")
    page = context.new_page()
    complaints: list[str] = []
    page.on("request", lambda asked: None if asked.url.startswith(house.web) else complaints.append(asked.url))
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{house.web}/console/")
    page.get_by_label("Email").fill(house.secrets["staff_email"])
    page.get_by_label("Password").fill(house.secrets["staff_password"])
    page.get_by_role("button", name="Log in").click()
    page.shot_as = lambda part: _shot(page, f"console-{size}-{scheme}-{part}")
    yield page
    context.close()
    assert complaints == []


def _shot(page: Any, name: str) -> None:
    folder = Path(os.environ.get("HOLDFAST_SCREENSHOTS") or ROOT / ".holdfast" / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(folder / f"{name}.png"), full_page=True)


def fits(page: Any) -> bool:
    """The page is not wider than the screen; wide tables scroll by themselves."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_staff_find_an_order_and_read_its_story(staff: Any, bought: str) -> None:
    staff.locator("#content").get_by_text("Orders of the last 30 days").wait_for()
    assert fits(staff)
    staff.shot_as("today")
    staff.locator("#hf-q").fill("ada@exam")
    staff.get_by_role("button", name="Find").click()
    assert fits(staff)
    staff.shot_as("orders")
    staff.get_by_role("link", name=bought).first.click()
    story = staff.get_by_role("region", name="Story")
    for sentence in ("An attempt to take", "stripe sent checkout.session.completed", "The journal notes a capture of €56.40."):
        assert story.get_by_text(sentence).first.is_visible(), sentence
    story.get_by_text("The journal notes a capture").click()
    assert story.locator(".hf-sides").first.get_by_text("receivable:stripe").is_visible()
    assert fits(staff)
    staff.shot_as("order")


def test_a_chip_hides_a_kind_of_fact_and_brings_it_back(staff: Any, bought: str) -> None:
    staff.locator("#hf-q").fill(bought)
    staff.get_by_role("button", name="Find").click()
    staff.get_by_role("link", name=bought).first.click()
    events = staff.locator("[data-kind=event]")
    shown = events.count()
    assert shown >= 2
    assert events.first.is_visible()
    staff.locator("label[for=hf-show-event]").click()
    assert [events.nth(index).is_visible() for index in range(shown)] == [False] * shown
    staff.locator("label[for=hf-show-event]").click()
    assert events.first.is_visible()


def test_a_link_to_an_event_opens_it_in_the_story(staff: Any, bought: str) -> None:
    staff.locator("#hf-q").fill(bought)
    staff.get_by_role("button", name="Find").click()
    staff.get_by_role("link", name=bought).first.click()
    move = staff.locator("[data-kind=move]", has_text="Payment went from open to captured")
    move.locator("summary").click()
    move.locator("a[href^='#evt_']").click()
    target = staff.locator("[data-kind=event]:target")
    assert target.locator("details[open]").count() == 1
    assert target.locator("pre").first.is_visible()
