"""Reads of promotions and of what orders redeem of them."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from uuid import UUID

from holdfast.db import reads
from holdfast.promotions.models import Promotion, Redemption


def automatic() -> list[Promotion]:
    """The promotions that apply by themselves."""
    return reads.rows(Promotion, "WHERE active AND code = '' ORDER BY id")


def by_code(code: str) -> Promotion | None:
    """The promotion of a code, in its normal form."""
    return reads.first(Promotion, "WHERE active AND code = %s", code)


def has_codes() -> bool:
    """Is there any code that could be typed in?"""
    return Promotion.objects.filter(active=True).exclude(code="").exists()


def of_orders(order_ids: Iterable[UUID]) -> list[Redemption]:
    """What several orders redeem, each order's in the global order of promotions."""
    return reads.rows(Redemption, "WHERE order_id = ANY(%s::uuid[]) ORDER BY order_id, promotion_id", [*order_ids])


def of_order(order_id: UUID) -> list[Redemption]:
    """What an order redeems, in the global order of promotions."""
    return of_orders([order_id])


def uses(promotion_ids: Iterable[UUID], customer_key: str) -> Counter[UUID]:
    """How often a customer uses each of them, paid or not yet. A hint: only `services.reserve` decides."""
    condition = "WHERE promotion_id = ANY(%s::uuid[]) AND customer_key = %s AND state <> 'released'"
    return Counter(row.promotion_id for row in reads.rows(Redemption, condition, [*promotion_ids], customer_key))


def customer_key(*, merchant_id: UUID, email: str, customer_id: UUID | None = None) -> str:
    """Who counts as the same customer: a member by id, a guest by e-mail, whatever its capitals."""
    who = f"customer:{customer_id.hex}" if customer_id else f"email:{email.strip().lower()}"
    return hashlib.sha256(f"{merchant_id.hex}:{who}".encode()).hexdigest()
