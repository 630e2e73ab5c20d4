"""Which promotions a cart may use: those that apply by themselves, and the one whose code was typed in. Limits are looked at here
without a lock; `promotions.reserve` decides. What an order holds that the cart was copied from counts as the cart's own.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from holdfast.carts.models import Cart
from holdfast.kernel.errors import Refused
from holdfast.orders import queries as order_queries
from holdfast.pricing import promotions as rules
from holdfast.pricing.promotions import Promotion as Offered
from holdfast.pricing.promotions import Why
from holdfast.promotions import queries as promotions
from holdfast.promotions import services as redemptions
from holdfast.promotions.models import Promotion


class UnknownCode(Refused):
    """There is no such code."""


class CodeNotUsable(Refused):
    """This code cannot be used now."""


#: What a shopper is told of a code that does not work.
TOLD = {
    Why.NOT_YET: "This code is not valid yet.",
    Why.OVER: "This code is not valid any more.",
    Why.OTHER_CURRENCY: "This code is for another currency.",
    Why.MINIMUM_NOT_REACHED: "There is not enough in the cart for this code.",
    Why.NOTHING_IN_IT: "There is nothing in the cart that this code is for.",
    Why.NOT_COMBINED: "This code cannot be combined with another offer of this cart.",
    Why.USED_UP: "This code is used up.",
}


@dataclass(frozen=True)
class Offers:
    """What is offered to a cart, with the rows it comes from. `used_up` were dropped because of a limit."""

    offered: Sequence[Offered]
    rows: Mapping[str, Promotion]
    used_up: Sequence[Promotion] = ()
    #: Those of them that only this customer has used up: a cart's page, which does not know who buys, shows them.
    used_by_customer: Sequence[Offered] = ()

    def wanted(self, used: Sequence[rules.Used]) -> list[redemptions.Wanted]:
        """What an order has to reserve for what its quote uses."""
        rows = [self.rows[it.promotion.key] for it in used]
        return [redemptions.Wanted(row.pk, it.gave_minor, row.counted) for row, it in zip(rows, used, strict=True)]

    def why_not(self, code: str, unused: Mapping[str, Why]) -> Why | None:
        """Why a code is not used; None when it is, or when there is no such code."""
        if any(row.code == code for row in self.used_up):
            return Why.USED_UP
        return next((unused[key] for key, row in self.rows.items() if row.code == code and key in unused), None)


def of_cart(cart: Cart, *, customer_key: str = "") -> Offers:
    """The promotions for a cart; with `customer_key` also those are left out that this customer has used up."""
    found = promotions.automatic()
    typed = promotions.by_code(cart.coupon) if cart.coupon else None
    return _usable([*found, typed] if typed else found, cart, customer_key)


def require(code: str) -> Promotion:
    """The promotion of a code. Raises UnknownCode."""
    row = promotions.by_code(code) if rules.CODE.fullmatch(code) else None
    if row is None:
        raise UnknownCode
    return row


def _usable(rows: Sequence[Promotion], cart: Cart, customer_key: str) -> Offers:
    limited = [row for row in rows if row.counted]
    own = _own(cart) if limited else Counter[UUID]()
    per_customer = [row.pk for row in limited if row.customer_limit is not None] if customer_key else []
    uses = promotions.uses(per_customer, customer_key) if per_customer else Counter[UUID]()

    def reached(limit: int | None, taken: int, row: Promotion) -> bool:
        return limit is not None and taken - own[row.pk] >= limit

    gone = [row for row in limited if reached(row.total_limit, row.reserved + row.redeemed, row)]
    mine = [row for row in limited if row not in gone and customer_key and reached(row.customer_limit, uses[row.pk], row)]
    left = [row for row in rows if row not in gone and row not in mine]
    return Offers(
        offered=[_offered(row) for row in left],
        rows={row.pk.hex: row for row in left},
        used_up=[*gone, *mine],
        used_by_customer=[_offered(row) for row in mine],
    )


def _own(cart: Cart) -> Counter[UUID]:
    """What the order holds that the cart was copied from: it goes on with that order, or takes its place."""
    order = order_queries.of_cart(cart.copy_of_id) if cart.copy_of_id else None
    if order is None or not order.snapshot.get("promotions"):
        return Counter()
    return Counter(row.promotion_id for row in promotions.of_order(order.pk) if row.counted and row.state == "reserved")


def _offered(row: Promotion) -> Offered:
    return rules.from_json(row.rules, key=row.pk.hex, name=row.name, code=row.code, starts_at=row.starts_at, ends_at=row.ends_at)
