"""Going back from payment (R-A4, S-38): an unchanged cart is the same order, a changed one closes and cancels it first."""

import json
from typing import Any

import pytest

from holdfast.carts.models import Cart
from holdfast.db.tenancy import reading
from holdfast.flows import checkout, expiry, shopping, webhooks
from holdfast.flows.back import PaidMeanwhile
from holdfast.flows.expiry import StillPayable
from holdfast.flows.shopping import CartOpen
from holdfast.idempotency.services import Answer
from holdfast.orders.models import Order
from holdfast.payments.models import Payment
from tests import build
from tests.build import Basket, Shop
from tests.conftest import in_parallel
from tests.integration import driving

MUG, SHIPPING, BOOK = 1250, 490, 900


@pytest.fixture
def shop(database, gateway, secret_key):
    return build.shop(gateway_url=gateway.url, secret_key=secret_key)


def back(at: Shop, cart: Basket) -> Basket:
    copy, token = shopping.reopen(merchant_id=at.id, cart_id=cart.id, token_sha256=cart.hash, now=build.now())
    return Basket(copy.pk, token)


def told(answer: Answer) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(answer.body)
    return said


def orders(at: Shop) -> list[tuple[str, int]]:
    with reading(at.id):
        return list(Order.objects.order_by("id").values_list("state", "total_minor"))


def payments(at: Shop) -> list[tuple[str, int]]:
    with reading(at.id):
        return list(Payment.objects.order_by("id").values_list("state", "amount_minor"))


def test_going_back_twice_gives_the_same_cart_with_the_same_token(shop):
    cart = build.basket(shop, MUG=2)
    build.check_out(shop, cart)
    first, second = back(shop, cart), back(shop, cart)
    assert (first.id, first.token) == (second.id, second.token)
    with reading(shop.id):
        assert Cart.objects.get(pk=first.id).state == "active"


def test_an_open_cart_is_not_copied(shop):
    with pytest.raises(CartOpen):
        back(shop, build.basket(shop, MUG=1))


def test_an_unchanged_cart_goes_on_with_its_order_and_its_open_page(database, shop, gateway):
    cart = build.basket(shop, MUG=1)
    first = told(build.check_out(shop, cart))
    again = build.check_out(shop, back(shop, cart), key="again")
    assert again.status == 201
    assert (told(again)["order"]["id"], told(again)["payment"]) == (first["order"]["id"], first["payment"])
    assert orders(shop) == [("payment_pending", MUG + SHIPPING)]
    assert payments(shop) == [("open", MUG + SHIPPING)]
    assert driving.sessions(shop, gateway) == 1
    assert build.stock(shop) == (10, 1)


def test_a_repeat_with_the_key_of_an_unchanged_cart_gets_the_same_bytes(shop):
    cart = build.basket(shop, MUG=1)
    build.check_out(shop, cart)
    copy = back(shop, cart)
    assert build.check_out(shop, copy, key="k").body == build.check_out(shop, copy, key="k").body


def test_an_unchanged_cart_of_an_expired_order_is_a_new_attempt_for_it(database, shop, gateway):
    cart = build.basket(shop, MUG=1)
    first = told(build.check_out(shop, cart))
    with reading(shop.id):
        order_id = Order.objects.get().pk
    expiry.close(merchant_id=shop.id, order_id=order_id, now=build.now())
    assert orders(shop)[0][0] in ("expired", "payment_failed")
    again = told(build.check_out(shop, back(shop, cart)))
    assert again["order"]["id"] == first["order"]["id"]
    assert again["payment"]["id"] != first["payment"]["id"]
    assert orders(shop) == [("payment_pending", MUG + SHIPPING)]
    assert [state for state, _ in payments(shop)] == ["expired", "open"]
    assert build.stock(shop) == (10, 1)


def test_a_changed_cart_closes_the_old_page_and_cancels_its_order_first(database, shop, gateway):
    """S-38: the page of the first tab can never buy the bigger cart, and nobody can pay both."""
    cart = build.basket(shop, MUG=1)
    first = told(build.check_out(shop, cart))
    copy = back(shop, cart)
    build.put(shop, copy, "BOOK")
    second = told(build.check_out(shop, copy))
    assert second["order"]["id"] != first["order"]["id"]
    assert orders(shop) == [("cancelled", MUG + SHIPPING), ("payment_pending", MUG + SHIPPING + BOOK)]
    assert payments(shop) == [("expired", MUG + SHIPPING), ("open", MUG + SHIPPING + BOOK)]
    assert build.stock(shop) == (10, 1)
    gateway.pay(build.payment(shop, _payment_id(first)).provider_id)  # too late: the page is closed
    driving.hear(database, shop, gateway)
    while webhooks.work():
        pass
    assert orders(shop) == [("cancelled", MUG + SHIPPING), ("payment_pending", MUG + SHIPPING + BOOK)]
    assert database.count("payments_fact") == 0


