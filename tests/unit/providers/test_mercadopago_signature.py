"""Golden vectors of Mercado Pago's signature (S-77), held against the official SDK's validator, and all that proves nothing."""

import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from mercadopago.webhook import InvalidWebhookSignatureError, WebhookSignatureValidator
from provider_things import NOW

from holdfast.kernel.limits import MAX_WEBHOOK_BYTES
from holdfast.providers.contract import Unproven
from holdfast.providers.mercadopago import proof

SECRET = "4b7f1c3e9a5d2f8b6e0c7a1d3f5b9e2c"
TS = str(int(NOW.timestamp()))
REQUEST_ID = "0c6f9b6e-3c55-4f2f-8f5e-2e3a6c1d9b77"
#: data.id of the query, x-request-id, ts → v1, made with `printf '%s' "$manifest" | openssl dgst -sha256 -hmac "$secret"`.
GOLDEN = [
    ("123456789", REQUEST_ID, "1795262400", "72a9a0c98c48965725a18b779624b971de594e2dbd77aab688801ed8c12bac0d"),
    ("123456789", None, "1795262400", "b80cca24f39649ded217a35645e5ab63acad07ba7894fdc5e7ebc945783d2341"),
    (
        "ORD01JQ4S4KY8HWQ6NA5PXB65B3D3",
        REQUEST_ID,
        "1795262400",
        "08f527c20a038e96a4ead68efc2893a607ea5cc44d98d17ec6e2fccda132163a",
    ),
    (
        "ord01jq4s4ky8hwq6na5pxb65b3d3",
        REQUEST_ID,
        "1795262400",
        "66b30b9f1fb15003d75d534b628d4a5e516f69eb9ba6083a2885a52bfe6476fd",
    ),
    ("123456789", REQUEST_ID, "1795262400000", "4d0f846416f463f8192755d511e72d4285658794e13a10a509a435e3bd0188f2"),
]


def body(data_id: str = "123456789", **more) -> bytes:
    said = {"id": 114411153595, "type": "payment", "action": "payment.updated", "data": {"id": data_id}, "live_mode": False}
    return json.dumps({**said, "date_created": "2026-11-21T08:00:00.000-04:00", **more}).encode()


def signed(data_id: str, request_id: str | None, ts: str, secret: str = SECRET) -> str:
    manifest = f"id:{data_id};" + (f"request-id:{request_id};" if request_id else "") + f"ts:{ts};"
    return hmac.new(secret.encode(), manifest.encode(), hashlib.sha256).hexdigest()


def verify(*, data_id="123456789", request_id=REQUEST_ID, ts=TS, v1=None, said=None, query=None, now=NOW, secrets=(SECRET,)):
    headers = {"x-signature": f"ts={ts},v1={v1 or signed(data_id, request_id, ts)}"}
    if request_id is not None:
        headers["x-request-id"] = request_id
    query = f"data.id={data_id}&type=payment" if query is None else query
    return proof.verify(headers=headers, query=query, body=said or body(data_id), secrets=list(secrets), now=now)


@pytest.mark.parametrize(("data_id", "request_id", "ts", "v1"), GOLDEN)
def test_golden_vectors_hold_here_and_for_the_official_sdk(data_id, request_id, ts, v1):
    WebhookSignatureValidator.validate(f"ts={ts},v1={v1}", request_id, data_id, SECRET)
    incoming = verify(data_id=data_id, request_id=request_id, ts=ts, v1=v1)
    assert (incoming.event_id, incoming.type) == ("114411153595:payment.updated", "payment")
    assert incoming.created_at == NOW


def test_an_id_in_capitals_may_be_signed_as_it_is_or_in_lower_case():
    """The documentation says lower case, the SDKs do not do it any more."""
    capitals, small = GOLDEN[2], GOLDEN[3]
    assert verify(data_id=capitals[0], v1=capitals[3]).type == "payment"
    assert verify(data_id=capitals[0], v1=small[3]).type == "payment"
    with pytest.raises(InvalidWebhookSignatureError):
        WebhookSignatureValidator.validate(f"ts={TS},v1={small[3]}", REQUEST_ID, capitals[0], SECRET)
    with pytest.raises(Unproven):
        verify(data_id=small[0], v1=capitals[3])


