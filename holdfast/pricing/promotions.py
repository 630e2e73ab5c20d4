"""Promotions: what is taken off, from which lines, and why another one is not used.

Rules of combination: the promotions are tried by priority, highest first; at the same priority one that was typed in comes before
an automatic one, then the key decides. One that is exclusive stands alone. Each takes from what the ones before it left.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from holdfast.kernel import limits, money
from holdfast.kernel.errors import Refused

#: One in basis points.
WHOLE = 10_000
CODE = re.compile(r"[A-Z0-9_-]{3,40}")


class BadPromotion(Refused):
    """A promotion needs a kind with its figures, such as percent and basis_points 1000."""


class Kind(StrEnum):
    PERCENT = "percent"
    FIXED = "fixed"
    BUY_GET = "buy_get"
    FREE_SHIPPING = "free_shipping"


class Why(StrEnum):
    """Why a promotion is not used."""

    NOT_YET = "not_yet"
    OVER = "over"
    OTHER_CURRENCY = "other_currency"
    MINIMUM_NOT_REACHED = "minimum_not_reached"
    NOTHING_IN_IT = "nothing_in_it"
    NOT_COMBINED = "not_combined"
    #: Counted by the room, not here: the total limit, or the customer's own.
    USED_UP = "used_up"


class Item(Protocol):
    """A line, as far as promotions look at it."""

    @property
    def key(self) -> str: ...
    @property
    def product(self) -> str: ...
    @property
    def unit_price_minor(self) -> int: ...
    @property
    def quantity(self) -> int: ...


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """One promotion's rules. `products` are the only ones it is for (all, when empty), less those `excluded`.

    percent: `basis_points` of what it is for. fixed: `amount_minor` off, in all. buy_get: of every `buy` + `get` pieces the
    cheapest `get` are `basis_points` cheaper, mixed as one likes. free_shipping: the shipping.
    """

    key: str
    name: str
    kind: Kind
    code: str = ""
    basis_points: int = WHOLE
    amount_minor: int = 0
    currency: str = ""
    buy: int = 0
    get: int = 0
    priority: int = 0
    exclusive: bool = False
    minimum_minor: int = 0
    products: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def is_for(self, item: Item) -> bool:
        return (not self.products or item.product in self.products) and item.product not in self.excluded


@dataclass(frozen=True)
class Used:
    """A promotion that was used, with what it gave."""

    promotion: Promotion
    gave_minor: int

    def as_json(self) -> dict[str, Any]:
        return {
            "key": self.promotion.key,
            "name": self.promotion.name,
            "code": self.promotion.code,
            "kind": str(self.promotion.kind),
            "gave_minor": self.gave_minor,
        }


@dataclass
class Discounts:
    """What comes off: by line in their order, and whether shipping is free. `unused` says why, by the promotion's key."""

    by_line: list[int]
    used: list[Used] = field(default_factory=list)
    unused: dict[str, Why] = field(default_factory=dict)
    #: The promotion by which shipping is free.
    shipping: Promotion | None = None


def normalised(code: str) -> str:
    """A code as it is kept and compared: capitals, no spaces at its ends."""
    return code.strip().upper()


def applied(
    promotions: Sequence[Promotion], *, lines: Sequence[Item], currency: str, at: datetime | None, ships: bool
) -> Discounts:
    """Take off what the promotions give at a moment. No line falls below zero, and no cent is lost in sharing out."""
    told = Discounts([0] * len(lines))
    grain = money.grain(currency, (line.unit_price_minor for line in lines))
    alone = False
    for promotion in sorted(promotions, key=lambda each: (-each.priority, not each.code, each.key)):
        why = _why_not(promotion, lines, currency, at)
        if why is None and (alone or (promotion.exclusive and (told.used or told.shipping))):
            why = Why.NOT_COMBINED
        if why is None and not _take(promotion, lines, told, ships=ships, grain=grain):
            why = Why.NOTHING_IN_IT
        if why is None:
            alone = promotion.exclusive
        else:
            told.unused[promotion.key] = why
    return told


def minimum_missing(promotion: Promotion, *, lines: Sequence[Item]) -> int:
    """How much more has to be in the cart, at list prices, of what it is for."""
    return max(0, promotion.minimum_minor - _worth(promotion, lines))


def _why_not(promotion: Promotion, lines: Sequence[Item], currency: str, at: datetime | None) -> Why | None:
    if promotion.starts_at is not None and (at is None or at < promotion.starts_at):
        return Why.NOT_YET
    if promotion.ends_at is not None and (at is None or at >= promotion.ends_at):
        return Why.OVER
    if promotion.currency and promotion.currency != currency:
        return Why.OTHER_CURRENCY
    if not any(promotion.is_for(line) for line in lines):
        return Why.NOTHING_IN_IT
    return Why.MINIMUM_NOT_REACHED if minimum_missing(promotion, lines=lines) else None


