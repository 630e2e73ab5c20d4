"""What every failure on the way to Stripe means. The wrong word here charges twice, or never."""

import socket
import ssl

import pytest
import requests
import stripe
import urllib3.exceptions
from provider_things import ACCOUNT, PAYMENT

from holdfast.kernel import limits
from holdfast.providers.contract import AccountHandle, Declined, Kind, NotSent, Unknown
from holdfast.providers.stripe import asking
from holdfast.providers.stripe.adapter import StripeAdapter, created_about

REQUEST = {"client_reference_id": PAYMENT.hex, "mode": "payment"}
REPLAYED = {"Idempotent-Replayed": "true", "Stripe-Should-Retry": "false"}
SESSION = {
    "id": "cs_test_1",
    "object": "checkout.session",
    "client_reference_id": PAYMENT.hex,
    "created": 1700000000,
    "livemode": False,
    "metadata": {"holdfast_payment": PAYMENT.hex},
    "payment_intent": None,
    "payment_status": "unpaid",
    "status": "open",
    "url": "https://checkout.example/cs_test_1",
}
NOTHING = (200, {"object": "list", "data": [], "has_more": False, "url": "/v1/checkout/sessions"})
LISTED = (200, {"object": "list", "data": [SESSION], "has_more": False, "url": "/v1/checkout/sessions"})


def account(**credentials) -> AccountHandle:
    given = {"secret_key": "sk_test_unit", "api_base": "http://stripe.example"} | credentials
    return AccountHandle(id=ACCOUNT, provider="stripe", live=False, credentials=given)


def failed(**error) -> dict:
    return {"error": {"type": "invalid_request_error", "message": "no"} | error}


def closed_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def really(url: str) -> Exception:
    """What the SDK's transport really raises for this address."""
    try:
        stripe.RequestsClient(timeout=2).request("post", url, {}, "")
    except stripe.APIConnectionError as error:
        return error
    raise AssertionError("it answered")


def raised(error: Exception) -> stripe.APIConnectionError:
    """As the SDK wraps what `requests` raised."""
    try:
        stripe.RequestsClient()._handle_request_error(error)
    except stripe.APIConnectionError as wrapped:
        return wrapped


def exceeded(reason: Exception) -> urllib3.exceptions.MaxRetryError:
    return urllib3.exceptions.MaxRetryError(None, "/v1", reason)


REFUSED = exceeded(urllib3.exceptions.NewConnectionError(None, "refused"))
RESET = raised(requests.ConnectionError(urllib3.exceptions.ProtocolError("aborted", ConnectionResetError(104, "reset"))))
TIMED_OUT = raised(requests.ReadTimeout(urllib3.exceptions.ReadTimeoutError(None, "/v1", "read timed out")))
NEVER_WRITTEN = {
    "refused": lambda: really(closed_port()),
    "no such host": lambda: really("http://no-such-host.invalid"),
    "no address": lambda: really("http://"),
    "no scheme": lambda: really("stripe.example"),
    "another scheme": lambda: really("ftp://stripe.example"),
    "connect timeout": lambda: raised(requests.ConnectTimeout(exceeded(urllib3.exceptions.ConnectTimeoutError(None, "slow")))),
    "proxy refused": lambda: raised(
        requests.exceptions.ProxyError(exceeded(urllib3.exceptions.ProxyError("no", REFUSED.reason)))
    ),
    "certificate": lambda: raised(
        requests.exceptions.SSLError(exceeded(urllib3.exceptions.SSLError(ssl.SSLCertVerificationError(1, "self-signed"))))
    ),
}
MAYBE_HEARD = {
    "reset": lambda: RESET,
    "read timeout": lambda: TIMED_OUT,
    "closed without a word": lambda: raised(requests.ConnectionError(urllib3.exceptions.ProtocolError("aborted", EOFError()))),
    "cut in the middle": lambda: raised(requests.exceptions.ChunkedEncodingError(urllib3.exceptions.ProtocolError("incomplete"))),
    "TLS broke in the middle": lambda: raised(requests.exceptions.SSLError(exceeded(urllib3.exceptions.SSLError("EOF")))),
    "something else": lambda: raised(RuntimeError("what is this")),
}


def open_(**credentials):
    return StripeAdapter().open(request=REQUEST, key="k:open", account=account(**credentials))


@pytest.mark.parametrize("name", NEVER_WRITTEN)
def test_what_failed_before_the_request_was_written_was_not_sent(stripe_says, name):
    """S-50."""
    failure = NEVER_WRITTEN[name]()
    asked = stripe_says(failure, failure)
    with pytest.raises(NotSent):
        open_()
    assert len(asked) <= 1 + limits.PROVIDER_RETRIES


@pytest.mark.parametrize("name", MAYBE_HEARD)
def test_what_failed_later_is_unknown(stripe_says, name):
    """S-29."""
    failure = MAYBE_HEARD[name]()
    stripe_says(failure, failure)
    with pytest.raises(Unknown):
        open_()


