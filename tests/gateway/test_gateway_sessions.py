import time

import httpx
import pytest
import stripe


def test_session_opens_without_a_payment_intent(shop):
    session = shop.order(999, quantity=2)
    assert session.id.startswith("cs_test_")
    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    assert (session.amount_total, session.currency, session.livemode) == (1998, "usd", False)
    assert session.client_reference_id == "ord_1"
    assert session.metadata.to_dict() == {"note": "session"}
    assert session.url == f"{shop.gateway.url}/pay/{session.id}"
    assert session.expires_at == session.created + 24 * 3600
    assert shop.books()["payments"] == []


def test_session_shows_its_line_items_only_when_asked(shop):
    session = shop.order(999, quantity=2)
    assert "line_items" not in session
    expanded = shop.v1.checkout.sessions.retrieve(session.id, {"expand": ["line_items"]})
    listed = shop.v1.checkout.sessions.line_items.list(session.id)
    for items in (expanded.line_items, listed):
        assert [(item.description, item.quantity, item.amount_total) for item in items.data] == [("Tea", 2, 1998)]


def test_session_is_found_by_its_payment_intent(shop):
    other, session = shop.paid(), shop.paid()
    found = shop.v1.checkout.sessions.list({"payment_intent": session.payment_intent})
    assert [each.id for each in found.data] == [session.id]
    assert other.payment_intent != session.payment_intent


def test_list_pages_backwards_and_forwards_without_a_gap(shop):
    made = [shop.order().id for _ in range(5)][::-1]
    assert [each.id for each in shop.v1.checkout.sessions.list({"limit": 2}).auto_paging_iter()] == made
    page = shop.v1.checkout.sessions.list({"limit": 2, "ending_before": made[4]})
    assert [each.id for each in page.data] == made[2:4]
    assert page.has_more is True


def test_expired_session_cannot_be_paid(shop):
    session = shop.order()
    expired = shop.v1.checkout.sessions.expire(session.id)
    assert (expired.status, expired.url, expired.payment_intent) == ("expired", None, None)
    assert shop.gateway.pay(session.id)["status"] == "closed"
    assert shop.books()["payments"] == []
    with pytest.raises(stripe.InvalidRequestError, match="status of `expired`"):
        shop.v1.checkout.sessions.expire(session.id)
    assert shop.recorded() == ["checkout.session.expired"]


def test_session_expires_on_its_own_when_its_time_has_come(shop):
    session = shop.order(expires_at=int(time.time()) + 1801)
    assert shop.gateway.ring(session.id) == ["expire"]
    assert shop.v1.checkout.sessions.retrieve(session.id).status == "expired"
    assert shop.recorded() == ["checkout.session.expired"]


def test_expiring_a_session_after_a_decline_cancels_its_intent(shop):
    session = shop.order()
    intent = shop.gateway.pay(session.id, "4000000000000002")["payment_intent"]
    shop.v1.checkout.sessions.expire(session.id)
    assert shop.v1.payment_intents.retrieve(intent).status == "canceled"
    assert shop.recorded()[-2:] == ["payment_intent.canceled", "checkout.session.expired"]


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"expires_at": int(time.time()) + 1700}, "expires_at", None),
        ({"expires_at": int(time.time()) + 25 * 3600}, "expires_at", None),
        ({"success_url": "shop"}, "success_url", "url_invalid"),
        ({"success_url": ""}, "success_url", "parameter_missing"),
        ({"mode": "subscription"}, "mode", None),
        ({"colour": "red"}, "colour", "parameter_unknown"),
        ({"payment_intent_data": {"colour": "red"}}, "payment_intent_data[colour]", "parameter_unknown"),
        ({"client_reference_id": "x" * 201}, "client_reference_id", None),
        ({"metadata": {"k" * 41: "v"}}, f"metadata[{'k' * 41}]", None),
        ({"metadata": {"k": "v" * 501}}, "metadata[k]", None),
        ({"metadata": {f"k{n}": "v" for n in range(51)}}, "metadata", None),
        ({"line_items": []}, "line_items", "parameter_missing"),
    ],
)
def test_invalid_parameters_open_nothing(shop, change, param, code):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.order(**change)
    assert (refused.value.http_status, refused.value.param, refused.value.code) == (400, param, code)
    assert shop.books()["sessions"] == 0


@pytest.mark.parametrize(
    ("price", "quantity", "param"),
    [
        ({"unit_amount": 0}, 1, "line_items"),
        ({"unit_amount": -5}, 1, "line_items[0][price_data][unit_amount]"),
        ({"unit_amount": "9.99"}, 1, "line_items[0][price_data][unit_amount]"),
        ({"currency": "xxx"}, 1, "line_items[0][price_data][currency]"),
        ({"product_data": {}}, 1, "line_items[0][price_data][product_data]"),
        ({"product_data": {"name": ""}}, 1, "line_items[0][price_data][product_data][name]"),
        ({}, 0, "line_items[0][quantity]"),
    ],
)
def test_invalid_line_items_open_nothing(shop, price, quantity, param):
    usual = {"currency": "usd", "unit_amount": 1, "product_data": {"name": "Tea"}}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.order(line_items=[{"price_data": {**usual, **price}, "quantity": quantity}])
    assert (refused.value.http_status, refused.value.param) == (400, param)
    assert shop.books()["sessions"] == 0


def test_line_items_of_two_currencies_are_refused(shop):
    def item(currency):
        return {"price_data": {"currency": currency, "unit_amount": 1, "product_data": {"name": "x"}}, "quantity": 1}

    with pytest.raises(stripe.InvalidRequestError, match="same currency"):
        shop.order(line_items=[item("usd"), item("eur")])


def test_another_account_sees_nothing(shop):
    session = shop.order()
    stranger = stripe.StripeClient("sk_test_somebody_else", base_addresses={"api": shop.gateway.url})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        stranger.v1.checkout.sessions.retrieve(session.id)
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
    assert session.id not in [each.id for each in stranger.v1.checkout.sessions.list().data]


@pytest.mark.parametrize("key", ["pk_test_abcdefgh", "nonsense", "sk_test_"])
def test_wrong_keys_are_unauthorized(gateway, key):
    client = stripe.StripeClient(key, base_addresses={"api": gateway.url})
    with pytest.raises(stripe.AuthenticationError) as refused:
        client.v1.checkout.sessions.list()
    assert refused.value.http_status == 401


def test_no_key_is_unauthorized_and_basic_auth_works_for_curl(gateway):
    assert httpx.get(f"{gateway.url}/v1/events").status_code == 401
    assert httpx.get(f"{gateway.url}/v1/events", auth=("sk_test_from_curl", "")).json()["data"] == []


def test_live_keys_make_live_objects(gateway):
    live = stripe.StripeClient("sk_live_abcdefgh", base_addresses={"api": gateway.url})
    price = {"currency": "jpy", "unit_amount": 500, "product_data": {"name": "Tea"}}
    session = live.v1.checkout.sessions.create(
        {"mode": "payment", "success_url": "https://a.example", "line_items": [{"price_data": price, "quantity": 1}]}
    )
    assert session.id.startswith("cs_live_")
    assert session.livemode is True


def test_unknown_addresses_answer_in_the_api_error_shape(gateway):
    response = httpx.get(f"{gateway.url}/v1/nothing")
    assert response.status_code == 404
    assert response.json()["error"]["message"] == "Unrecognized request URL (GET: /v1/nothing)."
    assert response.headers["request-id"].startswith("req_")


def test_health_is_ok(gateway):
    assert httpx.get(f"{gateway.url}/healthz").status_code == 200
