import json
import time

import pytest
import stripe
from gateway_process import GatewayProcess
from gateway_shop import WEBHOOK_SECRET, Shop, wait_until


def verified(body: bytes, headers: dict) -> stripe.Event:
    return stripe.Webhook.construct_event(body, headers["Stripe-Signature"], WEBHOOK_SECRET)


def expire(shop) -> str:
    """One event, `checkout.session.expired`, is on its way; its session's id."""
    return shop.v1.checkout.sessions.expire(shop.order().id).id


def test_webhook_is_signed_and_carries_the_stored_event(shop):
    session = expire(shop)
    shop.hear(1)
    event = verified(*shop.deliveries[0])
    assert (event.type, event.data.object.id) == ("checkout.session.expired", session)
    assert event.api_version == "2026-10-28.endive"
    assert event.request.id.startswith("req_")
    stored = shop.v1.events.retrieve(event.id)
    assert stored.to_dict() == event.to_dict()


@pytest.mark.parametrize("status", [500, 404, 302])
def test_refused_delivery_is_tried_again_with_a_new_signature(shop, status):
    shop.answers = [status, status]
    expire(shop)
    shop.hear(3)
    assert [verified(*delivery).id for delivery in shop.deliveries] == [shop.events()[0]["id"]] * 3
    assert len({body for body, _ in shop.deliveries}) == 1
    time.sleep(0.2)
    assert len(shop.deliveries) == 3


def test_retries_wait_twice_as_long_each_time(shop):
    shop.answers = [500, 500, 500]
    started = time.monotonic()
    expire(shop)
    shop.hear(4)
    assert time.monotonic() - started >= 0.2 + 0.4 + 0.8


def test_paused_deliveries_wait_and_resumed_ones_arrive(shop):
    shop.gateway.pause()
    try:
        expire(shop)
        time.sleep(0.3)
        assert shop.deliveries == []
        assert shop.recorded() == ["checkout.session.expired"]
    finally:
        shop.gateway.resume()
    assert shop.hear(1) == ["checkout.session.expired"]


def test_resent_event_is_the_same_event(shop):
    expire(shop)
    shop.hear(1)
    shop.gateway.resend(shop.events()[0]["id"])
    shop.hear(2)
    assert shop.deliveries[0][0] == shop.deliveries[1][0]


def test_signed_event_can_be_delivered_by_a_test_itself(shop):
    session = shop.paid(card="4000009900000053")
    [event] = shop.v1.events.list({"type": "checkout.session.completed"}).data
    parcel = shop.gateway.signed(event.id)
    assert parcel["url"] == shop.webhook_url
    assert verified(parcel["body"].encode(), parcel["headers"]).data.object.id == session.id
    stale = shop.gateway.signed(event.id, skew_s=-301)
    with pytest.raises(stripe.SignatureVerificationError, match="tolerance"):
        verified(stale["body"].encode(), stale["headers"])


def test_events_are_listed_newest_first_by_type_and_time(shop):
    shop.paid()
    everything = shop.v1.events.list().data
    assert everything[0].type == "checkout.session.completed"
    wanted = ["payment_intent.created", "charge.succeeded"]
    assert sorted(each.type for each in shop.v1.events.list({"types": wanted}).data) == sorted(wanted)
    assert len(shop.v1.events.list({"type": "payment_intent.*"}).data) == 2
    now = int(time.time())
    assert len(shop.v1.events.list({"created": {"gte": now - 60}}).data) == 4
    assert shop.v1.events.list({"created": {"gt": now + 60}}).data == []


def test_undelivered_events_can_be_listed(shop):
    shop.answers = [500]
    expire(shop)
    shop.hear(1)
    assert len(shop.v1.events.list({"delivery_success": False}).data) == 1
    shop.hear(2)
    wait_until(lambda: not shop.v1.events.list({"delivery_success": False}).data)


def moody(shop, mood: str, **more) -> None:
    shop.gateway.mood_next("checkout.session.expired", mood, **more)
    expire(shop)


def test_dropped_webhook_never_arrives_but_its_event_is_listed(shop):
    moody(shop, "webhook_drop")
    time.sleep(0.2)
    assert shop.deliveries == []
    assert shop.recorded() == ["checkout.session.expired"]


def test_duplicated_webhook_arrives_twice_with_one_id(shop):
    moody(shop, "webhook_duplicate")
    shop.hear(2)
    assert len({event["id"] for event in shop.events()}) == 1


