import httpx
import pytest
import stripe
from gateway_shop import wait_until


def refund(shop, session, **params):
    return shop.v1.refunds.create({"payment_intent": session.payment_intent, **params})


def test_partial_refunds_add_up_to_a_full_one(shop):
    session = shop.paid(1999)
    first = refund(shop, session, amount=500, reason="requested_by_customer", metadata={"ours": "r1"})
    assert (first.status, first.amount, first.reason) == ("succeeded", 500, "requested_by_customer")
    assert first.metadata.to_dict() == {"ours": "r1"}
    charge = shop.v1.charges.retrieve(first.charge, {"expand": ["refunds"]})
    assert (charge.amount_refunded, charge.refunded, len(charge.refunds.data)) == (500, False, 1)
    assert refund(shop, session).amount == 1499
    charge = shop.v1.charges.retrieve(first.charge)
    assert (charge.amount_refunded, charge.refunded) == (1999, True)
    assert shop.recorded()[-4:] == ["refund.created", "charge.refunded"] * 2
    assert [each["refunded_minor"] for each in shop.books()["payments"]] == [1999]
    assert shop.books()["balance_minor"] == {"usd": -88}


@pytest.mark.parametrize(("amount", "param"), [(2000, "amount"), (0, "amount"), (-1, "amount")])
def test_impossible_refunds_move_nothing(shop, amount, param):
    session = shop.paid(1999)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        refund(shop, session, amount=amount)
    assert (refused.value.http_status, refused.value.param) == (400, param)
    assert shop.books()["refunds"] == []


def test_refund_after_a_full_refund_says_so(shop):
    session = shop.paid()
    refund(shop, session)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        refund(shop, session, amount=1)
    assert refused.value.code == "charge_already_refunded"
    assert len(shop.books()["refunds"]) == 1


def test_unpaid_intent_has_nothing_to_refund(shop):
    intent = shop.gateway.pay(shop.order().id, "4000000000000002")["payment_intent"]
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        shop.v1.refunds.create({"payment_intent": intent})


def test_refunds_are_listed_by_intent(shop):
    session, other = shop.paid(), shop.paid()
    ids = [refund(shop, session, amount=amount).id for amount in (1, 2)]
    refund(shop, other, amount=3)
    listed = shop.v1.refunds.list({"payment_intent": session.payment_intent}).data
    assert [each.id for each in listed] == ids[::-1]


def test_slow_refund_is_pending_then_succeeds(shop):
    made = refund(shop, shop.paid(card="4000000000007726"))
    assert (made.status, made.pending_reason) == ("pending", "processing")
    wait_until(lambda: shop.v1.refunds.retrieve(made.id).status == "succeeded")
    assert shop.recorded()[-2:] == ["refund.updated", "charge.refund.updated"]


def test_bouncing_refund_succeeds_then_fails_and_the_money_returns(shop):
    session = shop.paid(1999, card="4000000000005126")
    made = refund(shop, session)
    assert made.status == "succeeded"
    wait_until(lambda: shop.v1.refunds.retrieve(made.id).status == "failed")
    failed = shop.v1.refunds.retrieve(made.id, {"expand": ["failure_balance_transaction"]})
    assert failed.failure_reason == "expired_or_canceled_card"
    assert (failed.failure_balance_transaction.type, failed.failure_balance_transaction.amount) == ("refund_failure", 1999)
    assert shop.recorded()[-3:] == ["refund.updated", "charge.refund.updated", "refund.failed"]
    assert [each["refunded_minor"] for each in shop.books()["payments"]] == [0]
    assert shop.books()["balance_minor"] == {"usd": 1911}


def test_any_refund_can_be_made_to_fail(shop):
    made = refund(shop, shop.paid(1999))
    assert shop.gateway.control("POST", f"/refunds/{made.id}/settle", outcome="failed")["status"] == "failed"
    assert shop.v1.charges.retrieve(made.charge).amount_refunded == 0


def test_dashboard_refund_has_no_key_and_no_metadata(shop):
    session = shop.paid(1999)
    made = shop.gateway.control("POST", f"/payments/{session.payment_intent}/refund", amount=700)
    assert (made["amount"], made["metadata"]) == (700, {})
    event = next(each for each in shop.v1.events.list({"type": "refund.created"}).data)
    assert event.request.to_dict() == {"id": None, "idempotency_key": None}


