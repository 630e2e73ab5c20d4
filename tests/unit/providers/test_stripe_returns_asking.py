"""What every failure means while money is taken or given back. The wrong word here refunds twice, or never."""

from dataclasses import replace

import pytest
import requests
import stripe
from provider_things import ACCOUNT, NOW, PAYMENT

from holdfast.providers.contract import (
    MONEY,
    AccountHandle,
    Declined,
    Kind,
    NotSent,
    Pointer,
    Return,
    Taken,
    Unknown,
)
from holdfast.providers.stripe.adapter import StripeAdapter

REFUND = "e" * 32
HANDLE = AccountHandle(
    id=ACCOUNT, provider="stripe", live=False, credentials={"secret_key": "sk_test_unit", "api_base": "http://stripe.example"}
)
TAKEN = Taken(reference=PAYMENT.hex, provider_id="cs_test_1", object_id="pi_1", amount_minor=2500, currency="EUR")
WANTED = Return(reference=REFUND, money=TAKEN, amount_minor=700, reason="Too small")
OURS = {"holdfast_payment": PAYMENT.hex}
MADE = {
    "id": "re_1",
    "object": "refund",
    "amount": 700,
    "created": 1700000000,
    "currency": "eur",
    "metadata": {**OURS, "holdfast_refund": REFUND},
    "payment_intent": "pi_1",
    "status": "succeeded",
}
INTENT = {"id": "pi_1", "object": "payment_intent", "currency": "eur", "livemode": False, "metadata": OURS}
HELD = INTENT | {"status": "requires_capture", "amount_capturable": 2500}
TOOK = INTENT | {"status": "succeeded", "amount_received": 1800}
GONE = INTENT | {"status": "canceled", "cancellation_reason": None}
LAPSED = INTENT | {"status": "canceled", "cancellation_reason": "automatic"}
SESSION = {
    "id": "cs_test_1",
    "object": "checkout.session",
    "client_reference_id": PAYMENT.hex,
    "livemode": False,
    "metadata": OURS,
    "payment_status": "unpaid",
    "status": "complete",
}
NEVER = {"Stripe-Should-Retry": "false"}
REPLAYED = {"Idempotent-Replayed": "true", **NEVER}
RESET = stripe.APIConnectionError("reset", should_retry=True)
KEPT = (500, {"error": {"type": "api_error", "message": "no"}}, REPLAYED)
NOT_OPEN = (400, {"error": {"type": "invalid_request_error", "message": "not open"}}, NEVER)


def refused(status: int = 400, **error) -> tuple:
    return status, {"error": {"type": "invalid_request_error", "message": "no"} | error}, NEVER


def listed(*objects, more: bool = False) -> tuple:
    return 200, {"object": "list", "data": list(objects), "has_more": more, "url": "/v1/things"}


def away() -> Exception:
    """As the SDK wraps a connection that was refused."""
    cause = requests.exceptions.InvalidURL("never written")
    error = stripe.APIConnectionError("away")
    error.__cause__ = cause
    return error


def refund(wanted: Return = WANTED):
    return StripeAdapter().refund(wanted=wanted, key="k:refund", account=HANDLE)


def capture(amount_minor: int = 1800, money: Taken = TAKEN):
    return StripeAdapter().capture(money=money, amount_minor=amount_minor, key="k:capture", account=HANDLE)


def close():
    return StripeAdapter().close(provider_id="cs_test_1", key="k:close", account=HANDLE)


# -- Refunds ------------------------------------------------------------------------------------------------------------


