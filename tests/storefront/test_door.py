"""R-M1, R-M2, R-N1: which shop a host means, what a page may load, who may send a form, and what people are told."""

import re
from typing import Any

import pytest
from django.test import Client, override_settings

from holdfast.flows import setup
from tests import build
from tests.storefront.conftest import HOST, Visitor, text


def test_a_host_leads_to_its_merchants_shop(visitor: Visitor, gateway: Any) -> None:
    other = build.shop(gateway.url, "sk_test_other", slug="other")
    setup.answer_to(merchant_id=other.id, host="other.test")
    assert "· Demo</title>" in visitor.get("/").content.decode()
    assert "· Other</title>" in Visitor("other.test").get("/").content.decode()
    assert "· Demo</title>" in Visitor("SHOP.test:8443").get("/").content.decode()


def test_an_unknown_host_gets_a_calm_page(visitor: Visitor) -> None:
    page = Visitor("nobody.test").get("/")
    assert page.status_code == 404
    assert "There is nothing here" in text(page)
    assert "Demo" not in text(page)


def test_a_name_that_is_taken_stays_where_it_is(shop: Any, gateway: Any) -> None:
    other = build.shop(gateway.url, "sk_test_other", slug="other")
    setup.answer_to(merchant_id=other.id, host=HOST)
    assert "· Demo</title>" in Visitor().get("/").content.decode()


def test_another_shops_host_does_not_show_an_order(visitor: Visitor, shop: Any, gateway: Any) -> None:
    other = build.shop(gateway.url, "sk_test_other", slug="other")
    setup.answer_to(merchant_id=other.id, host="other.test")
    visitor.put_in(shop.variants["MUG"])
    visitor.check_out()
    path = re.search(r'href="(/orders/[0-9a-f]{64})"', visitor.get("/orders").content.decode()).group(1)  # type: ignore[union-attr]
    assert visitor.get(path).status_code == 200
    assert Visitor("other.test").get(path).status_code == 404


@pytest.mark.parametrize("path", ["/no/such/page", "/p/no-such-thing", "/orders/" + "0" * 64, "/?after=prod_x", "/cart/lines/x"])
def test_browsers_get_pages_for_what_is_not_there(visitor: Visitor, path: str) -> None:
    page = visitor.get(path)
    assert page.status_code in (404, 405)
    assert page["Content-Type"].startswith("text/html")
    assert "There is nothing here" in text(page)
    assert page["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("application/x-www-form-urlencoded; charset=utf-16", b"a=b"),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % number for number in range(3000))),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * 4_000_000),
    ],
    ids=["no boundary", "another charset", "too many fields", "too large"],
)
def test_a_form_that_cannot_be_read_is_no_defect_of_ours(visitor: Visitor, kind: str, body: bytes) -> None:
    page: Any = visitor.client.generic("POST", "/cart/lines", body, content_type=kind)
    assert page.status_code == 400
    assert "Go back, reload the page and send it again." in text(page)


@override_settings(ALLOWED_HOSTS=["shop.test"])
def test_a_host_that_is_not_served_is_a_bad_request(shop: Any) -> None:
    """As docs/settings.md says of HOLDFAST_ALLOWED_HOSTS."""
    page: Any = Visitor("evil.test").get("/")
    assert page.status_code == 400
    assert page["Content-Type"].startswith("text/html")


def test_programs_still_get_problems(visitor: Visitor) -> None:
    answer = visitor.get("/v1/no/such/path")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_a_defect_is_a_calm_page_with_a_number_to_tell(visitor: Visitor, shop: Any, database: Any) -> None:
    visitor.put_in(shop.variants["BOOK"])
    with database.as_owner() as owner:
        owner.execute("UPDATE merchants_merchant SET shipping_minor = '7'")
    page = visitor.get("/cart", x_request_id="tell-me-this-1")
    assert page.status_code == 500
    assert "That did not work" in text(page)
    assert "tell-me-this-1" in text(page)
    assert "Traceback" not in text(page)