def test_other_contact_data_are_another_order(shop):
    """The receipt and the parcel go where the shopper said last."""
    cart = build.basket(shop, MUG=1)
    build.check_out(shop, cart)
    build.check_out(shop, back(shop, cart), email="grace@example.com")
    assert [state for state, _ in orders(shop)] == ["cancelled", "payment_pending"]


def test_going_back_from_a_copy_that_went_on_with_its_order_works_again(shop):
    cart = build.basket(shop, MUG=1)
    first = told(build.check_out(shop, cart))
    copy = back(shop, cart)
    build.check_out(shop, copy)
    third = back(shop, copy)
    assert told(build.check_out(shop, third))["order"]["id"] == first["order"]["id"]
    changed = back(shop, third)
    build.put(shop, changed, "BOOK")
    build.check_out(shop, changed)
    assert [state for state, _ in orders(shop)] == ["cancelled", "payment_pending"]
    last = back(shop, changed)
    with reading(shop.id):
        assert Cart.objects.get(pk=last.id).copy_of_id == changed.id


def test_a_copy_that_went_on_with_its_order_names_it_when_it_is_checked_out_again(shop):
    """Another key, another tab: where the order is, whichever of its carts is sent."""
    cart = build.basket(shop, MUG=2)
    first = told(build.check_out(shop, cart))
    copy = back(shop, cart)
    build.check_out(shop, copy)
    for sent in (cart, copy):
        with pytest.raises(checkout.AlreadyInCheckout) as refused:
            build.check_out(shop, sent)
        assert refused.value.extra == {"order": first["order"]["id"], "order_token": first["order"]["token"]}


def test_what_was_paid_meanwhile_is_told_and_nothing_is_placed(database, shop, gateway):
    """The webhook has not come: the provider is asked to close, and says that it was paid."""
    cart = build.basket(shop, MUG=1)
    first = told(build.check_out(shop, cart))
    copy = back(shop, cart)
    build.put(shop, copy, "BOOK")
    gateway.pay(build.payment(shop, _payment_id(first)).provider_id)
    with pytest.raises(PaidMeanwhile) as refused:
        build.check_out(shop, copy)
    assert refused.value.extra["order"] == first["order"]["id"]
    assert orders(shop) == [("paid", MUG + SHIPPING)]
    assert build.stock(shop) == (9, 0)
    # Nor when it was heard of before.
    driving.hear(database, shop, gateway)
    while webhooks.work():
        pass
    with pytest.raises(PaidMeanwhile):
        build.check_out(shop, copy)


def test_while_the_provider_does_not_close_nothing_is_placed(shop, gateway):
    cart = build.basket(shop, MUG=1)
    build.check_out(shop, cart)
    copy = back(shop, cart)
    build.put(shop, copy, "BOOK")
    gateway.mood_next("POST /v1/checkout/sessions/{id}/expire", "fail_before", times=4)
    with pytest.raises(StillPayable):
        build.check_out(shop, copy, key="k")
    assert orders(shop) == [("payment_pending", MUG + SHIPPING)]
    gateway.control("DELETE", "/moods/next")
    assert build.check_out(shop, copy, key="k").status == 201
    assert [state for state, _ in orders(shop)] == ["cancelled", "payment_pending"]


def test_two_tabs_that_check_the_same_copy_out_make_one_order(shop, gateway):
    cart = build.basket(shop, MUG=1)
    build.check_out(shop, cart)
    copy = back(shop, cart)
    build.put(shop, copy, "BOOK")
    answers = in_parallel(6, lambda i: build.check_out(shop, copy, key=f"tab-{i}"))
    placed = [each for each in answers if isinstance(each, Answer)]
    assert len(placed) == 1
    assert {type(each).__name__ for each in answers} <= {"Answer", "AlreadyInCheckout", "StillPayable", "Busy"}
    assert [state for state, _ in orders(shop)] == ["cancelled", "payment_pending"]
    assert build.stock(shop) == (10, 1)


def test_without_the_look_back_both_orders_can_be_paid(shop, gateway, monkeypatch):
    """Control: a copy that knows nothing of its order stands beside it, and two pages take money for one intent."""
    cart = build.basket(shop, MUG=1)
    build.check_out(shop, cart)
    monkeypatch.setattr(checkout.back, "before", lambda cart, **_: None)
    build.check_out(shop, back(shop, cart))
    assert payments(shop) == [("open", MUG + SHIPPING), ("open", MUG + SHIPPING)]


def test_two_that_go_back_at_once_get_one_cart(shop):
    cart = build.basket(shop, MUG=1)
    build.check_out(shop, cart)
    copies = in_parallel(6, lambda _: back(shop, cart))
    assert len({copy.id for copy in copies}) == len({copy.token for copy in copies}) == 1


def _payment_id(said: dict[str, Any]) -> Any:
    from holdfast.kernel import ids

    return ids.parsed("pay", said["payment"]["id"])
