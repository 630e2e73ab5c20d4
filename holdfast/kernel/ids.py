"""Identifiers: UUIDv7 (ordered by time of creation), shown to people and clients with a prefix."""

import secrets
import time
from datetime import datetime
from uuid import UUID

from holdfast.kernel.errors import NotFound

#: Digits and letters without the look-alikes 0 O 1 I L U, for codes that people read to each other.
READABLE = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id() -> UUID:
    """A fresh UUIDv7: 48 bits of milliseconds, then randomness (RFC 9562)."""
    return _uuid7(int(time.time() * 1000), secrets.randbits(74))


def floor_id(at: datetime) -> UUID:
    """The smallest UUIDv7 of an instant: the bound of a month's partition."""
    return _uuid7(int(at.timestamp() * 1000), 0)


def _uuid7(milliseconds: int, random_bits: int) -> UUID:
    high, low = random_bits >> 62, random_bits & ((1 << 62) - 1)
    return UUID(int=(milliseconds << 80) | (0x7 << 76) | (high << 64) | (0b10 << 62) | low)


def shown(prefix: str, value: UUID) -> str:
    """`ord_018f…`: an id as clients see it."""
    return f"{prefix}_{value.hex}"


def parsed(prefix: str, text: str) -> UUID:
    """The id behind a shown one. Raises NotFound for anything else: a wrong id is simply not there."""
    head, _, digits = text.partition("_")
    if head != prefix or len(digits) != 32 or not digits.isascii() or not digits.isalnum():
        raise NotFound(f"There is no {prefix}_… with this id.")
    try:
        return UUID(hex=digits)
    except ValueError:
        raise NotFound(f"There is no {prefix}_… with this id.") from None


def new_token() -> str:
    """An unguessable bearer token, 256 bits."""
    return secrets.token_urlsafe(32)


def readable_code(length: int) -> str:
    """A random code of look-alike-free characters (about 4.9 bits each)."""
    return "".join(secrets.choice(READABLE) for _ in range(length))
