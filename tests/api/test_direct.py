"""The direct payment API: a shop's own order, paid once."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests import build
from tests.api.scene import Caller, Scene

GATEWAY = "POST /fake-gateway/start/"


@pytest.fixture
def calm(gateway: Any) -> Iterator[Any]:
    """The gateway without its usual third of failures."""
    gateway.moods(probabilities={GATEWAY: {"fail_before": 0}})
    yield gateway
    gateway.moods(probabilities={GATEWAY: {"fail_before": 0.3}})


def start(scene: Scene, amount: Any = 100.0, order_id: Any = "ORD123", **more: Any) -> Any:
    return scene.merchant.post("/payments/start/", {"order_id": order_id, "amount": amount, **more})


def test_payment_is_taken_once_and_tracked(scene: Scene, calm: Any, database: Any) -> None:
    told = start(scene)
    assert told.status == 200
    assert list(told.json) == ["payment_id"]
    tracked = scene.merchant.get(f"/payments/{told.json['payment_id']}/")
    assert (tracked.status, tracked.json) == (
        200,
        {
            "payment_id": told.json["payment_id"],
            "order_id": "ORD123",
            "status": "COMPLETED",
            "amount": 100.0,
            "currency": "EUR",
        },
    )
    assert start(scene).body == told.body
    assert start(scene, "100.00").body == told.body
    assert start(scene, 100, currency="EUR").body == told.body
    assert len(calm.books(scene.shop.secret_key)["direct_payments"]) == 1
    assert database.count("payments_payment") == 1


def test_same_order_with_another_amount_is_refused(scene: Scene, calm: Any) -> None:
    assert start(scene, 100).status == 200
    assert start(scene, "100.01").refusal == (422, "other_amount")
    assert len(calm.books(scene.shop.secret_key)["direct_payments"]) == 1


def test_every_try_failed_is_502_and_stays_so(scene: Scene, calm: Any) -> None:
    calm.mood_next(GATEWAY, "fail_before", times=3)
    told = start(scene)
    assert (told.status, told.json) == (502, {"error": "Gateway error"})
    again = start(scene)
    assert (again.status, again.body) == (502, told.body)
    assert calm.books(scene.shop.secret_key)["direct_payments"] == []


def test_third_try_may_succeed(scene: Scene, calm: Any) -> None:
    calm.mood_next(GATEWAY, "fail_before", times=2)
    assert start(scene).status == 200
    assert len(calm.books(scene.shop.secret_key)["direct_payments"]) == 1


def test_lost_answer_is_found_again_and_charged_once(scene: Scene, calm: Any, database: Any) -> None:
    calm.mood_next(GATEWAY, "timeout_after", seconds=0.1)
    told = start(scene)
    build.work()
    assert told.status in (200, 202)
    again = start(scene)
    assert (again.status, again.json["payment_id"]) == (200, told.json["payment_id"])
    assert len(calm.books(scene.shop.secret_key)["direct_payments"]) == 1


def test_answer_that_never_came_is_202_pending(scene: Scene, calm: Any) -> None:
    calm.mood_next(GATEWAY, "timeout_before", seconds=0.1)
    told = start(scene)
    assert (told.status, told.json["status"]) == (202, "PENDING")
    assert scene.merchant.get(f"/payments/{told.json['payment_id']}/").json["status"] == "PENDING"


@pytest.mark.parametrize(("amount", "minor"), [("12.50", 1250), (12.5, 1250), (0.1, 10), (b"1e2", 10000), (b"0.010", 1)])
def test_amounts_are_taken_exactly_as_written(scene: Scene, calm: Any, database: Any, amount: Any, minor: int) -> None:
    said = b'{"order_id": "o", "amount": %s}' % amount if isinstance(amount, bytes) else {"order_id": "o", "amount": amount}
    assert scene.merchant.post("/payments/start/", said).status == 200
    assert database.value("SELECT amount_minor FROM payments_payment") == minor


def test_amounts_that_are_none_are_refused_and_nothing_moves(scene: Scene, database: Any) -> None:
    wrong = [0, -1, "0", "0.00", "-1", "12.505", 0.001, "NaN", "Infinity", True, None, "", "1,50", "1e2", " 1", "٣", [], {}]
    wrong += [b"NaN", b"Infinity", b"1e400", b"1e-400", b"1E+999999999", b"9" * 400, b"100.000000000000000000000000000001"]
    for amount in wrong:
        said = b'{"order_id": "o", "amount": %s}' % amount if isinstance(amount, bytes) else {"order_id": "o", "amount": amount}
        told = scene.merchant.post("/payments/start/", said)
        assert told.status == 422, amount
        assert told.code in ("unacceptable_values", "bad_amount"), amount
    assert database.count("orders_order") == 0


def test_order_ids_and_other_values_out_of_bounds_are_refused(scene: Scene, database: Any) -> None:
    for said in (
        {"order_id": "", "amount": 1},
        {"order_id": "x" * 121, "amount": 1},
        {"order_id": 123, "amount": 1},
        {"order_id": "a\u0000", "amount": 1},
        {"order_id": "\udcff", "amount": 1},
        {"amount": 1},
        {"order_id": "o"},
        {"order_id": "o", "amount": 1, "currency": "eur"},
        {"order_id": "o", "amount": 1, "status": "COMPLETED"},
        [],
        "o",
    ):
        assert scene.merchant.post("/payments/start/", said).refusal == (422, "unacceptable_values"), said
    assert start(scene, currency="USD").refusal == (422, "unknown_currency")
    assert database.count("orders_order") == 0


def test_two_merchants_may_use_the_same_order_id(scene: Scene, calm: Any) -> None:
    other = build.shop(calm.url, "sk_test_other_direct", slug="other")
    mine = start(scene)
    theirs = Caller(other.sk).post("/payments/start/", {"order_id": "ORD123", "amount": 5})
    assert (mine.status, theirs.status) == (200, 200)
    assert mine.json != theirs.json
    assert Caller(other.sk).get(f"/payments/{mine.json['payment_id']}/").refusal == (404, "not_found")


def test_publishable_key_takes_no_direct_payment(scene: Scene, database: Any) -> None:
    said = {"order_id": "o", "amount": 1}
    assert scene.shopper.post("/payments/start/", said).refusal == (403, "secret_key_needed")
    assert database.count("orders_order") == 0


def test_payment_of_a_checkout_is_no_direct_payment(scene: Scene) -> None:
    _, _, placed = scene.order(MUG=1)
    assert scene.merchant.get(f"/payments/{placed['payment']['id']}/").refusal == (404, "not_found")