def test_a_refund_is_one_request_under_the_committed_key(stripe_says):
    asked = stripe_says((200, MADE))
    report = refund()
    assert (report.kind, report.object_id, report.amount_minor, report.source) == (Kind.REFUNDED, "re_1", 700, "reply")
    assert (report.reference, report.refund_reference, report.money_id) == (PAYMENT.hex, REFUND, "pi_1")
    assert asked == [("post", "http://stripe.example/v1/refunds", "k:refund")]


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (refused(401), NotSent),
        (refused(403), NotSent),
        (refused(429, code="rate_limit"), NotSent),
        (refused(429, code="lock_timeout"), Unknown),
        (refused(409, code="idempotency_key_in_use"), Unknown),
        (refused(400, type="idempotency_error"), Unknown),
        (refused(404, code="resource_missing"), Unknown),
        (refused(500, type="api_error"), Unknown),
        ((502, b"<html>Bad gateway</html>", NEVER), Unknown),
        ((200, b'{"id": "re_1", "obj'), Unknown),
        ((200, b"{}"), Unknown),
        ((200, SESSION), Unknown),
        ((200, MADE | {"status": "rerouted"}), Unknown),
        ((200, MADE | {"metadata": {}}), Unknown),
        ((200, MADE | {"metadata": {"holdfast_refund": "f" * 32}}), Unknown),
        (RESET, Unknown),
    ],
)
def test_every_answer_to_a_refund_has_its_meaning(stripe_says, answer, meaning):
    stripe_says(answer, answer)
    with pytest.raises(meaning) as told:
        refund()
    assert type(told.value) is meaning


@pytest.mark.parametrize("code", ["charge_already_refunded", "charge_disputed", "amount_too_large", "anything_else"])
def test_a_refused_refund_is_declined_once_it_is_certain_that_there_is_none(stripe_says, code):
    others = [MADE | {"id": f"re_{n}", "metadata": metadata} for n, metadata in enumerate([{}, {"holdfast_refund": "f" * 32}])]
    asked = stripe_says(refused(code=code), listed(*others))
    with pytest.raises(Declined) as no:
        refund()
    report = no.value.report
    assert (report.kind, report.raw_status, report.object_id, report.amount_minor) == (Kind.REFUND_FAILED, code, None, None)
    assert (report.reference, report.refund_reference, report.money_id) == (PAYMENT.hex, REFUND, "pi_1")
    assert report.detail == {"message": "no"}
    assert [url.rpartition("/")[2] for _, url, _ in asked] == ["refunds", "refunds"]


@pytest.mark.parametrize(
    "answers",
    [
        [KEPT],
        [refused(500, type="api_error")[:2], KEPT],
        [RESET, refused(code="charge_already_refunded")],
        [refused(code="charge_already_refunded")],
    ],
    ids=["kept 500", "500, then kept", "reset, then refused", "refused by an earlier try of ours"],
)
def test_a_refund_that_an_earlier_try_made_is_found_and_never_made_again(stripe_says, answers):
    """S-04, S-71."""
    asked = stripe_says(*answers, listed(MADE | {"id": "re_0", "metadata": {}}, MADE))
    assert refund().object_id == "re_1"
    assert {key for method, _, key in asked if method == "post"} == {"k:refund"}


@pytest.mark.parametrize("look", [away(), RESET, refused(404), refused(401), listed(MADE | {"status": "rerouted"})])
def test_a_refusal_that_cannot_be_looked_up_stays_unknown(stripe_says, look):
    stripe_says(refused(code="charge_already_refunded"), look, look)
    with pytest.raises(Unknown):
        refund()


def test_money_that_this_key_does_not_know_may_have_been_returned_under_another(stripe_says):
    stripe_says(refused(404, code="resource_missing"), listed())
    with pytest.raises(Unknown, match="does not show pi_1"):
        refund()


def test_a_search_for_a_refund_reads_every_page_and_does_not_go_on_for_ever(stripe_says, monkeypatch):
    others = [MADE | {"id": f"re_{n}", "metadata": {}} for n in range(2)]
    ask = {"wanted": WANTED, "provider_id": None, "account": HANDLE}
    asked = stripe_says(listed(*others, more=True), listed(MADE))
    assert StripeAdapter().fetch_refund(**ask).object_id == "re_1"
    assert len(asked) == 2
    monkeypatch.setattr("holdfast.providers.stripe.refunds.MOST", 1)
    stripe_says(listed(*others))
    with pytest.raises(Unknown, match="more than 1"):
        StripeAdapter().fetch_refund(**ask)


