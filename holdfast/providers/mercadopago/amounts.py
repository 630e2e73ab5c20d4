"""Amounts as Mercado Pago's Payments API writes them: JSON numbers of whole units, `58.8` for BRL 58.80."""

from decimal import Decimal

from holdfast.kernel.money import exponent, shown, to_decimal, to_minor
from holdfast.providers.contract import AmountNotPossible

#: Two decimals in ISO 4217, but Mercado Pago takes whole pesos only.
#: https://www.mercadopago.com.co/developers/en/docs/checkout-api/response-handling/collection-results (error 4037)
WHOLE_UNITS_ONLY = frozenset(["COP"])


def to_wire(minor: int, currency: str) -> float | int:
    """Our minor units → its number. Raises AmountNotPossible, UnknownCurrency.

    A double has fifteen sure digits, more than `MAX_AMOUNT_MINOR`: what is printed is the amount to the cent.
    """
    if currency in WHOLE_UNITS_ONLY and minor % 100:
        raise AmountNotPossible(f"Mercado Pago takes {currency} in whole units; {shown(minor, currency)} is between two.")
    whole = exponent(currency) == 0 or currency in WHOLE_UNITS_ONLY
    amount = to_decimal(minor, currency)
    return int(amount) if whole else float(amount)


def from_wire(number: float | int, currency: str) -> int:
    """Its number → our minor units, to the digit that was written. Raises BadAmount, UnknownCurrency."""
    return to_minor(Decimal(repr(number)), currency)
