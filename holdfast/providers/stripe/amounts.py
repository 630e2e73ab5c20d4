"""Stripe's count of minor units where it is not ISO's. https://docs.stripe.com/currencies#special-cases"""

from holdfast.kernel.money import exponent, shown
from holdfast.providers.contract import AmountNotPossible

#: Without decimals in ISO 4217, but Stripe still counts hundredths, which have to be zero.
COUNTED_IN_HUNDREDTHS = frozenset(["ISK"])
#: Stripe's own pages disagree whether this one is counted in units or in hundredths. A guess could be wrong by a hundredfold.
UNCERTAIN = frozenset(["UGX"])


def step(currency: str) -> int:
    """Amounts have to be whole multiples of this many of our minor units. Raises UnknownCurrency."""
    return 10 if exponent(currency) == 3 else 1


def to_stripe(minor: int, currency: str) -> int:
    """Our minor units → Stripe's. Raises AmountNotPossible, UnknownCurrency."""
    if currency in UNCERTAIN:
        raise AmountNotPossible(f"{currency} is not offered through Stripe.")
    if minor % step(currency):
        raise AmountNotPossible(f"Stripe takes {currency} in steps of 0.010; {shown(minor, currency)} is between two.")
    return minor * 100 if currency in COUNTED_IN_HUNDREDTHS else minor


def from_stripe(amount: int, currency: str) -> int:
    """Stripe's minor units → ours. Raises AmountNotPossible for what has no equal in ours, UnknownCurrency."""
    exponent(currency)
    if currency in UNCERTAIN:
        raise AmountNotPossible(f"{amount} of Stripe's units of {currency} cannot be read for certain.")
    if currency not in COUNTED_IN_HUNDREDTHS:
        return amount
    if amount % 100:
        raise AmountNotPossible(f"{amount} hundredths of {currency} are not whole units.")
    return amount // 100
