"""The quote: every amount of a purchase, from its lines and the merchant's rules."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from holdfast.kernel import limits, money
from holdfast.kernel.errors import Refused
from holdfast.pricing import shipping, tax
from holdfast.pricing.tax import BadRegion, Basis, TaxRate

#: Raised whenever the same input would be quoted differently by newer code: an order says by which rules it was priced.
RULES_VERSION = 1
KINDS = frozenset({"good", "digital", "booking"})
#: The kind of thing that is shipped.
GOOD = "good"


class BadQuantity(Refused):
    """A quantity is a whole number from 1 to 999."""


class BadPrice(Refused):
    """A price is a whole number of minor units, zero or more."""


class BadLine(Refused):
    """A line needs its own key, and is a good, digital or a booking."""


class TooManyLines(Refused):
    """A purchase has at most 100 lines."""


class TotalTooLarge(Refused):
    """The purchase is beyond the limit of one amount. Split it."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """What is bought. `key` names the line to the caller; it is part of the quote's hash, so derive it from the content."""

    key: str
    name: str
    sku: str
    kind: str
    unit_price_minor: int
    quantity: int
    tax_class: str
    weight_g: int = 0


@dataclass(frozen=True, kw_only=True)
class Rules:
    """A merchant's own rules of pricing."""

    prices_include_tax: bool
    tax_rates: tuple[TaxRate, ...]
    shipping_minor: Mapping[str, int]

    @classmethod
    def from_json(cls, *, prices_include_tax: bool, tax_rates: Any, shipping_minor: Any) -> "Rules":
        """From the merchant's row. Raises BadTaxRate, BadShipping."""
        return cls(
            prices_include_tax=prices_include_tax,
            tax_rates=tax.rates_from_json(tax_rates),
            shipping_minor=shipping.from_json(shipping_minor),
        )


@dataclass(frozen=True, kw_only=True)
class QuotedLine:
    """A line with its amounts. `total_minor` is what the customer pays for it: net plus tax."""

    key: str
    name: str
    sku: str
    kind: str
    quantity: int
    unit_price_minor: int
    subtotal_minor: int
    discount_minor: int
    net_minor: int
    tax_minor: int
    total_minor: int
    tax_basis: Basis

    @property
    def tax_basis_points(self) -> int:
        return self.tax_basis.basis_points

    def as_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "name": self.name,
            "sku": self.sku,
            "kind": self.kind,
            "quantity": self.quantity,
            "unit_price_minor": self.unit_price_minor,
            "subtotal_minor": self.subtotal_minor,
            "discount_minor": self.discount_minor,
            "net_minor": self.net_minor,
            "tax_minor": self.tax_minor,
            "total_minor": self.total_minor,
            "tax_basis": self.tax_basis.as_json(),
        }


