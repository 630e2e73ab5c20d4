"""Many changes to one cart at once, and the cart that changes between its total and its charge."""

import json
import threading
from typing import Any

import pytest
from django.db import connection

from holdfast.carts import services as carts
from holdfast.carts.models import Cart
from holdfast.carts.services import CartLocked
from holdfast.db import reads
from holdfast.flows import checkout, quotes, shopping
from holdfast.flows.shopping import CartOpen
from tests import build
from tests.conftest import in_parallel
from tests.integration import driving

CHANGES = 20


def lines(database: Any, cart: Any) -> dict[str, int]:
    sql = "SELECT v.sku, l.quantity FROM carts_cartline l JOIN catalog_variant v ON v.id = l.variant_id WHERE l.cart_id = %s"
    return dict(database.rows(sql, cart.id))


def set_region(shop: Any, cart: Any, region: str) -> None:
    shopping.set_region(merchant_id=shop.id, cart_id=cart.id, token_sha256=cart.hash, region=region)


def test_twenty_parallel_changes_lose_nothing(crowd: Any, shop: Any) -> None:
    """S-21, R-A5: ten mugs, five cups, three regions and two books, in some order."""
    cart = build.basket(shop)
    changes = [lambda: build.put(shop, cart, "MUG")] * 10 + [lambda: build.put(shop, cart, "CUP")] * 5
    changes += [lambda region=region: set_region(shop, cart, region) for region in ("AT", "FR", "IT")]
    changes += [lambda: build.put(shop, cart, "BOOK")] * 2
    assert in_parallel(CHANGES, lambda i: changes[i]()) == [None] * CHANGES
    assert lines(crowd, cart) == {"MUG": 10, "CUP": 5, "BOOK": 2}
    region, version, state = crowd.rows("SELECT region, version, state FROM carts_cart WHERE id = %s", cart.id)[0]
    assert region in ("AT", "FR", "IT")
    assert (version, state) == (1 + CHANGES, "active")


def test_without_the_lock_changes_are_lost(crowd: Any, shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control of S-21: everybody reads one mug before anybody writes two."""
    cart = build.basket(shop, MUG=1)
    everybody_has_looked = threading.Barrier(CHANGES)
    real = carts._resize

    def resize(line: Any, quantity: int) -> None:
        everybody_has_looked.wait(driving.PATIENCE_S)
        real(line, quantity)

    monkeypatch.setattr(carts, "lock_active", _look_without_lock)
    monkeypatch.setattr(carts, "_resize", resize)
    in_parallel(CHANGES, lambda _: build.put(shop, cart, "MUG"))
    lost = 1 + CHANGES - lines(crowd, cart)["MUG"]
    print(f"\ncontrol, no lock on the cart: {lost} of {CHANGES} changes lost")
    assert lost == CHANGES - 1


def test_a_line_added_while_the_total_is_reckoned_is_not_in_the_cart_that_is_paid(
    crowd: Any, shop: Any, gateway: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S-78, S-38, R-A4: the second tab waits for the checkout, and then learns that the cart is locked."""
    cart = build.basket(shop, MUG=1)
    other_tab: list[driving.Aside] = []

    def overtaken(*said: Any, **more: Any) -> Any:
        priced = real(*said, **more)
        other_tab.append(driving.Aside(lambda: build.put(shop, cart, "BOOK", 9)))
        driving.somebody_waits_for_a_lock(crowd)
        return priced

    real = quotes.for_checkout
    monkeypatch.setattr(quotes, "for_checkout", overtaken)
    told = json.loads(build.check_out(shop, cart).body)
    with pytest.raises(CartLocked):
        other_tab[0].result()
    assert lines(crowd, cart) == {"MUG": 1}
    assert told["order"]["total_minor"] == 1250 + 490


def test_without_the_lock_the_cart_changes_between_total_and_charge(
    crowd: Any, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control of S-78: the second tab's books are in the cart that was paid with the price of a mug."""
    cart = build.basket(shop, MUG=1)

    def overtaken(*said: Any, **more: Any) -> Any:
        priced = real(*said, **more)
        driving.Aside(lambda: build.put(shop, cart, "BOOK", 9)).result()
        return priced

    real = quotes.for_checkout
    monkeypatch.setattr(carts, "lock_active", _look_without_lock)
    monkeypatch.setattr(quotes, "for_checkout", overtaken)
    told = json.loads(build.check_out(shop, cart).body)
    smuggled = lines(crowd, cart).get("BOOK", 0)
    print(f"\ncontrol, no lock on the cart: {smuggled} books in a cart paid with {told['order']['total_minor']} cents")
    assert (smuggled, told["order"]["total_minor"]) == (9, 1250 + 490)


def test_two_tabs_that_check_out_and_go_back_keep_their_carts(crowd: Any, shop: Any) -> None:
    """R-A4: reopening makes a copy, and the frozen cart stays with its order, also when both happen at once."""
    cart = build.basket(shop, MUG=1)

    def reopen() -> Any:
        return shopping.reopen(merchant_id=shop.id, cart_id=cart.id, token_sha256=cart.hash, now=build.now())

    told = in_parallel(2, lambda i: build.check_out(shop, cart) if i else reopen())
    assert told[1].status == 201
    states = sorted(row[0] for row in crowd.rows("SELECT state FROM carts_cart"))
    assert states == (["locked"] if isinstance(told[0], CartOpen) else ["active", "locked"])
    reopen()
    assert sorted(row[0] for row in crowd.rows("SELECT state FROM carts_cart")) == ["active", "locked"]


def _look_without_lock(cart_id: Any, *_: Any) -> Cart:
    cart = reads.first(Cart, "WHERE id = %s", cart_id)
    assert connection.in_atomic_block
    assert cart is not None
    return cart


def test_the_guards_are_back() -> None:
    assert carts.lock_active.__module__ == "holdfast.carts.services"
    assert checkout.quotes.for_checkout.__module__ == "holdfast.flows.quotes"
