"""Notifications as Mercado Pago sends them: signed over the address, repeated, and spoiled by moods."""

import json

import httpx
import pytest
from gateway_shop import wait_until
from mercadopago.webhook import InvalidWebhookSignatureError, WebhookSignatureValidator
from mercadopago_shop import SECRET, MercadoPagoShop


@pytest.fixture
def shop(gateway):
    with MercadoPagoShop(gateway) as shop:
        yield shop


def holds(delivery) -> bool:
    """By the official SDK."""
    query, headers, _ = delivery
    try:
        WebhookSignatureValidator.validate(
            headers.get("x-signature"), headers.get("x-request-id"), query.get("data.id"), SECRET, tolerance_seconds=60
        )
    except InvalidWebhookSignatureError:
        return False
    return True


def said(delivery) -> dict:
    return json.loads(delivery[2])


def test_a_payment_is_told_when_it_is_made_and_when_it_changes(shop):
    payment = shop.paid()
    deliveries = shop.hear(2)
    assert sorted(said(each)["action"] for each in deliveries) == ["payment.created", "payment.updated"]
    for query, _, body in deliveries:
        assert query == {"data.id": str(payment["id"]), "type": "payment"}
        told = json.loads(body)
        assert set(told) == {"action", "api_version", "data", "date_created", "id", "live_mode", "type", "user_id"}
        assert (told["data"], told["type"], told["live_mode"]) == ({"id": str(payment["id"])}, "payment", False)
    assert all(map(holds, deliveries))
    assert len({said(each)["id"] for each in deliveries}) == 2


def test_a_chargeback_is_told_by_its_own_topic_and_by_the_payment(shop):
    payment = shop.paid()
    shop.hear(2)
    case = shop.control(f"/payments/{payment['id']}/chargeback")
    told = [said(each) for each in shop.hear(4)[2:]]
    by_type = {each["type"]: each for each in told}
    assert set(by_type) == {"payment", "topic_chargebacks_wh"}
    data = by_type["topic_chargebacks_wh"]["data"]
    assert (data["id"], data["payment_id"]) == (case["id"], payment["id"])
    assert by_type["topic_chargebacks_wh"]["actions"] == ["created"]


def test_a_receiver_that_fails_is_tried_again_with_a_new_signature(shop):
    shop.answers = [500, 302]
    shop.pix()
    deliveries = shop.hear(3)
    assert len({said(each)["id"] for each in deliveries}) == 1
    assert len({each[1]["x-request-id"] for each in deliveries}) == 3
    assert all(map(holds, deliveries))


@pytest.mark.filterwarnings("ignore:notification_url is deprecated")
def test_an_address_of_its_own_wins_and_gets_the_older_kind_as_well(shop):
    """Unless it asks for webhooks only."""
    with MercadoPagoShop(shop.gateway) as own:
        shop.pix(notification_url=own.url)
        deliveries = own.hear(2)
        assert sorted("data.id" in each[0] for each in deliveries) == [False, True]
        (older,) = [each for each in deliveries if "data.id" not in each[0]]
        assert older[0]["topic"] == "payment"
        assert set(said(older)) == {"resource", "topic"}
        assert "x-signature" not in older[1]
        shop.pix(notification_url=f"{own.url}?source_news=webhooks")
        newest = own.hear(3)[2]
        assert newest[0]["source_news"] == "webhooks"
        assert holds(newest)
    assert shop.deliveries == []


def test_a_muted_card_s_payments_are_recorded_and_not_told(shop):
    payment = shop.pay(shop.preference(), "4000009900000053")
    shop.paid()
    shop.hear(2)
    assert {each[0]["data.id"] for each in shop.deliveries} != {str(payment["id"])}
    recorded = shop.control("/notifications", account=shop.token)["notifications"]
    assert recorded[0]["said"]["data"]["id"] == str(payment["id"])


@pytest.mark.parametrize(("mood", "count", "ids"), [("webhook_duplicate", 2, 1), ("webhook_duplicate_other_id", 2, 2)])
def test_a_notification_may_come_twice(shop, mood, count, ids):
    shop.gateway.mood_next("payment.created", mood)
    shop.pix()
    deliveries = shop.hear(count)
    assert len({said(each)["id"] for each in deliveries}) == ids
    assert all(map(holds, deliveries))


def test_a_dropped_one_never_comes_and_a_delayed_one_later(shop):
    shop.gateway.mood_next("payment.created", "webhook_drop")
    shop.gateway.mood_next("payment.created", "webhook_delay", seconds=0.3)
    shop.pix()
    second = shop.pix()
    assert [each[0]["data.id"] for each in shop.hear(1)] == [str(second["id"])]


def test_a_forged_one_speaks_of_something_else_and_does_not_hold(shop):
    shop.gateway.mood_next("payment.created", "webhook_forge")
    payment = shop.pix()
    deliveries = shop.hear(2)
    by_truth = {holds(each): each for each in deliveries}
    assert set(by_truth) == {True, False}
    assert by_truth[True][0]["data.id"] == str(payment["id"])
    assert by_truth[False][0]["data.id"] != str(payment["id"])
    assert said(by_truth[False])["data"]["id"] == by_truth[False][0]["data.id"]


def test_a_topic_of_the_future_and_a_clock_that_is_wrong(shop):
    shop.gateway.mood_next("payment.created", "unknown_event")
    shop.gateway.mood_next("payment.created", "clock_skew")
    shop.pix()
    shop.pix()
    deliveries = shop.hear(3)
    assert sorted(said(each)["type"] for each in deliveries) == ["payment", "payment", "topic_of_the_future_wh"]
    assert sorted(map(holds, deliveries)) == [False, True, True]


def test_the_account_s_address_may_move_with_what_is_on_its_way(shop):
    shop.answers = [500] * 3
    shop.pix()
    shop.hear(1)
    with MercadoPagoShop(shop.gateway) as elsewhere:
        shop.gateway.listen(shop.token, webhook_url=elsewhere.url, webhook_secret=SECRET)
        wait_until(lambda: elsewhere.deliveries)
        assert all(map(holds, elsewhere.deliveries))


def test_what_comes_later_of_its_own_accord(shop):
    """Quick settings of the suite: a review ends, a slow refund is done, a dispute is opened."""
    preference = shop.preference(binary_mode=False)
    settled, failed = shop.pay(preference, "4000009900000020"), shop.pay(preference, "4000009900000038")
    disputed = shop.pay(preference, "4000000000000259")
    slow = shop.pay(preference, "4000000000007726")
    refund = shop.sdk.refund().create(slow["id"], {"amount": 7.0})["response"]
    assert refund["status"] == "in_process"
    ends = {settled["id"]: "approved", failed["id"]: "rejected", disputed["id"]: "charged_back"}
    wait_until(lambda: {id_: shop.payment(id_)["status"] for id_ in ends} == ends)
    wait_until(lambda: shop.sdk.refund().get(slow["id"], refund["id"])["response"]["status"] == "approved")


def test_control_calls_about_nothing_or_too_late_are_refused(shop):
    with pytest.raises(httpx.HTTPStatusError) as missing:
        shop.control("/payments/1/settle", outcome="succeeded")
    assert missing.value.response.status_code == 404
    payment = shop.paid()
    with pytest.raises(httpx.HTTPStatusError) as late:
        shop.control(f"/payments/{payment['id']}/settle", outcome="succeeded")
    assert late.value.response.json() == {"error": "The action requested is not valid for the current payment state"}
    with pytest.raises(httpx.HTTPStatusError):
        shop.control(f"/payments/{payment['id']}/cancel", by="nobody")
