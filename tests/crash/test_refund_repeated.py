"""A worker dies again and again on one refund: the provider is asked as often, and gives the money back once."""

from typing import Any

import pytest

from holdfast.flows import recovery
from holdfast.kernel import faults
from tests.crash.money_back import assert_all_back, handed_over
from tests.crash.world import LEDGER, TOTAL, World
from tests.integration import driving, moneyback

DEATHS = 3


@pytest.mark.parametrize("point", ["ask.refund:before", "ask.refund:after", "questions.apply:before"])
def test_a_refund_executed_three_times_is_one_refund(world: World, point: str) -> None:
    """S-04: each time the worker is killed after the provider's success and before our commit (or just before asking)."""
    handed_over(world)
    with dying_at("refunds.intend:after"):
        moneyback.refund(world)
    for _ in range(DEATHS):
        # As if it had never been tried: otherwise it is looked up first, and found.
        with world.database.as_owner() as connection:
            connection.execute("UPDATE payments_operation SET attempts = 0 WHERE merchant_id = %s", [world.shop.id])
        driving.all_due(world.database, world.shop, "operations")
        with dying_at(point):
            recovery.work_operations()
        asked = [] if point == "ask.refund:before" else [(TOTAL, "succeeded")]
        assert moneyback.returned(world) == asked
        assert (world.state, moneyback.picture(world).ledger) == ("fulfilled", LEDGER)
    world.recover()
    assert moneyback.told(moneyback.refund(world)) == (201, "succeeded", TOTAL)
    assert_all_back(world)


class dying_at:
    """The process dies at this point, once."""

    def __init__(self, point: str) -> None:
        self.point = point

    def __enter__(self) -> None:
        faults.ARMED[self.point] = "raise"

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> bool:
        assert isinstance(error, faults.Crash), f"{self.point} was not reached"
        assert faults.ARMED == {}
        return True
