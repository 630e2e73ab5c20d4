"""R-A3: a line's price is kept for as long as the merchant says; after that, and for whatever else a quote is made of, the
shopper is told both totals and accepts the new one, or nothing is placed."""

import json
from datetime import timedelta
from typing import Any

import pytest

from holdfast.catalog.queries import NotForSale
from holdfast.db.tenancy import reading
from holdfast.flows import quotes, setup, shopping
from holdfast.flows.quotes import PriceChanged
from holdfast.flows.setup import Offer
from holdfast.inventory.queries import SlotClosed
from holdfast.pricing.shipping import NotShippedThere
from tests import build
from tests.crash.world import World
from tests.integration import driving

#: A mug of 12.50 and its shipping of 4.90.
SHOWN = 1250 + 490


def owner_says(world: World, table: str, **columns: Any) -> None:
    with world.database.as_owner() as connection:
        for column, value in columns.items():
            said = json.dumps(value) if isinstance(value, list | dict) else value
            where = "id" if table == "merchants_merchant" else "merchant_id"
            connection.execute(f"UPDATE {table} SET {column} = %s WHERE {where} = %s", [said, world.shop.id])


def aged(world: World, **age: float) -> None:
    owner_says(world, "carts_cartline", priced_at=build.now() - timedelta(**age))


def seen(world: World) -> quotes.Quote:
    """What the cart's page shows."""
    from holdfast.carts import queries as carts
    from holdfast.merchants import queries as merchants

    with reading(world.shop.id):
        return quotes.of_cart(
            carts.owned(world.cart.id, world.cart.hash), merchants.current(world.shop.id), now=build.now()
        ).quote


def assert_nothing_was_placed(world: World) -> None:
    assert world.count("orders_order") == world.count("payments_payment") == world.count("inventory_reservation") == 0
    assert world.rows("SELECT state FROM carts_cart") == [("active",)]


@pytest.mark.parametrize(
    ("honoured_s", "minutes", "total_minor"),
    [(3600, 59, SHOWN), (3600, 61, None), (7200, 61, SHOWN), (0, 0.1, None), (60, 0.5, SHOWN)],
    ids=["an hour: 59 min", "an hour: 61 min", "two hours: 61 min", "at once: seconds", "a minute: half of it"],
)
def test_a_kept_price_is_honoured_for_as_long_as_the_merchant_says(
    world: World, honoured_s: int, minutes: float, total_minor: int | None
) -> None:
    world.cart = build.basket(world.shop, MUG=1)
    owner_says(world, "merchants_merchant", price_honoured_s=honoured_s)
    owner_says(world, "catalog_variant", price_minor=1500)
    aged(world, minutes=minutes)
    if total_minor is None:
        with pytest.raises(PriceChanged) as told:
            build.check_out(world.shop, world.cart)
        (change,) = told.value.extra["changes"]
        assert (change["was_minor"], change["now_minor"], told.value.extra["total_minor"]) == (1250, 1500, 1990)
        assert_nothing_was_placed(world)
        world.remember(build.check_out(world.shop, world.cart, accept_quote=told.value.extra["quote"]))
        total_minor = 1990
    else:
        world.remember(build.check_out(world.shop, world.cart))
    order = build.order(world.shop, world.order_id)  # type: ignore[arg-type]
    assert (order.total_minor, world.payment.amount_minor) == (total_minor, total_minor)
    assert order.snapshot["lines"][0]["unit_price_minor"] == total_minor - 490


def test_a_lower_price_is_told_as_well(world: World) -> None:
    world.cart = build.basket(world.shop, MUG=1)
    owner_says(world, "catalog_variant", price_minor=1000)
    aged(world, hours=2)
    with pytest.raises(PriceChanged) as told:
        build.check_out(world.shop, world.cart)
    assert told.value.extra["total_minor"] == 1490


def test_a_price_that_moved_again_after_it_was_accepted_is_asked_about_again(world: World) -> None:
    world.cart = build.basket(world.shop, MUG=1)
    owner_says(world, "catalog_variant", price_minor=1500)
    aged(world, hours=2)
    with pytest.raises(PriceChanged) as first:
        build.check_out(world.shop, world.cart)
    owner_says(world, "catalog_variant", price_minor=1600)
    with pytest.raises(PriceChanged) as second:
        build.check_out(world.shop, world.cart, accept_quote=first.value.extra["quote"])
    assert second.value.extra["total_minor"] == 2090
    assert_nothing_was_placed(world)


