"""A guest turns out to be a customer: carts come together without losing or doubling a line (R-A1)."""

import json
from typing import Any

import pytest
from django.db import IntegrityError

from holdfast.carts import services as carts
from holdfast.carts.models import Cart
from holdfast.carts.services import CartFull, CartLocked, CartMerged
from holdfast.customers import services as customers
from holdfast.customers.models import Customer
from holdfast.db.tenancy import violated
from holdfast.flows import answers, members, shopping
from holdfast.flows.back import PaidMeanwhile
from holdfast.flows.members import CartTaken
from holdfast.kernel import faults, ids, limits
from holdfast.kernel.clock import now
from tests import build
from tests.build import Basket, Shop
from tests.conftest import in_parallel
from tests.integration import driving


@pytest.fixture
def shop(database: Any, gateway: Any, secret_key: str) -> Shop:
    return build.shop(gateway.url, secret_key)


def customer(at: Shop, reference: str = "4711") -> Customer:
    found, _ = members.register(
        merchant_id=at.id, reference=reference, email="ada@example.com", name="Ada", phone="", address={}, now=now()
    )
    return found


def claim(at: Shop, cart: Basket, by: Customer) -> Basket:
    theirs = members.claim(merchant_id=at.id, cart_id=cart.id, token_sha256=cart.hash, customer_id=by.pk, now=now())
    return Basket(theirs.pk, answers.cart_token(theirs.pk))


def lines(database: Any, cart: Basket) -> dict[str, int]:
    sql = "SELECT v.sku, l.quantity FROM carts_cartline l JOIN catalog_variant v ON v.id = l.variant_id WHERE l.cart_id = %s"
    return dict(database.rows(sql, cart.id))


def state(database: Any, cart: Basket) -> tuple[str, Any]:
    row: tuple[str, Any] = database.rows("SELECT state, merged_into_id FROM carts_cart WHERE id = %s", cart.id)[0]
    return row


def test_a_reference_names_one_customer(shop: Shop, database: Any) -> None:
    told = in_parallel(4, lambda _: customer(shop).pk)
    assert len(set(told)) == 1
    assert (database.count("customers_customer"), database.count("customers_contact")) == (1, 1)
    assert customer(shop, "4712").pk != told[0]


def test_the_first_cart_becomes_the_customers(shop: Shop, database: Any) -> None:
    ada, cart = customer(shop), build.basket(shop, MUG=1)
    theirs = claim(shop, cart, ada)
    assert theirs == cart  # also the token: it is told again to who has claimed it
    assert database.value("SELECT customer_id FROM carts_cart") == ada.pk
    assert state(database, cart) == ("active", None)


def test_lines_of_a_second_cart_go_into_the_first(shop: Shop, database: Any) -> None:
    ada = customer(shop)
    first = claim(shop, build.basket(shop, MUG=2, TOUR_ADULT=1), ada)
    guest = build.basket(shop, MUG=1, BOOK=3, TOUR_ADULT=2, TOUR_CHILD=1)
    assert claim(shop, guest, ada) == first
    assert lines(database, first) == {"MUG": 3, "BOOK": 3, "TOUR-ADULT": 3, "TOUR-CHILD": 1}
    assert lines(database, guest) == {}
    assert state(database, guest) == ("merged", first.id)


def test_claiming_again_adds_nothing(shop: Shop, database: Any) -> None:
    ada = customer(shop)
    first, guest = claim(shop, build.basket(shop, MUG=2), ada), build.basket(shop, MUG=1)
    assert [claim(shop, guest, ada) for _ in range(3)] == [first] * 3
    assert claim(shop, first, ada) == first
    assert lines(database, first) == {"MUG": 3}


def test_a_line_grows_up_to_its_limit_and_keeps_its_price(shop: Shop, database: Any) -> None:
    ada = customer(shop)
    first = claim(shop, build.basket(shop, BOOK=limits.MAX_QUANTITY - 1), ada)
    with database.as_owner() as owner:
        owner.execute("UPDATE catalog_variant SET price_minor = 1000 WHERE sku = 'BOOK'")
    claim(shop, build.basket(shop, BOOK=5), ada)
    assert database.rows("SELECT quantity, unit_price_minor FROM carts_cartline") == [(limits.MAX_QUANTITY, 900)]
    assert lines(database, first) == {"BOOK": limits.MAX_QUANTITY}


