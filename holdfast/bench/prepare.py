"""`python -m holdfast.bench.prepare`: fill the base database. In: {"orders": n, "<set of carts>": n, …}. Out: what was made."""

import json
import sys
from typing import Any

import django
from django.db import connections

from holdfast.bench.instant_web import answer_at_once
from holdfast.kernel.ids import shown


def main() -> None:
    wish: dict[str, int] = json.load(sys.stdin)
    django.setup()
    answer_at_once()
    json.dump(_fill(wish.pop("orders", 0), wish), sys.stdout)
    connections.close_all()


def _fill(orders: int, sets: dict[str, int]) -> dict[str, Any]:
    """Sets of carts are named after what is in them: `spread…`, `hot…` or `scarce…`."""
    from holdfast.bench import purchases

    shop = purchases.open_shop(scarce=sets.get("scarce", 2) // 2)
    if orders:
        purchases.arrive(shop, purchases.place_orders(shop, orders))
        _leave_alone()
    kinds = {"spread": shop.spread, "hot": [shop.hot], "scarce": [shop.scarce]}
    filled = {kind: [purchases.fill_cart(shop, variant)[0] for variant in variants] for kind, variants in kinds.items()}
    carts = {name: purchases.copies(filled[name.partition("_")[0]], count) for name, count in sets.items()}
    return {
        "key": shop.key,
        "secret": shop.secret,
        "account": shown("acc", shop.account_id),
        "merchant_id": str(shop.merchant_id),
        "account_id": str(shop.account_id),
        "variants": [shown("var", variant) for variant in shop.spread],
        "carts": carts,
        "orders": orders,
    }


def _leave_alone() -> None:
    """The prepared payments wait for webhooks. Asking about them, which the worker does after a while, is not measured."""
    with connections["owner"].cursor() as cursor:
        for table in ("payments_payment", "payments_operation", "orders_order"):
            cursor.execute(f"UPDATE {table} SET due_at = due_at + interval '1 day' WHERE due_at IS NOT NULL")


if __name__ == "__main__":
    main()