def test_twin_event_has_another_id_and_the_same_news(shop):
    moody(shop, "webhook_duplicate_other_id")
    shop.hear(2)
    first, second = shop.events()
    assert first["id"] != second["id"]
    assert (first["type"], first["data"]) == (second["type"], second["data"])


def test_delayed_webhook_arrives_late(shop):
    started = time.monotonic()
    moody(shop, "webhook_delay", seconds=0.4)
    shop.hear(1)
    assert time.monotonic() - started >= 0.4


def test_reordered_webhooks_still_all_arrive(shop):
    shop.gateway.mood_next("payment_intent.created", "webhook_delay", seconds=0.6)
    shop.gateway.mood_next("charge.succeeded", "webhook_reorder", seconds=0.1)
    shop.paid()
    shop.hear(4)
    assert shop.events()[-1]["type"] == "payment_intent.created"


def test_forged_copy_has_more_money_and_no_valid_signature(shop):
    moody(shop, "webhook_forge")
    shop.hear(2)
    good = [body for body, headers in shop.deliveries if _valid(body, headers)]
    [bad] = [body for body, headers in shop.deliveries if not _valid(body, headers)]
    assert len(good) == 1
    assert json.loads(bad)["data"]["object"]["amount_total"] == 101_999


def _valid(body: bytes, headers: dict) -> bool:
    try:
        verified(body, headers)
    except stripe.SignatureVerificationError:
        return False
    return True


def test_skewed_clock_is_out_of_tolerance(shop):
    moody(shop, "clock_skew", seconds=-900)
    shop.hear(1)
    with pytest.raises(stripe.SignatureVerificationError, match="tolerance"):
        verified(*shop.deliveries[0])


def test_event_of_an_unknown_type_comes_along(shop):
    moody(shop, "unknown_event")
    assert shop.hear(2) == ["checkout.session.expired", "payment_intent.settlement_rerouted"]


def test_endpoint_made_by_api_shows_its_secret_once_and_hears_what_it_asked_for(shop):
    endpoint = shop.v1.webhook_endpoints.create({"url": f"{shop.webhook_url}/2", "enabled_events": ["payment_intent.succeeded"]})
    assert endpoint.secret.startswith("whsec_")
    assert "secret" not in shop.v1.webhook_endpoints.retrieve(endpoint.id)
    assert len(shop.v1.webhook_endpoints.list().data) == 2
    shop.paid()
    assert shop.hear(5).count("payment_intent.succeeded") == 2
    signed = [headers for _, headers in shop.deliveries]
    assert len(signed) == 5
    assert shop.v1.webhook_endpoints.delete(endpoint.id).deleted is True
    shop.paid()
    assert shop.hear(9).count("payment_intent.succeeded") == 3


def test_retries_survive_sigkill(tmp_path):
    gateway = GatewayProcess(tmp_path, args=("--set", "retry_longest_s=0.5"))
    with gateway, Shop(gateway) as shop:
        shop.answers = [500, 500]
        expire(shop)
        shop.hear(1)
        gateway.kill()
        gateway.start()
        shop.hear(3)
        assert len({event["id"] for event in shop.events()}) == 1


def test_receiver_that_comes_up_late_hears_everything(tmp_path):
    with GatewayProcess(tmp_path, args=("--set", "retry_longest_s=0.5")) as gateway, Shop(gateway) as shop:
        gateway.listen(shop.key, webhook_url="http://127.0.0.1:9/nobody", webhook_secret=WEBHOOK_SECRET)
        expire(shop)
        [event] = shop.v1.events.list().data
        wait_until(lambda: gateway.control("GET", f"/events/{event.id}/deliveries")["deliveries"][0]["attempts"] >= 2)
        gateway.listen(shop.key, webhook_url=shop.webhook_url, webhook_secret=WEBHOOK_SECRET)
        assert shop.hear(1) == ["checkout.session.expired"]


def test_event_with_an_unknown_status_comes_along_and_changes_nothing(shop):
    session = shop.paid()
    shop.gateway.mood_next("refund.created", "unknown_status")
    made = shop.v1.refunds.create({"payment_intent": session.payment_intent})
    shop.hear(7)
    [odd] = [event for event in shop.events() if event["type"] == "refund.updated"]
    assert odd["data"]["object"]["status"] == "rerouted"
    assert shop.v1.refunds.retrieve(made.id).status == "succeeded"
