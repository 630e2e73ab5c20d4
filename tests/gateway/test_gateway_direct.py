import uuid

import httpx
import pytest

START = "POST /fake-gateway/start/"


@pytest.fixture
def start(shop):
    shop.gateway.moods(probabilities={START: {"fail_before": 0}})

    def start(key: str | None = None, **said) -> httpx.Response:
        body = {"order_id": "ORD123", "amount": 100.0, "currency": "USD", **said}
        headers = {"Authorization": f"Bearer {shop.key}", **({"Idempotency-Key": key} if key else {})}
        return httpx.post(f"{shop.gateway.url}/fake-gateway/start/", json=body, headers=headers)

    yield start
    shop.gateway.moods(probabilities={START: {"fail_before": 0.3}})


def look_up(shop, key: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {shop.key}"}
    return httpx.get(f"{shop.gateway.url}/fake-gateway/payments/{key}", headers=headers)


def test_payment_is_charged_once_per_key(shop, start):
    first, second = start("k"), start("k")
    assert first.status_code == 200
    assert first.json() == second.json()
    assert (first.json()["status"], first.json()["order_id"], first.json()["amount"]) == ("succeeded", "ORD123", "100.0")
    assert look_up(shop, "k").json() == first.json()
    assert shop.books()["direct_payments"] == [first.json()]


def test_key_may_come_in_the_body(shop, start):
    assert start(key=None, **{"amount": "100.00"}).status_code == 200
    body = {"order_id": "o", "amount": "5", "key": "in-body"}
    headers = {"Authorization": f"Bearer {shop.key}"}
    response = httpx.post(f"{shop.gateway.url}/fake-gateway/start/", json=body, headers=headers)
    assert response.json()["key"] == "in-body"


def test_failure_charges_nothing_and_is_forgotten(shop, start):
    shop.gateway.mood_next(START, "fail_before")
    assert start("k").status_code == 500
    assert look_up(shop, "k").status_code == 404
    assert shop.books()["direct_payments"] == []
    assert start("k").status_code == 200


@pytest.mark.parametrize("mood", ["timeout_after", "reset_after"])
def test_lost_answer_was_charged_and_is_found_by_its_key(shop, start, mood):
    shop.gateway.mood_next(START, mood, seconds=0.2)
    with pytest.raises(httpx.RemoteProtocolError):
        start("k")
    assert look_up(shop, "k").json()["status"] == "succeeded"
    assert len(shop.books()["direct_payments"]) == 1


def test_key_with_another_amount_is_refused(shop, start):
    start("k", amount="10.00")
    assert start("k", amount="10").status_code == 200
    assert start("k", amount="10.01").status_code == 409
    assert [each["amount"] for each in shop.books()["direct_payments"]] == ["10.00"]


@pytest.mark.parametrize("amount", ["9007199254740993.01", "0.1"])
def test_amounts_keep_every_digit(start, amount):
    assert start(str(uuid.uuid4()), amount=amount).json()["amount"] == amount


@pytest.mark.parametrize("amount", [0, -1, "NaN", "much", None])
def test_impossible_amounts_are_refused(shop, start, amount):
    assert start("k", amount=amount).status_code == 400
    assert shop.books()["direct_payments"] == []


def test_without_a_bearer_key_nothing_starts(gateway):
    assert httpx.post(f"{gateway.url}/fake-gateway/start/", json={}).status_code == 401
    assert httpx.get(f"{gateway.url}/fake-gateway/payments/k").status_code == 401


def test_about_a_third_fails_unless_told_otherwise(shop):
    headers = {"Authorization": f"Bearer {shop.key}"}
    with httpx.Client(headers=headers) as client:
        statuses = [
            client.post(f"{shop.gateway.url}/fake-gateway/start/", json={"order_id": "o", "amount": 1, "key": str(n)}).status_code
            for n in range(100)
        ]
    assert 15 <= statuses.count(500) <= 45
    assert len(shop.books()["direct_payments"]) == statuses.count(200)
