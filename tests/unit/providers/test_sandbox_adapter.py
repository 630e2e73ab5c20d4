"""The direct gateway is asked up to three times, and FAILED is said only when it is certain that nothing was charged."""

import json

import httpx
import pytest
from provider_things import ACCOUNT, NOW, ORDER, PAYMENT

from holdfast.kernel import clock, limits
from holdfast.providers import http
from holdfast.providers.contract import (
    MONEY,
    AccountHandle,
    Declined,
    Kind,
    NotSent,
    Pointer,
    Purchase,
    Return,
    Taken,
    Unknown,
    Unproven,
)
from holdfast.providers.sandbox.adapter import SandboxAdapter

KEY = f"{PAYMENT.hex}:open"
HANDLE = AccountHandle(
    id=ACCOUNT, provider="sandbox", live=False, credentials={"secret_key": "sk_test_unit", "api_base": "http://gateway.example"}
)
REQUEST = {"order_id": "A-17", "amount": "25.00", "currency": "eur"}
CHARGE = {**REQUEST, "id": "fake_1", "status": "succeeded", "key": KEY, "created": 1700000000}
CHARGED, NOT_CHARGED, NO_SUCH = (200, CHARGE), (500, {"error": "Gateway error"}), (404, {"error": "nothing"})
REFUSED, TIMED_OUT, RESET = httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("reset")