def test_a_refund_that_another_key_made_is_not_gone(stripe_says):
    stripe_says(refused(404, code="resource_missing"))
    with pytest.raises(Unknown, match="does not show refund"):
        StripeAdapter().fetch_refund(wanted=WANTED, provider_id="re_1", account=HANDLE)


def test_an_amount_that_stripe_cannot_express_never_leaves_the_house(stripe_says):
    asked = stripe_says()
    with pytest.raises(Declined) as no:
        refund(replace(WANTED, money=replace(TAKEN, currency="KWD"), amount_minor=335))
    assert (no.value.report.kind, no.value.report.raw_status) == (Kind.REFUND_FAILED, "AmountNotPossible")
    assert asked == []


# -- Captures -----------------------------------------------------------------------------------------------------------


def test_a_capture_is_one_request_under_the_committed_key(stripe_says):
    asked = stripe_says((200, TOOK))
    report = capture()
    assert (report.kind, report.amount_minor, report.object_id, report.source) == (Kind.CAPTURED, 1800, "pi_1", "reply")
    assert (report.reference, report.provider_id) == (PAYMENT.hex, "cs_test_1")
    assert asked == [("post", "http://stripe.example/v1/payment_intents/pi_1/capture", "k:capture")]


@pytest.mark.parametrize("answer", [KEPT, refused(code="payment_intent_unexpected_state"), refused(402, code="card_declined")])
@pytest.mark.parametrize(
    ("now", "kind"),
    [(HELD, Kind.AUTHORIZED), (LAPSED, Kind.EXPIRED), (GONE, Kind.CANCELLED)],
)
def test_a_refused_capture_is_declined_with_how_the_hold_stands(stripe_says, answer, now, kind):
    stripe_says(answer, (200, now))
    with pytest.raises(Declined) as no:
        capture()
    report = no.value.report
    assert (report.kind, report.reference, report.provider_id) == (kind, PAYMENT.hex, "cs_test_1")
    assert report.detail["code"]


@pytest.mark.parametrize("answers", [[KEPT], [RESET, NOT_OPEN], [NOT_OPEN]])
def test_a_capture_that_an_earlier_try_made_is_found(stripe_says, answers):
    """S-71."""
    stripe_says(*answers, (200, TOOK))
    assert capture().kind is Kind.CAPTURED


@pytest.mark.parametrize(
    "look",
    [away(), RESET, refused(404), (200, INTENT | {"status": "processing"}), (200, INTENT | {"status": "rerouted"}), (200, {})],
)
def test_a_refused_capture_that_cannot_be_looked_up_stays_unknown(stripe_says, look):
    stripe_says(NOT_OPEN, look, look)
    with pytest.raises(Unknown):
        capture()


@pytest.mark.parametrize("answer", [(200, HELD), (200, {}), (200, TOOK | {"id": "pi_2"}), (200, b"[")])
def test_an_answer_that_is_not_the_captured_money_is_unknown(stripe_says, answer):
    stripe_says(answer)
    with pytest.raises(Unknown):
        capture()


# -- Letting go ---------------------------------------------------------------------------------------------------------


def seen(intent: dict) -> tuple:
    return 200, SESSION | {"payment_intent": intent}


def test_held_money_is_let_go_of_under_a_key_of_its_own(stripe_says):
    """Stripe refuses one key for two different requests."""
    asked = stripe_says(NOT_OPEN, seen(HELD), (200, GONE), seen(GONE))
    report = close()
    assert (report.kind, report.provider_id, report.reference) == (Kind.CANCELLED, "cs_test_1", PAYMENT.hex)
    assert [(url.rpartition("/")[2], key) for method, url, key in asked if method == "post"] == [
        ("expire", "k:close"),
        ("cancel", "k:close:let_go"),
    ]


