"""Mercado Pago's side of the gateway: what a call may say, what becomes of payments, keys, moods, pages, and the books."""

import base64
import binascii
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import requests
from gateway_process import GatewayProcess
from mercadopago.errors import MPServerError
from mercadopago_shop import MercadoPagoShop

PAYS, DECLINES, DECLINES_ONCE = "4242424242424242", "4000000000000002", "4000009900000012"


@pytest.fixture
def shop(gateway):
    with MercadoPagoShop(gateway) as shop:
        yield shop


def refused(answer) -> tuple:
    body = answer["response"]
    assert set(body) == {"message", "error", "status", "cause"}
    assert body["status"] == answer["status"]
    return answer["status"], body["error"], [cause["code"] for cause in body["cause"]]


# -- Who asks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["x", "nobody", "sk_test_a_key_of_stripes", "TEST-short"])
def test_a_token_that_is_none_is_unauthorized(gateway, token):
    answer = httpx.get(f"{gateway.url}/v1/payments/1", headers={"Authorization": f"Bearer {token}"}, trust_env=False)
    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")


def test_a_token_of_mercado_pago_s_is_none_of_stripe_s(shop):
    url = f"{shop.gateway.url}/v1/checkout/sessions"
    assert httpx.get(url, headers={"Authorization": f"Bearer {shop.token}"}, trust_env=False).status_code == 401


def test_another_account_s_payments_do_not_exist(shop):
    payment, preference = shop.pix(), shop.preference()
    other = MercadoPagoShop(shop.gateway)
    assert refused(other.sdk.payment().get(payment["id"])) == (404, "not_found", [2000])
    assert other.sdk.preference().get(preference["id"])["status"] == 404
    assert other.sdk.payment().search({"external_reference": "ord_1"})["response"]["results"] == []


def test_the_token_tells_whether_it_is_real_money(gateway):
    assert MercadoPagoShop(gateway).pix()["live_mode"] is False
    assert MercadoPagoShop(gateway, "APP_USR-1234567890123").pix()["live_mode"] is True


# -- What may be said -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"transaction_amount": 12.345}, 4037),
        ({"transaction_amount": 0}, 4037),
        ({"transaction_amount": "25"}, 4037),
        ({"payer": {}}, 4050),
        ({"payer": {"email": "nobody"}}, 4050),
        ({"date_of_expiration": "tomorrow"}, 23),
        ({"date_of_expiration": "2020-01-01T00:00:00.000-04:00"}, 23),
        ({"a_field_of_the_future": 1}, 8),
        ({"payment_method_id": "visa", "token": "none"}, 2006),
    ],
)
def test_a_payment_that_cannot_be_is_refused_with_its_code(shop, changes, code):
    said = {"transaction_amount": 25.0, "payment_method_id": "pix", "payer": {"email": "ada@example.com"}}
    assert refused(shop.sdk.payment().create({**said, **changes})) == (400, "bad_request", [code])
    assert shop.books()["payments"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"items": []},
        {"items": [{"title": "Tea", "quantity": 1, "unit_price": 1.5, "currency_id": "EUR"}]},
        {"items": [{"title": "Tea", "quantity": 1, "unit_price": 0, "currency_id": "BRL"}]},
        {"items": [{"title": "Tea", "quantity": 1, "unit_price": 1.5, "currency_id": "CLP"}]},
        {"items": [{"title": "Tea", "quantity": 1.5, "unit_price": 1, "currency_id": "BRL"}]},
        {"expiration_date_to": "tomorrow"},
        {"auto_return": "approved", "back_urls": {"success": "http://localhost/ok"}},
        {"a_field_of_the_future": 1},
    ],
)
def test_a_preference_that_cannot_be_is_refused(shop, changes):
    said = {"items": [{"title": "Tea", "quantity": 1, "unit_price": 12.5, "currency_id": "BRL"}]}
    assert shop.sdk.preference().create({**said, **changes})["status"] == 400
    assert shop.books()["preferences"] == 0


# -- Keys -------------------------------------------------------------------------------------------------------------


def test_a_key_makes_one_payment_and_shows_it_as_it_is_by_then(shop):
    first = shop.pix(key="k1")
    shop.control(f"/payments/{first['id']}/settle", outcome="succeeded")
    again = shop.pix(key="k1")
    assert (again["id"], again["status"]) == (first["id"], "approved")
    assert len(shop.books()["payments"]) == 1


