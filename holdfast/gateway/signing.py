"""What goes over the wire for one delivery of one event. https://docs.stripe.com/webhooks#verify-manually"""

import hashlib
import hmac

FORGED_SECRET = "whsec_a_secret_that_nobody_gave_out"
FORGED_EXTRA_MINOR = 100_000


def headers(body: bytes, *, secret: str, timestamp: int) -> dict[str, str]:
    """The whole secret, its `whsec_` included, is the key."""
    signed = f"{timestamp}.".encode() + body
    signature = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": f"t={timestamp},v1={signature}",
        "User-Agent": "Stripe/1.0 (Holdfast sandbox gateway)",
    }


def forged(event: dict) -> dict:
    """The same event with more money in it, as a thief would send it: another id, every amount raised."""
    return {**event, "id": f"evt_forged{event['id'][10:]}", "data": _raised(event["data"])}


def _raised(node):
    if isinstance(node, dict):
        return {
            key: value + FORGED_EXTRA_MINOR if key.startswith("amount") and type(value) is int else _raised(value)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_raised(item) for item in node]
    return node
