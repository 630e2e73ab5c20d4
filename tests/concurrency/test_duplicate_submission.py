"""A shopper presses the button twice, twenty times, in two tabs: one order, one attempt, one page to pay on."""

import json
import threading
from typing import Any

import pytest

from holdfast.carts import services as carts
from holdfast.carts.models import Cart
from holdfast.db import reads
from holdfast.db.moves import lock_all
from holdfast.flows import checkout
from holdfast.flows.checkout import AlreadyInCheckout
from holdfast.idempotency import services as idempotency
from holdfast.idempotency.services import Answer, InProgress, KeyReused
from holdfast.inventory import services as inventory
from holdfast.kernel import ids
from tests import build
from tests.conftest import in_parallel
from tests.integration import driving

TABS = 20


def press(shop: Any, cart: Any, *, key: str = "once", scope: str = "", fingerprint: str = "f" * 64) -> Answer:
    return checkout.place(
        merchant_id=shop.id,
        cart_id=cart.id,
        cart_token_sha256=cart.hash,
        wish=build.wish(),
        use=build.use(key, scope=scope or f"cart:{cart.id}", fingerprint=fingerprint),
        now=build.now(),
    )


def moved(database: Any, shop: Any, gateway: Any) -> tuple[int, int, int, int]:
    """(orders, payments, reservations, sessions at the gateway)."""
    rows = [database.count(table) for table in ("orders_order", "payments_payment", "inventory_reservation")]
    return rows[0], rows[1], rows[2], driving.sessions(shop, gateway)


def test_twenty_parallel_submissions_with_one_key_are_one_order(crowd: Any, shop: Any, gateway: Any) -> None:
    """R-E1. Each caller gets the same bytes at once, or is told to repeat and then gets them."""
    cart = build.basket(shop, MUG=2)
    first = in_parallel(TABS, lambda _: press(shop, cart))

    answers = {answer for answer in first if isinstance(answer, Answer)}
    assert len(answers) == 1
    assert {type(each) for each in first} <= {Answer, InProgress}
    again = in_parallel(TABS, lambda _: press(shop, cart))
    assert set(again) == answers
    assert answers.pop().status == 201
    assert moved(crowd, shop, gateway) == (1, 1, 1, 1)
    assert build.stock(shop) == (10, 2)


