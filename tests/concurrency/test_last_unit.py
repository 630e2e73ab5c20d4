"""Two buyers want the last one. One gets it, the other is told at once, and no money of theirs is touched."""

import threading
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from django.db.models import F

from holdfast.idempotency.services import Answer
from holdfast.inventory import services as inventory
from holdfast.inventory.models import Stock
from holdfast.inventory.services import InsufficientStock
from tests import build
from tests.conftest import in_parallel
from tests.integration import driving

BUYERS = 20
#: What each wants, and how many of it there are: enough for one buyer and not for two.
LAST = {
    "an item": ({"MUG": 1}, "Mug", 1),
    "a slot": ({"TOUR_ADULT": 2}, "Tour %", 3),
    "two lines on one slot": ({"TOUR_ADULT": 1, "TOUR_CHILD": 1}, "Tour %", 3),
}


def leave(database: Any, name: str, quantity: int) -> None:
    """So many are left on the shelf, with the movement that says so."""
    with database.as_owner() as connection:
        row = connection.execute("SELECT id, merchant_id, on_hand FROM inventory_stock WHERE name LIKE %s", [name]).fetchone()
        connection.execute("UPDATE inventory_stock SET on_hand = %s WHERE id = %s", [quantity, row[0]])
        connection.execute(
            """INSERT INTO inventory_movement (id, merchant_id, stock_id, delta, cause, at)
               VALUES (gen_random_uuid(), %s, %s, %s, 'counted', now())""",
            [row[1], row[0], quantity - row[2]],
        )


@pytest.mark.parametrize("wanted", LAST)
def test_twenty_buyers_of_the_last_one_make_one_order(crowd: Any, shop: Any, gateway: Any, wanted: str) -> None:
    """S-01, R-H4. Nineteen are told that it is gone, and the provider has never heard of them."""
    quantities, name, left = LAST[wanted]
    leave(crowd, name, left)
    carts = [build.basket(shop, **quantities) for _ in range(BUYERS)]
    told = in_parallel(BUYERS, lambda i: build.check_out(shop, carts[i]))

    assert driving.tally(type(each).__name__ for each in told) == {"Answer": 1, "InsufficientStock": BUYERS - 1}
    wants = sum(quantities.values())
    losers = [(each.extra["available"], each.extra["wanted"]) for each in told if isinstance(each, InsufficientStock)]
    assert set(losers) == {(left - wants, wants)}
    assert build.stock(shop, next(iter(quantities)).replace("_", "-")) == (left, wants)
    assert crowd.count("orders_order") == crowd.count("payments_payment") == crowd.count("inventory_reservation") == 1
    assert driving.sessions(shop, gateway) == 1
    assert crowd.count("carts_cart", "state = 'active'") == BUYERS - 1
    assert crowd.count("idempotency_key") == 1


def test_two_lines_of_one_pool_count_together(crowd: Any, shop: Any, gateway: Any) -> None:
    """R-H3. Two adults and two children are four places, though three are left for each line alone."""
    leave(crowd, "Tour %", 3)
    with pytest.raises(InsufficientStock) as told:
        build.check_out(shop, build.basket(shop, TOUR_ADULT=2, TOUR_CHILD=2))
    assert (told.value.extra["available"], told.value.extra["wanted"]) == (3, 4)
    assert build.stock(shop, "TOUR-ADULT") == (3, 0)
    assert crowd.count("orders_order") == driving.sessions(shop, gateway) == 0


