"""Parcels over HTTP: the merchant's secret key, once per key, never more than was ordered."""

from typing import Any

from tests.api.scene import Scene
from tests.api.test_orders import paid

TRACKING = {"carrier": "Harbour Post", "number": "HP1", "url": "https://post.test/HP1"}


def test_parts_are_shipped_until_nothing_is_left(scene: Scene, gateway: Any, database: Any) -> None:
    path, shopper, _ = paid(scene, gateway, MUG=3, CUP=1)
    mug, cup = (row["id"] for row in shopper.get(path).json["lines"])
    first = scene.merchant.post(
        f"{path}/shipments", {"lines": [{"line": mug, "quantity": 2}], "tracking": TRACKING}, idempotency_key="s1"
    )
    assert (first.status, first.json["shipment"]["state"]) == (201, "partially_done")
    assert shopper.get(path).json["state"] == "partially_fulfilled"
    # Two entries of one line count together.
    too_many = {"lines": [{"line": mug, "quantity": 1}, {"line": mug, "quantity": 1}]}
    refused = scene.merchant.post(f"{path}/shipments", too_many, idempotency_key="s2")
    assert (refused.refusal, refused.json["left"]) == ((422, "more_than_ordered"), 1)
    last = scene.merchant.post(f"{path}/shipments", {}, idempotency_key="s2")
    assert (last.status, last.json["shipment"]["state"]) == (201, "done")
    order = shopper.get(path).json
    assert order["state"] == "fulfilled"
    sent = {(row["line"], row["quantity"], row["tracking"].get("number")) for row in order["handovers"]}
    assert sent == {(mug, 2, "HP1"), (mug, 1, ""), (cup, 1, "")}
    assert order["handovers"][0]["tracking"] == TRACKING


def test_same_key_ships_once(scene: Scene, gateway: Any, database: Any) -> None:
    path, _, _ = paid(scene, gateway, MUG=2)
    first = scene.merchant.post(f"{path}/shipments", {"tracking": TRACKING}, idempotency_key="s1")
    second = scene.merchant.post(f"{path}/shipments", {"tracking": TRACKING}, idempotency_key="s1")
    assert (first.status, second.status) == (201, 201)
    assert first.body == second.body
    other = scene.merchant.post(f"{path}/shipments", {}, idempotency_key="s1")
    assert other.refusal == (422, "key_reused")
    assert database.rows("SELECT quantity FROM fulfilment_handover") == [(2,)]


def test_publishable_key_cannot_ship_even_with_the_order_token(scene: Scene, gateway: Any, database: Any) -> None:
    path, shopper, _ = paid(scene, gateway, MUG=1)
    assert shopper.post(f"{path}/shipments", {}, idempotency_key="s1").refusal == (403, "secret_key_needed")
    assert database.count("fulfilment_handover") == 0


def test_unpaid_order_is_not_shipped_and_the_key_is_free_again(scene: Scene, database: Any) -> None:
    path, _, _ = scene.order(MUG=1)
    assert scene.merchant.post(f"{path}/shipments", {}, idempotency_key="s1").refusal == (409, "not_shippable")
    assert database.count("idempotency_key", "key = 's1'") == 0


NONSENSE: list[dict[str, Any]] = [
    {"lines": []},
    {"lines": [{"line": "olin_1", "quantity": 1}]},
    {"lines": [{"line": "olin_" + "0" * 32, "quantity": 0}]},
    {"lines": [{"line": "olin_" + "0" * 32, "quantity": -1}]},
    {"tracking": {"url": "javascript:alert(1)"}},
    {"tracking": {"number": "x\u0000"}},
    {"amount": 1},
]


def test_parcel_that_makes_no_sense_is_refused(scene: Scene) -> None:
    path, _, _ = scene.order(MUG=1)
    for body in NONSENSE:
        told = scene.merchant.post(f"{path}/shipments", body, idempotency_key="s1")
        assert told.refusal == (422, "unacceptable_values"), body


def test_shipping_needs_a_key(scene: Scene, gateway: Any, database: Any) -> None:
    path, _, _ = paid(scene, gateway, MUG=1)
    assert scene.merchant.post(f"{path}/shipments", {}).refusal == (400, "idempotency_key_missing")
    assert database.count("fulfilment_handover") == 0