@pytest.mark.parametrize("secrets", [(SECRET,), ("another", SECRET), (SECRET, "another"), (None, 7, "", SECRET)])
def test_any_of_our_secrets_may_have_signed(secrets):
    assert verify(secrets=secrets).type == "payment"


@pytest.mark.parametrize(
    ("age", "holds"),
    [
        (timedelta(0), True),
        (timedelta(days=4, hours=23), True),
        (timedelta(days=5, seconds=1), False),
        (-timedelta(seconds=299), True),
        (-timedelta(seconds=301), False),
    ],
)
@pytest.mark.parametrize("scale", [1, 1000])
def test_a_signature_lives_as_long_as_it_may_be_repeated_and_never_comes_from_the_future(age, holds, scale):
    ts = str(int((NOW - age).timestamp()) * scale)
    if holds:
        assert verify(ts=ts).type == "payment"
    else:
        with pytest.raises(Unproven, match="too long ago, or in the future"):
            verify(ts=ts)


@pytest.mark.parametrize(
    "changes",
    [
        {"v1": "0" * 64},
        {"v1": signed("123456789", REQUEST_ID, TS, "another secret")},
        {"v1": signed("123456789", None, TS)},
        {"v1": signed("987654321", REQUEST_ID, TS)},
        {"secrets": ()},
        {"secrets": ("", None)},
        {"ts": "0"},
        {"ts": "-1"},
        {"ts": "９"},
        {"ts": "1e9"},
        {"ts": "9" * 16},
        {"query": ""},
        {"query": "type=payment"},
        {"query": "data.id=&type=payment"},
        {"query": "id=123456789&topic=payment"},
        {"query": "data.id=123456789&data.id=1&type=payment"},
        {"query": "data.id=123456789&type=topic_chargebacks_wh"},
        {"query": "&".join(["a=1"] * 30)},
        {"said": body("987654321")},
        {"said": body(type="")},
        {"said": body(type=7)},
        {"said": body(id=None)},
        {"said": body(id=True)},
        {"said": body(id="a b")},
        {"said": body(data=None)},
        {"said": b"[]"},
        {"said": b"{"},
        {"said": b"\xff"},
        {"said": b'{"id": NaN}'},
        {"said": b"[" * 100_000},
        {"said": b" " * (MAX_WEBHOOK_BYTES + 1)},
    ],
)
def test_what_proves_nothing_is_unproven(changes):
    with pytest.raises(Unproven):
        verify(**changes)


@pytest.mark.parametrize(
    "header",
    [None, "", "v1=ab", "ts=1795262400", "ts=1795262400,v1=", "ts=1,ts=2,v1=ab", "ts=1795262400,v2=ab", "ñ", "a" * 513, 7],
)
def test_a_header_that_cannot_be_read_is_unproven(header):
    with pytest.raises(Unproven):
        proof.parse(header)


def test_blanks_in_the_header_are_read_as_the_sdk_reads_them():
    v1 = GOLDEN[0][3]
    WebhookSignatureValidator.validate(f"ts = {TS} , v1 = {v1}", REQUEST_ID, "123456789", SECRET)
    headers = {"x-signature": f"ts = {TS} , v1 = {v1}", "x-request-id": f" {REQUEST_ID} "}
    query = "data.id=123456789&type=payment"
    assert proof.verify(headers=headers, query=query, body=body(), secrets=[SECRET], now=NOW).type == "payment"


def test_a_chargebacks_number_may_be_a_number_in_the_body_and_its_actions_a_list():
    said = body(data={"id": 233000061680860000, "payment_id": 1}, type="topic_chargebacks_wh", action=None, actions=["created"])
    query = "data.id=233000061680860000&type=topic_chargebacks_wh"
    incoming = verify(data_id="233000061680860000", said=said, query=query)
    assert incoming.event_id == "114411153595:topic_chargebacks_wh"


def test_the_body_is_passed_on_byte_for_byte():
    said = body() + b"\n"
    assert verify(said=said).body == said