@pytest.mark.parametrize(
    "first", [RESET, TIMED_OUT, (500, failed(type="api_error")), (409, failed())], ids=["reset", "timeout", "500", "409"]
)
@pytest.mark.parametrize(
    "second",
    [really(closed_port()), (401, failed()), (403, failed()), (429, failed(code="rate_limit"))],
    ids=["refused", "401", "403", "429"],
)
def test_a_second_try_that_was_not_sent_does_not_undo_the_first(stripe_says, first, second):
    """The SDK shows the last failure only; the first may have opened a session."""
    asked = stripe_says(first, second)
    with pytest.raises(Unknown):
        open_()
    assert [key for _, _, key in asked] == ["k:open", "k:open"]


def test_a_first_try_that_was_not_sent_and_a_second_too_leave_no_doubt(stripe_says):
    stripe_says(really(closed_port()), (401, failed()))
    with pytest.raises(NotSent):
        open_()


@pytest.mark.parametrize(
    ("status", "error", "meaning"),
    [
        (401, failed(), NotSent),
        (403, failed(), NotSent),
        (429, failed(code="rate_limit"), NotSent),
        (429, failed(), NotSent),
        (429, failed(code="lock_timeout"), Unknown),
        (409, failed(type="idempotency_error", code="idempotency_key_in_use"), Unknown),
        (400, failed(type="idempotency_error"), Unknown),
        (400, failed(code="parameter_unknown"), Declined),
        (402, failed(type="card_error", code="card_declined"), Declined),
        (404, failed(code="resource_missing"), Declined),
        (500, failed(type="api_error"), Unknown),
        (502, b"<html>Bad gateway</html>", Unknown),
        (503, failed(type="api_error"), Unknown),
        (504, b"", Unknown),
        (200, b'{"id": "cs_test_1", "obj', Unknown),
        (200, b"", Unknown),
        (200, b"[]", Unknown),
        (200, b"{}", Unknown),
        (200, b'{"object": "checkout.session", "id": 7}', Unknown),
        (302, b"", Unknown),
        (418, failed(), Declined),
    ],
)
def test_every_answer_has_its_meaning(stripe_says, status, error, meaning):
    stripe_says((status, error, {"Stripe-Should-Retry": "false"}))
    with pytest.raises(meaning) as told:
        open_()
    assert type(told.value) is meaning


def test_bad_credentials_say_so_and_show_no_key(stripe_says):
    """S-48."""
    stripe_says((401, failed(message="Invalid API Key provided: sk_test_unit")))
    with pytest.raises(NotSent, match="refuses this account's secret key") as told:
        open_()
    assert "sk_test_unit" not in str(told.value)


@pytest.mark.parametrize(
    "credentials",
    [{"secret_key": None}, {"secret_key": ""}, {"secret_key": 7}, {"secret_key": "sk_test é"}, {"secret_key": "sk_test\n"},
     {"secret_key": "sk_live_1"}, {"secret_key": "rk_live_1"}, {"api_base": 7}],
)  # fmt: skip
def test_credentials_that_cannot_be_right_never_leave_the_house(stripe_says, credentials):
    asked = stripe_says()
    with pytest.raises(NotSent):
        open_(**credentials)
    assert asked == []


def test_a_live_account_does_not_ask_with_a_test_key(stripe_says):
    stripe_says()
    live = AccountHandle(id=ACCOUNT, provider="stripe", live=True, credentials={"secret_key": "sk_test_1"})
    with pytest.raises(NotSent, match="other mode"):
        StripeAdapter().open(request=REQUEST, key="k", account=live)


def test_a_refused_request_is_declined_with_what_stripe_said(stripe_says):
    asked = stripe_says(
        (400, failed(code="amount_too_small", message="At least 0.50.", param="line_items"), {"Request-Id": "req_1"})
    )
    with pytest.raises(Declined) as no:
        open_()
    report = no.value.report
    assert (report.kind, report.raw_status, report.reference) == (Kind.FAILED, "amount_too_small", PAYMENT.hex)
    assert (report.live, report.account_id, report.amount_minor) == (False, ACCOUNT, None)
    assert report.detail == {"message": "At least 0.50.", "param": "line_items", "request_id": "req_1"}
    assert len(asked) == 1


@pytest.mark.parametrize(
    "answers",
    [
        [(500, failed(type="api_error"), REPLAYED)],
        [(500, failed(type="api_error")), (500, failed(type="api_error"), REPLAYED)],
        [RESET, (400, failed(code="parameter_invalid_integer"))],
        [(400, failed(code="x", param="expires_at"))],
    ],
    ids=["kept 500", "500, then kept", "reset, then 400", "late"],
)
def test_where_an_earlier_try_may_have_opened_a_session_a_no_is_looked_up(stripe_says, answers):
    """S-71, S-65: the session is found, or it certainly does not exist; a new key is never used."""
    asked = stripe_says(*answers, LISTED, (200, SESSION))
    report = open_()
    assert (report.kind, report.provider_id, report.pay_url) == (Kind.OPENED, "cs_test_1", "https://checkout.example/cs_test_1")
    assert [method for method, _, _ in asked[-2:]] == ["get", "get"]
    stripe_says(*answers, NOTHING)
    with pytest.raises(Declined):
        open_()
    assert {key for method, _, key in asked if method == "post"} == {"k:open"}