@pytest.mark.parametrize("answer", [refused(code="payment_intent_unexpected_state"), (200, GONE)])
@pytest.mark.parametrize(("now", "kind"), [(TOOK, Kind.CAPTURED), (LAPSED, Kind.EXPIRED), (GONE, Kind.CANCELLED)])
def test_who_was_first_the_session_tells(stripe_says, answer, now, kind):
    stripe_says(NOT_OPEN, seen(HELD), answer, seen(now))
    assert close().kind is kind


def test_a_burnt_key_does_not_hold_money_for_ever(stripe_says):
    asked = stripe_says(NOT_OPEN, seen(HELD), KEPT, (200, GONE), seen(GONE))
    assert close().kind is Kind.CANCELLED
    assert [key == "k:close:let_go" for method, url, key in asked if url.endswith("cancel")] == [True, False]


@pytest.mark.parametrize("answers", [[away(), away()], [RESET, RESET], [refused(), seen(HELD)], [(200, GONE), away(), away()]])
def test_a_hold_that_may_still_be_there_is_unknown_and_never_authorized(stripe_says, answers):
    stripe_says(NOT_OPEN, seen(HELD), *answers)
    with pytest.raises(Unknown):
        close()


# -- Looking ------------------------------------------------------------------------------------------------------------

PAID = SESSION | {"payment_status": "paid", "payment_intent": TOOK}


def look(id_: str = "pi_1"):
    return StripeAdapter().look(pointer=Pointer(kind=MONEY, id=id_), account=HANDLE)


def test_a_payment_intent_leads_to_its_session_and_all_that_went_back(stripe_says):
    stripe_says(listed(PAID), listed(MADE | {"id": "re_2"}, MADE), listed())
    report = look()
    assert (report.kind, report.provider_id, report.reference) == (Kind.CAPTURED, "cs_test_1", PAYMENT.hex)
    assert [each.object_id for each in report.also] == ["re_1", "re_2"]


@pytest.mark.parametrize(
    "answer",
    [listed(), refused(404), refused(400, code="resource_missing"),
     listed(PAID | {"metadata": {}, "payment_intent": TOOK | {"metadata": {}}})],
    ids=["no session", "no such money", "no such money, older", "another shop's"],
)  # fmt: skip
def test_money_that_is_not_ours_is_nothing(stripe_says, answer):
    stripe_says(answer)
    assert look() is None


def test_a_session_without_metadata_is_ours_by_its_payment_intent(stripe_says):
    stripe_says(listed(PAID | {"metadata": {}}), listed(), listed())
    assert look().reference == PAYMENT.hex


@pytest.mark.parametrize(
    ("answers", "error"),
    [([away()], NotSent), ([RESET, RESET], Unknown), ([refused(400)], Unknown), ([listed(PAID), RESET, RESET], Unknown),
     ([listed(PAID), listed(), refused(400)], Unknown)],
)  # fmt: skip
def test_a_look_that_was_not_answered_says_nothing(stripe_says, answers, error):
    stripe_says(*answers)
    with pytest.raises(error):
        look()


# -- The books ----------------------------------------------------------------------------------------------------------

LINE = {"object": "balance_transaction", "amount": -5, "fee": 0, "currency": "eur", "type": "stripe_fee", "source": None}


def books():
    return StripeAdapter().statement(since=NOW, until=NOW, account=HANDLE)


def test_the_books_are_read_page_by_page(stripe_says):
    first = listed(*[LINE | {"id": f"txn_{n}"} for n in range(2)], more=True)
    stripe_says(first, listed(LINE | {"id": "txn_2"}))
    assert [line.object_id for line in books()] == ["txn_0:fee", "txn_1:fee", "txn_2:fee"]


@pytest.mark.parametrize(
    ("answers", "error"),
    [([away()], NotSent), ([RESET, RESET], Unknown), ([refused()], Unknown), ([(200, {})], Unknown),
     ([listed(LINE, more=True)], Unknown), ([listed(LINE | {"id": "txn_1"}, more=True), RESET, RESET], Unknown)],
)  # fmt: skip
def test_books_that_end_too_early_say_so(stripe_says, answers, error):
    stripe_says(*answers)
    with pytest.raises(error):
        list(books())