def test_a_key_with_another_request_is_a_conflict(shop):
    shop.pix(25.0, key="k1")
    said = {"transaction_amount": 26.0, "payment_method_id": "pix", "payer": {"email": "ada@example.com"}}
    assert refused(shop.sdk.payment().create(said, shop.key("k1"))) == (409, "idempotency_key_already_used", [])


def test_a_refusal_is_not_kept_under_a_key(shop):
    said = {"transaction_amount": 0, "payment_method_id": "pix", "payer": {"email": "ada@example.com"}}
    assert shop.sdk.payment().create(said, shop.key("k1"))["status"] == 400
    assert shop.pix(key="k1")["status"] == "pending"


def test_payments_and_refunds_need_a_key(shop):
    payment = shop.paid()
    for path in ("/v1/payments", f"/v1/payments/{payment['id']}/refunds"):
        answer = httpx.post(
            f"{shop.gateway.url}{path}", headers={"Authorization": f"Bearer {shop.token}"}, json={}, trust_env=False
        )
        assert (answer.status_code, answer.json()["cause"][0]["code"]) == (400, 4292)


def test_a_key_that_is_at_work_is_a_conflict_for_the_others(shop):
    shop.gateway.mood_next("POST /v1/payments", "latency", seconds=0.5)
    start = threading.Barrier(4)

    def ask() -> int:
        start.wait()
        said = {"transaction_amount": 25.0, "payment_method_id": "pix", "payer": {"email": "ada@example.com"}}
        return shop.sdk.payment().create(said, shop.key("k1"))["status"]

    with ThreadPoolExecutor(4) as pool:
        statuses = [future.result() for future in [pool.submit(ask) for _ in range(4)]]
    assert set(statuses) <= {200, 201, 409}
    assert len(shop.books()["payments"]) == 1


@pytest.mark.parametrize("heeded", [1, 0])
def test_whether_preferences_heed_keys_is_a_setting(shop, heeded):
    said = {"items": [{"title": "Tea", "quantity": 1, "unit_price": 12.5, "currency_id": "BRL"}]}
    shop.gateway.moods(settings={"mp_preference_keys": heeded})
    try:
        ids = {shop.sdk.preference().create(said, shop.key("k1"))["response"]["id"] for _ in range(2)}
    finally:
        shop.gateway.moods(settings={"mp_preference_keys": 1})
    assert len(ids) == (1 if heeded else 2)


@pytest.mark.parametrize(
    ("mood", "raises", "made"),
    [
        ("fail_before", None, 0),
        ("fail_during", None, 0),
        ("error_after", None, 1),
        ("reset_after", requests.ConnectionError, 1),
        ("truncate", (requests.exceptions.RequestException, MPServerError), 1),
    ],
)
def test_a_mood_spoils_the_answer_before_or_after_the_work(shop, mood, raises, made):
    shop.gateway.mood_next("POST /v1/payments", mood)
    said = {"transaction_amount": 25.0, "payment_method_id": "pix", "payer": {"email": "ada@example.com"}}
    if raises is None:
        assert shop.sdk.payment().create(said, shop.key("k1"))["status"] == 500
    else:
        with pytest.raises(raises):
            shop.sdk.payment().create(said, shop.key("k1"))
    assert len(shop.books()["payments"]) == made
    assert shop.sdk.payment().create(said, shop.key("k1"))["status"] == (200 if made else 201)
    assert len(shop.books()["payments"]) == 1


# -- Lives ------------------------------------------------------------------------------------------------------------


def test_a_pix_has_a_code_whose_check_sum_holds_and_its_picture(shop):
    data = shop.pix(12.5)["point_of_interaction"]["transaction_data"]
    code = data["qr_code"]
    assert code.startswith("00020126580014br.gov.bcb.pix0136")
    assert "540512.50" in code
    assert code[-4:] == f"{binascii.crc_hqx(code[:-4].encode(), 0xFFFF):04X}"
    assert base64.b64decode(data["qr_code_base64"]).startswith(b"\x89PNG")


def test_a_pix_is_paid_once_cancelled_or_paid_late(shop):
    paid = shop.paid()
    for path in ("/settle", "/pay-late"):
        with pytest.raises(httpx.HTTPStatusError):
            shop.control(f"/payments/{paid['id']}{path}", outcome="succeeded")
    assert refused(shop.sdk.payment().update(paid["id"], {"status": "cancelled"})) == (400, "bad_request", [2063])
    late = shop.pix()
    shop.sdk.payment().update(late["id"], {"status": "cancelled"})
    assert shop.control(f"/payments/{late['id']}/pay-late")["status"] == "approved"


