"""The requests that open an attempt: a Checkout Pro preference for cards, a payment for Pix.

https://www.mercadopago.com.br/developers/en/reference/online-payments/checkout-pro/preferences/create-preference/post
"""

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from holdfast.kernel import clock
from holdfast.providers.contract import AccountHandle, AmountNotPossible, Purchase
from holdfast.providers.mercadopago.amounts import to_wire

#: A Pix has to live between these, counted from the moment at which Mercado Pago hears the request.
SHORTEST = timedelta(minutes=30)
LONGEST = timedelta(days=30)
#: For the difference of two clocks and a slow network.
MARGIN = timedelta(minutes=5)
#: What stays of the ways to pay when the customer has chosen a card: those that are decided at once. Pix is a method of its own.
#: https://www.mercadopago.com.br/developers/en/docs/checkout-pro/checkout-customization/preferences/exclude-payment-methods
NOT_BY_CARD = ("ticket", "atm", "bank_transfer")
MAX_TITLE = 250
MAX_LINES = 100
#: Times are written as in every example of its documentation: with milliseconds, in this zone.
ZONE = timezone(timedelta(hours=-4))
#: Asks for signed notifications only, not for the older kind as well.
WEBHOOKS_ONLY = "source_news=webhooks"


def compose(purchase: Purchase, account: AccountHandle) -> dict[str, Any]:
    """`{"preference": …}` or `{"payment": …}`, as JSON data. Raises AmountNotPossible, UnknownCurrency."""
    request = {"payment": pix(purchase)} if purchase.method == "pix" else {"preference": preference(purchase)}
    address = account.credentials.get("notification_url")
    if isinstance(address, str) and address:
        for part in request.values():
            part["notification_url"] = notification_url(address)
    return request


def preference(purchase: Purchase) -> dict[str, Any]:
    """Binary: a payment is approved or rejected at once, never held for a look while the stock waits."""
    said: dict[str, Any] = {
        "external_reference": purchase.payment_id.hex,
        "items": items(purchase),
        "back_urls": {"success": purchase.success_url, "pending": purchase.success_url, "failure": purchase.cancel_url},
        "binary_mode": True,
        "payment_methods": {"excluded_payment_types": [{"id": type_} for type_ in NOT_BY_CARD]},
        "expires": True,
        "expiration_date_to": written(ends_at(purchase.expires_at, at_least=MARGIN)),
    }
    if purchase.success_url.startswith("https://"):  # Others are refused (`invalid_auto_return`).
        said["auto_return"] = "approved"
    if purchase.email:
        said["payer"] = {"email": purchase.email}
    return said


def pix(purchase: Purchase) -> dict[str, Any]:
    if purchase.currency != "BRL":
        raise AmountNotPossible(f"A Pix is paid in BRL, not in {purchase.currency}.")
    if not purchase.email:
        raise AmountNotPossible("Mercado Pago makes no Pix without the customer's e-mail address.")
    return {
        "external_reference": purchase.payment_id.hex,
        "transaction_amount": to_wire(purchase.amount_minor, purchase.currency),
        "payment_method_id": "pix",
        "description": f"Order {purchase.order_number}",
        "date_of_expiration": written(ends_at(purchase.expires_at, at_least=SHORTEST + MARGIN)),
        "payer": {"email": purchase.email},
    }


def ends_at(window_ends: datetime, *, at_least: timedelta) -> datetime:
    """When Mercado Pago shall end the attempt by itself, by its own clock: a while after our window.

    A retry sends the committed request again, and the time is compared with the clock at that moment: what outlives the window
    by the least that is allowed is accepted as long as it makes sense to open it. Closing in time is our expiry's work, this is
    the net below it. The business clock may be moved by drills, Mercado Pago's is not: only the time that is left is taken from
    ours.
    """
    lifetime = max(window_ends - clock.now(), timedelta(0)) + at_least
    return real_now() + min(lifetime, LONGEST - MARGIN)


def real_now() -> datetime:
    """Without the offset of drills."""
    return clock.now() - timedelta(seconds=clock.OFFSET_S)


def written(at: datetime) -> str:
    """`2026-11-20T12:00:00.000-04:00`."""
    return at.astimezone(ZONE).isoformat(timespec="milliseconds")


def notification_url(address: str) -> str:
    if WEBHOOKS_ONLY in address:
        return address
    return f"{address}{'&' if '?' in address else '?'}{WEBHOOKS_ONLY}"


def items(purchase: Purchase) -> list[dict[str, Any]]:
    """The lines as Mercado Pago shows them; they add up to the amount exactly.

    A price per piece where it divides exactly, else one item called "3 × Tea". What cannot be shown line by line (a line of
    nothing or below, more than a hundred) is one item named after the order.
    """
    total = sum(amount for _, amount, _ in purchase.lines)
    if total != purchase.amount_minor:
        raise ValueError(f"the lines of order {purchase.order_number} sum to {total}, its amount is {purchase.amount_minor}")
    lines: Sequence[tuple[str, int, int]] = purchase.lines
    step = 1 if isinstance(to_wire(100, purchase.currency), float) else _whole(purchase.currency)
    odd = any(amount <= 0 or amount % step for _, amount, _ in lines)
    if odd or not 0 < len(lines) <= MAX_LINES:
        lines = [(f"Order {purchase.order_number}", purchase.amount_minor, 1)]
    return [item(*line, currency=purchase.currency, step=step) for line in lines]


def _whole(currency: str) -> int:
    """Minor units of one whole unit, for currencies that are written without decimals."""
    return 100 // int(to_wire(100, currency))


def item(name: str, amount: int, quantity: int, *, currency: str, step: int) -> dict[str, Any]:
    if amount % (quantity * step):
        name, quantity = f"{quantity} × {name}", 1
    title = " ".join(name.split()) or "Item"
    return {
        "title": title if len(title) <= MAX_TITLE else title[: MAX_TITLE - 1] + "…",
        "quantity": quantity,
        "unit_price": to_wire(amount // quantity, currency),
        "currency_id": currency,
    }
