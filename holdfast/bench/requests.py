"""The HTTP requests of the load, as bytes."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from secrets import token_hex
from uuid import uuid4

from holdfast.kernel import clock

#: Goods go somewhere.
ADDRESS = {"line1": "Pier 1", "city": "Hamburg", "postal_code": "20457", "country": "DE"}


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
    said = {"provider": "stripe", "email": "ada@example.com", "name": "Ada Lovelace", "address": ADDRESS}
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
    """The body alone: as repetitive as Stripe's are, and as random, since the database compresses what it stores."""
    head = f'{{"id": "{event_id}", "object": "event", "type": "{type}", "created": {at}, "livemode": false, "api_version": "x"'
    url = f"https://checkout.example/c/{token_hex(RANDOM_BYTES)}"
    return f'{head}, "data": {{"object": {{"id": "cs_test_{token_hex(30)}", "url": "{url}", {SESSION_TEXT}}}}}'.encode()


def _address(**more: object) -> dict[str, object]:
    return {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None, **more}


#: Random bytes of an event besides its ids: the fragment of a session's address, and secrets.
RANDOM_BYTES = 220
#: What most sessions have in common.
SESSION: dict[str, object] = {
    "object": "checkout.session", "adaptive_pricing": {"enabled": False}, "after_expiration": None, "amount_subtotal": 1990,
    "amount_total": 2480, "allow_promotion_codes": None, "automatic_tax": {"enabled": False, "liability": None, "status": None},
    "billing_address_collection": None, "cancel_url": "https://shop.example/cart", "client_reference_id": None,
    "consent": None, "consent_collection": None, "created": 1_790_000_000, "currency": "eur", "custom_fields": [],
    "custom_text": {"after_submit": None, "shipping_address": None, "submit": None, "terms_of_service_acceptance": None},
    "customer": None, "customer_creation": "if_required", "customer_email": "ada@example.com",
    "customer_details": {"address": _address(country="DE"), "email": "ada@example.com", "name": "Ada Lovelace", "phone": None,
                         "tax_exempt": "none", "tax_ids": []},
    "discounts": [], "expires_at": 1_790_001_860, "invoice": None, "invoice_creation": {"enabled": False, "invoice_data": {}},
    "livemode": False, "locale": None, "metadata": {"order": "K7QXM-2RDPA"}, "mode": "payment", "payment_intent": None,
    "payment_link": None, "payment_method_collection": "if_required", "payment_method_options": {"card": {}},
    "payment_method_types": ["card", "klarna", "sepa_debit"], "payment_status": "paid", "permissions": None,
    "phone_number_collection": {"enabled": False}, "recovered_from": None, "saved_payment_method_options": None,
    "setup_intent": None, "shipping_address_collection": None, "shipping_cost": None, "shipping_options": [],
    "status": "complete",
    "submit_type": None, "subscription": None, "success_url": "https://shop.example/thanks", "ui_mode": "hosted",
    "total_details": {"amount_discount": 0, "amount_shipping": 490, "amount_tax": 396}, "wallet_options": None,
}  # fmt: skip
#: Made once: the load signs thousands of events before it sends the first.
SESSION_TEXT = json.dumps(SESSION)[1:]
