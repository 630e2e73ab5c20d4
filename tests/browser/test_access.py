"""Pages that everybody can use: named fields, one headline, a language, landmarks, and a way around by keyboard."""

import pytest
from playwright.sync_api import expect

from tests.browser.shopper import Shopper

pytestmark = pytest.mark.processes

#: What a field is called by people who do not see the page.
NAMELESS = """
() => [...document.querySelectorAll('input:not([type=hidden]), select, textarea, button, a')]
  .filter(one => !(one.labels && [...one.labels].some(label => label.textContent.trim())))
  .filter(one => !one.getAttribute('aria-label') && !one.textContent.trim() && !one.querySelector('img[alt]'))
  .map(one => one.outerHTML.slice(0, 120))
"""
TWICE = """
() => { const ids = [...document.querySelectorAll('[id]')].map(one => one.id);
        return ids.filter((id, index) => ids.indexOf(id) !== index) }
"""
#: Contrast of every piece of text with what lies behind it (WCAG 2.2 AA: 4.5, large text 3).
FAINT = """
() => {
  const channel = v => (v /= 255, v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = colour => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
                           return [...canvas.getImageData(0, 0, 1, 1).data] };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = one => { for (; one; one = one.parentElement) { const c = rgba(getComputedStyle(one).backgroundColor);
                          if (c[3] === 255) return c } return [255, 255, 255, 255] };
  const found = [];
  for (const one of document.querySelectorAll('body *')) {
    if (![...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())) continue;
    if (one.closest('.hidden, noscript, select, svg, [disabled]') || !one.getClientRects().length) continue;
    const style = getComputedStyle(one), a = light(rgba(style.color)), b = light(behind(one));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.6 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) found.push(one.textContent.trim().slice(0, 40) + ': ' + ratio.toFixed(2));
  }
  return found }
"""


def pages(shopper: Shopper) -> list[str]:
    """The address of every kind of page, the order's among them."""
    shopper.put_in("enamel-mug")
    shopper.order(ships=True)
    shopper.pay()
    shopper.sees("Thank you. Your order is paid")
    order = shopper.order_path
    shopper.put_in("wool-blanket")
    return ["/", "/?kind=booking", "/?q=nothing+like+it", "/p/enamel-mug", "/p/harbour-tour", "/p/brass-compass", "/cart",
            "/checkout", "/orders", order, f"{order}/return", "/no-such-page"]  # fmt: skip


def test_every_page_can_be_used_without_seeing_it(shopper: Shopper) -> None:
    for path in pages(shopper):
        shopper.go(path)
        assert shopper.page.locator("html").get_attribute("lang") == "en", path
        assert shopper.page.title(), path
        expect(shopper.page.locator("h1")).to_have_count(1)
        expect(shopper.page.locator("main")).to_have_count(1)
        assert shopper.page.evaluate(NAMELESS) == [], path
        assert shopper.page.evaluate(TWICE) == [], path
        assert shopper.page.evaluate(FAINT) == [], path


def test_errors_stand_beside_their_fields_and_nothing_typed_is_lost(shopper: Shopper) -> None:
    shopper.put_in("enamel-mug")
    shopper.to_checkout()
    shopper.page.get_by_label("E-mail").fill("ada")
    shopper.page.get_by_label("City").fill("Hamburg")
    shopper.page.get_by_role("button", name="Pay ").click()
    email = shopper.page.get_by_label("E-mail").first
    expect(email).to_have_attribute("aria-invalid", "true")
    described = (email.get_attribute("aria-describedby") or "").split()
    told = " ".join(shopper.page.locator(f"#{name}").inner_text() for name in described)
    assert "Write an e-mail address, such as ada@example.com." in told
    expect(email).to_have_value("ada")
    expect(shopper.page.get_by_label("City")).to_have_value("Hamburg")
    expect(shopper.page.get_by_role("alert")).to_contain_text("Postal code")
    shopper.photograph("errors")


def test_the_first_press_of_tab_leads_past_the_head(shopper: Shopper) -> None:
    shopper.go("/")
    shopper.page.keyboard.press("Tab")
    expect(shopper.page.get_by_role("link", name="Skip to the content")).to_be_focused()
    shopper.page.keyboard.press("Enter")
    assert shopper.page.evaluate("document.activeElement.id") == "content"


@pytest.mark.parametrize(
    ("language", "cart", "price"), [("Deutsch", "Ihr Warenkorb", "12,50\u00a0€"), ("Português", "Seu carrinho", "€\u00a012,50")]
)
def test_the_language_is_changed_in_the_footer(shopper: Shopper, language: str, cart: str, price: str) -> None:
    shopper.put_in("enamel-mug")
    shopper.page.get_by_label("Language").select_option(label=language)
    shopper.page.locator(".language button").click()
    shopper.sees(cart)
    expect(shopper.page.locator(".line-total")).to_have_text(price)
    shopper.photograph(language)