def test_money_that_is_held_is_taken_in_part_or_let_go_of(shop):
    said = {"transaction_amount": 25.0, "payment_method_id": "visa", "token": PAYS, "installments": 1, "capture": False}
    said["payer"] = {"email": "ada@example.com"}
    held = [shop.sdk.payment().create(said)["response"] for _ in range(2)]
    assert [(each["status"], each["captured"]) for each in held] == [("authorized", False)] * 2
    assert shop.sdk.payment().capture(held[0]["id"], 26.0)["status"] == 400
    taken = shop.sdk.payment().capture(held[0]["id"], 18.0)["response"]
    assert (taken["status"], taken["captured"], taken["transaction_amount"]) == ("approved", True, 18.0)
    assert shop.sdk.payment().update(held[1]["id"], {"status": "cancelled"})["response"]["status"] == "cancelled"
    assert shop.sdk.payment().capture(held[1]["id"])["status"] == 400


@pytest.mark.parametrize(
    ("body", "code"), [({"amount": 26.0}, 2017), ({"amount": -1}, 4040), ({"amount": "7"}, 4041), ({"note": "x"}, 8)]
)
def test_a_refund_that_cannot_be_is_refused_with_its_code(shop, body, code):
    payment = shop.paid()
    assert refused(shop.sdk.refund().create(payment["id"], body)) == (400, "bad_request", [code])


def test_a_refund_without_an_amount_returns_what_is_left(shop):
    payment = shop.paid()
    shop.sdk.refund().create(payment["id"], {"amount": 7.0})
    assert shop.sdk.refund().create(payment["id"])["response"]["amount"] == 18.0
    assert refused(shop.sdk.refund().create(payment["id"])) == (400, "bad_request", [2063])


def test_a_slow_refund_that_fails_gives_the_money_back_to_the_account(shop):
    payment = shop.paid()
    shop.gateway.mood_next("refund", "refund_pending")
    made = shop.sdk.refund().create(payment["id"])["response"]
    assert (made["status"], shop.payment(payment["id"])["status"]) == ("in_process", "refunded")
    shop.control(f"/refunds/{made['id']}/settle", outcome="failed")
    after = shop.payment(payment["id"])
    assert (after["status"], after["status_detail"], after["transaction_amount_refunded"]) == ("approved", "accredited", 0)
    assert shop.books()["balance_minor"] == {"BRL": 2475}


def test_the_books_keep_the_balance_through_everything(shop):
    kept, returned, lost, won = (shop.paid() for _ in range(4))
    shop.sdk.refund().create(returned["id"], {"amount": 7.0})
    for payment, outcome in ((lost, "lost"), (won, "won")):
        case = shop.control(f"/payments/{payment['id']}/chargeback")
        shop.control(f"/chargebacks/{case['id']}/close", outcome=outcome)
    told = {each["payment"]: each for each in shop.books()["payments"]}
    assert [told[each["id"]]["status"] for each in (kept, returned, lost, won)] == [
        "approved/accredited", "approved/partially_refunded", "charged_back/settled", "charged_back/reimbursed",
    ]  # fmt: skip
    assert (told[returned["id"]]["refunded_minor"], told[lost["id"]]["charged_back_minor"]) == (700, 2500)
    assert shop.books()["balance_minor"] == {"BRL": 4 * (2500 - 25) - 700 - 2500}


@pytest.mark.parametrize("by_time", ["date_created", "date_last_updated"])
def test_a_search_by_time_is_sorted_and_paged(shop, by_time):
    ids = [shop.pix()["id"] for _ in range(5)]
    span = {"range": by_time, "begin_date": "2020-01-01T00:00:00Z", "end_date": "2100-01-01T00:00:00.000-04:00"}
    span |= {"sort": by_time, "limit": 2}
    for criteria, expected in (("asc", ids), ("desc", ids[::-1])):
        pages = [shop.sdk.payment().search({**span, "criteria": criteria, "offset": n})["response"] for n in (0, 2, 4)]
        assert [each["id"] for page in pages for each in page["results"]] == expected
        assert {page["paging"]["total"] for page in pages} == {5}
    nothing = {**span, "end_date": "2020-01-02T00:00:00Z"}
    assert shop.sdk.payment().search(nothing)["response"]["results"] == []
    assert shop.sdk.payment().search({**span, "begin_date": "yesterday"})["status"] == 400


# -- Pages ------------------------------------------------------------------------------------------------------------


