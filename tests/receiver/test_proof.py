"""No proof, no row: whatever is wrong with a webhook, it is a 400 and nothing is kept."""

import hashlib
import json
import time
from uuid import UUID

import pytest

from holdfast.kernel.ids import new_id
from holdfast.kernel.limits import MAX_WEBHOOK_BYTES
from tests.receiver.conftest import SECRET, House, address, found
from tests.receiver.process import event, signed

PROBLEM = {
    "type": "about:blank",
    "title": "Bad Request",
    "status": 400,
    "code": "unproven",
    "detail": "The webhook does not prove that it comes from the provider.",
}


def refused(house: House, path: str, body: bytes, headers: dict) -> None:
    """A 400 that says nothing of why, and no row."""
    before = house.rows()
    answer = house.receiver.post(path, body, headers)
    assert (answer.status_code, answer.json()) == (400, PROBLEM), house.receiver.log[-500:]
    assert answer.headers["content-type"] == "application/problem+json"
    assert house.rows() == before


def test_a_proven_event_is_stored_with_all_that_support_needs(house):
    body = event("evt_whole", type="checkout.session.completed", created=1_763_683_200)
    headers = {**signed(body, SECRET), "Cookie": "secret", "Authorization": "Bearer secret", "X-Request-Id": "r1"}
    answer = house.receiver.post(house.path, body, headers)
    assert (answer.status_code, answer.content) == (200, b'{"received":true}')
    [row] = house.database.rows(
        "SELECT e.merchant_id, e.account_id, provider, type, payload_sha256, extract(epoch FROM provider_created_at)::bigint,"
        " state, attempts, due_at <= now(), received_at > now() - interval '1 minute', p.body, p.headers, p.kind, p.merchant_id"
        " FROM inbox_event e JOIN db_payload p ON p.id = e.payload_id WHERE provider_event_id = 'evt_whole'"
    )
    sha256 = hashlib.sha256(body).hexdigest()
    assert row[:6] == (house.merchant_id, house.account_id, "stripe", "checkout.session.completed", sha256, 1_763_683_200)
    assert row[6:10] == ("received", 0, True, True)
    assert bytes(row[10]) == body
    assert row[11] == {
        "stripe-signature": headers["Stripe-Signature"],
        "content-type": "application/json",
        "user-agent": "Stripe/1.0",
        "x-request-id": "r1",
    }
    assert row[12:] == ("webhook", house.merchant_id)


def test_an_unsigned_webhook_is_refused(house):
    refused(house, house.path, event(), {})
    refused(house, house.path, event(), {"Stripe-Signature": ""})


def test_a_forged_webhook_is_refused(house):
    body = event()
    refused(house, house.path, body, signed(body, "whsec_guessed"))
    refused(house, house.path, body.replace(b"invoice.paid", b"invoice.pai2"), signed(body, SECRET))
    refused(house, house.path, body + b" ", signed(body, SECRET))


@pytest.mark.parametrize("seconds", [-330, 330, -86_400, 86_400])
def test_a_stale_or_future_webhook_is_refused(house, seconds):
    body = event()
    refused(house, house.path, body, signed(body, SECRET, at=time.time() + seconds))


@pytest.mark.parametrize("seconds", [-270, 270])
def test_clocks_may_differ_by_less_than_five_minutes(house, seconds):
    assert house.send(event(), at=time.time() + seconds) == 200


@pytest.mark.parametrize(
    "header",
    [b"t=,v1=", b"\xff\xfe", "t=é,v1=ü".encode(), b"t=1,v1=" + b"a" * 5_000, b",,,===", b"t=99999999999999999999,v1=a", b"v1=a"],
)
def test_a_nonsense_signature_is_refused(house, header):
    refused(house, house.path, event(), {"Stripe-Signature": header})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"not json",
        b"\xff\xfe\xfd",
        '{"id": "évt"}'.encode("latin-1"),
        b"[]",
        b"[1, 2]",
        b"null",
        b'"text"',
        b"1e999",
        b"{}",
        b"[" * 100_000,
        json.dumps({"id": "evt_1"}).encode(),
        event(id="evt_\0nul"),
        event(id="evt_\ud800half"),
        event(id="e" * 256),
        event(type=""),
        event(type="t" * 121),
        event(type=None),
        event(created="soon"),
        event(created=10**30),
        event(created=-1),
        event(object="list"),
        event(id="évt_1"),
    ],
    ids=range(24),
)
def test_a_malformed_body_is_refused_though_its_signature_holds(house, body):
    refused(house, house.path, body, signed(body, SECRET))


