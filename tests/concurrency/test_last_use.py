"""One use of a code is left (S-78, "spend a coupon twice"): twenty buyers, one redemption; the same without the lock."""

import threading
from collections.abc import Iterable
from typing import Any

import pytest
from django.db.models import F

from holdfast.flows import coupons, setup
from holdfast.flows.quotes import PriceChanged
from holdfast.flows.setup import Offer
from holdfast.idempotency.services import Answer
from holdfast.promotions import services as promotions
from holdfast.promotions.models import Promotion, Redemption
from holdfast.promotions.services import UsedUp
from tests import build
from tests.conftest import in_parallel
from tests.integration import driving

BUYERS = 20
TEN = {"kind": "percent", "basis_points": 1000}


def carts_with_the_code(shop: Any, **limits: int) -> list[build.Basket]:
    offer = Offer(name="Ten", rules=TEN, code="TEN", **limits)
    setup.announce(merchant_id=shop.id, offer=offer, now=build.now())
    made = [build.basket(shop, BOOK=1) for _ in range(BUYERS)]
    for cart in made:
        coupons.set_code(merchant_id=shop.id, cart_id=cart.id, token_sha256=cart.hash, code="TEN", address="", now=build.now())
    return made


def race(shop: Any, carts: list[build.Basket], **wishes: Any) -> list[Any]:
    return in_parallel(BUYERS, lambda i: build.check_out(shop, carts[i], **{"email": f"buyer{i}@example.com", **wishes}))


def counters(crowd: Any) -> tuple[int, int, int]:
    """(reserved, redeemed, rows)"""
    ((reserved, redeemed),) = crowd.rows("SELECT reserved, redeemed FROM promotions_promotion")
    return reserved, redeemed, crowd.count("promotions_redemption")


def test_twenty_buyers_of_the_last_use_redeem_it_once(crowd: Any, shop: Any, gateway: Any) -> None:
    """Nineteen are told, before or under the lock, and nothing of theirs is there."""
    told = race(shop, carts_with_the_code(shop, total_limit=1))
    assert sum(isinstance(each, Answer) for each in told) == 1
    assert all(isinstance(each, Answer | UsedUp | PriceChanged) for each in told)
    assert counters(crowd) == (1, 0, 1)
    assert crowd.count("orders_order") == driving.sessions(shop, gateway) == 1
    assert crowd.count("carts_cart", "state = 'active'") == BUYERS - 1


def test_one_customer_in_twenty_tabs_uses_a_code_once(crowd: Any, shop: Any, gateway: Any) -> None:
    told = race(shop, carts_with_the_code(shop, customer_limit=1), email="ada@example.com")
    assert sum(isinstance(each, Answer) for each in told) == 1
    assert all(isinstance(each, Answer | UsedUp | PriceChanged) for each in told)
    assert counters(crowd) == (1, 0, 1)


def test_uses_that_are_left_are_all_given(crowd: Any, shop: Any, gateway: Any) -> None:
    told = race(shop, carts_with_the_code(shop, total_limit=BUYERS))
    assert sum(isinstance(each, Answer) for each in told) == BUYERS
    assert counters(crowd) == (BUYERS, 0, BUYERS)


@pytest.mark.breaks_the_list
def test_without_lock_and_constraint_one_use_is_spent_twenty_times(
    crowd: Any, shop: Any, gateway: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: the race is real. Everybody reads "one left" before anybody writes."""
    monkeypatch.setattr(promotions, "_take", _look_without_lock(BUYERS))
    with crowd.as_owner() as connection:
        connection.execute("ALTER TABLE promotions_promotion DROP CONSTRAINT promotions_within_limit")
    race(shop, carts_with_the_code(shop, total_limit=1))
    print(f"\ncontrol, no lock, no constraint: one use spent {counters(crowd)[0]} times")
    assert counters(crowd) == (BUYERS, 0, BUYERS)


def test_without_the_lock_the_database_still_refuses(
    crowd: Any, shop: Any, gateway: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control with one wall: whoever bypasses the lock meets the constraint, and the caller the same clear answer."""
    monkeypatch.setattr(promotions, "_take", _look_without_lock(BUYERS))
    told = race(shop, carts_with_the_code(shop, total_limit=1))
    assert driving.tally(type(each).__name__ for each in told) == {"Answer": 1, "UsedUp": BUYERS - 1}
    assert counters(crowd) == (1, 0, 1)


def _look_without_lock(count: int) -> Any:
    everybody_has_looked = threading.Barrier(count)

    def take(rows: Iterable[Redemption]) -> None:
        wanted = [row.promotion_id for row in rows]
        left = {row.pk: row.total_limit - row.reserved - row.redeemed for row in Promotion.objects.filter(pk__in=wanted)}
        everybody_has_looked.wait(driving.PATIENCE_S)
        for promotion_id in wanted:
            if left[promotion_id] < 1:
                raise UsedUp
            Promotion.objects.filter(pk=promotion_id).update(reserved=F("reserved") + 1)

    return take
