"""The quote: every amount of a purchase, from its lines and the merchant's rules."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from holdfast.kernel import limits, money
from holdfast.kernel.errors import Refused
from holdfast.pricing import fees, promotions, shipping, tax
from holdfast.pricing.fees import Fee, QuotedFee
from holdfast.pricing.promotions import Promotion, Used, Why
from holdfast.pricing.shipping import Method, Offer
from holdfast.pricing.tax import BadRegion, Basis, DatedRates, Taxes, TaxRate

#: Raised whenever the same input would be quoted differently by newer code: an order says by which rules it was priced.
RULES_VERSION = 2
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
    """What is bought. `key` names the line to the caller; it is part of the quote's hash, so derive it from the content.

    `product` is the short name by which promotions include and exclude it.
    """

    key: str
    name: str
    sku: str
    kind: str
    unit_price_minor: int
    quantity: int
    tax_class: str
    weight_g: int = 0
    product: str = ""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """A merchant's own rules of pricing."""

    prices_include_tax: bool
    tax_rates: tuple[TaxRate, ...]
    shipping: tuple[Method, ...]
    fees: tuple[Fee, ...] = ()

    @classmethod
    def from_json(
        cls,
        *,
        prices_include_tax: bool,
        tax_rates: Any,
        shipping_minor: Any,
        shipping_methods: Any = (),
        fees_charged: Any = (),
    ) -> "Rules":
        """From the merchant's row. Raises BadTaxRate, BadShipping, BadFee."""
        return cls(
            prices_include_tax=prices_include_tax,
            tax_rates=tax.rates_from_json(tax_rates),
            shipping=shipping.methods_from_json(list(shipping_methods), plain=shipping_minor),
            fees=fees.from_json(list(fees_charged)),
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

    `subtotal_minor` is as listed (with tax where prices include it), and so are `discount_minor`, `shipping_minor` (what is
    charged, after a promotion that ships for nothing) and `fees_minor`; `tax_minor` is all tax. `total_minor` is the sum of the
    lines' totals, `shipping_total_minor` and `fees_total_minor`.
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
    #: How it is shipped, None when nothing is; and what else could be chosen, which is no part of the snapshot.
    shipping_method: Offer | None = None
    shipping_offers: tuple[Offer, ...] = ()
    fees: tuple[QuotedFee, ...] = ()
    promotions: tuple[Used, ...] = ()
    #: Why the others were not used, by their key; no part of the snapshot.
    unused: Mapping[str, Why] = field(default_factory=dict)
    rules_version: int = RULES_VERSION

    @property
    def fees_minor(self) -> int:
        return sum(fee.amount_minor for fee in self.fees)

    @property
    def fees_total_minor(self) -> int:
        return sum(fee.total_minor for fee in self.fees)

    def as_json(self) -> dict[str, Any]:
        """The snapshot that an order keeps: whole numbers and text only."""
        return {
            "rules_version": self.rules_version,
            "currency": self.currency,
            "region": self.region,
            "address_basis": {"region": self.region},
            "exchange_rate_assumption": None,
            "promotions": [used.as_json() for used in self.promotions],
            "prices_include_tax": self.prices_include_tax,
            "lines": [line.as_json() for line in self.lines],
            "subtotal_minor": self.subtotal_minor,
            "discount_minor": self.discount_minor,
            "shipping_minor": self.shipping_minor,
            "shipping_tax_minor": self.shipping_tax_minor,
            "shipping_total_minor": self.shipping_total_minor,
            "shipping_tax_basis": self.shipping_tax_basis.as_json(),
            "shipping_method": self.shipping_method.as_json() if self.shipping_method else None,
            "fees": [fee.as_json() for fee in self.fees],
            "fees_minor": self.fees_minor,
            "fees_total_minor": self.fees_total_minor,
            "tax_minor": self.tax_minor,
            "total_minor": self.total_minor,
        }

    def sha256(self) -> str:
        """Of the canonical JSON: sorted keys, no spaces, UTF-8. The same purchase always has the same one."""
        canonical = json.dumps(self.as_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


def quote(
    *,
    lines: Sequence[Line],
    region: str,
    currency: str,
    rules: Rules,
    on: date,
    offered: Sequence[Promotion] = (),
    at: datetime | None = None,
    method: str = "",
    taxes: Taxes | None = None,
) -> Quote:
    """Price a purchase by the rates `on` a day and the promotions `offered` `at` a moment. No lines are a quote of nothing.

    `method` is the wished way of shipping; `taxes` decide instead of the merchant's table. Tax is rounded per line, half up, of
    what is left after the discount; amounts that we reckon keep to `money.grain`. Raises UnknownCurrency, BadRegion, BadLine,
    BadQuantity, BadPrice, TooManyLines, TotalTooLarge, NotShippedThere.
    """
    _check(lines, region, currency)
    decides = taxes or DatedRates(rules.tax_rates)

    def basis(tax_class: str) -> Basis:
        return decides.basis(region=region, tax_class=tax_class, on=on, included=rules.prices_include_tax)

    grain = money.grain(currency, (line.unit_price_minor for line in lines))
    goods = [line for line in lines if line.kind == GOOD]
    off = promotions.applied(offered, lines=lines, currency=currency, at=at, ships=bool(goods))
    quoted = tuple(_quoted(line, minor, basis(line.tax_class), grain) for line, minor in zip(lines, off.by_line, strict=True))
    possible = _offers(rules, goods, region=region, value_minor=sum(row.subtotal_minor - row.discount_minor for row in quoted))
    shipped_by = shipping.chosen(possible, method) if possible else None
    listed_minor = shipped_by.price_minor if shipped_by else 0
    shipping_minor = 0 if off.shipping else listed_minor
    shipped = tax.split(shipping_minor, basis(tax.STANDARD), grain=grain)
    charged = tuple(fees.quoted(fee, basis(fee.tax_class), grain=grain) for fee in rules.fees) if lines else ()
    taxed: tuple[QuotedLine | QuotedFee, ...] = (*quoted, *charged)
    total_minor = sum(row.total_minor for row in taxed) + shipped.total_minor
    if max(total_minor, sum(row.subtotal_minor for row in quoted)) > limits.MAX_AMOUNT_MINOR:
        raise TotalTooLarge
    free = [Used(off.shipping, listed_minor)] if off.shipping and listed_minor else []
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
        tax_minor=sum(row.tax_minor for row in taxed) + shipped.tax_minor,
        total_minor=total_minor,
        prices_include_tax=rules.prices_include_tax,
        shipping_method=shipped_by,
        shipping_offers=tuple(possible),
        fees=charged,
        promotions=(*off.used, *free),
        unused=off.unused,
    )


def _offers(rules: Rules, goods: Sequence[Line], *, region: str, value_minor: int) -> list[Offer]:
    """How it could be shipped. The value is that of the whole purchase, after discounts."""
    if not goods:
        return []
    weight_g = sum(line.weight_g * line.quantity for line in goods)
    return shipping.offers(rules.shipping, region=region, weight_g=weight_g, value_minor=value_minor)


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


def _quoted(line: Line, discount_minor: int, basis: Basis, grain: int) -> QuotedLine:
    subtotal_minor = line.unit_price_minor * line.quantity
    taxed = tax.split(subtotal_minor - discount_minor, basis, grain=grain)
    return QuotedLine(
        key=line.key,
        name=line.name,
        sku=line.sku,
        kind=line.kind,
        quantity=line.quantity,
        unit_price_minor=line.unit_price_minor,
        subtotal_minor=subtotal_minor,
        discount_minor=discount_minor,
        net_minor=taxed.net_minor,
        tax_minor=taxed.tax_minor,
        total_minor=taxed.total_minor,
        tax_basis=basis,
    )