def test_what_does_not_fit_is_not_lost(shop: Shop, database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = customer(shop)
    first, guest = claim(shop, build.basket(shop, MUG=1), ada), build.basket(shop, MUG=1, BOOK=1, CUP=1)
    monkeypatch.setattr(limits, "MAX_CART_LINES", 2)
    with pytest.raises(CartFull):
        claim(shop, guest, ada)
    assert (lines(database, first), lines(database, guest)) == ({"MUG": 1}, {"MUG": 1, "BOOK": 1, "CUP": 1})
    assert state(database, guest) == ("active", None)


def test_a_merged_cart_takes_nothing_more(shop: Shop, database: Any) -> None:
    ada = customer(shop)
    claim(shop, build.basket(shop, MUG=1), ada)
    guest = build.basket(shop, BOOK=1)
    claim(shop, guest, ada)
    with pytest.raises(CartMerged):
        build.put(shop, guest, "MUG")
    with pytest.raises(CartMerged):
        build.check_out(shop, guest)
    with pytest.raises(CartMerged):
        shopping.reopen(merchant_id=shop.id, cart_id=guest.id, token_sha256=guest.hash, now=now())
    assert (database.count("orders_order"), database.count("carts_cart")) == (0, 2)


def test_nobody_takes_anothers_cart_or_one_in_checkout(shop: Shop, database: Any) -> None:
    ada, eve = customer(shop), customer(shop, "666")
    cart = claim(shop, build.basket(shop, MUG=1), ada)
    with pytest.raises(CartTaken):
        claim(shop, cart, eve)
    guest = build.basket(shop, MUG=1)
    build.check_out(shop, guest)
    with pytest.raises(CartLocked):
        claim(shop, guest, eve)
    merged = build.basket(shop, BOOK=1)
    claim(shop, merged, ada)
    with pytest.raises(CartTaken):
        claim(shop, merged, eve)
    assert lines(database, cart) == {"MUG": 1, "BOOK": 1}


def test_the_order_and_the_copy_of_a_customers_cart_are_theirs(shop: Shop, database: Any) -> None:
    ada = customer(shop)
    cart = claim(shop, build.basket(shop, MUG=1), ada)
    build.check_out(shop, cart)
    assert database.value("SELECT customer_id FROM orders_order") == ada.pk
    copy, _ = shopping.reopen(merchant_id=shop.id, cart_id=cart.id, token_sha256=cart.hash, now=now())
    assert copy.customer_id == ada.pk


def test_the_copy_is_a_guests_while_the_customer_has_another_cart(shop: Shop, database: Any) -> None:
    ada = customer(shop)
    cart = claim(shop, build.basket(shop, MUG=1), ada)
    build.check_out(shop, cart)
    other = claim(shop, build.basket(shop, BOOK=1), ada)
    copy, token = shopping.reopen(merchant_id=shop.id, cart_id=cart.id, token_sha256=cart.hash, now=now())
    assert copy.customer_id is None
    assert claim(shop, Basket(copy.pk, token), ada) == other
    assert lines(database, other) == {"MUG": 1, "BOOK": 1}


def reopened(at: Shop, **content: int) -> tuple[Basket, Any]:
    """A guest went back from payment: the copy, and the order that can still be paid."""
    cart = build.basket(at, **content)
    order_id = ids.parsed("ord", json.loads(build.check_out(at, cart).body)["order"]["id"])
    copy, token = shopping.reopen(merchant_id=at.id, cart_id=cart.id, token_sha256=cart.hash, now=now())
    return Basket(copy.pk, token), order_id


def back(at: Shop, cart: Basket) -> Basket:
    copy, token = shopping.reopen(merchant_id=at.id, cart_id=cart.id, token_sha256=cart.hash, now=now())
    return Basket(copy.pk, token)


def test_merging_a_reopened_cart_leaves_no_open_order_behind(shop: Shop, database: Any) -> None:
    ada = customer(shop)
    first = claim(shop, build.basket(shop, BOOK=1), ada)
    copy, order_id = reopened(shop, MUG=1)
    claim(shop, copy, ada)
    assert build.order(shop, order_id).state == "cancelled"
    assert lines(database, first) == {"BOOK": 1, "MUG": 1}
    assert build.stock(shop) == (10, 0)


def test_what_was_paid_is_not_put_into_the_customers_cart_again(shop: Shop, database: Any, gateway: Any) -> None:
    ada = customer(shop)
    first = claim(shop, build.basket(shop, BOOK=1), ada)
    copy, order_id = reopened(shop, MUG=1)
    payment_id = database.value("SELECT id FROM payments_payment")
    gateway.pay(build.payment(shop, payment_id).provider_id)
    with pytest.raises(PaidMeanwhile):
        claim(shop, copy, ada)
    assert lines(database, first) == {"BOOK": 1}
    assert build.order(shop, order_id).state in ("paid", "fulfillment_pending")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_death_while_merging_loses_and_doubles_nothing(shop: Shop, database: Any, moment: str) -> None:
    ada = customer(shop)
    first, guest = claim(shop, build.basket(shop, MUG=2), ada), build.basket(shop, MUG=1, BOOK=1)
    faults.ARMED[f"members.claim:{moment}"] = "raise"
    with pytest.raises(faults.Crash):
        claim(shop, guest, ada)
    claim(shop, guest, ada)
    assert (lines(database, first), lines(database, guest)) == ({"MUG": 3, "BOOK": 1}, {})


@pytest.mark.usefixtures("database")
class TestRaces:
    def test_many_logins_of_one_guest_merge_once(self, shop: Shop, database: Any) -> None:
        ada = customer(shop)
        first, guest = claim(shop, build.basket(shop, MUG=2), ada), build.basket(shop, MUG=1, BOOK=1)
        assert in_parallel(4, lambda _: claim(shop, guest, ada)) == [first] * 4
        assert (lines(database, first), lines(database, guest)) == ({"MUG": 3, "BOOK": 1}, {})

    def test_two_devices_log_in_at_once(self, shop: Shop, database: Any) -> None:
        ada = customer(shop)
        guests = [build.basket(shop, MUG=1), build.basket(shop, MUG=1, BOOK=1), build.basket(shop, CUP=1)]
        told = in_parallel(3, lambda n: claim(shop, guests[n], ada))
        assert len({cart.id for cart in told}) == 1
        assert lines(database, told[0]) == {"MUG": 2, "BOOK": 1, "CUP": 1}
        assert sorted(state(database, guest)[0] for guest in guests) == ["active", "merged", "merged"]
        assert database.count("carts_cart", "customer_id IS NOT NULL") == 1

    def test_without_the_lock_of_the_customer_a_login_fails(
        self, shop: Shop, database: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Control: both devices see no cart of the customer; the database lets only one of them become it."""
        ada = customer(shop)
        guests = [build.basket(shop, MUG=1), build.basket(shop, BOOK=1)]
        real = carts.give

        def give(cart: Cart, **more: Any) -> None:
            if cart.pk == guests[0].id:
                driving.Aside(lambda: claim(shop, guests[1], ada)).result()
            real(cart, **more)

        monkeypatch.setattr(customers, "lock_customer", lambda _: ada)
        monkeypatch.setattr(carts, "give", give)
        with pytest.raises(IntegrityError) as caught:
            claim(shop, guests[0], ada)
        assert violated(caught.value) == "carts_one_active_per_customer"

    def test_going_back_and_logging_in_at_once_end_in_one_cart(self, shop: Shop, database: Any) -> None:
        """The copy of the customer's cart and the guest's cart both want to be their active one."""
        ada = customer(shop)
        for _ in range(5):
            bought = claim(shop, build.basket(shop, BOOK=1), ada)
            build.check_out(shop, bought)
            guest = build.basket(shop, CUP=1)
            told = in_parallel(2, lambda n, bought=bought, guest=guest: claim(shop, guest, ada) if n else back(shop, bought))
            assert not [one for one in told if isinstance(one, Exception)]
            theirs = claim(shop, told[0], ada)
            assert claim(shop, guest, ada) == theirs
            assert lines(database, theirs) == {"BOOK": 1, "CUP": 1}
            build.check_out(shop, theirs)

    def test_going_back_waits_for_the_login(self, shop: Shop, database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        ada = customer(shop)
        bought = claim(shop, build.basket(shop, BOOK=1), ada)
        build.check_out(shop, bought)
        copies: list[driving.Aside] = []
        real = carts.give

        def give(cart: Cart, **more: Any) -> None:
            copies.append(driving.Aside(lambda: back(shop, bought)))
            driving.somebody_waits_for_a_lock(database)
            real(cart, **more)

        monkeypatch.setattr(carts, "give", give)
        theirs = claim(shop, build.basket(shop, CUP=1), ada)
        assert claim(shop, copies[0].result(), ada) == theirs
        assert lines(database, theirs) == {"BOOK": 1, "CUP": 1}

    def test_a_line_added_during_the_merge_is_merged_or_refused(self, shop: Shop, database: Any) -> None:
        ada = customer(shop)
        first, guest = claim(shop, build.basket(shop, MUG=1), ada), build.basket(shop, BOOK=1)
        told = in_parallel(4, lambda n: claim(shop, guest, ada) if n == 3 else build.put(shop, guest, "CUP"))
        put = sum(1 for one in told[:3] if one is None)
        assert all(one is None or isinstance(one, CartMerged) for one in told[:3])
        assert lines(database, first) == {"MUG": 1, "BOOK": 1, **({"CUP": put} if put else {})}
        assert lines(database, guest) == {}
