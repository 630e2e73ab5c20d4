"""Money that goes back, seen from outside: who asks for it, what the provider does about it, and its own books.

Shared by the tests of integration, concurrency and crash.
"""

import json
from typing import Any
from uuid import UUID

import httpx

from holdfast.flows import captures, lookups, refunds, webhooks
from holdfast.flows.refunds import LineBack
from holdfast.idempotency.services import Answer
from tests import build
from tests.crash.world import LEDGER, TOTAL, World
from tests.integration import driving

REFUND = "POST /v1/refunds"
CAPTURE = "POST /v1/payment_intents/{id}/capture"


# -- The merchant -----------------------------------------------------------------------------------------------------


def refund(world: World, key: str = "r1", **ask: Any) -> Answer:
    """The merchant refunds the world's order: nothing said is all that is left."""
    assert world.order_id is not None
    return refunds.refund(
        merchant_id=world.shop.id,
        order_id=world.order_id,
        ask=refunds.Ask(**ask),
        actor="merchant",
        use=build.use(key, scope="merchant"),
        now=build.now(),
    )


def back(world: World, sku: str, quantity: int = 1, *, restock: bool = False) -> LineBack:
    """Units of a line, by SKU."""
    return LineBack(line_id=line(world, sku), quantity=quantity, restock=restock)


def line(world: World, sku: str) -> UUID:
    found = world.database.value("SELECT id FROM orders_orderline WHERE order_id = %s AND sku = %s", world.order_id, sku)
    assert isinstance(found, UUID)
    return found


def told(answer: Answer) -> tuple[int, str, int]:
    """(status, state, amount) of an answer about a refund."""
    said = json.loads(answer.body)["refund"]
    return answer.status, said["state"], said["amount_minor"]


def capture(world: World, amount_minor: int | None = None, key: str = "c1") -> Answer:
    assert world.order_id is not None
    assert world.payment_id is not None
    return captures.capture(
        merchant_id=world.shop.id,
        order_id=world.order_id,
        payment_id=world.payment_id,
        amount_minor=amount_minor,
        use=build.use(key, scope="merchant"),
        now=build.now(),
    )


def outcome(answer: Answer) -> tuple[int, str]:
    """(status, outcome) of an answer about a capture."""
    return answer.status, json.loads(answer.body)["capture"]


# -- The provider -----------------------------------------------------------------------------------------------------


def intent(world: World) -> str:
    """The provider's id of the money that the present payment took."""
    id_ = world.database.value(
        "SELECT object_id FROM payments_fact WHERE payment_id = %s AND kind IN ('capture', 'authorization')", world.payment_id
    )
    assert isinstance(id_, str)
    return id_


def returned(world: World) -> list[tuple[int, str]]:
    """(amount, status) of every refund in the provider's books, in the order of their amounts."""
    books = world.gateway.books(world.shop.secret_key)
    return sorted((each["amount"], each["status"]) for each in books["refunds"])


def refund_id(world: World) -> str:
    """The provider's id of its only refund."""
    (made,) = world.gateway.books(world.shop.secret_key)["refunds"]
    return str(made["id"])


def settle_refund(world: World, outcome: str) -> None:
    """A slow refund arrives, or one bounces."""
    world.gateway.control("POST", f"/refunds/{refund_id(world)}/settle", outcome=outcome)


def at_the_dashboard(world: World, amount_minor: int) -> None:
    """Somebody refunds with the provider, and not with us."""
    world.gateway.control("POST", f"/payments/{intent(world)}/refund", amount=amount_minor)


def dispute(world: World, amount_minor: int | None = None) -> str:
    said = {} if amount_minor is None else {"amount": amount_minor}
    return str(world.gateway.control("POST", f"/payments/{intent(world)}/dispute", **said)["id"])


def close_dispute(world: World, id_: str, outcome: str) -> None:
    world.gateway.control("POST", f"/disputes/{id_}/close", outcome=outcome)


def take_late(world: World, *, notify: int = 2) -> str:
    """The provider takes the money of an attempt that it had ended (a bank's late word), for real: a page with our reference
    that we never asked for is paid. Told by so many events. Its id of the money."""
    payment = world.payment
    about = {"holdfast_payment": payment.pk.hex}
    form = {
        "mode": "payment",
        "success_url": "https://shop.test/thanks",
        "line_items[0][price_data][currency]": payment.currency.lower(),
        "line_items[0][price_data][unit_amount]": payment.amount_minor,
        "line_items[0][price_data][product_data][name]": "Late",
        "line_items[0][quantity]": 1,
        **{f"payment_intent_data[metadata][{name}]": value for name, value in about.items()},
    }
    headers = {"Authorization": f"Bearer {world.shop.secret_key}"}
    made = httpx.post(f"{world.gateway.url}/v1/checkout/sessions", data=form, headers=headers, trust_env=False)
    paid = world.gateway.pay(made.raise_for_status().json()["id"])["payment_intent"]
    (event,) = [
        each
        for each in driving.events(world.shop, world.gateway, "payment_intent.succeeded")
        if each["data"]["object"]["id"] == paid
    ]
    for number in range(notify):
        driving.receive(world.database, world.shop, event if number == 0 else driving.altered(event))
    return str(paid)


# -- Time and events --------------------------------------------------------------------------------------------------


def apply(world: World) -> None:
    """Whatever has arrived is applied; nobody asks the provider of his own accord."""
    while webhooks.work() + lookups.work():
        pass


def hear(world: World, *types: str) -> None:
    """Every event so far (of these types) arrives once, and is applied."""
    driving.hear(world.database, world.shop, world.gateway, *types)
    apply(world)


def paid(world: World, card: str = "4242424242424242", **quantities: int) -> None:
    """An order of a mug and a book, or of these goods, is paid; nothing has been handed over."""
    world.cart = build.basket(world.shop, **(quantities or {"MUG": 1, "BOOK": 1}))
    world.check_out()
    world.gateway.pay(world.payment.provider_id, card)
    hear(world)
    assert world.state == "paid"


def held(world: World, **quantities: int) -> None:
    """An order whose money the provider holds, as the merchant's account wants it."""
    with world.database.as_owner() as connection:
        connection.execute("UPDATE merchants_account SET capture = 'manual' WHERE id = %s", [world.shop.account_id])
    world.cart = build.basket(world.shop, **(quantities or {"MUG": 1, "BOOK": 1}))
    world.check_out()
    world.pay()
    hear(world)
    assert (world.state, world.payment.state, world.payment.capture) == ("payment_authorized", "authorized", "manual")


# -- The end ----------------------------------------------------------------------------------------------------------


def picture(world: World) -> driving.Picture:
    assert world.order_id is not None
    return driving.picture(world.database, world.order_id)


def money(world: World) -> tuple[int, int, int]:
    """(captured, refunded, disputed) of the world's present payment."""
    payment = world.payment
    return payment.captured_minor, payment.refunded_minor, payment.disputed_minor


def sold(kept_minor: int) -> dict[str, int]:
    """What the ledger says of the world's order (a mug and a book) when so much of its money is ours: each account in
    proportion, by largest remainder, zeros left out."""
    from holdfast.kernel.money import allocate

    names = ("sales", "shipping_income", "tax_payable")
    whole = [-LEDGER[name] for name in names]
    gone = allocate(TOTAL - kept_minor, whole) if kept_minor < TOTAL else [0, 0, 0]
    shares = {name: -(part - less) for name, part, less in zip(names, whole, gone, strict=True)}
    return {name: value for name, value in {"receivable:stripe": kept_minor, **shares}.items() if value}
