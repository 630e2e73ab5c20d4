"""Codes and ways of shipping over HTTP."""

from typing import Any

import pytest

from holdfast.flows import setup
from holdfast.flows.setup import Offer
from holdfast.kernel import limits
from tests import build
from tests.api.scene import Caller, Scene


def announce(scene: Scene, **more: Any) -> None:
    offer = Offer(name="Welcome", code="WELCOME10", rules={"kind": "percent", "basis_points": 1000}, **more)
    setup.announce(merchant_id=scene.shop.id, offer=offer, now=build.now())


@pytest.fixture
def cart(scene: Scene) -> tuple[str, Caller]:
    return scene.cart(MUG=2)


def test_a_code_takes_off_and_the_quote_names_it(scene: Scene, cart: tuple[str, Caller]) -> None:
    announce(scene)
    path, shopper = cart
    told = shopper.ask("PUT", f"{path}/coupon", {"code": " welcome10"})
    assert told.status == 200
    assert told.json["coupon"] == {"code": "WELCOME10", "unused": None}
    quote = told.json["quote"]
    assert quote["promotions"] == [{"name": "Welcome", "code": "WELCOME10", "kind": "percent", "gave_minor": 250}]
    assert (quote["discount_minor"], quote["total_minor"], quote["lines"][0]["discount_minor"]) == (250, 2250 + 490, 250)
    for _ in range(2):
        gone = shopper.ask("DELETE", f"{path}/coupon")
        assert (gone.status, gone.json["coupon"], gone.json["quote"]["discount_minor"]) == (200, None, 0)


def test_a_code_that_is_not_there_or_does_not_work_is_refused(scene: Scene, cart: tuple[str, Caller]) -> None:
    announce(scene, total_limit=0)
    path, shopper = cart
    assert shopper.ask("PUT", f"{path}/coupon", {"code": "NOTHERE"}).refusal == (422, "unknown_code")
    told = shopper.ask("PUT", f"{path}/coupon", {"code": "WELCOME10"})
    assert (told.refusal, told.json["reason"]) == ((422, "code_not_usable"), "used_up")
    assert shopper.get(path).json["coupon"] is None


def test_too_many_tries_are_told_to_wait(scene: Scene, cart: tuple[str, Caller]) -> None:
    path, shopper = cart
    for n in range(limits.CODE_TRIES):
        assert shopper.ask("PUT", f"{path}/coupon", {"code": f"GUESS{n}"}).status == 422
    told = shopper.ask("PUT", f"{path}/coupon", {"code": "GUESS"})
    assert told.refusal == (429, "too_many_tries")
    assert 0 < int(told.headers["Retry-After"]) <= 600


def test_a_code_needs_the_token_of_the_cart(scene: Scene, cart: tuple[str, Caller]) -> None:
    announce(scene)
    path, _ = cart
    told = scene.shopper.having(cart_token="x" * 43).ask("PUT", f"{path}/coupon", {"code": "WELCOME10"})
    assert told.refusal == (404, "not_found")


def test_a_way_of_shipping_is_one_that_is_offered(scene: Scene, cart: tuple[str, Caller]) -> None:
    path, shopper = cart
    assert shopper.get(path).json["shipping_offers"] == [{"key": "standard", "name": "Shipping", "price_minor": 490}]
    told = shopper.ask("PUT", f"{path}/shipping-method", {"method": "standard"})
    assert (told.status, told.json["quote"]["shipping_method"]) == (200, {"key": "standard", "name": "Shipping"})
    assert shopper.ask("PUT", f"{path}/shipping-method", {"method": "drone"}).refusal == (422, "no_such_method")
