"""Checkout over HTTP: keys, tokens, stored answers, and amounts that only the server computes."""

from typing import Any

from tests.api.scene import Scene


def test_a_cart_becomes_an_order_that_can_be_paid(scene: Scene, database: Any) -> None:
    path, shopper = scene.cart(MUG=2)
    told = shopper.post(f"{path}/checkout", scene.wish(), idempotency_key="k1")
    assert told.status == 201
    order, payment = told.json["order"], told.json["payment"]
    assert (order["total_minor"], order["currency"], order["status"], order["state"]) == (
        2990,
        "EUR",
        "pending",
        "payment_pending",
    )
    assert (payment["state"], payment["amount_minor"], payment["provider"]) == ("open", 2990, "stripe")
    assert payment["url"].startswith("http")
    assert told.headers["Location"] == f"/v1/orders/{order['id']}"
    assert database.count("orders_order") == 1
