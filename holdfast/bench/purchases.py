"""A shop to measure with: its goods, orders that wait for their money, the webhooks that pay them, and carts to check out."""

import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, connections
from psycopg.types.json import Jsonb

from holdfast.bench.requests import ADDRESS
from holdfast.db.tenancy import reading, unscoped
from holdfast.flows import checkout, setup, shopping
from holdfast.flows.setup import Goods
from holdfast.idempotency.services import Use
from holdfast.kernel import ids
from holdfast.kernel.clock import now
from holdfast.kernel.ids import new_id, new_token
from holdfast.merchants import queries as merchants

#: Goods among which spread orders are spread, each with a stock row of its own.
GOODS = 40
#: Pieces of each, and of the hot one: more than any run sells.
PLENTY = 100_000


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A merchant with an account, an API key, and its variants: spread ones, the hot one, the scarce one."""

    merchant_id: UUID
    account_id: UUID
    key: str
    secret: str
    spread: list[UUID]
    hot: UUID
    scarce: UUID


@dataclass(frozen=True)
class Session:
    """A provider session of an order that waits for its money."""

    payment: str
    amount_minor: int


def open_shop(*, scarce: int) -> Shop:
    """A merchant of its own. `scarce`: pieces of the thing that runs out."""
    from holdfast.catalog.models import Variant

    at, secret = now(), f"whsec_{uuid4().hex}"
    merchant = setup.found_merchant(slug="bench", name="Bench", currency="EUR", country="DE", shipping_minor={"*": 490})
    keys = {"secret_key": "sk_test_bench", "webhook_secrets": [secret], "api_base": "http://127.0.0.1:9"}
    account = setup.open_account(merchant_id=merchant.pk, provider="stripe", mode="test", credentials=keys, now=at)
    key = setup.issue_key(merchant_id=merchant.pk, kind="publishable", name="bench", now=at)
    named = [(f"thing-{number:02}", PLENTY) for number in range(GOODS)] + [("hot", PLENTY), ("scarce", scarce)]
    for position, (name, stock) in enumerate(named):
        goods = Goods("good", name, name.title(), [(name.upper(), "", 1000 + position)], stock=stock)
        setup.stock_up(merchant_id=merchant.pk, goods=goods, currency="EUR", now=at)
    with reading(merchant.pk):
        variants = dict(Variant.objects.values_list("sku", "pk"))
    spread = [variants[name.upper()] for name, _ in named[:GOODS]]
    few = {"hot": variants["HOT"], "scarce": variants["SCARCE"]}
    return Shop(merchant_id=merchant.pk, account_id=account.pk, key=key, secret=secret, spread=spread, **few)


def fill_cart(shop: Shop, variant_id: UUID) -> tuple[UUID, str]:
    """A new cart with one line: (id, token)."""
    cart, token = shopping.open_cart(merchant_id=shop.merchant_id, region=None, now=now())
    shopping.add_line(
        merchant_id=shop.merchant_id,
        cart_id=cart.pk,
        token_sha256=merchants.token_hash(token),
        variant_id=variant_id,
        slot_id=None,
        quantity=1,
        now=now(),
    )
    return cart.pk, token


def place_orders(shop: Shop, count: int) -> list[Session]:
    """Orders of one line each, spread over the goods, whose sessions are open."""
    return [_check_out(shop, variant) for variant in itertools.islice(itertools.cycle(shop.spread), count)]


def _check_out(shop: Shop, variant_id: UUID) -> Session:
    cart_id, token = fill_cart(shop, variant_id)
    wish = checkout.Wish(
        provider="stripe",
        success_url="http://s.test",
        cancel_url="http://s.test",
        email="a@example.com",
        name="Ada Lovelace",
        address=ADDRESS,
    )
    answer = checkout.place(
        merchant_id=shop.merchant_id,
        cart_id=cart_id,
        cart_token_sha256=merchants.token_hash(token),
        wish=wish,
        use=Use(scope=f"cart:{cart_id}", key=uuid4().hex, fingerprint="f" * 64),
        now=now(),
    )
    payment = json.loads(answer.body)["payment"]
    return Session(ids.parsed("pay", payment["id"]).hex, payment["amount_minor"])


def copies(originals: list[UUID], count: int) -> list[tuple[str, str]]:
    """Carts like these, in turn, as the database's owner writes them: [(shown id, token)]. Made row by row they take minutes."""
    made = [(new_id(), source, new_token()) for source in itertools.islice(itertools.cycle(originals), count)]
    ids_, sources, hashes = [[*column] for column in zip(*((i, s, merchants.token_hash(t)) for i, s, t in made), strict=True)]
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO carts_cart SELECT (jsonb_populate_record(c, jsonb_build_object('id', n.id, 'token_sha256', n.hash))).* "
            "FROM unnest(%s::uuid[], %s::uuid[], %s::text[]) n (id, source, hash) JOIN carts_cart c ON c.id = n.source",
            [ids_, sources, hashes],
        )
        cursor.execute(
            "INSERT INTO carts_cartline SELECT (jsonb_populate_record(l, jsonb_build_object('id', n.line, 'cart_id', n.id))).* "
            "FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[]) n (id, source, line) JOIN carts_cartline l ON l.cart_id = n.source",
            [ids_, sources, [new_id() for _ in made]],
        )
    return [(ids.shown("cart", cart), token) for cart, _, token in made]


def arrive(shop: Shop, sessions: Iterable[Session]) -> None:
    """The webhooks that say these were paid, stored as the receiver stores them."""
    columns = [list(column) for column in zip(*(_arrival(shop, session) for session in sessions), strict=True)]
    with unscoped(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT holdfast_receive(%s::uuid[], %s::uuid[], %s, %s::uuid[], %s, %s, %s::timestamptz[], %s::uuid[], %s, "
            "%s::jsonb[], %s::bytea[], %s::uuid[])",
            columns,
        )


def _arrival(shop: Shop, session: Session) -> Iterator[Any]:
    event_id = f"evt_{uuid4().hex}"
    yield from (shop.merchant_id, shop.account_id, "stripe", new_id(), event_id, "checkout.session.completed", now())
    yield from (new_id(), "0" * 64, Jsonb({}), _completed(session, event_id), new_id())


def _completed(session: Session, event_id: str) -> bytes:
    """A checkout.session.completed of a session that was paid by card."""
    at = int(now().timestamp())
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
        "created": at,
    }
    event = {"id": event_id, "object": "event", "type": "checkout.session.completed", "livemode": False, "created": at}
    return json.dumps({**event, "data": {"object": told}}).encode()
