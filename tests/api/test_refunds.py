"""Refunds and captures over HTTP: by the merchant's server, once per key, and never more than is left."""

import json
from typing import Any

import pytest

from holdfast.flows import webhooks
from tests import build
from tests.api.scene import Scene
from tests.api.test_orders import paid
from tests.integration import driving

#: A mug and shipping.
TOTAL = 1740


def nothing_moved(database: Any, scene: Scene, gateway: Any) -> None:
    assert database.count("payments_refund") == database.count("payments_operation", "kind = 'refund'") == 0
    assert database.count("idempotency_key", "subject = 'refund'") == 0
    assert gateway.books(scene.shop.secret_key)["refunds"] == []


NONSENSE: list[Any] = [
    {"amount_minor": 0},
    {"amount_minor": -1},
    {"amount_minor": 1.5},
    {"amount_minor": "NaN"},
    {"amount_minor": "ten"},
    {"amount_minor": True},
    {"amount_minor": "640"},
    {"amount_minor": 640.0},
    {"amount_minor": 10**13},
    {"amount_minor": 100, "currency": "USD"},
    {"amount_minor": 100, "currency": "eur"},
    {"amount_minor": TOTAL + 1},
    {"amount_minor": 100, "shipping": True},
    {"amount_minor": 100, "lines": [{"line": "olin_" + "0" * 32, "quantity": 1}]},
    {"lines": [{"line": "olin_" + "0" * 32, "quantity": 1}]},
    {"lines": [{"line": "olin_1", "quantity": 1}]},
    {"lines": [{"line": "olin_" + "0" * 32, "quantity": 0}]},
    {"reason": "x" * 141},
    {"reason": "x\u0000"},
    {"payment": "pay_1"},
    {"whatever": 1},
    {"shipping": 1},
    {"shipping": "yes"},
    {"lines": [{"line": f"olin_{'0' * 32}", "quantity": 1, "restock": 0}]},
]


@pytest.mark.parametrize("body", NONSENSE, ids=str)
def test_a_refund_that_makes_no_sense_is_refused_and_nothing_moves(
    scene: Scene, gateway: Any, database: Any, body: dict[str, Any]
) -> None:
    """S-47, R-J1."""
    path, _, _ = paid(scene, gateway, MUG=1)
    told = scene.merchant.post(f"{path}/refunds", body, idempotency_key="r1")
    assert told.status == 422, told.body
    assert told.headers["Content-Type"] == "application/problem+json"
    nothing_moved(database, scene, gateway)


@pytest.mark.parametrize("amount", [b"NaN", b"Infinity", b"-Infinity", b"1e400"])
def test_what_is_no_number_is_refused(scene: Scene, gateway: Any, database: Any, amount: bytes) -> None:
    """S-47: JSON knows no NaN, and some writers write it."""
    path, _, _ = paid(scene, gateway, MUG=1)
    told = scene.merchant.post(f"{path}/refunds", b'{"amount_minor": %s}' % amount, idempotency_key="r1")
    assert told.status in (400, 422), told.body
    nothing_moved(database, scene, gateway)


def test_an_order_is_refunded_once_per_key_and_the_answer_is_kept(scene: Scene, gateway: Any, database: Any) -> None:
    """R-E1, R-J1."""
    path, shopper, _ = paid(scene, gateway, MUG=1)
    first = scene.merchant.post(f"{path}/refunds", {"amount_minor": 640, "reason": "late"}, idempotency_key="r1")
    second = scene.merchant.post(f"{path}/refunds", {"amount_minor": 640, "reason": "late"}, idempotency_key="r1")
    assert (first.status, second.status, first.body) == (201, 201, second.body)
    made = first.json["refund"]
    assert (made["state"], made["amount_minor"], made["currency"], made["reason"], made["origin"]) == (
        "succeeded", 640, "EUR", "late", "requested",
    )  # fmt: skip
    other = scene.merchant.post(f"{path}/refunds", {"amount_minor": 641}, idempotency_key="r1")
    assert other.refusal == (422, "key_reused")
    again = scene.merchant.post(f"{path}/refunds", {"amount_minor": 640, "reason": "late"}, idempotency_key="r2")
    assert (again.status, again.json["refund"]["id"] != made["id"]) == (201, True)
    listed = scene.merchant.get(f"{path}/refunds").json
    assert ([row["amount_minor"] for row in listed["refunds"]], listed["left_minor"]) == ([640, 640], TOTAL - 1280)
    assert scene.merchant.get(f"{path}/refunds/{made['id']}").json["refund"] == {**made, "state": "succeeded"}
    assert (shopper.get(path).json["state"], shopper.get(path).json["status"]) == ("partially_refunded", "paid")
    rest = scene.merchant.post(f"{path}/refunds", {}, idempotency_key="r3")
    assert (rest.status, rest.json["refund"]["amount_minor"]) == (201, TOTAL - 1280)
    assert scene.merchant.post(f"{path}/refunds", {}, idempotency_key="r4").refusal == (409, "nothing_left")
    assert (shopper.get(path).json["state"], shopper.get(path).json["status"]) == ("refunded", "refunded")