class Gateway:
    """Gives the next of its answers to every call and remembers the calls and the pauses between."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.calls: list[tuple[str, str]] = []
        self.bodies: list[dict] = []
        self.pauses: list[float] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.calls.append((request.method, request.url.path))
        assert request.headers["authorization"] == "Bearer sk_test_unit"
        if request.content:
            self.bodies.append(json.loads(request.content))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        return httpx.Response(status, content=body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.fixture
def gateway(monkeypatch):
    def say(*answers):
        gateway = Gateway(*answers)
        client = httpx.Client(transport=httpx.MockTransport(gateway.answer))
        monkeypatch.setattr(http, "client", lambda: client)
        return gateway

    return say


def open_(gateway):
    return SandboxAdapter(sleep=gateway.pauses.append).open(request=REQUEST, key=KEY, account=HANDLE)


def test_the_request_is_the_orders_amount_to_the_digit():
    purchase = Purchase(
        payment_id=PAYMENT,
        order_id=ORDER,
        order_number="A-17",
        amount_minor=2500,
        currency="EUR",
        lines=[("Tea", 2500, 1)],
        email="",
        manual_capture=False,
        expires_at=NOW,
        success_url="",
        cancel_url="",
    )
    assert SandboxAdapter().compose(purchase, HANDLE) == REQUEST


def test_a_charge_is_captured_money(gateway):
    said = gateway(CHARGED)
    report = open_(said)
    assert (report.kind, report.amount_minor, report.currency) == (Kind.CAPTURED, 2500, "EUR")
    assert (report.reference, report.provider_id, report.object_id) == (PAYMENT.hex, "fake_1", "fake_1")
    assert (report.live, report.source, report.raw_status, report.account_id) == (False, "reply", "succeeded", ACCOUNT)
    assert said.bodies == [{**REQUEST, "key": KEY}]
    assert said.pauses == []


def test_three_tries_with_growing_pauses_send_the_same_key(gateway):
    said = gateway(NOT_CHARGED, NOT_CHARGED, CHARGED)
    assert open_(said).kind is Kind.CAPTURED
    assert [body["key"] for body in said.bodies] == [KEY] * 3
    assert said.pauses == [limits.DIRECT_BACKOFF_S, limits.DIRECT_BACKOFF_S * 2]


def test_failed_only_if_every_try_said_so_and_a_look_agrees(gateway):
    """R-D8."""
    said = gateway(NOT_CHARGED, NOT_CHARGED, NOT_CHARGED, NO_SUCH)
    with pytest.raises(Declined) as no:
        open_(said)
    report = no.value.report
    assert (report.kind, report.reference, report.raw_status, report.amount_minor) == (Kind.FAILED, PAYMENT.hex, "http_500", None)
    assert said.calls[-1] == ("GET", f"/fake-gateway/payments/{KEY}")


def test_three_times_no_after_a_charge_whose_answer_was_lost_is_still_a_charge(gateway):
    """The worker died after the first open; its retry meets a gateway that says 500 at random."""
    said = gateway(NOT_CHARGED, NOT_CHARGED, NOT_CHARGED, CHARGED)
    assert open_(said).kind is Kind.CAPTURED


@pytest.mark.parametrize(
    "doubt", [TIMED_OUT, RESET, httpx.WriteError("reset"), (502, b"<html>"), (503, {}), (200, b'{"id": "fa'), (409, {})]
)
@pytest.mark.parametrize("before", [[], [NOT_CHARGED]], ids=["first", "second"])
def test_a_try_in_doubt_is_looked_up_once_and_else_unknown(gateway, before, doubt):
    said = gateway(*before, doubt, CHARGED)
    assert open_(said).source == "poll"
    for look in (NO_SUCH, TIMED_OUT, REFUSED, (500, {}), (200, b"")):
        said = gateway(*before, doubt, look)
        with pytest.raises(Unknown):
            open_(said)
        assert said.answers == []
        assert [method for method, _ in said.calls] == ["POST"] * (len(before) + 1) + ["GET"]


def test_refused_on_every_try_was_not_sent(gateway):
    said = gateway(REFUSED, REFUSED, REFUSED)
    with pytest.raises(NotSent, match="could not be reached"):
        open_(said)
    assert len(said.calls) == limits.DIRECT_TRIES


def test_some_tries_refused_and_the_others_no_is_not_failed(gateway):
    with pytest.raises(NotSent):
        open_(gateway(NOT_CHARGED, REFUSED, NOT_CHARGED))


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_says_so(gateway, status):
    """S-48."""
    with pytest.raises(NotSent, match="refuses this account's secret key"):
        open_(gateway(*[(status, {})] * 3))


@pytest.mark.parametrize("credentials", [{}, {"secret_key": "sk_test_unit"}, {"secret_key": "é", "api_base": "http://g"}])
def test_credentials_that_cannot_be_right_never_leave_the_house(gateway, credentials):
    said = gateway()
    handle = AccountHandle(id=ACCOUNT, provider="sandbox", live=False, credentials=credentials)
    with pytest.raises(NotSent):
        SandboxAdapter(sleep=said.pauses.append).open(request=REQUEST, key=KEY, account=handle)
    assert said.calls == []


def test_a_request_that_the_gateway_does_not_understand_is_declined_at_once(gateway):
    said = gateway((400, {}), NO_SUCH)
    with pytest.raises(Declined) as no:
        open_(said)
    assert (no.value.report.kind, no.value.report.raw_status) == (Kind.FAILED, "http_400")


def test_fetch_finds_the_charge_by_our_reference_or_knows_that_there_is_none(gateway):
    said = gateway(CHARGED, (200, {"refunds": []}), NO_SUCH)
    ask = {"reference": PAYMENT.hex, "provider_id": None, "account": HANDLE}
    assert SandboxAdapter().fetch(**ask).object_id == "fake_1"
    assert SandboxAdapter().fetch(**ask) is None
    look_up = ("GET", f"/fake-gateway/payments/{KEY}")
    assert said.calls == [look_up, ("GET", "/fake-gateway/refunds/"), look_up]


@pytest.mark.parametrize(
    ("answer", "error"), [(TIMED_OUT, Unknown), (REFUSED, NotSent), ((500, {}), Unknown), ((401, {}), NotSent)]
)
def test_fetch_does_not_claim_that_there_is_none_without_having_heard_it(gateway, answer, error):
    gateway(answer)
    with pytest.raises(error):
        SandboxAdapter().fetch(reference=PAYMENT.hex, provider_id=None, account=HANDLE)


def test_close_tells_of_the_charge_or_that_there_is_none(gateway, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)
    gateway(CHARGED, NO_SUCH)
    ask = {"provider_id": "fake_1", "key": f"{PAYMENT.hex}:close", "account": HANDLE}
    assert SandboxAdapter().close(**ask).kind is Kind.CAPTURED
    nothing = SandboxAdapter().close(**ask)
    assert (nothing.kind, nothing.reference, nothing.occurred_at) == (Kind.CANCELLED, PAYMENT.hex, NOW)


@pytest.mark.parametrize(
    "odd",
    [{"status": "reversed"}, {"status": None}, {"amount": "25.001"}, {"amount": 25.0}, {"amount": "NaN"}, {"amount": "-25.00"},
     {"amount": "0"}, {"currency": "xxx"}, {"currency": None}, {"id": 7}, {"key": None}],
)  # fmt: skip
def test_an_odd_charge_is_unreadable_and_carries_no_money(gateway, odd):
    report = open_(gateway((200, CHARGE | odd)))
    assert (report.kind, report.amount_minor, report.currency) == (Kind.UNREADABLE, None, None)


def test_it_sends_no_webhooks_so_none_is_believed():
    with pytest.raises(Unproven):
        SandboxAdapter().verify(headers={}, body=b"{}", credentials={}, now=NOW)
    assert SandboxAdapter().read(body=b"{}", type="payment", account=HANDLE) is None


def test_the_shared_client_has_explicit_timeouts_and_follows_no_redirect():
    client = http.client()
    assert client is http.client()
    assert (client.timeout.connect, client.timeout.read) == (limits.PROVIDER_CONNECT_S, limits.PROVIDER_READ_S)
    assert client.follow_redirects is False


REFUND = "e" * 32
TAKEN = Taken(reference=PAYMENT.hex, provider_id="fake_1", object_id="fake_1", amount_minor=2500, currency="EUR")
WANTED = Return(reference=REFUND, money=TAKEN, amount_minor=500)
BACK = {
    "id": "back_1",
    "status": "succeeded",
    "payment": KEY,
    "amount": "5.00",
    "currency": "eur",
    "key": f"{REFUND}:refund",
    "created": 1700000000,
}
RETURNED = (200, BACK)


def refund(gateway):
    return SandboxAdapter(sleep=gateway.pauses.append).refund(wanted=WANTED, key="any", account=HANDLE)


def test_a_refund_is_returned_money_under_a_key_that_a_look_up_knows(gateway):
    said = gateway(RETURNED)
    report = refund(said)
    assert (report.kind, report.amount_minor, report.currency) == (Kind.REFUNDED, 500, "EUR")
    assert (report.object_id, report.money_id) == ("back_1", "fake_1")
    assert (report.reference, report.refund_reference, report.provider_id) == (PAYMENT.hex, REFUND, None)
    assert said.bodies == [{"payment": KEY, "amount": "5.00", "key": f"{REFUND}:refund"}]


def test_a_refund_is_declined_only_if_every_try_said_no_and_a_look_agrees(gateway):
    for answers in ([NOT_CHARGED] * 3, [(422, {})]):
        said = gateway(*answers, NO_SUCH)
        with pytest.raises(Declined) as no:
            refund(said)
        report = no.value.report
        assert (report.kind, report.object_id, report.amount_minor) == (Kind.REFUND_FAILED, None, None)
        assert (report.money_id, report.refund_reference, report.reference) == ("fake_1", REFUND, PAYMENT.hex)
        assert said.calls[-1] == ("GET", f"/fake-gateway/refunds/{REFUND}:refund")


@pytest.mark.parametrize("answers", [[NOT_CHARGED] * 3, [(422, {})], [(409, {})], [TIMED_OUT], [RESET], [(200, b'{"id"')]])
def test_a_refund_that_is_there_is_found_whatever_was_answered(gateway, answers):
    assert refund(gateway(*answers, RETURNED)).object_id == "back_1"


@pytest.mark.parametrize("answers", [[TIMED_OUT, NO_SUCH], [(404, {}), NO_SUCH], [(422, {}), REFUSED], [TIMED_OUT, TIMED_OUT]])
def test_a_refund_in_doubt_stays_unknown(gateway, answers):
    with pytest.raises(Unknown):
        refund(gateway(*answers))


@pytest.mark.parametrize(
    "odd",
    [{"status": "reversed"}, {"status": None}, {"amount": "5.001"}, {"amount": 5.0}, {"amount": "-5.00"}, {"currency": "xxx"},
     {"id": 7}, {"key": None}, {"payment": None}, {"payment": []}],
)  # fmt: skip
def test_an_odd_refund_is_unreadable_by_look_up_and_unknown_as_an_answer(gateway, odd):
    with pytest.raises(Unknown):
        refund(gateway((200, BACK | odd)))
    gateway((200, BACK | odd))
    report = SandboxAdapter().fetch_refund(wanted=WANTED, provider_id="back_1", account=HANDLE)
    assert (report.kind, report.amount_minor, report.currency, report.money_id) == (Kind.UNREADABLE, None, None, "fake_1")


def test_the_whole_picture_of_a_charge_has_its_refunds(gateway):
    gateway(CHARGED, (200, {"refunds": [BACK]}), CHARGED, (200, []))
    adapter = SandboxAdapter()
    found = adapter.look(pointer=Pointer(kind=MONEY, id="fake_1"), account=HANDLE)
    assert (found.kind, [(each.kind, each.object_id) for each in found.also]) == (Kind.CAPTURED, [(Kind.REFUNDED, "back_1")])
    with pytest.raises(Unknown, match="not a list"):
        adapter.fetch(reference=PAYMENT.hex, provider_id=None, account=HANDLE)


def test_a_look_at_what_is_not_ours_finds_nothing(gateway):
    gateway((200, CHARGE | {"key": "somebody's"}), NO_SUCH)
    for pointer in (Pointer(kind=MONEY, id="fake_2"), Pointer(kind=MONEY, id="fake_3"), Pointer(kind="order", id="1")):
        assert SandboxAdapter().look(pointer=pointer, account=HANDLE) is None


def test_it_holds_no_money_so_a_capture_tells_what_was_charged(gateway):
    gateway(CHARGED, NO_SUCH)
    ask = {"money": TAKEN, "amount_minor": 2500, "key": "k", "account": HANDLE}
    assert SandboxAdapter().capture(**ask).kind is Kind.CAPTURED
    with pytest.raises(Declined) as no:
        SandboxAdapter().capture(**ask)
    assert no.value.report.kind is Kind.CANCELLED


def test_it_publishes_no_books():
    assert list(SandboxAdapter().statement(since=NOW, until=NOW, account=HANDLE)) == []
