"""Fees: fixed amounts per order, each with its own tax class."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.kernel.errors import Refused
from holdfast.kernel.limits import MAX_AMOUNT_MINOR
from holdfast.pricing import tax
from holdfast.pricing.tax import Basis

#: More are a price list.
MAX_FEES = 10


class BadFee(Refused):
    """A fee has key, name, amount_minor and tax_class, such as handling, Handling, 150 and standard."""


@dataclass(frozen=True, kw_only=True)
class Fee:
    """An amount that every order bears."""

    key: str
    name: str
    amount_minor: int
    tax_class: str


@dataclass(frozen=True, kw_only=True)
class QuotedFee:
    """A fee with its tax. `total_minor` is what the customer pays for it."""

    key: str
    name: str
    amount_minor: int
    net_minor: int
    tax_minor: int
    total_minor: int
    tax_basis: Basis

    def as_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "name": self.name,
            "amount_minor": self.amount_minor,
            "net_minor": self.net_minor,
            "tax_minor": self.tax_minor,
            "total_minor": self.total_minor,
            "tax_basis": self.tax_basis.as_json(),
        }


def from_json(rows: Any) -> tuple[Fee, ...]:
    """The merchant's list. Raises BadFee."""
    if not isinstance(rows, list) or len(rows) > MAX_FEES:
        raise BadFee(f"Fees are a list of at most {MAX_FEES}, not {rows!r}.")
    fees = tuple(_fee(row) for row in rows)
    if len({fee.key for fee in fees}) != len(fees):
        raise BadFee("Two fees have the same key.")
    return fees


def quoted(fee: Fee, basis: Basis, *, grain: int = 1) -> QuotedFee:
    """A fee and the tax that it bears."""
    taxed = tax.split(fee.amount_minor, basis, grain=grain)
    return QuotedFee(
        key=fee.key,
        name=fee.name,
        amount_minor=fee.amount_minor,
        net_minor=taxed.net_minor,
        tax_minor=taxed.tax_minor,
        total_minor=taxed.total_minor,
        tax_basis=basis,
    )


def _fee(row: Any) -> Fee:
    if not isinstance(row, Mapping) or row.keys() != {"key", "name", "amount_minor", "tax_class"}:
        raise BadFee(f"{BadFee.__doc__} Found {row!r}.")
    words = (row["key"], row["name"], row["tax_class"])
    if not all(isinstance(word, str) and 0 < len(word) <= 80 for word in words):
        raise BadFee(f"Key, name and tax class of a fee are words of up to 80 letters. Found {row!r}.")
    if type(row["amount_minor"]) is not int or not 0 <= row["amount_minor"] <= MAX_AMOUNT_MINOR:
        raise BadFee(f"A fee is a whole number of minor units, zero or more, not {row['amount_minor']!r}.")
    return Fee(**row)