def _take(promotion: Promotion, lines: Sequence[Item], told: Discounts, *, ships: bool, grain: int) -> bool:
    """Take off what this one gives. False when that is nothing."""
    if promotion.kind == Kind.FREE_SHIPPING:
        if not ships or told.shipping is not None:
            return False
        told.shipping = promotion
        return True
    left = [line.unit_price_minor * line.quantity - off for line, off in zip(lines, told.by_line, strict=True)]
    left = [minor if promotion.is_for(line) else 0 for line, minor in zip(lines, left, strict=True)]
    shares = _SHARES[promotion.kind](promotion, lines, left, grain)
    gave = sum(shares)
    if gave:
        told.by_line = [off + share for off, share in zip(told.by_line, shares, strict=True)]
        told.used.append(Used(promotion, gave))
    return gave > 0


def _percent(promotion: Promotion, lines: Sequence[Item], left: Sequence[int], grain: int) -> list[int]:
    """Rounded once, over all of it, and shared out by what each line has left."""
    return money.allocate(money.ratio(sum(left), promotion.basis_points, WHOLE, grain=grain), left, grain=grain)


def _fixed(promotion: Promotion, lines: Sequence[Item], left: Sequence[int], grain: int) -> list[int]:
    return money.allocate(min(promotion.amount_minor // grain * grain, sum(left)), left, grain=grain)


def _buy_get(promotion: Promotion, lines: Sequence[Item], left: Sequence[int], grain: int) -> list[int]:
    """The cheapest pieces at list price, as many as there are full sets for."""
    mine = sorted((line.unit_price_minor, line.key, place) for place, line in enumerate(lines) if promotion.is_for(line))
    free = sum(lines[place].quantity for _, _, place in mine) // (promotion.buy + promotion.get) * promotion.get
    shares = [0] * len(lines)
    for price, _, place in mine:
        pieces = min(lines[place].quantity, free)
        free -= pieces
        shares[place] = min(money.ratio(price * pieces, promotion.basis_points, WHOLE, grain=grain), left[place])
    return shares


_SHARES = {Kind.PERCENT: _percent, Kind.FIXED: _fixed, Kind.BUY_GET: _buy_get}


def _worth(promotion: Promotion, lines: Sequence[Item]) -> int:
    return sum(line.unit_price_minor * line.quantity for line in lines if promotion.is_for(line))


# -- From the merchant's row ------------------------------------------------------------------------------------------

#: What each kind has to say.
FIGURES = {
    Kind.PERCENT: {"basis_points"},
    Kind.FIXED: {"amount_minor", "currency"},
    Kind.BUY_GET: {"buy", "get"},
    Kind.FREE_SHIPPING: set[str](),
}
OPTIONS = {"kind", "priority", "exclusive", "minimum_minor", "currency", "products", "excluded", "basis_points"}
#: (least, most) of each whole number.
RANGES = {
    "basis_points": (1, WHOLE),
    "amount_minor": (1, limits.MAX_AMOUNT_MINOR),
    "buy": (1, limits.MAX_QUANTITY),
    "get": (1, limits.MAX_QUANTITY),
    "priority": (-1000, 1000),
    "minimum_minor": (0, limits.MAX_AMOUNT_MINOR),
}


def from_json(
    rules: Any, *, key: str, name: str, code: str = "", starts_at: datetime | None = None, ends_at: datetime | None = None
) -> Promotion:
    """A promotion from the merchant's data. An amount (fixed, or a minimum) has its currency. Raises BadPromotion."""
    if not isinstance(rules, Mapping) or rules.get("kind") not in {str(kind) for kind in Kind}:
        raise BadPromotion(f"{BadPromotion.__doc__} Found {rules!r}.")
    kind = Kind(rules["kind"])
    needed = FIGURES[kind] | ({"currency"} if rules.get("minimum_minor") else set())
    if needed - rules.keys() or rules.keys() - OPTIONS - FIGURES[kind]:
        raise BadPromotion(f"A promotion of kind {kind} says {', '.join(sorted(needed)) or 'nothing more'}, not {sorted(rules)}.")
    for figure, (least, most) in RANGES.items():
        if figure in rules and (type(rules[figure]) is not int or not least <= rules[figure] <= most):
            raise BadPromotion(f"{figure} is a whole number from {least} to {most}, not {rules[figure]!r}.")
    if code and not CODE.fullmatch(code):
        raise BadPromotion(f"A code is 3 to 40 capitals, digits, - and _, not {code!r}.")
    if type(rules.get("exclusive", False)) is not bool:
        raise BadPromotion(f"exclusive is true or false, not {rules['exclusive']!r}.")
    if rules.get("currency"):
        money.exponent(rules["currency"])
    if starts_at is not None and ends_at is not None and starts_at >= ends_at:
        raise BadPromotion("A promotion ends after it began.")
    plain: dict[str, Any] = {name: rules[name] for name in (*RANGES, "currency", "exclusive") if name in rules}
    named: dict[str, Any] = {name: _names(rules.get(name, []), name) for name in ("products", "excluded")}
    return Promotion(key=key, name=name, code=code, kind=kind, starts_at=starts_at, ends_at=ends_at, **plain, **named)


def _names(value: Any, what: str) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise BadPromotion(f"{what} is a list of products' short names, not {value!r}.")
    return frozenset(value)
