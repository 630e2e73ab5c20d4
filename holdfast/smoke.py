"""One purchase from outside, over HTTP: cart, checkout, the gateway's hosted page, the webhook, paid, fulfilled."""

import time
from typing import Any
from uuid import uuid4

import httpx

#: A payment turns an order paid within a second or two; a slow machine gets this long.
WITHIN_S = 60.0
CARD = "4242424242424242"


def buy(*, web: str, gateway: str, publishable_key: str, secret_key: str) -> bool:
    """Buy a good, a download and a place on a tour; ship the good. True when the order ends fulfilled. Says what it sees."""
    with httpx.Client(base_url=web, timeout=30, trust_env=False) as client:
        shopper = {"Authorization": f"Bearer {publishable_key}"}
        merchant = {"Authorization": f"Bearer {secret_key}"}
        cart = _cart(client, shopper)
        placed = _ok(
            client.post(
                f"/v1/carts/{cart['id']}/checkout",
                headers={**shopper, "Cart-Token": cart["token"], "Idempotency-Key": uuid4().hex},
                json={
                    "provider": "stripe",
                    "email": "ada@example.com",
                    "name": "Ada Lovelace",
                    "address": {"line1": "Pier 1", "city": "Hamburg", "postal_code": "20457", "country": "DE"},
                    "success_url": f"{web}/thanks",
                    "cancel_url": f"{web}/cart",
                },
            )
        )
        order, payment = placed["order"], placed["payment"]
        print(f"smoke: order {order['number']} over {order['total_minor']} {order['currency']} (minor units) placed")
        paid_at_gateway = httpx.post(payment["url"], data={"card": CARD}, follow_redirects=False, timeout=30, trust_env=False)
        print(f"smoke: paid on the hosted page, HTTP {paid_at_gateway.status_code}")
        token = {**shopper, "Order-Token": order["token"]}
        if not _wait(client, order["id"], token, {"partially_fulfilled"}):
            return False
        _ok(
            client.post(
                f"/v1/orders/{order['id']}/shipments",
                headers={**merchant, "Idempotency-Key": uuid4().hex},
                json={"tracking": {"carrier": "Harbour Post", "number": "HP1"}},
            )
        )
        return _wait(client, order["id"], token, {"fulfilled"})


def _cart(client: httpx.Client, shopper: dict[str, str]) -> dict[str, Any]:
    """A cart with one thing of each kind on sale."""
    cart = _ok(client.post("/v1/carts", headers=shopper, json={}))
    products = _ok(client.get("/v1/products", headers=shopper))["products"]
    for kind in ("good", "digital", "booking"):
        product = next(row for row in products if row["kind"] == kind)
        line: dict[str, Any] = {"variant": product["variants"][0]["id"], "quantity": 1}
        if kind == "booking":
            line["slot"] = _ok(client.get(f"/v1/products/{product['id']}/slots", headers=shopper))["slots"][0]["id"]
        _ok(client.post(f"/v1/carts/{cart['id']}/lines", headers={**shopper, "Cart-Token": cart["token"]}, json=line))
        print(f"smoke: {product['name']} in the cart")
    return cart


def _wait(client: httpx.Client, order_id: str, headers: dict[str, str], states: set[str]) -> bool:
    """Look at the order until it is in one of the states."""
    began = time.monotonic()
    seen = ""
    while time.monotonic() - began < WITHIN_S:
        state = _ok(client.get(f"/v1/orders/{order_id}", headers=headers))["state"]
        if state != seen:
            print(f"smoke: the order is {state} after {time.monotonic() - began:.1f} s")
            seen = state
        if state in states:
            return True
        time.sleep(0.1)
    print(f"smoke: the order did not become {' or '.join(sorted(states))} within {WITHIN_S:.0f} s")
    return False


def _ok(response: httpx.Response) -> dict[str, Any]:
    if response.status_code >= 300:
        raise SystemExit(
            f"smoke: {response.request.method} {response.request.url} answered {response.status_code}: {response.text}"
        )
    told: dict[str, Any] = response.json()
    return told
