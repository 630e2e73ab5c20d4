"""The HTTP requests of the load, as bytes."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from uuid import uuid4

from holdfast.kernel import clock

#: Bytes of one event: a usual checkout.session.completed.
EVENT_BYTES = 2_500


@dataclass(frozen=True, kw_only=True)
class Request:
    """One POST."""

    path: str
    headers: dict[str, str]
    body: bytes

    def __bytes__(self) -> bytes:
        headers = {"Host": "127.0.0.1", "Content-Type": "application/json", **self.headers, "Content-Length": str(len(self.body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {self.path} HTTP/1.1\r\n{lines}\r\n".encode() + self.body


def checkout(*, key: str, cart_id: str, token: str) -> Request:
    """Check one cart out."""
    said = {"provider": "stripe", "email": "ada@example.com", "name": "Ada Lovelace"}
    pages = {"success_url": "https://shop.example/thanks", "cancel_url": "https://shop.example/cart"}
    headers = {"Authorization": f"Bearer {key}", "Cart-Token": token, "Idempotency-Key": uuid4().hex}
    return Request(path=f"/v1/carts/{cart_id}/checkout", headers=headers, body=json.dumps({**said, **pages}).encode())


def open_cart(*, key: str) -> Request:
    """A new cart."""
    return Request(path="/v1/carts", headers={"Authorization": f"Bearer {key}"}, body=b"{}")


def add_line(*, key: str, cart_id: str, token: str, variant: str) -> Request:
    """One thing into a cart."""
    headers = {"Authorization": f"Bearer {key}", "Cart-Token": token}
    return Request(
        path=f"/v1/carts/{cart_id}/lines", headers=headers, body=json.dumps({"variant": variant, "quantity": 1}).encode()
    )


def webhook(*, account: str, secret: str, event_id: str, type: str = "checkout.session.completed") -> Request:
    """A signed event of Stripe's shape. https://docs.stripe.com/webhooks#verify-manually"""
    at = int(clock.now().timestamp())
    body = event(event_id=event_id, type=type, at=at)
    signature = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return Request(path=f"/webhooks/stripe/{account}", headers={"Stripe-Signature": f"t={at},v1={signature}"}, body=body)


def event(*, event_id: str, type: str, at: int) -> bytes:
    """The body alone."""
    head = {"id": event_id, "object": "event", "type": type, "created": at, "livemode": False}
    return json.dumps({**head, "data": {"object": {"padding": "x" * (EVENT_BYTES - 180)}}}).encode()