@pytest.mark.breaks_the_list
def test_without_lock_and_constraint_the_last_one_is_sold_twenty_times(
    crowd: Any, shop: Any, gateway: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control of S-01: the race is real. Everybody reads "one left" before anybody writes."""
    monkeypatch.setattr(inventory, "_take", _look_without_lock(BUYERS))
    with crowd.as_owner() as connection:
        connection.execute("ALTER TABLE inventory_stock DROP CONSTRAINT inventory_available_not_negative")
    leave(crowd, "Mug", 1)
    carts = [build.basket(shop, MUG=1) for _ in range(BUYERS)]
    in_parallel(BUYERS, lambda i: build.check_out(shop, carts[i]))
    oversold = build.stock(shop)[1] - 1
    print(f"\ncontrol, no lock, no constraint: {oversold} of {BUYERS} orders oversold")
    assert oversold == BUYERS - 1
    assert driving.sessions(shop, gateway) == BUYERS


def test_without_the_lock_the_database_still_refuses(
    crowd: Any, shop: Any, gateway: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S-14, control with one wall: whoever bypasses the lock meets the constraint, and the caller the same clear answer."""
    monkeypatch.setattr(inventory, "_take", _look_without_lock(BUYERS))
    leave(crowd, "Mug", 1)
    carts = [build.basket(shop, MUG=1) for _ in range(BUYERS)]
    told = driving.tally(type(each).__name__ for each in in_parallel(BUYERS, lambda i: build.check_out(shop, carts[i])))
    print(f"\ncontrol, no lock: the constraint refused {told['InsufficientStock']} of {BUYERS}")
    assert told == {"Answer": 1, "InsufficientStock": BUYERS - 1}
    assert build.stock(shop) == (1, 1)
    assert driving.sessions(shop, gateway) == 1


def _look_without_lock(count: int) -> Any:
    """Look, decide, write, and no lock; nobody goes on before everybody has looked."""
    everybody_has_looked = threading.Barrier(count)

    def take(wanted: Mapping[UUID, int]) -> None:
        left = {row.pk: row.on_hand - row.reserved for row in Stock.objects.filter(pk__in=wanted)}
        everybody_has_looked.wait(driving.PATIENCE_S)
        for stock_id, quantity in wanted.items():
            if left[stock_id] < quantity:
                raise InsufficientStock(available=left[stock_id], wanted=quantity)
            Stock.objects.filter(pk=stock_id).update(reserved=F("reserved") + quantity)

    return take


# -- Deadlock ---------------------------------------------------------------------------------------------------------


def test_fifty_orders_over_two_items_in_both_orders_never_deadlock(crowd: Any, shop: Any, gateway: Any) -> None:
    """R-H2: rows are locked in one global order, whatever the order of a cart's lines."""
    leave(crowd, "Mug", 100)
    leave(crowd, "Cup", 100)
    carts = [build.basket(shop, **({"MUG": 1, "CUP": 1} if i % 2 else {"CUP": 1, "MUG": 1})) for i in range(50)]
    told = in_parallel(50, lambda i: build.check_out(shop, carts[i]))
    # 202 is an answer too: on a busy machine the gateway is slower than these impatient clients.
    tally = driving.tally(each.status if isinstance(each, Answer) else each for each in told)
    assert set(tally) <= {"201", "202"}
    assert sum(tally.values()) == 50
    assert (build.stock(shop, "MUG"), build.stock(shop, "CUP")) == ((100, 50), (100, 50))
    assert crowd.value("SELECT deadlocks FROM pg_stat_database WHERE datname = %s", crowd.name) == 0


def test_without_the_order_two_orders_deadlock(crowd: Any, shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: rows locked in the order of the cart's lines. The one that PostgreSQL kills is told to try again."""
    pairs, both_have_one = 5, threading.Barrier(2)

    def one_by_one(wanted: Mapping[UUID, int]) -> None:
        first, second = wanted
        Stock.objects.filter(pk=first).update(reserved=F("reserved") + 1)
        both_have_one.wait(driving.PATIENCE_S)
        Stock.objects.filter(pk=second).update(reserved=F("reserved") + 1)

    with crowd.as_owner() as connection:
        connection.execute(f"ALTER DATABASE {crowd.name} SET deadlock_timeout = '20ms'")
    monkeypatch.setattr(inventory, "_take", one_by_one)
    deadlocks = 0
    for _ in range(pairs):
        carts = [build.basket(shop, MUG=1, CUP=1), build.basket(shop, CUP=1, MUG=1)]
        told = in_parallel(2, lambda i, carts=carts: build.check_out(shop, carts[i]))
        deadlocks += sum("deadlock" in str(each.__cause__) for each in told if isinstance(each, Exception))
    print(f"\ncontrol, unsorted locks: deadlock_detected {deadlocks} times in {pairs} pairs")
    assert deadlocks == pairs
    assert build.stock(shop, "MUG") == build.stock(shop, "CUP") == (10, pairs)