def test_a_form_of_another_site_is_refused_in_words(shop: Any) -> None:
    strict = Client(enforce_csrf_checks=True, SERVER_NAME=HOST)
    page = strict.post("/cart/lines", {"variant": f"var_{shop.variants['MUG'].hex}"})
    assert page.status_code == 403
    assert "This form was open for too long" in text(page)
    token = strict.get("/p/mug").cookies["csrftoken"].value
    sent = strict.post("/cart/lines", {"variant": f"var_{shop.variants['MUG'].hex}", "csrfmiddlewaretoken": token})
    assert sent.status_code == 303


def test_a_page_loads_only_what_we_serve(visitor: Visitor) -> None:
    for path in ("/", "/p/tour", "/cart", "/no-such-page"):
        page = visitor.get(path)
        policy = page["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        html = page.content.decode()
        assert re.search(r"<script(?![^>]*src=)|<style| style=| on\w+=|javascript:", html) is None
        assert page["X-Frame-Options"] == "DENY"
        assert page["Referrer-Policy"] == "same-origin"
        assert page["X-Content-Type-Options"] == "nosniff"


def test_what_is_private_is_not_kept(visitor: Visitor, shop: Any) -> None:
    visitor.put_in(shop.variants["MUG"])
    assert visitor.get("/cart")["Cache-Control"] == "private, no-store"
    assert visitor.get("/checkout")["Cache-Control"] == "private, no-store"
    assert visitor.get("/cart")["X-Robots-Tag"] == "noindex"
    assert visitor.get("/")["Cache-Control"] == "private, no-cache"


def test_the_brand_is_a_sheet_that_browsers_keep(visitor: Visitor) -> None:
    address = re.search(r'href="(/brand.css\?v=[0-9a-f]+)"', visitor.get("/").content.decode()).group(1)  # type: ignore[union-attr]
    sheet = visitor.get(address)
    assert sheet["Content-Type"] == "text/css"
    assert sheet["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "--brand: #7a1f5c;" in sheet.content.decode()
    assert visitor.get("/brand.css?v=old")["Cache-Control"] == "public, max-age=60"


@pytest.mark.parametrize("secure", [False, True])
def test_cookies_are_out_of_reach(shop: Any, secure: bool) -> None:
    visitor = Visitor(secure=secure)
    visitor.put_in(shop.variants["MUG"])
    visitor.check_out()
    cookies = visitor.client.cookies
    assert {"holdfast_cart", "holdfast_orders", "csrftoken"} == set(cookies)
    for cookie in cookies.values():
        assert (bool(cookie["httponly"]), cookie["samesite"], bool(cookie["secure"])) == (True, "Lax", secure), cookie.key


def test_the_api_gets_no_cookie_and_no_session(visitor: Visitor, shop: Any) -> None:
    answer = visitor.get("/v1/products", authorization=f"Bearer {shop.pk}")
    assert answer.status_code == 200
    assert not answer.cookies
    assert "Content-Security-Policy" not in answer.headers


@pytest.mark.parametrize("back", ["//evil.test/", "https://evil.test/", "javascript:alert(1)", ""])
def test_the_language_form_leads_to_no_other_site(visitor: Visitor, back: str) -> None:
    answer = visitor.post("/language", language="de", back=back)
    assert (answer.status_code, answer["Location"]) == (303, "/")
    assert answer.cookies["holdfast_language"].value == "de"


def test_a_language_that_the_merchant_does_not_list_is_not_spoken(visitor: Visitor) -> None:
    assert 'lang="de"' in visitor.get("/", accept_language="de-AT,de;q=0.9").content.decode()
    assert 'lang="en"' in visitor.get("/", accept_language="es,pt-BR;q=0.9").content.decode()
    assert not visitor.post("/language", language="es", back="/").cookies
