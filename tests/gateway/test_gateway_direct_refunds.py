import httpx
import pytest

START, REFUND = "POST /fake-gateway/start/", "POST /fake-gateway/refunds/"


@pytest.fixture
def give_back(shop):
    """Refunds of one charge of 100.00 under the key `paid`."""
    shop.gateway.moods(probabilities={START: {"fail_before": 0}, REFUND: {"fail_before": 0}})
    body = {"order_id": "ORD123", "amount": "100.00", "currency": "USD", "key": "paid"}
    assert httpx.post(f"{shop.gateway.url}/fake-gateway/start/", json=body, headers=bearer(shop)).status_code == 200

    def give_back(key: str, **said) -> httpx.Response:
        body = {"payment": "paid", "amount": "30.00", "key": key, **said}
        return httpx.post(f"{shop.gateway.url}/fake-gateway/refunds/", json=body, headers=bearer(shop))

    yield give_back
    shop.gateway.moods(probabilities={START: {"fail_before": 0.3}, REFUND: {"fail_before": 0.3}})


def bearer(shop) -> dict[str, str]:
    return {"Authorization": f"Bearer {shop.key}"}


def look_up(shop, key: str) -> httpx.Response:
    return httpx.get(f"{shop.gateway.url}/fake-gateway/refunds/{key}", headers=bearer(shop))


def amounts(shop) -> list[str]:
    return [each["amount"] for each in shop.books()["direct_refunds"]]


def test_money_is_returned_once_per_key(shop, give_back):
    first, second = give_back("r"), give_back("r")
    assert first.status_code == 200
    assert first.json() == second.json() == look_up(shop, "r").json() == look_up(shop, first.json()["id"]).json()
    assert {name: first.json()[name] for name in ("status", "payment", "amount", "currency", "key")} == {
        "status": "succeeded", "payment": "paid", "amount": "30.00", "currency": "usd", "key": "r",
    }  # fmt: skip
    assert amounts(shop) == ["30.00"]


def test_no_more_is_returned_than_was_charged(shop, give_back):
    assert [give_back(key).status_code for key in ("a", "b", "c", "d")] == [200, 200, 200, 422]
    assert give_back("d", amount="10.01").status_code == 422
    assert give_back("d", amount="10.00").status_code == 200
    assert sorted(amounts(shop)) == ["10.00", "30.00", "30.00", "30.00"]
    assert give_back("a").status_code == 200


def test_a_key_is_of_one_payment_and_amount(shop, give_back):
    give_back("r")
    assert give_back("r", amount="30").status_code == 200
    assert give_back("r", amount="29.00").status_code == 409
    assert give_back("r", payment="another").status_code == 409
    assert amounts(shop) == ["30.00"]


def test_a_failure_returns_nothing_and_is_forgotten(shop, give_back):
    shop.gateway.mood_next(REFUND, "fail_before")
    assert give_back("r").status_code == 500
    assert look_up(shop, "r").status_code == 404
    assert amounts(shop) == []
    assert give_back("r").status_code == 200


@pytest.mark.parametrize("mood", ["timeout_after", "reset_after"])
def test_a_lost_answer_was_a_refund(shop, give_back, mood):
    shop.gateway.mood_next(REFUND, mood, seconds=0.2)
    with pytest.raises(httpx.RemoteProtocolError):
        give_back("r")
    assert look_up(shop, "r").json()["status"] == "succeeded"
    assert amounts(shop) == ["30.00"]


@pytest.mark.parametrize(("said", "status"), [({"amount": 0}, 400), ({"amount": None}, 400), ({"payment": "none"}, 404)])
def test_what_makes_no_sense_is_refused(shop, give_back, said, status):
    assert give_back("r", **said).status_code == status
    assert amounts(shop) == []


def test_the_refunds_of_a_charge_are_listed(shop, give_back):
    made = [give_back(key).json() for key in ("a", "b")]
    answer = httpx.get(f"{shop.gateway.url}/fake-gateway/refunds/?payment=paid", headers=bearer(shop))
    assert sorted(answer.json()["refunds"], key=lambda each: each["key"]) == made
    other = httpx.get(f"{shop.gateway.url}/fake-gateway/refunds/?payment=paid", headers={"Authorization": "Bearer sk_test_other"})
    assert other.json() == {"refunds": []}
    assert httpx.get(f"{shop.gateway.url}/fake-gateway/refunds/a").status_code == 401


def test_a_mood_that_would_lie_does_not_exist(shop):
    for mood in ("error_after", "fail_during"):
        with pytest.raises(httpx.HTTPStatusError):
            shop.gateway.mood_next(REFUND, mood)
