"""The request that opens a Checkout Session. https://docs.stripe.com/api/checkout/sessions/create"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from holdfast.kernel import clock
from holdfast.providers.contract import Purchase
from holdfast.providers.stripe.amounts import step, to_stripe

#: Stripe wants `expires_at` between these, counted from the moment at which it hears the request.
SHORTEST = timedelta(minutes=30)
LONGEST = timedelta(hours=24)
#: For the difference of two clocks and a slow network.
MARGIN = timedelta(minutes=5)
#: Stripe's limits of a session.
MAX_LINES = 100
MAX_NAME = 250


def compose(purchase: Purchase) -> dict[str, Any]:
    """Everything `POST /v1/checkout/sessions` is told, as JSON data. The payment methods are the dashboard's to choose.

    Adaptive pricing is off: it would let the customer pay another amount in another currency than the order says.
    Raises AmountNotPossible, UnknownCurrency.
    """
    ours = {
        "holdfast_payment": purchase.payment_id.hex,
        "holdfast_order": purchase.order_id.hex,
        "holdfast_order_number": purchase.order_number,
    }
    request = {
        "mode": "payment",
        "line_items": line_items(purchase),
        "client_reference_id": purchase.payment_id.hex,
        # A session's metadata is not copied to its PaymentIntent, whose events can come first: it has to be said twice.
        "metadata": ours,
        "payment_intent_data": {
            "metadata": ours,
            "capture_method": "manual" if purchase.manual_capture else "automatic_async",
        },
        "adaptive_pricing": {"enabled": False},
        "success_url": purchase.success_url,
        "cancel_url": purchase.cancel_url,
        "expires_at": expires_at(purchase.expires_at),
    }
    if purchase.email:
        request["customer_email"] = purchase.email
    return request


def expires_at(window_ends: datetime) -> int:
    """When Stripe shall end the session by itself: at least half an hour after our window, in Unix seconds.

    A retry sends the committed request again, and Stripe compares `expires_at` with the clock at that moment. A session
    that ended with our window (31 minutes) would be refused on any retry a minute later; one that outlives the window
    by Stripe's half hour is accepted as long as it makes sense to open it. Closing in time is our expiry's work, not
    Stripe's; this date is only the net below it. The business clock may be moved by drills, Stripe's is not: only the
    time that is left is taken from ours.
    """
    business_now = clock.now()
    stripe_now = business_now - timedelta(seconds=clock.OFFSET_S)
    lifetime = window_ends - business_now + SHORTEST + MARGIN
    lifetime = max(SHORTEST + MARGIN, min(lifetime, LONGEST - MARGIN))
    return int((stripe_now + lifetime).timestamp())


def line_items(purchase: Purchase) -> list[dict[str, Any]]:
    """The lines as Stripe shows them; they add up to the amount exactly.

    A price per piece where it divides exactly, else one item called "3 × Tea". What Stripe cannot show line by line
    (a negative line, more than a hundred, a step between its own) is one item named after the order.
    """
    total = sum(amount for _, amount, _ in purchase.lines)
    if total != purchase.amount_minor:
        raise ValueError(f"the lines of order {purchase.order_number} sum to {total}, its amount is {purchase.amount_minor}")
    lines: Sequence[tuple[str, int, int]] = purchase.lines
    odd = any(amount < 0 or amount % step(purchase.currency) for _, amount, _ in lines)
    if odd or not 0 < len(lines) <= MAX_LINES:
        lines = [(f"Order {purchase.order_number}", purchase.amount_minor, 1)]
    return [line_item(*line, currency=purchase.currency) for line in lines]


def line_item(name: str, amount: int, quantity: int, *, currency: str) -> dict[str, Any]:
    if amount % (quantity * step(currency)):
        name, quantity = f"{quantity} × {name}", 1
    name = " ".join(name.split()) or "Item"
    price = {
        "currency": currency.lower(),
        "unit_amount": to_stripe(amount // quantity, currency),
        "product_data": {"name": name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + "…"},
    }
    return {"price_data": price, "quantity": quantity}