def press(url: str, **form) -> httpx.Response:
    return httpx.post(url, data=form, trust_env=False)


def test_the_page_takes_a_card_and_leads_back_with_what_happened(shop):
    preference = shop.preference()
    page = httpx.get(preference["init_point"], trust_env=False)
    assert page.status_code == 200
    assert "BRL 25.00" in page.text
    declined = press(preference["init_point"], card=DECLINES)
    assert (declined.status_code, 'role="alert"' in declined.text) == (402, True)
    done = press(preference["init_point"], card=PAYS)
    assert done.status_code == 303
    back = httpx.URL(done.headers["location"])
    assert str(back).startswith("https://shop.example/ok?collection_id=")
    assert (back.params["status"], back.params["external_reference"]) == ("approved", "ord_1")
    assert back.params["preference_id"] == preference["id"]


def test_a_card_that_is_declined_first_pays_at_the_second_press(shop):
    preference = shop.preference()
    assert [press(preference["init_point"], card=DECLINES_ONCE).status_code for _ in range(2)] == [402, 303]


def test_what_is_no_test_card_tries_nothing(shop):
    preference = shop.preference()
    assert press(preference["init_point"], card="1234").status_code == 402
    assert shop.books()["payments"] == []


def test_a_page_that_was_paid_says_so_and_pays_again(shop):
    preference = shop.preference()
    press(preference["init_point"], card=PAYS)
    assert "This was paid already" in httpx.get(preference["init_point"], trust_env=False).text
    press(preference["init_point"], card=PAYS)
    assert [each["captured_minor"] for each in shop.books()["payments"]] == [2500, 2500]


def test_a_page_ends_when_its_end_is_moved_into_the_past(shop):
    preference = shop.preference()
    shop.sdk.preference().update(preference["id"], {"expires": True, "expiration_date_to": "2020-01-01T00:00:00.000-04:00"})
    assert "has expired" in httpx.get(preference["init_point"], trust_env=False).text
    assert press(preference["init_point"], card=PAYS).status_code == 410
    assert shop.books()["payments"] == []


def test_in_binary_mode_nothing_is_left_undecided(shop):
    slow = "4000009900000020"
    assert shop.pay(shop.preference(binary_mode=True), slow)["status"] == "rejected"
    assert shop.pay(shop.preference(binary_mode=False), slow)["status"] == "in_process"
    assert shop.pay(shop.preference(binary_mode=True), slow, review=True)["status"] == "in_process"


def test_what_merchants_and_payers_write_is_escaped(shop):
    items = [{"title": "<script>alert(1)</script>", "quantity": 1, "unit_price": 1.0, "currency_id": "BRL"}]
    preference = shop.preference(items=items, back_urls={"failure": 'https://x/"><b>'})
    text = httpx.get(preference["init_point"], trust_env=False).text
    assert "<script>alert" not in text
    assert '"><b>' not in text
    assert "&lt;" in press(preference["init_point"], card="<b>").text


def test_the_ticket_shows_the_code_and_pays_as_if_with_a_phone(shop):
    pix = shop.pix()
    data = pix["point_of_interaction"]["transaction_data"]
    page = httpx.get(data["ticket_url"], trust_env=False)
    assert data["qr_code"] in page.text
    assert "This Pix is approved" in press(data["ticket_url"], answer="pay").text
    assert "This Pix is approved" in press(data["ticket_url"], answer="cancel").text
    other = shop.pix()
    assert "This Pix is cancelled" in press(other["point_of_interaction"]["transaction_data"]["ticket_url"], answer="cancel").text


@pytest.mark.parametrize("path", ["/checkout/v1/redirect", "/checkout/v1/redirect?pref_id=1", "/mercadopago/payments/1/ticket"])
def test_a_page_of_nothing_is_not_found(gateway, path):
    assert httpx.get(gateway.url + path, trust_env=False).status_code == 404


# -- What survives ----------------------------------------------------------------------------------------------------


def test_what_was_answered_survives_sigkill(tmp_path):
    with GatewayProcess(tmp_path) as gateway:
        shop = MercadoPagoShop(gateway)
        pix, preference = shop.pix(key="k1"), shop.preference()
        gateway.kill()
        gateway.start()
        assert shop.pix(key="k1")["id"] == pix["id"]
        assert shop.pay(preference)["status"] == "approved"
        assert gateway.ring(f"mp-{pix['id']}") == ["expire"]
        assert shop.payment(pix["id"])["status_detail"] == "expired"