@dataclass(frozen=True, kw_only=True)
class Quote:
    """Every amount of a purchase, in minor units of `currency`.

    `subtotal_minor` and `shipping_minor` are as listed (with tax where prices include it); `tax_minor` is all tax, of lines
    and shipping. `total_minor` is the sum of the lines' totals and `shipping_total_minor`.
    """

    lines: tuple[QuotedLine, ...]
    currency: str
    region: str
    subtotal_minor: int
    discount_minor: int
    shipping_minor: int
    shipping_tax_minor: int
    shipping_total_minor: int
    shipping_tax_basis: Basis
    tax_minor: int
    total_minor: int
    prices_include_tax: bool
    rules_version: int = RULES_VERSION

    def as_json(self) -> dict[str, Any]:
        """The snapshot that an order keeps: whole numbers and text only."""
        return {
            "rules_version": self.rules_version,
            "currency": self.currency,
            "region": self.region,
            "address_basis": {"region": self.region},
            "exchange_rate_assumption": None,
            "promotions": [],
            "prices_include_tax": self.prices_include_tax,
            "lines": [line.as_json() for line in self.lines],
            "subtotal_minor": self.subtotal_minor,
            "discount_minor": self.discount_minor,
            "shipping_minor": self.shipping_minor,
            "shipping_tax_minor": self.shipping_tax_minor,
            "shipping_total_minor": self.shipping_total_minor,
            "shipping_tax_basis": self.shipping_tax_basis.as_json(),
            "fees_minor": 0,
            "tax_minor": self.tax_minor,
            "total_minor": self.total_minor,
        }

    def sha256(self) -> str:
        """Of the canonical JSON: sorted keys, no spaces, UTF-8. The same purchase always has the same one."""
        canonical = json.dumps(self.as_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


def quote(*, lines: Sequence[Line], region: str, currency: str, rules: Rules, on: date) -> Quote:
    """Price a purchase by the rates in force `on` a day. No lines are a quote of nothing.

    Tax is rounded per line, half up. Raises UnknownCurrency, BadRegion, BadLine, BadQuantity, BadPrice, TooManyLines,
    TotalTooLarge, NotShippedThere.
    """
    _check(lines, region, currency)

    def basis(tax_class: str) -> Basis:
        return tax.find(rules.tax_rates, region=region, tax_class=tax_class, on=on, included=rules.prices_include_tax)

    quoted = tuple(_quoted(line, basis(line.tax_class)) for line in lines)
    ships = any(line.kind == GOOD for line in lines)
    shipping_minor = shipping.flat(rules.shipping_minor, region=region) if ships else 0
    shipped = tax.split(shipping_minor, basis(tax.STANDARD))
    total_minor = sum(line.total_minor for line in quoted) + shipped.total_minor
    if total_minor > limits.MAX_AMOUNT_MINOR:
        raise TotalTooLarge
    return Quote(
        lines=quoted,
        currency=currency,
        region=region,
        subtotal_minor=sum(line.subtotal_minor for line in quoted),
        discount_minor=sum(line.discount_minor for line in quoted),
        shipping_minor=shipping_minor,
        shipping_tax_minor=shipped.tax_minor,
        shipping_total_minor=shipped.total_minor,
        shipping_tax_basis=basis(tax.STANDARD),
        tax_minor=sum(line.tax_minor for line in quoted) + shipped.tax_minor,
        total_minor=total_minor,
        prices_include_tax=rules.prices_include_tax,
    )


def _check(lines: Sequence[Line], region: str, currency: str) -> None:
    money.exponent(currency)
    if not tax.REGION.fullmatch(region):
        raise BadRegion(f"{BadRegion.__doc__} Found {region!r}.")
    if len(lines) > limits.MAX_CART_LINES:
        raise TooManyLines
    if len({line.key for line in lines}) != len(lines):
        raise BadLine("Two lines have the same key.")
    for line in lines:
        if line.kind not in KINDS:
            raise BadLine(f"{line.kind!r} is no kind of line.")
        if type(line.quantity) is not int or not 1 <= line.quantity <= limits.MAX_QUANTITY:
            raise BadQuantity(f"{BadQuantity.__doc__} Found {line.quantity!r} of {line.sku}.")
        if type(line.unit_price_minor) is not int or line.unit_price_minor < 0:
            raise BadPrice(f"{BadPrice.__doc__} Found {line.unit_price_minor!r} for {line.sku}.")


def _quoted(line: Line, basis: Basis) -> QuotedLine:
    subtotal_minor = line.unit_price_minor * line.quantity
    taxed = tax.split(subtotal_minor, basis)
    return QuotedLine(
        key=line.key,
        name=line.name,
        sku=line.sku,
        kind=line.kind,
        quantity=line.quantity,
        unit_price_minor=line.unit_price_minor,
        subtotal_minor=subtotal_minor,
        discount_minor=0,
        net_minor=taxed.net_minor,
        tax_minor=taxed.tax_minor,
        total_minor=taxed.total_minor,
        tax_basis=basis,
    )
