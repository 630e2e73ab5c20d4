"""The template is a working adapter: whoever copies it starts from something that is right."""

import hashlib
import hmac
import importlib.util
import json
from inspect import signature
from pathlib import Path

import httpx
import pytest
from provider_things import ACCOUNT, NOW, ORDER, PAYMENT
from test_providers import QUESTIONS

from holdfast.providers import http
from holdfast.providers.contract import (
    MONEY,
    AccountHandle,
    Declined,
    Kind,
    NotSent,
    Pointer,
    Provider,
    Purchase,
    Return,
    Taken,
    Unknown,
    Unproven,
)

PATH = Path(__file__).parents[3] / "docs" / "provider-template" / "adapter.py"
spec = importlib.util.spec_from_file_location("provider_template", PATH)
template = importlib.util.module_from_spec(spec)
spec.loader.exec_module(template)

HANDLE = AccountHandle(
    id=ACCOUNT,
    provider="example",
    live=False,
    credentials={"secret_key": "sk_1", "webhook_secret": "whsec_1", "api_base": "http://example"},
)
TAKEN = Taken(reference=PAYMENT.hex, provider_id="p_1", object_id="p_1", amount_minor=2500, currency="EUR")
WANTED = Return(reference="e" * 32, money=TAKEN, amount_minor=700)
OPEN = {"id": "p_1", "status": "created", "reference": PAYMENT.hex, "url": "http://pay"}
PAID = OPEN | {"status": "paid", "amount": 2500, "currency": "EUR"}
HELD, GONE = PAID | {"status": "authorized"}, OPEN | {"status": "cancelled"}
BACK = {"id": "r_1", "payment": "p_1", "reference": "e" * 32, "status": "done", "amount": 700, "currency": "EUR"}
NO, BROKEN, SECRET = (422, {"code": "no"}), (500, {}), (401, {})


def listed(*items) -> tuple:
    return 200, {"items": list(items)}


@pytest.fixture
def says(monkeypatch):
    def script(*answers):
        left = list(answers)

        def answer(request: httpx.Request) -> httpx.Response:
            status, body = left.pop(0)
            return httpx.Response(status, json=body)

        client = httpx.Client(transport=httpx.MockTransport(answer))
        monkeypatch.setattr(http, "client", lambda: client)
        return template.ExamplePay()

    return script


def open_(adapter):
    bought = Purchase(
        payment_id=PAYMENT,
        order_id=ORDER,
        order_number="A-1",
        amount_minor=2500,
        currency="EUR",
        lines=[("Tea", 2500, 1)],
        email="",
        manual_capture=False,
        expires_at=NOW,
        success_url="http://thanks",
        cancel_url="http://cart",
    )
    return adapter.open(request=adapter.compose(bought, HANDLE), key="k", account=HANDLE)


def refund(adapter):
    return adapter.refund(wanted=WANTED, key="k", account=HANDLE)


def capture(adapter):
    return adapter.capture(money=TAKEN, amount_minor=2500, key="k", account=HANDLE)


def close(adapter):
    return adapter.close(provider_id="p_1", key="k", account=HANDLE)


@pytest.mark.parametrize("question", QUESTIONS)
def test_it_answers_every_question_in_the_contracts_words(question):
    expected, given = (list(signature(getattr(asked, question)).parameters) for asked in (Provider, template.ExamplePay))
    assert given == expected


@pytest.mark.parametrize(
    ("ask", "answers", "said"),
    [
        (open_, [(201, OPEN)], Kind.OPENED),
        (open_, [NO, listed()], Declined),
        (open_, [NO, listed(PAID), listed()], Kind.CAPTURED),
        (open_, [NO, BROKEN], Unknown),
        (open_, [NO, SECRET], Unknown),
        (open_, [BROKEN], Unknown),
        (open_, [SECRET], NotSent),
        (open_, [(200, [])], Unknown),
        (open_, [(200, {"id": 7})], Unknown),
        (close, [(200, GONE), (200, GONE)], Kind.CANCELLED),
        (close, [NO, (200, PAID)], Kind.CAPTURED),
        (close, [NO, (200, OPEN)], Unknown),
        (close, [NO, (200, HELD)], Unknown),
        (capture, [(200, PAID)], Kind.CAPTURED),
        (capture, [NO, (200, PAID)], Kind.CAPTURED),
        (capture, [NO, (200, HELD)], Declined),
        (capture, [NO, (200, GONE)], Declined),
        (capture, [NO, (404, {})], Unknown),
        (refund, [(201, BACK)], Kind.REFUNDED),
        (refund, [NO, listed(BACK)], Kind.REFUNDED),
        (refund, [NO, listed(BACK | {"reference": None})], Declined),
        (refund, [(404, {})], Unknown),
        (refund, [(201, BACK | {"status": "odd"})], Unknown),
    ],
)
def test_every_answer_has_its_meaning(says, ask, answers, said):
    adapter = says(*answers)
    if isinstance(said, Kind):
        assert ask(adapter).kind is said
    else:
        with pytest.raises(said):
            ask(adapter)


def test_money_is_told_with_its_refunds_and_its_fee(says):
    adapter = says((200, PAID), listed(BACK), (404, {}), listed({"id": "f_1", "payment": "p_1", "amount": 9, "currency": "EUR"}))
    found = adapter.look(pointer=Pointer(kind=MONEY, id="p_1"), account=HANDLE)
    assert (found.reference, [each.object_id for each in found.also]) == (PAYMENT.hex, ["r_1"])
    assert adapter.look(pointer=Pointer(kind=MONEY, id="p_2"), account=HANDLE) is None
    (fee,) = adapter.statement(since=NOW, until=NOW, account=HANDLE)
    assert (fee.kind, fee.amount_minor, fee.money_id) == (Kind.FEE, 9, "p_1")


def test_only_a_signed_event_is_believed(says):
    adapter = says()
    body = json.dumps({"id": "e_1", "type": "payment.updated", "object": PAID}).encode()
    proof = hmac.new(b"whsec_1", body, hashlib.sha256).hexdigest()
    ask = {"body": body, "credentials": HANDLE.credentials, "now": NOW}
    (event,) = adapter.verify(headers={"x-signature": proof}, **ask)
    assert adapter.read(body=event.body, type=event.type, account=HANDLE).kind is Kind.CAPTURED
    for headers in ({}, {"x-signature": "é"}, {"x-signature": proof[:-1]}):
        with pytest.raises(Unproven):
            adapter.verify(headers=headers, **ask)


@pytest.mark.parametrize("field", ["id", "status", "reference", "amount", "currency"])
@pytest.mark.parametrize("odd", [None, 7.5, True, [], {}, ""])
def test_an_odd_field_is_unreadable(says, field, odd):
    body = json.dumps({"object": PAID | {field: odd}}).encode()
    report = says().read(body=body, type="payment.updated", account=HANDLE)
    assert (report.kind, report.amount_minor) == (Kind.UNREADABLE, None)
