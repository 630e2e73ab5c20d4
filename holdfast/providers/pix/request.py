"""The request that makes a charge: `PUT /cob/{txid}`, and how amounts stand on this wire."""

import re
from datetime import timedelta
from typing import Any

from holdfast.kernel import clock
from holdfast.kernel.limits import MAX_AMOUNT_MINOR
from holdfast.kernel.money import to_decimal, to_minor
from holdfast.providers.contract import AccountHandle, AmountNotPossible, Purchase

CURRENCY = "BRL"
#: Every amount of the API is a text like this. The published pattern is not anchored; ours is.
VALUE = re.compile(r"[0-9]{1,10}\.[0-9]{2}")
#: A charge lives this much longer than our window: a customer who scans it in the last second still confirms. It is told as a
#: time to live, which begins when the bank first hears of the charge, so it goes stale by no retry; closing in time is our
#: expiry's work.
GRACE = timedelta(minutes=5)
SHORTEST = timedelta(minutes=1)
MAX_KEY, MAX_REQUEST = 77, 140


def compose(purchase: Purchase, account: AccountHandle) -> dict[str, Any]:
    """`{"txid": our payment's id in hex, "cob": the body}`: the txid is ours to choose, and our idempotency.

    An account without a usable Pix key composes a charge without one, which `open` does not send. Raises AmountNotPossible.
    """
    left = purchase.expires_at - clock.now() + GRACE
    key = account.credentials.get("pix_key")
    return {
        "txid": purchase.payment_id.hex,
        "cob": {
            "calendario": {"expiracao": int(max(left, SHORTEST).total_seconds())},
            "valor": {"original": to_wire(purchase.amount_minor, purchase.currency)},
            "chave": key if isinstance(key, str) and len(key) <= MAX_KEY else "",
            "solicitacaoPagador": f"Pedido {purchase.order_number}"[:MAX_REQUEST],
        },
    }


def to_wire(minor: int, currency: str) -> str:
    """2500, "BRL" → "25.00". Raises AmountNotPossible."""
    if currency != CURRENCY:
        raise AmountNotPossible(f"Pix moves {CURRENCY} only, not {currency}.")
    if not 0 < minor <= MAX_AMOUNT_MINOR:
        raise AmountNotPossible("Pix takes amounts from 0.01 to 9999999999.99 BRL.")
    return f"{to_decimal(minor, CURRENCY):.2f}"


def from_wire(value: object) -> int | None:
    """ "25.00" → 2500; None for anything else than an amount above zero as the API writes it. A number is none: it was a float
    once.
    """
    if not isinstance(value, str) or not VALUE.fullmatch(value):
        return None
    return to_minor(value, CURRENCY) or None
