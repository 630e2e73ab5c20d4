"""B6: an order keeps every amount, name and rule by which it was accepted. Whatever the shop changes afterwards, all who speak of
the order say what it says: the provider's page, another attempt, the receipt, the API, the ledger."""

import json
from typing import Any

from django.core import mail

from holdfast.flows import coupons, setup, shopping
from holdfast.flows.setup import Offer
from holdfast.kernel.clock import now
from tests.api.scene import Caller
from tests.crash.world import World
from tests.integration import driving

WAYS = [
    {"key": "slow", "name": "By ship", "by": "flat", "prices": {"*": 490}},
    {"key": "fast", "name": "Courier", "by": "flat", "prices": {"*": 990}},
]
HANDLING = {"key": "h", "name": "Handling", "amount_minor": 119, "tax_class": "standard"}
#: Mug 12.50 and book 9.00, a tenth off, courier, handling.
TOTAL = 2150 - 215 + 990 + 119


def placed(world: World) -> None:
    merchant_says(world, shipping_methods=WAYS, fees=[HANDLING])
    offer = Offer(name="Welcome", rules={"kind": "percent", "basis_points": 1000}, code="WELCOME10", total_limit=5)
    setup.announce(merchant_id=world.shop.id, offer=offer, now=now())
    world.fill()
    of_cart = {"merchant_id": world.shop.id, "cart_id": world.cart.id, "token_sha256": world.cart.hash}
    shopping.choose_shipping(**of_cart, method="fast")
    coupons.set_code(**of_cart, code="welcome10", address="", now=now())
    world.check_out()


def merchant_says(world: World, **columns: Any) -> None:
    with world.database.as_owner() as connection:
        for column, value in columns.items():
            connection.execute(
                f"UPDATE merchants_merchant SET {column} = %s WHERE id = %s",
                [json.dumps(value) if isinstance(value, list | dict) else value, world.shop.id],
            )


def everything_changes(world: World) -> None:
    """Prices, names, numbers, classes, rates, ways, fees, the promotion, the country, and what prices mean."""
    rates = [{"region": "DE", "tax_class": "standard", "basis_points": 2500, "from": "2020-01-01"}]
    merchant_says(world, tax_rates=rates, shipping_methods=[WAYS[0]], shipping_minor={"*": 1}, fees=[], prices_include_tax=False)
    merchant_says(world, country="FR", currency="JPY", name="Another name")
    with world.database.as_owner() as connection:
        mine = [world.shop.id]
        variant = "price_minor = 1, sku = sku || '-2', name = 'New', currency = 'JPY'"
        connection.execute(f"UPDATE catalog_variant SET {variant} WHERE merchant_id = %s", mine)
        connection.execute(
            "UPDATE catalog_product SET name = 'Renamed', tax_class = 'reduced', kind = 'digital' WHERE merchant_id = %s", mine
        )
        rules = json.dumps({"kind": "percent", "basis_points": 9000})
        promotion = "name = 'Ninety off', rules = %s, active = false"
        connection.execute(f"UPDATE promotions_promotion SET {promotion} WHERE merchant_id = %s", [rules, *mine])


def page(world: World) -> dict[str, Any]:
    """The order over the API, without what time brings."""
    told = Caller(world.shop.sk).get(f"/v1/orders/ord_{world.order_id.hex}")  # type: ignore[union-attr]
    assert told.status == 200
    kept = "currency total_minor lines promotions discount_minor region prices_include_tax shipping_method shipping_minor fees"
    return {name: told.json[name] for name in [*kept.split(), "tax_minor", "number"]}


def kept_rows(world: World) -> list[Any]:
    return [
        world.rows("SELECT snapshot, quote_sha256, total_minor, currency FROM orders_order"),
        world.rows("SELECT position, name, sku, kind, quantity, unit_price_minor, discount_minor FROM orders_orderline"),
        world.rows("SELECT promotion_id, gave_minor FROM promotions_redemption"),
    ]


def test_a_shop_that_changes_everything_changes_no_document(world: World, gateway: Any) -> None:
    placed(world)
    before, rows = page(world), kept_rows(world)
    assert (before["total_minor"], before["discount_minor"], before["region"]) == (TOTAL, 215, "DE")
    assert before["promotions"] == [{"name": "Welcome", "code": "WELCOME10", "kind": "percent", "gave_minor": 215}]
    assert [(it["name"], it["sku"], it["total_minor"]) for it in before["lines"]] == [("Mug", "MUG", 1125), ("Book", "BOOK", 810)]
    everything_changes(world)
    assert page(world) == before
    assert kept_rows(world) == rows
    world.pay()
    assert driving.charged(world.shop, gateway) == [(world.payment.pk.hex, TOTAL)]
    world.hear()
    world.recover()
    assert page(world) == before
    end = driving.picture(world.database, world.order_id)  # type: ignore[arg-type]
    assert (end.payments, end.cases) == ([("captured", TOTAL)], [])
    assert end.fulfilments == ["download done", "shipment pending"]  # by the kinds that were bought
    assert end.ledger == {
        "receivable:stripe": TOTAL, "sales": -1626, "shipping_income": -832, "fee_income": -100, "tax_payable": -486,
    }  # fmt: skip
    (letter,) = [letter for letter in mail.outbox if letter.subject == f"Your order {before['number']} is paid"]
    assert [line for line in letter.body.splitlines() if ": " in line and line.endswith(" EUR")] == [
        "1 × Mug: 11.25 EUR",
        "1 × Book: 8.10 EUR",
        "Handling: 1.19 EUR",
        "Courier: 9.90 EUR",
        "Total: 30.44 EUR",
        "of which tax: 4.86 EUR",
        "You saved: 2.15 EUR",
    ]


def test_another_attempt_asks_for_what_was_accepted(world: World, gateway: Any) -> None:
    placed(world)
    lines = _items(gateway, world)
    assert lines == [("Mug", 1, 1125), ("Book", 1, 810), ("Handling", 1, 119), ("Courier", 1, 990)]
    gateway.ring(world.payment.provider_id)
    world.hear()
    world.recover()
    assert world.state == "expired"
    with world.database.as_owner() as connection:
        connection.execute(
            "UPDATE catalog_variant SET price_minor = 1, name = 'New' WHERE merchant_id = %s",
            [world.shop.id],
        )
    merchant_says(world, fees=[], shipping_methods=[WAYS[0]], prices_include_tax=False)
    world.pay_again()
    assert _items(gateway, world) == lines
    world.pay()
    assert driving.charged(world.shop, gateway) == [(world.payment.pk.hex, TOTAL)]


def _items(gateway: Any, world: World) -> Any:
    """What the provider's page lists."""
    import httpx

    url = f"{gateway.url}/v1/checkout/sessions/{world.payment.provider_id}/line_items"
    told = httpx.get(url, headers={"Authorization": f"Bearer {world.shop.secret_key}"}, trust_env=False).raise_for_status().json()
    return [(row["description"], row["quantity"], row["amount_total"]) for row in told["data"]]
