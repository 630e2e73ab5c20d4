"""People who pay without a card: a Pix with the code on the screen, and a transfer that their bank makes."""

import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PHONE
from tests.browser.shopper import Shopper

pytestmark = pytest.mark.processes

PORTUGUESE = {"locale": "pt-BR"}


def at_the_beach(shopper: Shopper, path: str) -> None:
    """The second demo shop: a host, a brand, a currency and a language of its own."""
    shopper.page.goto(f"http://praia.localhost:{shopper.house.ports.web}{path}")


def put_coffee_in(shopper: Shopper) -> None:
    at_the_beach(shopper, "/p/cafe-da-serra")
    shopper.page.locator("button.main").click()
    expect(shopper.page.get_by_role("heading", level=1, name="Seu carrinho")).to_be_visible()


def check_out(shopper: Shopper, way: str) -> None:
    at_the_beach(shopper, "/checkout")
    page = shopper.page
    for name, value in {
        "email": "ana@example.com",
        "name": "Ana",
        "line1": "Rua do Comércio 1",
        "city": "Paraty",
        "postal_code": "23970-000",
    }.items():
        page.locator(f"[name={name}]").fill(value)
    page.locator(f"input[value='{way}']").check()
    shopper.photograph("checkout")
    page.get_by_role("button", name=re.compile("^Pagar ")).click()


def pay_with_the_code(shopper: Shopper, code: str) -> None:
    """In the payer's banking app, which is another window."""
    app = shopper.new_tab()
    app.goto(f"{shopper.house.gateway}/pix/pay")
    app.locator("input").first.fill(code)
    app.get_by_role("button").first.click()
    app.get_by_role("button", name=re.compile("^Pay|^Pagar")).click()
    app.close()


@pytest.mark.parametrize("shopper", [PORTUGUESE, {**PORTUGUESE, "viewport": PHONE}], indirect=True, ids=["laptop", "phone"])
def test_a_pix_is_paid_from_the_screen_and_the_page_turns_paid_by_itself(shopper: Shopper) -> None:
    put_coffee_in(shopper)
    check_out(shopper, "pix:pix")
    shopper.sees("Falta um passo: pague o seu pedido")
    expect(shopper.page.locator("svg.qr")).to_be_visible()
    box = shopper.page.locator("svg.qr").bounding_box()
    assert box is not None
    assert box["width"] > 150
    shopper.photograph("pix")
    code = shopper.page.locator("#pix-code").input_value()
    assert code.startswith("000201")
    pay_with_the_code(shopper, code)
    shopper.sees("Obrigado. Seu pedido está pago")  # nobody reloaded it
    shopper.photograph("paid")


@pytest.mark.parametrize("shopper", [PORTUGUESE], indirect=True, ids=["laptop"])
def test_mercado_pago_takes_a_card_on_its_page(shopper: Shopper) -> None:
    put_coffee_in(shopper)
    check_out(shopper, "mercadopago:card")
    shopper.page.wait_for_url(f"{shopper.house.gateway}/**")
    shopper.photograph("provider")
    shopper.page.get_by_label("Card number").fill("4242424242424242")
    shopper.page.get_by_role("button", name=re.compile("^Pay|^Pagar")).first.click()
    shopper.page.wait_for_url("**/orders/**")
    shopper.sees("Obrigado. Seu pedido está pago")
    shopper.photograph("paid")


def test_a_transfer_is_told_with_its_reference_and_paid_by_what_the_bank_says(shopper: Shopper) -> None:
    shopper.put_in("harbour-guide")
    shopper.to_checkout()
    shopper.fill_in(ships=False)
    shopper.page.get_by_label("Bank transfer").check()
    shopper.press(re.compile("^Pay "))
    shopper.sees("One step to go: pay your order")
    expect(shopper.page.get_by_text("DE89370400440532013000")).to_be_visible()
    expect(shopper.page.get_by_text(re.compile(r"until \d+ \w+ \d{4}"))).to_be_visible()  # days ahead, so the day is told
    shopper.photograph("transfer")
    rows = dict(
        zip(shopper.page.locator(".bank dt").all_inner_texts(), shopper.page.locator(".bank dd").all_inner_texts(), strict=True)
    )
    order = shopper.newest_order()
    entered = httpx.post(
        f"{shopper.house.web}/v1/transfers",
        headers={"Authorization": f"Bearer {shopper.house.secrets['secret_key']}", "Idempotency-Key": order["id"]},
        json={
            "amount_minor": order["total_minor"],
            "currency": "EUR",
            "paid_on": order["placed_at"][:10],
            "text": f"Order {rows['Reference']}",
            "by": "tess@harbour.example",
        },
        timeout=30,
        trust_env=False,
    )
    assert entered.status_code == 201, entered.text
    shopper.sees("Thank you. Your order is complete")
    shopper.photograph("paid")
