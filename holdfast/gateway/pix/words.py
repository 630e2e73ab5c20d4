"""The wire's small words: patterns, times, amounts, ids."""

import os
import re
from datetime import UTC, datetime

from holdfast.gateway.ids import ALPHABET

TXID = re.compile(r"[a-zA-Z0-9]{26,35}")
ANY_TXID = re.compile(r"[a-zA-Z0-9]{1,35}")  # A static code's is shorter.
END_TO_END_ID = re.compile(r"[a-zA-Z0-9]{32}")
RETURN_ID = re.compile(r"[a-zA-Z0-9]{1,35}")
VALUE = re.compile(r"\d{1,10}\.\d{2}", re.ASCII)
CPF = re.compile(r"\d{11}", re.ASCII)
CNPJ = re.compile(r"[0-9A-Z]{14}")  # Letters too since 2.9.0.
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)

RECEIVER_ISPB = "99999010"  # No bank has this number.
PAYER_ISPB = "99999008"


def written(at: float) -> str:
    """Unix seconds → `2026-11-28T16:00:00.123Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def time_of(text: object) -> float | None:
    """RFC 3339 → Unix seconds; None for anything else."""
    if not isinstance(text, str) or not RFC_3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def minor(value: object) -> int | None:
    """`"12.50"` → 1250; None for what is no amount."""
    return int(value.replace(".", "")) if isinstance(value, str) and VALUE.fullmatch(value) else None


def value(amount: int) -> str:
    """1250 → `"12.50"`."""
    return f"{amount // 100}.{amount % 100:02d}"


def new_id(prefix: str, ispb: str, at: float) -> str:
    """An id of the payment system, 32 letters and digits: what it is, whose, in which minute (UTC), and a part of chance."""
    chance = "".join(ALPHABET[byte % 62] for byte in os.urandom(11))
    return f"{prefix}{ispb}{datetime.fromtimestamp(at, UTC):%Y%m%d%H%M}{chance}"
