"""How Mercado Pago writes ids, times and amounts."""

import hashlib
import os
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation

#: Of the sites; the second is how many decimals an amount may have there.
CURRENCIES = {"ARS": 2, "BRL": 2, "CLP": 0, "COP": 0, "MXN": 2, "PEN": 2, "UYU": 2, "USD": 2}
SITES = {"ARS": "MLA", "BRL": "MLB", "CLP": "MLC", "COP": "MCO", "MXN": "MLM", "PEN": "MPE", "UYU": "MLU", "USD": "MLU"}
#: The clock of its answers, wherever the account is.
ZONE = timezone(timedelta(hours=-4))
LARGEST_MINOR = 10**13


def new_number(digits: int = 12) -> int:
    """A fresh id with this many digits. Never seeded: a restart with the same seed must not mint an old id again."""
    least = 10 ** (digits - 1)
    return least + int.from_bytes(os.urandom(8)) % (9 * least)


def user_id(account: str) -> int:
    """The account's number, which its preferences, payments and notifications tell."""
    return 10**8 + int.from_bytes(hashlib.sha256(account.encode()).digest()[:8]) % (9 * 10**8)


def written(at: float) -> str:
    """Unix seconds → `2026-11-20T12:00:00.000-04:00`."""
    return datetime.fromtimestamp(at, ZONE).isoformat(timespec="milliseconds")


def time_of(text: object) -> float | None:
    """A time with its offset, as Unix seconds; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.astimezone(UTC).timestamp() if at.tzinfo else None


def minor(amount: object, currency: str) -> int | None:
    """`58.8`, BRL → 5880; None for what is no amount in this currency."""
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        return None
    try:
        scaled = Decimal(repr(amount)).scaleb(CURRENCIES[currency])
    except InvalidOperation:
        return None
    if not scaled.is_finite() or scaled != scaled.to_integral_value() or abs(scaled) > LARGEST_MINOR:
        return None
    return int(scaled)


def amount(minor: int, currency: str) -> int | float:
    """5880, BRL → `58.8`; whole units where the currency has no decimals."""
    return float(Decimal(minor).scaleb(-CURRENCIES[currency])) if CURRENCIES[currency] else minor