def test_only_the_merchants_server_refunds(scene: Scene, gateway: Any, database: Any) -> None:
    """R-N1: a permission gap would be somebody else's money."""
    path, shopper, _ = paid(scene, gateway, MUG=1)
    assert shopper.post(f"{path}/refunds", {}, idempotency_key="r1").refusal == (403, "secret_key_needed")
    assert shopper.get(f"{path}/refunds").refusal == (403, "secret_key_needed")
    assert scene.merchant.post(f"{path}/refunds", {}).refusal == (400, "idempotency_key_missing")
    nothing_moved(database, scene, gateway)


def test_silence_is_202_with_a_place_to_look(scene: Scene, gateway: Any, database: Any) -> None:
    """S-30, R-E2."""
    path, _, _ = paid(scene, gateway, MUG=1)
    gateway.mood_next("POST /v1/refunds", "reset_after", times=2)
    told = scene.merchant.post(f"{path}/refunds", {}, idempotency_key="r1")
    assert (told.status, told.json["refund"]["state"], told.headers["Retry-After"].isdigit()) == (202, "unknown", True)
    driving.all_due(database, scene.shop)
    build.work()
    seen = scene.merchant.get(f"{path}/refunds/{told.json['refund']['id']}")
    assert (seen.status, seen.json["refund"]["state"]) == (200, "succeeded")
    last = scene.merchant.post(f"{path}/refunds", {}, idempotency_key="r1")
    assert (last.status, last.json["refund"]["state"]) == (201, "succeeded")
    assert len(gateway.books(scene.shop.secret_key)["refunds"]) == 1


def test_an_unpaid_order_has_nothing_to_refund(scene: Scene, gateway: Any, database: Any) -> None:
    path, _, _ = scene.order(MUG=1)
    assert scene.merchant.post(f"{path}/refunds", {}, idempotency_key="r1").refusal == (409, "not_refundable")
    nothing_moved(database, scene, gateway)


def test_held_money_is_captured_in_part_once(scene: Scene, gateway: Any, database: Any) -> None:
    """R-D3, S-47."""
    with database.as_owner() as owner:
        owner.execute("UPDATE merchants_account SET capture = 'manual' WHERE id = %s", [scene.shop.account_id])
    path, shopper, told = scene.order(MUG=1)
    at = f"{path}/payments/{told['payment']['id']}/capture"
    assert scene.merchant.post(at, {}, idempotency_key="c0").refusal == (409, "not_held")
    gateway.pay(told["payment"]["url"])
    driving.hear(database, scene.shop, gateway)
    while webhooks.work():
        pass
    for body in ({"amount_minor": 0}, {"amount_minor": -1}, {"amount_minor": TOTAL + 1}, {"amount_minor": "NaN"}):
        assert scene.merchant.post(at, body, idempotency_key="c1").status == 422
    assert shopper.post(at, {}, idempotency_key="c1").refusal == (403, "secret_key_needed")
    first = scene.merchant.post(at, {"amount_minor": 1000}, idempotency_key="c1")
    assert (first.status, first.json["capture"], first.json["order"]["state"]) == (201, "captured", "paid")
    assert scene.merchant.post(at, {"amount_minor": 1000}, idempotency_key="c1").body == first.body
    assert scene.merchant.post(at, {}, idempotency_key="c2").refusal == (409, "not_held")
    ((state, captured),) = database.rows("SELECT state, captured_minor FROM payments_payment")
    assert (state, captured) == ("captured", 1000)
    assert json.loads(first.body)["payment"]["amount_minor"] == TOTAL