#: What else a quote is made of: (what changes, the new total).
OTHERWISE: dict[str, tuple[Any, int]] = {
    "shipping": (lambda world: owner_says(world, "merchants_merchant", shipping_minor={"DE": 790}), 2040),
    "a way of shipping": (
        lambda world: owner_says(
            world, "merchants_merchant", shipping_methods=[{"key": "a", "name": "A", "by": "flat", "prices": {"*": 590}}]
        ),
        1840,
    ),
    "a fee": (
        lambda world: owner_says(
            world, "merchants_merchant", fees=[{"key": "h", "name": "Handling", "amount_minor": 100, "tax_class": "standard"}]
        ),
        1840,
    ),
    "what prices mean": (lambda world: owner_says(world, "merchants_merchant", prices_include_tax=False), 2071),
    "the rate of tax inside": (lambda world: owner_says(world, "merchants_merchant", tax_rates=[]), 1740),
    "an offer that ended": (lambda world: owner_says(world, "promotions_promotion", ends_at=build.now()), 1740),
    "where it goes": (
        lambda world: shopping.set_region(
            merchant_id=world.shop.id, cart_id=world.cart.id, token_sha256=world.cart.hash, region="FR"
        ),
        2240,
    ),
    "a line in another tab": (lambda world: build.put(world.shop, world.cart, "BOOK"), 2640),
}


@pytest.mark.parametrize("what", OTHERWISE)
def test_who_says_which_quote_they_saw_never_pays_another(world: World, what: str) -> None:
    """Whatever it was that moved: the hash differs, 409 tells the new total, and nothing is placed."""
    if what == "an offer that ended":
        offer = Offer(name="Off", rules={"kind": "fixed", "amount_minor": 100, "currency": "EUR"})
        setup.announce(merchant_id=world.shop.id, offer=offer, now=build.now())
    world.cart = build.basket(world.shop, MUG=1)
    quote = seen(world).sha256()
    change, total_minor = OTHERWISE[what]
    change(world)
    country = {"address": {**build.wish().address, "country": "FR"}} if what == "where it goes" else {}
    with pytest.raises(PriceChanged) as told:
        build.check_out(world.shop, world.cart, accept_quote=quote, **country)
    assert (told.value.extra["changes"], told.value.extra["total_minor"]) == ([], total_minor)
    assert_nothing_was_placed(world)
    assert told.value.extra["quote"] == seen(world).sha256() != quote
    world.remember(build.check_out(world.shop, world.cart, accept_quote=told.value.extra["quote"], **country))
    assert world.payment.amount_minor == total_minor


def test_what_did_not_change_is_the_same_quote(world: World) -> None:
    """The name of the shop, a phone number, another language, the stock of others: no reason to ask."""
    world.cart = build.basket(world.shop, MUG=1)
    quote = seen(world).sha256()
    owner_says(world, "merchants_merchant", name="Another name", brand={"colour": "#111111"})
    build.buy(world.shop, CUP=1)
    world.remember(build.check_out(world.shop, world.cart, accept_quote=quote, phone="+49 40 1"))
    assert world.payment.amount_minor == SHOWN


@pytest.mark.parametrize(
    ("table", "columns", "refusal"),
    [
        ("catalog_variant", {"active": False}, NotForSale),
        ("catalog_product", {"active": False}, NotForSale),
        ("inventory_slot", {"cutoff_at": build.now() - timedelta(hours=1)}, SlotClosed),
        ("merchants_merchant", {"shipping_minor": {"FR": 490}}, NotShippedThere),
    ],
    ids=["variant", "product", "slot", "country"],
)
def test_what_is_not_sold_any_more_is_not_placed_at_an_old_price(world: World, table: str, columns: Any, refusal: Any) -> None:
    world.cart = build.basket(world.shop, MUG=1, TOUR_ADULT=1)
    owner_says(world, table, **columns)
    with pytest.raises(refusal):
        build.check_out(world.shop, world.cart)
    assert_nothing_was_placed(world)


def test_an_abandoned_reservation_comes_back_and_the_next_buyer_gets_it(world: World, gateway: Any) -> None:
    """S-20: both saw the last ones; who comes second is refused at the lock, and served once the first has let them lapse."""
    first, second = build.basket(world.shop, MUG=10), build.basket(world.shop, MUG=1)
    world.remember(build.check_out(world.shop, first))
    with pytest.raises(Exception, match="Somebody else took the last of it") as refused:
        build.check_out(world.shop, second)
    assert refused.value.extra["available"] == 0  # type: ignore[attr-defined]
    driving.travel(world.database, minutes=32)
    world.recover()
    assert (world.state, build.stock(world.shop)) == ("expired", (10, 0))
    lapsed = world.order_id
    world.remember(build.check_out(world.shop, second))
    assert build.stock(world.shop) == (10, 1)
    world.order_id = lapsed
    with pytest.raises(Exception, match="Somebody else took the last of it"):
        world.pay_again()
    assert world.state == "expired"
