"""Purchases of the benchmark: a shop, checkouts, the webhooks that pay them, and the worker's work on these."""

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.db import connection
from django.test.utils import CaptureQueriesContext
from psycopg.types.json import Jsonb

from holdfast.db.tenancy import reading, unscoped
from holdfast.flows import checkout, setup, shopping, webhooks
from holdfast.flows.setup import Goods
from holdfast.idempotency.services import Use
from holdfast.kernel import ids
from holdfast.kernel.clock import now
from holdfast.kernel.ids import new_id
from holdfast.merchants import queries as merchants

#: Goods of the shop: orders spread over them.
GOODS = 40


@dataclass
class Shop:
    """A merchant with its account and variants."""

    merchant_id: UUID
    account_id: UUID
    variants: list[UUID]
    turn: "itertools.cycle[UUID]"


@dataclass(frozen=True)
class Session:
    """A provider session of an order that waits for its money."""

    payment: str
    amount_minor: int


def open_shop() -> Shop:
    """A merchant of its own with plenty of stock."""
    from holdfast.catalog.models import Variant

    at = now()
    merchant = setup.found_merchant(slug="bench", name="Bench", currency="EUR", country="DE", shipping_minor={"*": 490})
    keys = {"secret_key": "sk_test_bench", "webhook_secrets": ["whsec_bench"], "api_base": "http://127.0.0.1:9"}
    account = setup.open_account(merchant_id=merchant.pk, provider="stripe", mode="test", credentials=keys, now=at)
    for number in range(GOODS):
        goods = Goods("good", f"thing-{number}", f"Thing {number}", [(f"THING-{number}", "", 1000 + number)], stock=100_000)
        setup.stock_up(merchant_id=merchant.pk, goods=goods, currency="EUR", now=at)
    with reading(merchant.pk):
        variants = list(Variant.objects.order_by("id").values_list("pk", flat=True))
    return Shop(merchant.pk, account.pk, variants, itertools.cycle(variants))


def check_out(shop: Shop) -> Session:
    """A new cart with one line, checked out."""
    cart, token = shopping.open_cart(merchant_id=shop.merchant_id, region=None, now=now())
    hashed = merchants.token_hash(token)
    shopping.add_line(
        merchant_id=shop.merchant_id,
        cart_id=cart.pk,
        token_sha256=hashed,
        variant_id=next(shop.turn),
        slot_id=None,
        quantity=1,
        now=now(),
    )
    wish = checkout.Wish(provider="stripe", success_url="http://s.test", cancel_url="http://s.test", email="a@example.com")
    use = Use(scope=f"cart:{cart.pk}", key=uuid4().hex, fingerprint="f" * 64)
    answer = checkout.place(
        merchant_id=shop.merchant_id, cart_id=cart.pk, cart_token_sha256=hashed, wish=wish, use=use, now=now()
    )
    payment = json.loads(answer.body)["payment"]
    return Session(ids.parsed("pay", payment["id"]).hex, payment["amount_minor"])


def arrive(shop: Shop, sessions: list[Session]) -> None:
    """The webhooks that say these were paid, stored as the receiver stores them."""
    bodies = [_completed(session) for session in sessions]
    count = len(bodies)
    with unscoped(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT holdfast_receive(%s::uuid[], %s::uuid[], %s, %s::uuid[], %s, %s, %s::timestamptz[], %s::uuid[], %s, "
            "%s::jsonb[], %s::bytea[], %s::uuid[])",
            [
                [shop.merchant_id] * count,
                [shop.account_id] * count,
                ["stripe"] * count,
                [new_id() for _ in bodies],
                [f"evt_{uuid4().hex}" for _ in bodies],
                ["checkout.session.completed"] * count,
                [now()] * count,
                [new_id() for _ in bodies],
                ["0" * 64] * count,
                [Jsonb({}) for _ in bodies],
                bodies,
                [new_id() for _ in bodies],
            ],
        )


def settle() -> tuple[float, float]:
    """Apply all stored events by one thread: (statements per event, seconds)."""
    events = statements(webhooks.work)
    began = time.perf_counter()
    handled = 0
    while done := webhooks.work():
        handled += done
    seconds = time.perf_counter() - began
    return events, seconds


def statements(work: Callable[[], Any]) -> float:
    """SQL statements of a piece of work, BEGIN and COMMIT included; of a batch, per row."""
    with CaptureQueriesContext(connection) as captured:
        result = work()
    return round(len(captured) / result, 1) if isinstance(result, int) and result else len(captured)


def _completed(session: Session) -> bytes:
    """A checkout.session.completed of a session that was paid by card."""
    told = {
        "id": f"cs_test_{session.payment}",
        "object": "checkout.session",
        "status": "complete",
        "payment_status": "paid",
        "amount_total": session.amount_minor,
        "currency": "eur",
        "client_reference_id": session.payment,
        "metadata": {"holdfast_payment": session.payment},
        "payment_intent": f"pi_{session.payment}",
        "livemode": False,
        "mode": "payment",
        "created": int(time.time()),
    }
    event = {
        "id": f"evt_{uuid4().hex}",
        "object": "event",
        "type": "checkout.session.completed",
        "livemode": False,
        "created": int(time.time()),
        "data": {"object": told},
    }
    return json.dumps(event).encode()
