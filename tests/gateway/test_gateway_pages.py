import httpx
import pytest

APPROVED, DECLINED, CHALLENGED = "4242 4242 4242 4242", "4000000000000002", "4000002760003184"


def press(session, card: str) -> httpx.Response:
    return httpx.post(session.url, data={"card": card})


def test_page_shows_what_is_sold_and_a_form_that_works_without_javascript(shop):
    session = shop.order(999, quantity=2)
    page = httpx.get(session.url)
    assert page.status_code == 200
    assert "USD 19.98" in page.text
    assert "Tea" in page.text
    assert 'value="4242424242424242"' in page.text
    assert f'action="/pay/{session.id}"' in page.text
    assert 'href="https://shop.example/cart"' in page.text
    assert "<script" not in page.text


def test_page_escapes_what_the_merchant_wrote(shop):
    price = {"currency": "usd", "unit_amount": 5, "product_data": {"name": "<script>alert(1)</script>"}}
    session = shop.order(line_items=[{"price_data": price, "quantity": 1}])
    page = httpx.get(session.url).text
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_approved_card_redirects_to_the_shop_with_the_session_id(shop):
    session = shop.order()
    answer = press(session, APPROVED)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"https://shop.example/ok?session={session.id}"
    assert shop.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_pressing_twice_charges_once_and_redirects_twice(shop):
    session = shop.order()
    assert [press(session, APPROVED).status_code for _ in range(2)] == [303, 303]
    assert len(shop.v1.charges.list().data) == 1


def test_declined_card_shows_the_reason_and_the_form_again(shop):
    session = shop.order()
    answer = press(session, DECLINED)
    assert answer.status_code == 402
    assert '<p class="alert" role="alert">Your card was declined.</p>' in answer.text
    assert press(session, APPROVED).status_code == 303


def test_button_of_another_card_counts_more_than_the_text_field(shop):
    session = shop.order()
    body = {"card": [APPROVED, DECLINED]}
    assert httpx.post(session.url, data=body).status_code == 402
    assert f'name="card" value="{DECLINED}"' in httpx.get(session.url).text


def test_unknown_number_tries_nothing(shop):
    session = shop.order()
    assert press(session, '"><script>').status_code == 402
    assert "<script" not in press(session, '"><script>').text
    assert shop.books()["payments"] == []


@pytest.mark.parametrize(("answer", "status", "paid"), [("approve", 303, "paid"), ("fail", 402, "unpaid")])
def test_bank_question_is_its_own_page(shop, answer, status, paid):
    session = shop.order()
    asked = press(session, CHALLENGED)
    assert (asked.status_code, asked.headers["location"]) == (303, f"/pay/{session.id}/3ds")
    assert "Your bank asks" in httpx.get(f"{session.url}/3ds").text
    assert httpx.post(f"{session.url}/3ds", data={"answer": answer}).status_code == status
    assert shop.v1.checkout.sessions.retrieve(session.id).payment_status == paid


def test_bank_question_cannot_be_answered_before_it_is_asked(shop):
    session = shop.order()
    assert httpx.post(f"{session.url}/3ds", data={"answer": "approve"}).status_code == 402
    assert shop.v1.checkout.sessions.retrieve(session.id).status == "open"


def test_closed_sessions_say_so(shop):
    paid, expired = shop.paid(), shop.order()
    url = expired.url
    shop.v1.checkout.sessions.expire(expired.id)
    assert "This order is complete" in httpx.get(f"{shop.gateway.url}/pay/{paid.id}").text
    assert "This payment page has expired" in httpx.get(url).text
    assert httpx.post(url, data={"card": APPROVED}).status_code == 410
    assert httpx.get(f"{shop.gateway.url}/pay/cs_test_nobody").status_code == 404


@pytest.mark.parametrize(("currency", "minor", "shown"), [("jpy", 1500, "JPY 1,500"), ("kwd", 1500, "KWD 1.500")])
def test_amounts_have_their_currencys_decimals(shop, currency, minor, shown):
    price = {"currency": currency, "unit_amount": minor, "product_data": {"name": "Tea"}}
    session = shop.order(line_items=[{"price_data": price, "quantity": 1}])
    assert shown in httpx.get(session.url).text
