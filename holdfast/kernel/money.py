"""Money is an integer count of an ISO currency's minor units. Never a float."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from holdfast.kernel.errors import Refused
from holdfast.kernel.limits import MAX_AMOUNT_MINOR

#: Currencies whose minor unit is not a hundredth (ISO 4217).
EXPONENTS = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
}
#: Currencies with two decimals that Holdfast knows. Another one is refused rather than guessed.
TWO_DECIMALS = frozenset(
    [
        "AED",
        "ARS",
        "AUD",
        "BGN",
        "BOB",
        "BRL",
        "CAD",
        "CHF",
        "CNY",
        "COP",
        "CRC",
        "CZK",
        "DKK",
        "DOP",
        "EGP",
        "EUR",
        "GBP",
        "GEL",
        "GTQ",
        "HKD",
        "HNL",
        "HUF",
        "IDR",
        "ILS",
        "INR",
        "KES",
        "MAD",
        "MXN",
        "MYR",
        "NGN",
        "NIO",
        "NOK",
        "NZD",
        "PAB",
        "PEN",
        "PHP",
        "PKR",
        "PLN",
        "QAR",
        "RON",
        "RSD",
        "SAR",
        "SEK",
        "SGD",
        "THB",
        "TRY",
        "TWD",
        "UAH",
        "USD",
        "UYU",
        "ZAR",
    ]
)


class BadAmount(Refused):
    """The amount is not a plain positive number in this currency's units."""


class UnknownCurrency(Refused):
    """The currency is not an ISO code that Holdfast knows."""


def exponent(currency: str) -> int:
    """Decimal places of a currency: 2 for EUR, 0 for JPY, 3 for KWD. Raises UnknownCurrency."""
    if currency in TWO_DECIMALS:
        return 2
    if currency in EXPONENTS:
        return EXPONENTS[currency]
    raise UnknownCurrency(f"{currency!r} is not a currency that Holdfast knows.")


def grain(currency: str, prices: Iterable[int]) -> int:
    """What we round to when we reckon: a minor unit, but ten of them where a currency has three decimals and the prices keep to
    that as well. Card networks take no finer steps of such a currency, so a total must not end between two."""
    coarse = 10 if exponent(currency) == 3 else 1
    return 1 if any(minor % coarse for minor in prices) else coarse


def to_minor(amount: Decimal | str | int, currency: str) -> int:
    """`Decimal("12.50")`, "EUR" → 1250. Raises BadAmount for excess decimals, NaN, infinities and overflow."""
    places = exponent(currency)
    try:
        value = Decimal(amount)
    except (InvalidOperation, ValueError, TypeError):
        raise BadAmount(f"{amount!r} is not an amount.") from None
    if not value.is_finite() or (value != 0 and abs(value.adjusted()) > 20):
        raise BadAmount(f"{amount!r} is not an amount.")
    minor = int(value.scaleb(places))
    # Compared, not computed: arithmetic on decimals rounds to 28 digits, so a very long tail of decimals would vanish.
    if value != Decimal(minor).scaleb(-places):
        raise BadAmount(f"{currency} has {places} decimals; {amount} has more.")
    if abs(minor) > MAX_AMOUNT_MINOR:
        raise BadAmount(f"{amount} {currency} is beyond the limit of one amount.")
    return minor


def to_decimal(minor: int, currency: str) -> Decimal:
    """1250, "EUR" → `Decimal("12.50")`."""
    return Decimal(minor).scaleb(-exponent(currency))


def shown(minor: int, currency: str) -> str:
    """1250, "EUR" → "12.50 EUR"."""
    return f"{to_decimal(minor, currency)} {currency}"


def allocate(total_minor: int, weights: Sequence[int], *, grain: int = 1) -> list[int]:
    """Split a total over weights so that no cent is lost: largest remainder, ties to the first. Each share is a multiple of
    `grain`, as the total has to be.

    Weights are non-negative; if all are zero the first takes everything. Works for negative totals as well.
    """
    if not weights:
        raise ValueError("nothing to allocate to")
    if grain > 1:
        if total_minor % grain:
            raise ValueError(f"{total_minor} is no multiple of {grain}")
        return [grain * share for share in allocate(total_minor // grain, weights)]
    whole = sum(weights)
    if whole == 0:
        return [total_minor, *([0] * (len(weights) - 1))]
    sign = -1 if total_minor < 0 else 1
    shares = [abs(total_minor) * weight // whole for weight in weights]
    remainders = [abs(total_minor) * weight % whole for weight in weights]
    missing = abs(total_minor) - sum(shares)
    for index in sorted(range(len(weights)), key=lambda i: (-remainders[i], i))[:missing]:
        shares[index] += 1
    return [sign * share for share in shares]


def ratio(amount_minor: int, numerator: int, denominator: int, *, grain: int = 1) -> int:
    """amount × numerator / denominator, rounded half up (away from zero) to a multiple of `grain` minor units."""
    product, steps = abs(amount_minor) * numerator, denominator * grain
    rounded = (2 * product + steps) // (2 * steps) * grain
    return rounded if amount_minor >= 0 else -rounded


@dataclass(frozen=True)
class Money:
    """An amount with its currency. Sums of different currencies are a programming error."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        exponent(self.currency)

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other), self.currency)

    def __str__(self) -> str:
        return shown(self.minor, self.currency)

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise TypeError(f"{self.currency} and {other.currency} do not add up")
        return other.minor
