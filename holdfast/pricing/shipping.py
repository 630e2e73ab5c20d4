"""Shipping: one flat amount per order, by region."""

from collections.abc import Mapping
from typing import Any

from holdfast.kernel.errors import Refused
from holdfast.kernel.limits import MAX_AMOUNT_MINOR
from holdfast.pricing.tax import REGION

#: The entry for every region that has none of its own.
ELSEWHERE = "*"


class BadShipping(Refused):
    """Shipping is an amount in minor units by region, such as DE 490 and * 1290."""


class NotShippedThere(Refused):
    """This shop does not ship to that region."""


def from_json(value: Any) -> dict[str, int]:
    """The merchant's amounts by region. Raises BadShipping."""
    if not isinstance(value, Mapping):
        raise BadShipping(f"{BadShipping.__doc__} Found {value!r}.")
    for region, minor in value.items():
        if not isinstance(region, str) or not (region == ELSEWHERE or REGION.fullmatch(region)):
            raise BadShipping(f"Shipping is kept by two capital letters or *, not by {region!r}.")
        if type(minor) is not int or not 0 <= minor <= MAX_AMOUNT_MINOR:
            raise BadShipping(f"Shipping to {region} is a whole number of minor units, zero or more, not {minor!r}.")
    return dict(value)


def flat(shipping_minor: Mapping[str, int], *, region: str) -> int:
    """What shipping to a region costs. A shop without any entry ships for nothing. Raises NotShippedThere."""
    if not shipping_minor:
        return 0
    if region not in shipping_minor and ELSEWHERE not in shipping_minor:
        raise NotShippedThere(f"This shop does not ship to {region}.")
    return shipping_minor[region] if region in shipping_minor else shipping_minor[ELSEWHERE]