def test_a_body_over_the_limit_is_refused_and_one_at_the_limit_is_not(house):
    small = event("evt_limit", padding="")
    at_limit = event("evt_limit", padding="x" * (MAX_WEBHOOK_BYTES - len(small)))
    assert len(at_limit) == MAX_WEBHOOK_BYTES
    assert house.send(at_limit) == 200
    before = house.rows()
    answer = house.receiver.post(house.path, at_limit + b" ", signed(at_limit + b" ", SECRET))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert house.rows() == before


def test_a_body_over_the_limit_in_chunks_is_refused(house):
    before = house.rows()
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    head = f"POST {house.path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    answer = house.receiver.raw(head + chunk * 17 + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert house.rows() == before


def test_a_body_in_chunks_is_taken_whole(house):
    body = event("evt_chunks")
    headers = {**signed(body, SECRET), "Transfer-Encoding": "chunked"}
    answer = house.receiver.client.post(house.path, content=iter([body[:20], body[20:]]), headers=headers)
    assert answer.status_code == 200
    assert house.database.count("inbox_event", "provider_event_id = 'evt_chunks'") == 1


def test_unknown_accounts_and_providers_look_like_a_wrong_signature(house):
    body = event()
    headers = signed(body, SECRET)
    for path in (
        address(new_id()),
        address(new_id()),
        address(house.account_id, "paypal"),
        address(house.account_id, "sandbox"),
        address(house.account_id, "STRIPE"),
        f"/webhooks/stripe/{house.account_id}",
        f"/webhooks/stripe/acc_{house.account_id}",
        f"/webhooks/stripe/ord_{house.account_id.hex}",
        "/webhooks/stripe/acc_" + "٣" * 32,
        "/webhooks/stripe/",
        "/webhooks//",
        "/webhooks/%FF/%00",
        "/webhooks/stripe/" + "a" * 3_000,
    ):
        refused(house, path, body, headers)


def test_another_merchants_secret_does_not_open_my_account(house):
    _, theirs = found(house.database, "theirs", "whsec_theirs")
    body = event()
    refused(house, house.path, body, signed(body, "whsec_theirs"))
    refused(house, address(theirs), body, signed(body, SECRET))
    assert house.receiver.post(address(theirs), body, signed(body, "whsec_theirs")).status_code == 200
    assert house.send(body) == 200
    owners = house.database.rows("SELECT account_id FROM inbox_event WHERE provider_event_id = %s", json.loads(body)["id"])
    assert {owner for (owner,) in owners} == {house.account_id, theirs}


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET {path}", 405),
        ("PUT {path}", 405),
        ("BREW {path}", 400),
        ("POST {path}/", 404),
        ("POST /", 404),
        ("POST /webhooks", 404),
        ("POST /webhooks/stripe", 404),
        ("GET /health", 404),
        ("POST /health/live", 405),
        ("GET /health/live", 200),
        ("GET /health/ready", 200),
    ],
)
def test_only_what_is_there_is_answered(house, request_line, status):
    line = request_line.format(path=house.path)
    answer = house.receiver.raw(f"{line} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    assert answer.split(b" ", 2)[1] == str(status).encode(), answer


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"POST {path} HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 600_000 + b"\r\n\r\n",
        b"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nnonsense",
        b"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nshort",
        b"POST {path} HTTP/1.1\r\nHost: x\r\n" + b"".join(b"H%d: x\r\n" % n for n in range(500)) + b"\r\n",
    ],
    ids=["line", "header", "length", "overflow", "chunk", "short", "many"],
)
def test_broken_http_is_never_our_failure(house, request_bytes):
    before = house.rows()
    answer = house.receiver.raw(request_bytes.replace(b"{path}", house.path.encode()), patience_s=2)
    assert answer == b"" or answer.split(b" ", 2)[1].startswith(b"4"), answer[:200]
    assert house.rows() == before
    assert house.send(event()) == 200


def test_a_fatal_guess_of_an_account_says_nothing_in_the_answer(house):
    """The same bytes for an account that exists and for one that does not."""
    body = event()
    there = house.receiver.post(house.path, body, {})
    nowhere = house.receiver.post(address(UUID(int=7)), body, {})
    assert there.content == nowhere.content


def test_refusals_are_logged_without_bodies_or_secrets(house):
    body = event(note="very private")
    house.receiver.post("/webhooks/stripe/acc_%0Aforged", body, {"Stripe-Signature": "t=1,v1=abcdef", "Cookie": "private"})
    deadline = time.monotonic() + 5
    while "forged" not in house.receiver.log and time.monotonic() < deadline:
        time.sleep(0.05)
    [line] = [line for line in house.receiver.log.splitlines() if "forged" in line]
    assert "status=400" in line
    for secret in ("private", "abcdef", SECRET, "whsec_theirs"):
        assert secret not in house.receiver.log
