"""What a session sells: inline prices only."""

from holdfast.gateway import ids
from holdfast.gateway.params import currency, group, integer, many, metadata, one_of, text, url

LINE_ITEM = group(
    {
        "price_data": group(
            {
                "currency": currency,
                "product_data": group(
                    {
                        "name": text(250),
                        "description": text(),
                        "images": many(url, most=8),
                        "metadata": metadata,
                        "tax_code": text(),
                    },
                    required=("name",),
                ),
                "tax_behavior": one_of("exclusive", "inclusive", "unspecified"),
                "unit_amount": integer(0, 99_999_999),
            },
            required=("currency", "product_data", "unit_amount"),
        ),
        "quantity": integer(1, 999_999),
    },
    required=("price_data", "quantity"),
)


def line_item(given: dict, *, now: int, livemode: bool) -> dict:
    price = given["price_data"]
    amount = price["unit_amount"] * given["quantity"]
    return {
        "id": ids.new("li"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": price["product_data"]["name"],
        "metadata": {},
        "price": _price(price, now=now, livemode=livemode),
        "quantity": given["quantity"],
    }


def _price(price: dict, *, now: int, livemode: bool) -> dict:
    return {
        "id": ids.new("price"),
        "object": "price",
        "active": False,
        "billing_scheme": "per_unit",
        "created": now,
        "currency": price["currency"],
        "custom_unit_amount": None,
        "livemode": livemode,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": ids.new("prod", 14),
        "recurring": None,
        "tax_behavior": price.get("tax_behavior", "unspecified"),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": price["unit_amount"],
        "unit_amount_decimal": str(price["unit_amount"]),
    }


def total(items: list[dict]) -> int:
    return sum(item["amount_total"] for item in items)