def test_a_look_up_that_cannot_be_sent_leaves_the_question_unknown(stripe_says):
    refused = really(closed_port())
    stripe_says((500, failed(type="api_error"), REPLAYED), refused, refused)
    with pytest.raises(Unknown):
        open_()


def close():
    return StripeAdapter().close(provider_id="cs_test_1", key="k:close", account=account())


PAID = SESSION | {"status": "complete", "payment_status": "paid", "url": None, "amount_total": 2500, "currency": "eur"}
INTENT = {"id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount_received": 2500, "currency": "eur"}
NOT_OPEN = (
    400,
    failed(message='Only Checkout Sessions with a status in ["open"] can be expired.'),
    {"Stripe-Should-Retry": "false"},
)


def test_closing_expires_the_session_under_the_committed_key(stripe_says):
    asked = stripe_says((200, SESSION | {"status": "expired", "url": None}))
    assert close().kind is Kind.EXPIRED
    assert asked == [("post", "http://stripe.example/v1/checkout/sessions/cs_test_1/expire", "k:close")]


def test_closing_a_paid_session_tells_of_the_money(stripe_says):
    stripe_says(NOT_OPEN, (200, PAID | {"payment_intent": INTENT}))
    report = close()
    assert (report.kind, report.object_id, report.amount_minor) == (Kind.CAPTURED, "pi_1", 2500)


def test_a_session_that_stays_open_is_unknown_and_never_opened(stripe_says):
    stripe_says(NOT_OPEN, (200, SESSION))
    with pytest.raises(Unknown, match="does not close"):
        close()


def test_a_burnt_key_does_not_keep_a_session_open_for_ever(stripe_says):
    kept = (500, failed(type="api_error"), REPLAYED)
    asked = stripe_says(kept, (200, SESSION), (200, SESSION | {"status": "expired"}))
    assert close().kind is Kind.EXPIRED
    assert [key == "k:close" for method, _, key in asked if method == "post"] == [True, False]


@pytest.mark.parametrize(
    "ask", [close, lambda: StripeAdapter().fetch(reference=PAYMENT.hex, provider_id="cs_1", account=account())]
)
def test_a_session_that_another_key_made_is_not_gone(stripe_says, ask):
    """After the account's key was exchanged for another account's: it may still be paid there."""
    missing = (404, failed(code="resource_missing"))
    stripe_says(missing, missing)
    with pytest.raises(Unknown, match="does not show session"):
        ask()


def test_a_search_finds_nothing_only_after_it_saw_every_page(stripe_says):
    others = [SESSION | {"id": f"cs_{n}", "client_reference_id": None, "metadata": {}} for n in range(2)]
    first = (200, {"object": "list", "data": others, "has_more": True, "url": "/v1/checkout/sessions"})
    asked = stripe_says(first, NOTHING)
    assert StripeAdapter().fetch(reference=PAYMENT.hex, provider_id=None, account=account()) is None
    assert len(asked) == 2
    stripe_says(first, TIMED_OUT, TIMED_OUT)
    with pytest.raises(Unknown):
        StripeAdapter().fetch(reference=PAYMENT.hex, provider_id=None, account=account())


def test_a_search_that_is_too_long_does_not_claim_that_there_is_nothing(stripe_says, monkeypatch):
    monkeypatch.setattr("holdfast.providers.stripe.adapter.LOOKUP_SESSIONS", 1)
    others = [SESSION | {"id": f"cs_{n}", "client_reference_id": None, "metadata": {}} for n in range(2)]
    stripe_says((200, {"object": "list", "data": others, "has_more": False, "url": "/v1/checkout/sessions"}))
    with pytest.raises(Unknown, match="more than 1 sessions"):
        StripeAdapter().fetch(reference=PAYMENT.hex, provider_id=None, account=account())


def test_a_search_looks_around_the_time_at_which_the_payment_was_made():
    made = (PAYMENT.int >> 80) // 1000
    day = int(limits.KEY_SAFE_AGE.total_seconds())
    assert created_about(PAYMENT.hex, None) == {"created": {"gte": made - 600, "lte": made + day + 600}}
    assert created_about("f" * 32, None) == {}
    assert created_about("nonsense", None) == {}


def test_clients_are_kept_and_have_explicit_timeouts_and_retries():
    client, line = asking.client_of(account(secret_key="sk_test_kept"))
    again, _ = asking.client_of(account(secret_key="sk_test_kept", api_base="http://stripe.example/"))
    other, _ = asking.client_of(account(secret_key="sk_test_kept", api_base="http://elsewhere.example"))
    assert client is again
    assert client is not other
    assert line._timeout == (limits.PROVIDER_CONNECT_S, limits.PROVIDER_READ_S)
    assert client._requestor._options.max_network_retries == limits.PROVIDER_RETRIES == 1
    assert client._requestor._options.base_addresses["api"] == "http://stripe.example"
    assert stripe.enable_telemetry is False


def test_without_an_address_of_its_own_an_account_asks_stripe():
    client, _ = asking.client_of(account(api_base=None))
    assert client._requestor._options.base_addresses["api"] == "https://api.stripe.com"
