"""Shipping: a merchant's methods, each flat, by weight or by value, by region, and free above a value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.kernel.errors import Refused
from holdfast.kernel.limits import MAX_AMOUNT_MINOR
from holdfast.pricing.tax import REGION

#: The entry for every region that has none of its own.
ELSEWHERE = "*"
#: The one method of a shop that only says what shipping costs by region.
PLAIN = "standard"
#: How a method finds its price.
FLAT, BY_WEIGHT, BY_VALUE = "flat", "weight", "value"
#: Methods that a merchant may have: more than anybody chooses from.
MAX_METHODS = 20


class BadShipping(Refused):
    """Shipping is an amount in minor units by region, such as DE 490 and * 1290."""


class NotShippedThere(Refused):
    """This shop does not ship to that region."""


class NoSuchMethod(Refused):
    """This shop does not ship that way."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way of shipping. `prices` are by region: steps of (bound, minor units), in the order of their bounds.

    by weight: a parcel of up to `bound` grams, None for any; by value: a purchase of `bound` minor units or more; flat: one step.
    """

    key: str
    name: str
    by: str
    prices: Mapping[str, Sequence[tuple[int | None, int]]]
    free_from_minor: int | None = None

    def price(self, *, region: str, weight_g: int, value_minor: int) -> int | None:
        """What it costs; None where it does not go, or when it is too heavy for it."""
        steps = self.prices.get(region, self.prices.get(ELSEWHERE))
        if steps is None:
            return None
        if self.by == BY_VALUE:
            found = [minor for bound, minor in steps if bound is None or value_minor >= bound][-1:]
        else:
            found = [minor for bound, minor in steps if bound is None or weight_g <= bound][:1]
        free = self.free_from_minor is not None and value_minor >= self.free_from_minor
        return (0 if free else found[0]) if found else None


@dataclass(frozen=True)
class Offer:
    """A method that is possible for a purchase, with its price."""

    method: Method
    price_minor: int

    def as_json(self) -> dict[str, Any]:
        return {"key": self.method.key, "name": self.method.name}


def offers(methods: Sequence[Method], *, region: str, weight_g: int, value_minor: int) -> list[Offer]:
    """What is possible, in the merchant's order. A shop without any method ships for nothing. Raises NotShippedThere."""
    if not methods:
        return [Offer(Method(key=PLAIN, name="Shipping", by=FLAT, prices={ELSEWHERE: [(None, 0)]}), 0)]
    priced = [(each, each.price(region=region, weight_g=weight_g, value_minor=value_minor)) for each in methods]
    found = [Offer(method, minor) for method, minor in priced if minor is not None]
    if not found:
        raise NotShippedThere(f"This shop does not ship to {region}.")
    return found


def chosen(possible: Sequence[Offer], key: str) -> Offer:
    """The one that was chosen; where it is not possible (any more), or none was chosen, the cheapest, of equals the first."""
    return next((offer for offer in possible if offer.method.key == key), min(possible, key=lambda offer: offer.price_minor))


# -- From the merchant's row ------------------------------------------------------------------------------------------


def from_json(value: Any) -> dict[str, int]:
    """The merchant's flat amounts by region. Raises BadShipping."""
    if not isinstance(value, Mapping):
        raise BadShipping(f"{BadShipping.__doc__} Found {value!r}.")
    for region, minor in value.items():
        _region(region)
        if type(minor) is not int or not 0 <= minor <= MAX_AMOUNT_MINOR:
            raise BadShipping(f"Shipping to {region} is a whole number of minor units, zero or more, not {minor!r}.")
    return dict(value)


def methods_from_json(methods: Any, *, plain: Any) -> tuple[Method, ...]:
    """The merchant's methods; one that only has `plain` amounts by region ships that one way. Raises BadShipping."""
    amounts = from_json(plain)
    if not isinstance(methods, list) or len(methods) > MAX_METHODS:
        raise BadShipping(f"The methods of shipping are a list of at most {MAX_METHODS}, not {methods!r}.")
    if not methods and amounts:
        return (Method(key=PLAIN, name="Shipping", by=FLAT, prices={region: [(None, it)] for region, it in amounts.items()}),)
    read = tuple(_method(each) for each in methods)
    if len({method.key for method in read}) != len(read):
        raise BadShipping("Two methods of shipping have the same key.")
    return read


def _method(row: Any) -> Method:
    needed, options = {"key", "name", "by", "prices"}, {"free_from_minor"}
    if not isinstance(row, Mapping) or needed - row.keys() or row.keys() - needed - options:
        raise BadShipping(f"A method of shipping has key, name, by, prices and perhaps free_from_minor. Found {row!r}.")
    key, name, by, free = row["key"], row["name"], row["by"], row.get("free_from_minor")
    if not (isinstance(key, str) and 0 < len(key) <= 40 and isinstance(name, str) and 0 < len(name) <= 80):
        raise BadShipping(f"Key and name of a method are words of up to 40 and 80 letters. Found {key!r}, {name!r}.")
    if by not in (FLAT, BY_WEIGHT, BY_VALUE):
        raise BadShipping(f"A method of shipping costs flat, by weight or by value, not by {by!r}.")
    if not isinstance(row["prices"], Mapping) or not row["prices"]:
        raise BadShipping(f"The prices of {key} are by region. Found {row['prices']!r}.")
    if free is not None and (type(free) is not int or free < 0):
        raise BadShipping(f"{key} is free from a whole number of minor units, not {free!r}.")
    for region in row["prices"]:
        _region(region)
    prices = {region: _steps(key, by, said) for region, said in row["prices"].items()}
    return Method(key=key, name=name, by=by, prices=prices, free_from_minor=free)


def _steps(key: str, by: str, said: Any) -> list[tuple[int | None, int]]:
    """`490`, or steps such as `[[1000, 490], [null, 990]]` in rising order; no bound stands at the open end."""
    if by == FLAT:
        steps: Any = [(None, said)]
    elif isinstance(said, list) and said and all(isinstance(step, list | tuple) and len(step) == 2 for step in said):
        steps = [tuple(step) for step in said]
    else:
        raise BadShipping(f"The prices of {key} are steps of two figures. Found {said!r}.")
    bounds = [bound for bound, _ in steps if bound is not None]
    open_end = steps[-1][0] if by != BY_VALUE else steps[0][0]
    if any(type(bound) is not int or bound < 0 for bound in bounds) or bounds != sorted(set(bounds)):
        raise BadShipping(f"The steps of {key} rise. Found {said!r}.")
    if len(bounds) < len(steps) - (open_end is None):
        raise BadShipping(f"Only the open end of {key} has no bound. Found {said!r}.")
    if any(type(minor) is not int or not 0 <= minor <= MAX_AMOUNT_MINOR for _, minor in steps):
        raise BadShipping(f"Shipping by {key} is a whole number of minor units, zero or more. Found {said!r}.")
    return steps


def _region(region: Any) -> None:
    if not isinstance(region, str) or not (region == ELSEWHERE or REGION.fullmatch(region)):
        raise BadShipping(f"Shipping is kept by two capital letters or *, not by {region!r}.")
