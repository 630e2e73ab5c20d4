"""B5: yen, euro and dinar from the price in the cart to the posting in the ledger, and back out of the gateway's books."""

import json
import secrets
from typing import Any

import pytest
from django.core import mail

from holdfast.db.tenancy import reading
from holdfast.flows import direct, quotes, setup
from holdfast.flows.setup import Goods, Offer
from holdfast.kernel import ids
from holdfast.providers.contract import AmountNotPossible
from tests import build
from tests.build import WEBHOOK_SECRET, Shop
from tests.crash.world import World
from tests.integration import driving

#: On top of the price, so that tax is a figure that we reckon. A tenth, and a promotion of a quarter.
TAX = [{"region": "DE", "tax_class": "standard", "basis_points": 1000, "from": "2020-01-01"}]
QUARTER = {"kind": "percent", "basis_points": 2500}


def shop_in(currency: str, price_minor: int, gateway: Any) -> Shop:
    """One thing, `price_minor` without tax; shipping 490 of whatever the currency counts, a promotion of a quarter."""
    from holdfast.catalog.models import Variant

    at, key = build.now(), f"sk_test_{secrets.token_hex(12)}"
    merchant = setup.found_merchant(
        slug=f"shop-{secrets.token_hex(4)}",
        name="Shop",
        country="DE",
        currency=currency,
        tax_rates=TAX,
        shipping_minor={"*": 490},
        prices_include_tax=False,
    )
    keys = {"secret_key": key, "webhook_secrets": [WEBHOOK_SECRET], "api_base": gateway.url}
    account = setup.open_account(merchant_id=merchant.pk, provider="stripe", mode="test", credentials=keys, now=at)
    setup.open_account(merchant_id=merchant.pk, provider="sandbox", mode="test", credentials=keys, now=at)
    goods = Goods("good", "lamp", "Lamp", [("LAMP", "", price_minor)], stock=10)
    setup.stock_up(merchant_id=merchant.pk, goods=goods, currency=currency, now=at)
    setup.announce(merchant_id=merchant.pk, offer=Offer(name="A quarter", rules=QUARTER), now=at)
    with reading(merchant.pk):
        variants = {row.sku: row.pk for row in Variant.objects.all()}
    return Shop(merchant, key, account.pk, variants, ids.new_id(), "", "")


@pytest.fixture
def world_in(world: World, gateway: Any) -> Any:
    """The world, with a shop that sells in another currency."""

    def make(currency: str, price_minor: int) -> World:
        driving.retire(world.database, world.shop)
        world.shop = shop_in(currency, price_minor, gateway)
        return world

    yield make
    driving.retire(world.database, world.shop)


#: (currency, price without tax, of three: discount, tax of goods and of shipping, total, as a person reads it).
#: Yen and cents are rounded to one; fils to ten, because Stripe takes no finer dinars.
CASES = [
    ("JPY", 1250, 938, 281, 49, 3632, "3632 JPY"),
    ("EUR", 1250, 938, 281, 49, 3632, "36.32 EUR"),
    ("KWD", 1250, 940, 280, 50, 3630, "3.630 KWD"),
]


@pytest.mark.parametrize(("currency", "price", "off", "tax", "shipping_tax", "total", "shown"), CASES)
def test_a_purchase_is_right_to_the_last_unit(
    world_in: Any, gateway: Any, currency: str, price: int, off: int, tax: int, shipping_tax: int, total: int, shown: str
) -> None:
    world = world_in(currency, price)
    world.cart = build.basket(world.shop, LAMP=3)
    world.remember(build.check_out(world.shop, world.cart))
    order = build.order(world.shop, world.order_id)
    line = order.snapshot["lines"][0]
    assert (line["discount_minor"], line["tax_minor"], order.snapshot["shipping_tax_minor"]) == (off, tax, shipping_tax)
    assert (order.currency, order.total_minor, world.payment.amount_minor) == (currency, total, total)
    world.pay()
    ((reference, charged),) = driving.charged(world.shop, gateway)
    assert (reference, charged) == (world.payment.pk.hex, total)  # Stripe counts these as ISO does
    assert gateway.books(world.shop.secret_key)["payments"][0]["currency"] == currency.lower()
    world.hear()
    world.recover()
    end = driving.picture(world.database, order.pk)
    assert (end.order, end.payments, end.cases) == ("fulfillment_pending", [("captured", total)], [])
    assert end.ledger == {
        "receivable:stripe": total,
        "sales": -(3 * price - off),
        "shipping_income": -490,
        "tax_payable": -(tax + shipping_tax),
    }
    assert world.database.rows("SELECT DISTINCT currency FROM ledger_posting WHERE merchant_id = %s", world.shop.id) == [
        (currency,)
    ]
    assert any(shown in letter.body for letter in mail.outbox)


def test_a_price_between_two_steps_of_the_provider_is_refused_before_anything_is_placed(world_in: Any) -> None:
    world = world_in("KWD", 1234)
    with pytest.raises(AmountNotPossible, match=r"Stripe takes KWD in steps of 0\.010"):
        build.check_out(world.shop, build.basket(world.shop, LAMP=1))
    assert world.count("orders_order") == world.count("payments_payment") == 0


@pytest.mark.parametrize(
    ("currency", "amount_minor", "in_the_books"), [("JPY", 1250, "1250"), ("EUR", 1250, "12.50"), ("KWD", 1234, "1.234")]
)
def test_the_direct_gateway_is_told_the_amount_in_whole_units_with_the_decimals_of_its_currency(
    world_in: Any, gateway: Any, currency: str, amount_minor: int, in_the_books: str
) -> None:
    gateway.moods(probabilities={"POST /fake-gateway/start/": {"fail_before": 0}})
    world = world_in(currency, 1000)
    told = direct.start(merchant_id=world.shop.id, order_id="A1", amount_minor=amount_minor, currency=currency, now=build.now())
    gateway.moods(probabilities={"POST /fake-gateway/start/": {"fail_before": 0.3}})
    assert told.status == 200
    (charge,) = gateway.books(world.shop.secret_key)["direct_payments"]
    assert (charge["amount"], charge["currency"]) == (in_the_books, currency.lower())
    payment = build.payment(world.shop, ids.parsed("pay", json.loads(told.body)["payment_id"]))
    assert (payment.state, payment.captured_minor, payment.currency) == ("captured", amount_minor, currency)
    world.recover()
    ledger = driving.picture(world.database, payment.order_id).ledger
    assert ledger == {"receivable:sandbox": amount_minor, "sales": -amount_minor}


def test_a_cart_takes_nothing_that_is_sold_in_another_currency(world_in: Any) -> None:
    """A merchant who changes currency has carts in the old one: they say so instead of adding yen to euro."""
    world = world_in("EUR", 1250)
    cart = build.basket(world.shop, LAMP=1)
    with world.database.as_owner() as connection:
        connection.execute("UPDATE catalog_variant SET currency = 'JPY' WHERE merchant_id = %s", [world.shop.id])
    with pytest.raises(quotes.WrongCurrency):
        build.check_out(world.shop, cart)
    assert world.count("orders_order") == 0
