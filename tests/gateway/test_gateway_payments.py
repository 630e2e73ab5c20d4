import pytest
import stripe
from gateway_shop import wait_until

PAID = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "checkout.session.completed"]


def test_approved_card_pays_and_books_the_fee(shop):
    session = shop.paid(1999)
    assert (session.status, session.payment_status, session.url) == ("complete", "paid", None)
    intent = shop.v1.payment_intents.retrieve(session.payment_intent, {"expand": ["latest_charge.balance_transaction"]})
    assert (intent.status, intent.amount, intent.amount_received) == ("succeeded", 1999, 1999)
    charge = intent.latest_charge
    assert (charge.paid, charge.captured, charge.amount_captured, charge.status) == (True, True, 1999, "succeeded")
    transaction = charge.balance_transaction
    assert (transaction.amount, transaction.fee, transaction.net) == (1999, 88, 1911)
    assert (transaction.type, transaction.source) == ("charge", charge.id)
    assert shop.recorded() == PAID
    assert shop.hear(4) == sorted(PAID)


def test_metadata_goes_from_the_intent_to_the_charge_and_not_from_the_session(shop):
    session = shop.paid()
    intent = shop.v1.payment_intents.retrieve(session.payment_intent, {"expand": ["latest_charge"]})
    assert intent.metadata.to_dict() == {"order": "ord_1"}
    assert intent.latest_charge.metadata.to_dict() == {"order": "ord_1"}


def test_books_tell_each_payment(shop):
    session = shop.paid(1999)
    [payment] = shop.books()["payments"]
    assert payment | {"charge": None, "created": None} == {
        "session": session.id,
        "payment_intent": session.payment_intent,
        "charge": None,
        "client_reference_id": "ord_1",
        "metadata": {"order": "ord_1"},
        "currency": "usd",
        "amount": 1999,
        "captured_minor": 1999,
        "refunded_minor": 0,
        "disputed": False,
        "status": "succeeded",
        "created": None,
        "muted": False,
    }


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("4000000000000002", "card_declined", "generic_decline"),
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4000000000000069", "expired_card", None),
    ],
)
def test_decline_keeps_the_session_open(shop, card, code, decline_code):
    session = shop.order()
    outcome = shop.gateway.pay(session.id, card)
    intent = shop.v1.payment_intents.retrieve(outcome["payment_intent"])
    assert outcome["status"] == "declined"
    assert shop.v1.checkout.sessions.retrieve(session.id).status == "open"
    assert intent.status == "requires_payment_method"
    error = intent.last_payment_error.to_dict()
    assert (error["code"], error.get("decline_code")) == (code, decline_code)
    assert shop.recorded() == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]
    assert [each["captured_minor"] for each in shop.books()["payments"]] == [0]


def test_decline_then_success_is_one_intent_with_two_charges(shop):
    session = shop.order()
    first = shop.gateway.pay(session.id, "4000009900000012")
    second = shop.gateway.pay(session.id, "4000009900000012")
    assert (first["status"], second["status"]) == ("declined", "complete")
    assert first["payment_intent"] == second["payment_intent"]
    charges = shop.v1.charges.list({"payment_intent": first["payment_intent"]}).data
    assert [charge.status for charge in charges] == ["succeeded", "failed"]
    intent = shop.v1.payment_intents.retrieve(first["payment_intent"])
    assert (intent.status, intent.last_payment_error) == ("succeeded", None)


def test_paying_twice_charges_once(shop):
    session = shop.paid()
    assert shop.gateway.pay(session.id)["status"] == "complete"
    assert len(shop.v1.charges.list().data) == 1
    assert shop.recorded() == PAID


@pytest.mark.parametrize(("approve", "status"), [(True, "succeeded"), (False, "requires_payment_method")])
def test_bank_question_decides(shop, approve, status):
    session = shop.order()
    outcome = shop.gateway.pay(session.id, "4000002760003184", approve=approve)
    assert shop.v1.payment_intents.retrieve(outcome["payment_intent"]).status == status
    assert "payment_intent.requires_action" in shop.recorded()


def test_unanswered_bank_question_waits_in_requires_action(shop):
    session = shop.order()
    outcome = shop.gateway.pay(session.id, "4000002760003184", approve=None)
    assert outcome["status"] == "challenge"
    intent = shop.v1.payment_intents.retrieve(outcome["payment_intent"])
    assert (intent.status, intent.next_action.type) == ("requires_action", "redirect_to_url")


@pytest.mark.parametrize(
    ("card", "paid", "last", "captured"),
    [
        ("4000009900000020", "paid", "checkout.session.async_payment_succeeded", 1999),
        ("4000009900000038", "unpaid", "checkout.session.async_payment_failed", 0),
    ],
)
def test_slow_method_completes_unpaid_and_settles_later(shop, card, paid, last, captured):
    session = shop.order()
    outcome = shop.gateway.pay(session.id, card)
    assert (outcome["status"], outcome["payment_status"]) == ("complete", "unpaid")
    wait_until(lambda: shop.recorded()[-1] == last)
    session = shop.v1.checkout.sessions.retrieve(session.id)
    assert (session.status, session.payment_status) == ("complete", paid)
    assert [each["captured_minor"] for each in shop.books()["payments"]] == [captured]
    completed = next(event for event in shop.v1.events.list().data if event.type == "checkout.session.completed")
    assert completed.data.object.payment_status == "unpaid"


