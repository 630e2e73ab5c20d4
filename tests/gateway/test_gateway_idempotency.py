import threading

import httpx
import pytest
import stripe
from gateway_shop import wait_until

CREATE = "POST /v1/checkout/sessions"
FORM = {
    "mode": "payment",
    "success_url": "https://shop.example",
    "line_items[0][quantity]": "1",
    "line_items[0][price_data][currency]": "usd",
    "line_items[0][price_data][unit_amount]": "500",
    "line_items[0][price_data][product_data][name]": "Tea",
}


def post(shop, path: str, form: dict, key: str | None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {shop.key}", **({"Idempotency-Key": key} if key else {})}
    return httpx.post(f"{shop.gateway.url}{path}", data=form, headers=headers, timeout=10)


def open_session(shop, key, **more) -> httpx.Response:
    return post(shop, "/v1/checkout/sessions", FORM | more, key)


def test_same_key_answers_the_same_bytes_and_opens_one_session(shop):
    first, second = open_session(shop, "k"), open_session(shop, "k")
    assert first.content == second.content
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["Original-Request"] == first.headers["Request-Id"]
    assert second.headers["Request-Id"] != first.headers["Request-Id"]
    assert second.headers["Idempotency-Key"] == "k"
    assert shop.books()["sessions"] == 1


def test_no_key_opens_one_session_each_time(shop):
    assert open_session(shop, None).json()["id"] != open_session(shop, None).json()["id"]


def test_same_key_with_other_parameters_is_an_idempotency_error(shop):
    open_session(shop, "k")
    other = open_session(shop, "k", client_reference_id="other")
    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
    elsewhere = post(shop, "/v1/refunds", {"payment_intent": "pi_x"}, "k")
    assert (elsewhere.status_code, elsewhere.json()["error"]["type"]) == (400, "idempotency_error")
    assert open_session(shop, "k").status_code == 200
    assert shop.books()["sessions"] == 1


def test_keys_of_two_accounts_do_not_meet(shop):
    first = open_session(shop, "k")
    headers = {"Authorization": "Bearer sk_test_another_shop", "Idempotency-Key": "k"}
    second = httpx.post(f"{shop.gateway.url}/v1/checkout/sessions", data=FORM, headers=headers)
    assert first.json()["id"] != second.json()["id"]


def test_parameter_errors_leave_the_key_free(shop):
    assert open_session(shop, "k", colour="red").status_code == 400
    assert open_session(shop, "k").status_code == 200


def test_refusals_after_execution_began_are_kept(shop):
    session = shop.paid(1999)
    asked = {"payment_intent": session.payment_intent, "amount": "2000"}
    first, second = post(shop, "/v1/refunds", asked, "k"), post(shop, "/v1/refunds", asked, "k")
    assert (first.status_code, second.status_code) == (400, 400)
    assert first.content == second.content
    assert second.headers["Idempotent-Replayed"] == "true"


def test_unauthorized_leaves_the_key_free(shop):
    headers = {"Authorization": "Bearer nonsense", "Idempotency-Key": "k"}
    assert httpx.post(f"{shop.gateway.url}/v1/checkout/sessions", data=FORM, headers=headers).status_code == 401
    assert open_session(shop, "k").status_code == 200


def test_too_long_a_key_is_refused(shop):
    assert open_session(shop, "k" * 256).status_code == 400
    assert open_session(shop, "k" * 255).status_code == 200


def test_key_that_is_still_running_conflicts(shop):
    shop.gateway.mood_next(CREATE, "timeout_before", seconds=0.6)
    slow = threading.Thread(target=_lost, args=[shop])
    slow.start()
    wait_until(lambda: not shop.gateway.control("GET", "/moods")["next"])
    conflict = open_session(shop, "k")
    slow.join()
    assert (conflict.status_code, conflict.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    assert open_session(shop, "k").status_code == 200
    assert shop.books()["sessions"] == 1


def _lost(shop) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        open_session(shop, "k")


def test_twenty_at_once_with_one_key_open_one_session(shop):
    statuses = []
    threads = [threading.Thread(target=lambda: statuses.append(open_session(shop, "k").status_code)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {200, 409}
    assert shop.books()["sessions"] == 1


def test_sdk_retries_with_its_key_end_in_one_session(shop):
    shop.gateway.mood_next(CREATE, "reset_after")
    patient = stripe.StripeClient(shop.key, base_addresses={"api": shop.gateway.url}, max_network_retries=2)
    price = {"currency": "usd", "unit_amount": 5, "product_data": {"name": "Tea"}}
    session = patient.v1.checkout.sessions.create(
        {"mode": "payment", "success_url": "https://a.example", "line_items": [{"price_data": price, "quantity": 1}]}
    )
    assert session.status == "open"
    assert shop.books()["sessions"] == 1
