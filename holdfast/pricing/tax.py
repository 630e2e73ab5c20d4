"""Tax: dated rates by region and product class, and the split of an amount into net and tax."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from holdfast.kernel import money
from holdfast.kernel.errors import Refused

#: One in basis points: 1900 of them are 19 %.
WHOLE = 10_000
#: The class of everything that has no special rate, and of shipping.
STANDARD = "standard"
#: Carts keep two letters (ISO 3166-1); anything else would find no rate and silently sell without tax.
REGION = re.compile(r"[A-Z]{2}")


class BadTaxRate(Refused):
    """A tax rate needs region, tax_class, basis_points and from, such as DE, standard, 1900 and 2020-01-01."""


class BadRegion(Refused):
    """A region is a country's two capital letters, such as DE."""


@dataclass(frozen=True, kw_only=True)
class TaxRate:
    """What a region takes of a product class from a day on."""

    region: str
    tax_class: str
    basis_points: int
    from_date: date

    @classmethod
    def from_json(cls, row: Any) -> "TaxRate":
        """One entry of the merchant's list. Raises BadTaxRate."""
        if not isinstance(row, Mapping) or row.keys() != {"region", "tax_class", "basis_points", "from"}:
            raise BadTaxRate(f"{BadTaxRate.__doc__} Found {row!r}.")
        region, tax_class, basis_points = row["region"], row["tax_class"], row["basis_points"]
        if not isinstance(region, str) or not REGION.fullmatch(region):
            raise BadTaxRate(f"The region of a tax rate is two capital letters, not {region!r}.")
        if not isinstance(tax_class, str) or not tax_class:
            raise BadTaxRate(f"The class of a tax rate is a word, not {tax_class!r}.")
        if type(basis_points) is not int or not 0 <= basis_points <= WHOLE:
            raise BadTaxRate(f"Basis points are a whole number from 0 to {WHOLE} (100 %), not {basis_points!r}.")
        try:
            from_date = date.fromisoformat(row["from"])
        except (TypeError, ValueError):
            raise BadTaxRate(f"A tax rate begins on a day such as 2020-01-01, not {row['from']!r}.") from None
        return cls(region=region, tax_class=tax_class, basis_points=basis_points, from_date=from_date)


@dataclass(frozen=True, kw_only=True)
class Basis:
    """Why an amount bears the tax it bears. `from_date` is None where no rate was found: the tax is then zero."""

    region: str
    tax_class: str
    basis_points: int
    from_date: date | None
    included: bool

    def as_json(self) -> dict[str, Any]:
        return {
            "region": self.region,
            "tax_class": self.tax_class,
            "basis_points": self.basis_points,
            "from": self.from_date.isoformat() if self.from_date else None,
            "of": "gross" if self.included else "net",
        }


class Taxes(Protocol):
    """Who decides about tax: the merchant's own table, or an external service behind this one question.

    The answer depends on nothing but the arguments, and needs no network: a service's answers are fetched before the quote.
    """

    def basis(self, *, region: str, tax_class: str, on: date, included: bool) -> Basis:
        """What an amount of this class bears in a region on a day."""
        ...


@dataclass(frozen=True)
class DatedRates:
    """The merchant's table of dated rates."""

    rates: tuple[TaxRate, ...]

    def basis(self, *, region: str, tax_class: str, on: date, included: bool) -> Basis:
        return find(self.rates, region=region, tax_class=tax_class, on=on, included=included)


@dataclass(frozen=True, kw_only=True)
class Taxed:
    """An amount split: `total_minor` is always `net_minor + tax_minor`."""

    net_minor: int
    tax_minor: int
    total_minor: int


def rates_from_json(rows: Any) -> tuple[TaxRate, ...]:
    """The merchant's list. Raises BadTaxRate, also for two rates that begin on the same day."""
    if not isinstance(rows, list):
        raise BadTaxRate(f"Tax rates are a list, not {rows!r}.")
    rates = tuple(TaxRate.from_json(row) for row in rows)
    seen = set()
    for rate in rates:
        name = (rate.region, rate.tax_class, rate.from_date)
        if name in seen:
            raise BadTaxRate(f"Two tax rates of {rate.region} {rate.tax_class} begin on {rate.from_date}.")
        seen.add(name)
    return rates


def find(rates: Iterable[TaxRate], *, region: str, tax_class: str, on: date, included: bool) -> Basis:
    """The rate in force on a day: the newest that has begun. No rate is a rate of zero that says so."""
    begun = [r for r in rates if r.region == region and r.tax_class == tax_class and r.from_date <= on]
    rate = max(begun, key=lambda r: r.from_date, default=None)
    return Basis(
        region=region,
        tax_class=tax_class,
        basis_points=rate.basis_points if rate else 0,
        from_date=rate.from_date if rate else None,
        included=included,
    )


def split(amount_minor: int, basis: Basis, *, grain: int = 1) -> Taxed:
    """Tax of an amount, rounded half up once: taken out of it where prices include tax, else put on top, in steps of `grain`."""
    if basis.included:
        tax_minor = money.ratio(amount_minor, basis.basis_points, WHOLE + basis.basis_points)
        return Taxed(net_minor=amount_minor - tax_minor, tax_minor=tax_minor, total_minor=amount_minor)
    tax_minor = money.ratio(amount_minor, basis.basis_points, WHOLE, grain=grain)
    return Taxed(net_minor=amount_minor, tax_minor=tax_minor, total_minor=amount_minor + tax_minor)