@pytest.mark.parametrize(("outcome", "status"), [("succeeded", "succeeded"), ("failed", "requires_payment_method")])
def test_silent_bank_says_nothing_until_it_is_settled(shop, outcome, status):
    session = shop.paid(card="4000009900000046")
    assert (session.status, session.payment_status) == ("complete", "unpaid")
    assert shop.v1.payment_intents.retrieve(session.payment_intent).status == "processing"
    assert shop.gateway.ring(session.payment_intent) == []
    assert shop.deliveries == []
    assert shop.gateway.settle(session.payment_intent, outcome)["status"] == status
    assert f"checkout.session.async_payment_{outcome}" in shop.hear(3)


def test_muted_card_pays_and_no_webhook_arrives(shop):
    session = shop.paid(card="4000009900000053")
    shop.v1.refunds.create({"payment_intent": session.payment_intent, "amount": 1})
    assert session.payment_status == "paid"
    assert shop.recorded() == [*PAID, "refund.created", "charge.refunded"]
    shop.paid()
    shop.hear(4)
    assert {event["data"]["object"]["id"] for event in shop.events()} & {session.id} == set()
    assert len(shop.deliveries) == 4


def authorized(shop):
    return shop.paid(1999, payment_intent_data={"capture_method": "manual", "metadata": {"order": "ord_1"}})


def test_manual_capture_completes_unpaid_with_the_money_authorized(shop):
    session = authorized(shop)
    intent = shop.v1.payment_intents.retrieve(session.payment_intent)
    assert (session.status, session.payment_status) == ("complete", "unpaid")
    assert (intent.status, intent.amount_capturable, intent.amount_received) == ("requires_capture", 1999, 0)
    assert shop.recorded() == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "checkout.session.completed",
    ]
    assert [each["captured_minor"] for each in shop.books()["payments"]] == [0]


@pytest.mark.parametrize(("asked", "taken", "fee"), [({}, 1999, 88), ({"amount_to_capture": 750}, 750, 52)])
def test_capture_takes_once(shop, asked, taken, fee):
    session = authorized(shop)
    intent = shop.v1.payment_intents.capture(session.payment_intent, asked)
    assert (intent.status, intent.amount_capturable, intent.amount_received) == ("succeeded", 0, taken)
    assert shop.recorded()[-2:] == ["charge.captured", "payment_intent.succeeded"]
    assert shop.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"
    assert [each.fee for each in shop.v1.balance_transactions.list().data] == [fee]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.v1.payment_intents.capture(session.payment_intent)
    assert refused.value.code == "payment_intent_unexpected_state"
    assert [each["captured_minor"] for each in shop.books()["payments"]] == [taken]


def test_capture_of_more_than_was_authorized_takes_nothing(shop):
    session = authorized(shop)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.v1.payment_intents.capture(session.payment_intent, {"amount_to_capture": 2000})
    assert refused.value.code == "amount_too_large"
    assert [each["captured_minor"] for each in shop.books()["payments"]] == [0]


def test_cancel_releases_an_authorization(shop):
    session = authorized(shop)
    intent = shop.v1.payment_intents.cancel(session.payment_intent, {"cancellation_reason": "abandoned"})
    assert (intent.status, intent.cancellation_reason, intent.amount_capturable) == ("canceled", "abandoned", 0)
    assert shop.recorded()[-2:] == ["charge.refunded", "payment_intent.canceled"]
    assert shop.v1.balance_transactions.list().data == []
    assert shop.v1.refunds.list().data == []


def test_intent_of_an_open_session_cannot_be_cancelled(shop):
    intent = shop.gateway.pay(shop.order().id, "4000000000000002")["payment_intent"]
    with pytest.raises(stripe.InvalidRequestError, match="Expire the Checkout Session instead"):
        shop.v1.payment_intents.cancel(intent)
    assert shop.v1.payment_intents.retrieve(intent).status == "requires_payment_method"


def test_authorization_lapses_when_nobody_captures(shop):
    session = authorized(shop)
    assert shop.gateway.ring(session.payment_intent) == ["lapse"]
    intent = shop.v1.payment_intents.retrieve(session.payment_intent)
    assert (intent.status, intent.cancellation_reason) == ("canceled", "automatic")
    assert shop.recorded()[-2:] == ["charge.expired", "payment_intent.canceled"]


def test_intent_cannot_be_confirmed_by_the_account(shop):
    intent = shop.gateway.pay(shop.order().id, "4000000000000002")["payment_intent"]
    with pytest.raises(stripe.InvalidRequestError, match="hosted page only"):
        shop.v1.payment_intents.confirm(intent)


def test_live_key_payments_emit_live_events(gateway):
    from gateway_shop import Shop

    with Shop(gateway, "sk_live_payments_of_one_shop") as live:
        live.paid()
        assert {event.livemode for event in live.v1.events.list().data} == {True}
