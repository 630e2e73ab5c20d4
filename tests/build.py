"""What tests buy and sell: a shop with goods, a cart, a checkout, a payment on the gateway, and the worker's loops by hand."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from holdfast.db.tenancy import reading
from holdfast.flows import checkout, expiry, fulfil, lookups, messages, recovery, setup, shopping, webhooks
from holdfast.flows.setup import Goods
from holdfast.idempotency.services import Answer, Use
from holdfast.kernel import ids
from holdfast.kernel.clock import now
from holdfast.merchants import queries as merchants
from holdfast.merchants.models import Merchant
from holdfast.orders import queries as orders
from holdfast.orders.models import Order
from holdfast.payments import queries as payments
from holdfast.payments.models import Payment

WEBHOOK_SECRET = "whsec_tests"
VAT = [{"region": "DE", "tax_class": "standard", "basis_points": 1900, "from": "2020-01-01"}]


@dataclass
class Shop:
    """A merchant with one of each kind of goods.

    Prices: mug 12.50, cup 8.00, book 9.00 (download), tour 30.00 adult, 15.00 child; shipping 4.90.
    """

    merchant: Merchant
    secret_key: str  # with the gateway
    account_id: UUID
    variants: dict[str, UUID]
    slot_id: UUID
    pk: str
    sk: str

    @property
    def id(self) -> UUID:
        return self.merchant.pk


@dataclass
class Basket:
    """A cart with its token."""

    id: UUID
    token: str

    @property
    def hash(self) -> str:
        return merchants.token_hash(self.token)


def shop(
    gateway_url: str,
    secret_key: str,
    *,
    slug: str = "demo",
    mugs: int = 10,
    places: int = 10,
    retries_url: str = "",
    **settings: Any,
) -> Shop:
    """Found a merchant whose Stripe and direct accounts are at the gateway."""
    at = now()
    merchant = setup.found_merchant(
        slug=slug,
        name=slug.title(),
        currency="EUR",
        country="DE",
        tax_rates=VAT,
        shipping_minor={"DE": 490, "*": 990},
        **settings,
    )
    keys = {"secret_key": secret_key, "webhook_secrets": [WEBHOOK_SECRET], "api_base": gateway_url}
    account = setup.open_account(merchant_id=merchant.pk, provider="stripe", mode="test", credentials=keys, now=at)
    setup.open_account(merchant_id=merchant.pk, provider="sandbox", mode="test", credentials=keys, now=at)
    start = datetime(at.year, at.month, at.day, 9, tzinfo=UTC) + timedelta(days=7)
    goods = [
        Goods("good", "mug", "Mug", [("MUG", "", 1250)], stock=mugs),
        Goods("good", "cup", "Cup", [("CUP", "", 800)], stock=mugs),
        Goods("digital", "book", "Book", [("BOOK", "", 900)]),
        Goods(
            "booking",
            "tour",
            "Tour",
            [("TOUR-ADULT", "Adult", 3000), ("TOUR-CHILD", "Child", 1500)],
            slots=[(start, start + timedelta(hours=2), places)],
        ),
    ]
    for item in goods:
        setup.stock_up(merchant_id=merchant.pk, goods=item, currency="EUR", now=at)
    from holdfast.catalog.models import Variant
    from holdfast.inventory.models import Slot

    with reading(merchant.pk):
        variants = {row.sku: row.pk for row in Variant.objects.all()}
        slot_id = Slot.objects.get().pk
    pk = setup.issue_key(merchant_id=merchant.pk, kind="publishable", name="shop", now=at)
    sk = setup.issue_key(merchant_id=merchant.pk, kind="secret", name="server", now=at)
    return Shop(merchant, secret_key, account.pk, variants, slot_id, pk, sk)


def give_away(at: Shop, *goods: Goods) -> None:
    """Goods for nothing, by default a leaflet to download: `basket(shop, LEAFLET=1)` costs nothing."""
    from holdfast.catalog.models import Variant

    for item in goods or [Goods("digital", "leaflet", "Leaflet", [("LEAFLET", "", 0)])]:
        setup.stock_up(merchant_id=at.id, goods=item, currency="EUR", now=now())
    with reading(at.id):
        at.variants |= {row.sku: row.pk for row in Variant.objects.all()}


def basket(at: Shop, **quantities: int) -> Basket:
    """A cart with quantities by SKU (underscores for hyphens): `basket(shop, MUG=1, TOUR_ADULT=2)`."""
    cart, token = shopping.open_cart(merchant_id=at.id, region=None, now=now())
    made = Basket(cart.pk, token)
    for sku, quantity in quantities.items():
        put(at, made, sku.replace("_", "-"), quantity)
    return made


def put(at: Shop, into: Basket, sku: str, quantity: int = 1) -> None:
    shopping.add_line(
        merchant_id=at.id,
        cart_id=into.id,
        token_sha256=into.hash,
        variant_id=at.variants[sku],
        slot_id=at.slot_id if sku.startswith("TOUR") else None,
        quantity=quantity,
        now=now(),
    )


def wish(**changes: Any) -> checkout.Wish:
    said = {
        "provider": "stripe",
        "success_url": "http://shop.test/thanks",
        "cancel_url": "http://shop.test/cart",
        "email": "ada@example.com",
        "name": "Ada",
        "address": {"line1": "Pier 1", "city": "Hamburg", "postal_code": "20457", "country": "DE"},
    }
    return checkout.Wish(**{**said, **changes})


def use(key: str = "", *, scope: str = "cart:test", fingerprint: str = "f" * 64) -> Use:
    return Use(scope=scope, key=key or secrets.token_hex(8), fingerprint=fingerprint)


def check_out(at: Shop, cart: Basket, *, key: str = "", **wishes: Any) -> Answer:
    return checkout.place(
        merchant_id=at.id,
        cart_id=cart.id,
        cart_token_sha256=cart.hash,
        wish=wish(**wishes),
        use=use(key, scope=f"cart:{cart.id}"),
        now=now(),
    )


def buy(at: Shop, **quantities: int) -> tuple[UUID, UUID]:
    """Check a new cart out; ids of the order and of its payment."""
    import json

    told = json.loads(check_out(at, basket(at, **(quantities or {"MUG": 1}))).body)
    return ids.parsed("ord", told["order"]["id"]), ids.parsed("pay", told["payment"]["id"])


def order(at: Shop, order_id: UUID) -> Order:
    with reading(at.id):
        return orders.get(order_id)


def payment(at: Shop, payment_id: UUID) -> Payment:
    with reading(at.id):
        return payments.get(payment_id)


def stock(at: Shop, sku: str = "MUG") -> tuple[int, int]:
    """(on hand, reserved) of what a SKU draws from."""
    from holdfast.catalog.models import Variant
    from holdfast.inventory.models import Slot, Stock

    with reading(at.id):
        variant = Variant.objects.get(sku=sku)
        stock_id = variant.stock_id or Slot.objects.get(pk=at.slot_id).stock_id
        row = Stock.objects.get(pk=stock_id)
        return row.on_hand, row.reserved


def work() -> None:
    """All of the worker's loops, until nothing is due."""
    while (
        webhooks.work()
        + lookups.work()
        + recovery.work_operations()
        + recovery.work_payments()
        + recovery.work_refunds()
        + expiry.work()
        + fulfil.work()
        + messages.work()
    ):
        pass