def test_without_the_claim_of_the_key_nineteen_callers_have_no_answer(
    crowd: Any, shop: Any, gateway: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control, first wall off: the cart's lock still allows one order only, but those who lost are not told its answer."""
    monkeypatch.setattr(idempotency, "claim", _everybody_is_first)
    cart = build.basket(shop, MUG=2)
    told = driving.tally(type(each).__name__ for each in in_parallel(TABS, lambda _: press(shop, cart)))
    print(f"\ncontrol, no key: {told} of {TABS} callers")
    assert told == {"Answer": 1, "AlreadyInCheckout": TABS - 1}
    assert moved(crowd, shop, gateway) == (1, 1, 1, 1)


@pytest.mark.breaks_the_list
def test_without_key_lock_and_constraint_one_cart_is_sold_many_times(
    crowd: Any, shop: Any, gateway: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control, all walls off: the race is real. Every tab places an order of its own and opens a page of its own."""
    everybody_has_looked = threading.Barrier(TABS)
    cart = build.basket(shop, MUG=2)

    def look_without_lock(cart_id: Any, *_: Any) -> Cart:
        cart = reads.first(Cart, "WHERE id = %s", cart_id)
        assert cart is not None
        everybody_has_looked.wait(driving.PATIENCE_S)
        return cart

    monkeypatch.setattr(idempotency, "claim", _everybody_is_first)
    monkeypatch.setattr(carts, "lock_active", look_without_lock)
    monkeypatch.setattr(carts, "lock_for_good", lambda cart, cause: None)
    with crowd.as_owner() as connection:
        connection.execute("ALTER TABLE orders_order DROP CONSTRAINT orders_one_per_checkout")
        connection.execute("UPDATE inventory_stock SET on_hand = 1000 WHERE name = 'Mug'")
    in_parallel(TABS, lambda _: press(shop, cart))
    print(f"\ncontrol, no key, no lock, no constraint: {moved(crowd, shop, gateway)[0]} orders of one cart")
    assert moved(crowd, shop, gateway) == (TABS, TABS, TABS, TABS)


def _everybody_is_first(use: Any, *, merchant_id: Any, subject: str, subject_id: Any, now: Any) -> idempotency.Claimed:
    return idempotency.Claimed(True, subject_id)


def test_twenty_tabs_with_keys_of_their_own_are_one_order(crowd: Any, shop: Any, gateway: Any) -> None:
    """R-C6. The cart decides; everybody else is shown the order that it became."""
    cart = build.basket(shop, MUG=1)
    told = in_parallel(TABS, lambda tab: press(shop, cart, key=f"tab-{tab}"))
    assert driving.tally(type(each).__name__ for each in told) == {"Answer": 1, "AlreadyInCheckout": TABS - 1}
    placed = next(json.loads(each.body) for each in told if isinstance(each, Answer))
    shown = {each.extra["order"] for each in told if isinstance(each, AlreadyInCheckout)}
    assert shown == {placed["order"]["id"]}
    assert moved(crowd, shop, gateway) == (1, 1, 1, 1)


def test_a_key_with_another_request_is_refused_and_nothing_moves(crowd: Any, shop: Any, gateway: Any) -> None:
    """R-E1. Also when both arrive at the same instant: whoever is second learns that the key is taken."""
    cart, other = build.basket(shop, MUG=1), build.basket(shop, CUP=1)
    pair = [(cart, "a" * 64), (other, "b" * 64)]
    told = in_parallel(2, lambda i: press(shop, pair[i][0], scope="client:1", fingerprint=pair[i][1]))
    assert driving.tally(type(each).__name__ for each in told) == {"Answer": 1, "KeyReused": 1}
    assert moved(crowd, shop, gateway) == (1, 1, 1, 1)

    loser = pair[0] if isinstance(told[0], KeyReused) else pair[1]
    with pytest.raises(KeyReused):
        press(shop, loser[0], scope="client:1", fingerprint=loser[1])
    assert moved(crowd, shop, gateway) == (1, 1, 1, 1)
    assert crowd.value("SELECT state FROM carts_cart WHERE id = %s", loser[0].id) == "active"


def test_one_key_under_two_merchants_is_two_keys(crowd: Any, shop: Any, gateway: Any) -> None:
    """S-62. The second merchant's shopper gets an order of their own, not the first one's answer."""
    other = build.shop(gateway.url, shop.secret_key + "b", slug="other")
    pairs = [(shop, build.basket(shop, MUG=1)), (other, build.basket(other, MUG=1))]
    told = in_parallel(2, lambda i: press(*pairs[i], scope="cart:same"))
    assert [answer.status for answer in told] == [201, 201]
    orders = [ids.parsed("ord", json.loads(answer.body)["order"]["id"]) for answer in told]
    merchants = crowd.rows("SELECT merchant_id FROM orders_order WHERE id = ANY(%s) ORDER BY id = %s DESC", orders, orders[0])
    assert merchants == [(shop.id,), (other.id,)]
    assert [driving.sessions(each, gateway) for each in (shop, other)] == [1, 1]


def test_a_guest_cannot_read_another_guests_answer_with_their_key(crowd: Any, shop: Any, gateway: Any) -> None:
    """R-E1: the scope is the client. The same key and the same request from another cart is another request."""
    mine, theirs = build.basket(shop, MUG=1), build.basket(shop, MUG=1)
    told = in_parallel(2, lambda i: press(shop, (mine, theirs)[i], key="123"))
    orders = {json.loads(answer.body)["order"]["id"] for answer in told}
    assert len(orders) == 2
    assert press(shop, mine, key="123") == told[0]
    assert press(shop, theirs, key="123") == told[1]
    assert moved(crowd, shop, gateway) == (2, 2, 2, 2)


def test_the_guards_are_back(shop: Any) -> None:
    """The controls above must not leak into other tests."""
    assert idempotency.claim.__module__ == "holdfast.idempotency.services"
    assert inventory.lock_all is lock_all