def test_dispute_withdraws_and_winning_reinstates(shop):
    session = shop.paid(1999)
    dispute = shop.gateway.control("POST", f"/payments/{session.payment_intent}/dispute")
    assert (dispute["status"], dispute["amount"]) == ("needs_response", 1999)
    assert shop.books()["balance_minor"] == {"usd": 1911 - 1999 - 1500}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        refund(shop, session)
    assert refused.value.code == "charge_disputed"
    assert shop.gateway.control("POST", f"/disputes/{dispute['id']}/close", outcome="won")["status"] == "won"
    assert shop.books()["balance_minor"] == {"usd": 1911}
    assert shop.recorded()[-4:] == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
        "charge.dispute.closed",
    ]


def test_disputed_card_is_disputed_on_its_own_and_can_be_lost(shop):
    session = shop.paid(1999, card="4000000000000259")
    wait_until(lambda: shop.v1.disputes.list().data)
    [dispute] = shop.v1.disputes.list({"payment_intent": session.payment_intent}).data
    assert shop.gateway.control("POST", f"/disputes/{dispute.id}/close", outcome="lost")["status"] == "lost"
    assert shop.books()["balance_minor"] == {"usd": 1911 - 1999 - 1500}
    assert "charge.dispute.funds_reinstated" not in shop.recorded()


def test_payout_holds_its_balance_transactions(shop):
    refund(shop, shop.paid(1999), amount=500)
    [payout] = shop.gateway.control("POST", "/payouts", account=shop.key)["payouts"]
    assert (payout["amount"], payout["status"], payout["currency"]) == (1411, "paid", "usd")
    page = shop.v1.balance_transactions.list({"payout": payout["id"], "expand": ["data.source"]})
    assert [(each.type, each.net, each.source.object) for each in page.data] == [
        ("payout", -1411, "payout"),
        ("refund", -500, "refund"),
        ("charge", 1911, "charge"),
    ]
    assert [each.id for each in shop.v1.payouts.list().data] == [payout["id"]]
    assert shop.recorded()[-3:] == ["payout.created", "payout.paid", "payout.reconciliation_completed"]
    assert shop.gateway.control("POST", "/payouts", account=shop.key)["payouts"] == []


def test_control_calls_refuse_nonsense_calmly(shop):
    session = shop.paid()
    for path, said in [
        (f"/payments/{session.payment_intent}/settle", {"outcome": "perhaps"}),
        ("/moods/next", {"operation": "*", "mood": "merry"}),
        ("/moods/next", {"operation": "POST /fake-gateway/start/", "mood": "error_after"}),
        ("/reset", {}),
    ]:
        with pytest.raises(httpx.HTTPStatusError) as refused:
            shop.gateway.control("POST", path, **said)
        assert refused.value.response.status_code == 400
    with pytest.raises(httpx.HTTPStatusError) as refused:
        shop.gateway.control("POST", "/payments/pi_nobody/settle", outcome="failed")
    assert refused.value.response.status_code == 404


@pytest.mark.parametrize(
    ("mood", "event", "balance"), [("dashboard_refund", "charge.refunded", -88), ("dispute", "charge.dispute.created", -1588)]
)
def test_payment_moods_take_the_money_back_later(shop, mood, event, balance):
    shop.gateway.mood_next("payment", mood)
    assert shop.paid(1999).payment_status == "paid"
    wait_until(lambda: event in shop.recorded())
    assert shop.books()["balance_minor"] == {"usd": balance}


@pytest.mark.parametrize(
    ("mood", "first", "last", "refunded"),
    [("refund_pending", "pending", "succeeded", 1999), ("refund_bounce", "succeeded", "failed", 0)],
)
def test_refund_moods_change_the_refund_later(shop, mood, first, last, refunded):
    session = shop.paid(1999)
    shop.gateway.mood_next("refund", mood)
    made = refund(shop, session)
    assert made.status == first
    wait_until(lambda: shop.v1.refunds.retrieve(made.id).status == last)
    assert [each["refunded_minor"] for each in shop.books()["payments"]] == [refunded]
