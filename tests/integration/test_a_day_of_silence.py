"""A provider that answers nothing for a day, and then tells what it did: nobody touches the database in between (S-52)."""

import httpx
import pytest

from holdfast.flows import setup
from tests import build
from tests.crash.world import LEDGER, TOTAL, World
from tests.gateway_process import free_port
from tests.integration import driving
from tests.integration.moneyback import REFUND, hear, money, paid, picture, refund, returned, told

OPEN = "POST /v1/checkout/sessions"


def account_at(world: World, address: str) -> None:
    keys = {"secret_key": world.shop.secret_key, "webhook_secrets": [build.WEBHOOK_SECRET], "api_base": address}
    setup.open_account(merchant_id=world.shop.id, provider="stripe", mode="test", credentials=keys, now=build.now())


def a_day_passes(world: World) -> None:
    """Nobody is there whom we could ask; every webhook is lost; the worker goes on."""
    account_at(world, f"http://127.0.0.1:{free_port()}")
    for hours in (1, 3, 20):
        driving.travel(world.database, hours=hours)
        driving.all_due(world.database, world.shop)
        build.work()
    account_at(world, world.gateway.url)


def session_of(world: World) -> str:
    """The page that the provider made without telling us."""
    headers = {"Authorization": f"Bearer {world.shop.secret_key}"}
    answer = httpx.get(f"{world.gateway.url}/v1/checkout/sessions?limit=100", headers=headers, trust_env=False)
    pages = answer.raise_for_status().json()["data"]
    (mine,) = [each["id"] for each in pages if each["client_reference_id"] == world.payment.pk.hex]
    return str(mine)


@pytest.mark.parametrize("heard", ["asked again", "by webhook"])
@pytest.mark.parametrize(
    ("case", "order", "ends"),
    [
        ("the goods are still there", "partially_fulfilled", "captured"),
        ("the goods are gone", "expired", "returned"),
        ("the merchant wants no late money", "expired", "returned"),
    ],
)
def test_a_day_of_silence_ends_in_a_paid_order_or_in_a_refund(world: World, heard: str, case: str, order: str, ends: str) -> None:
    """S-52, R-D4, R-D6: never failed by time, never a second charge; whatever the day brought besides."""
    world.fill()
    world.gateway.mood_next(OPEN, "reset_after", times=2)
    assert world.check_out().status == 202
    silent = world.payment_id
    session = session_of(world)
    a_day_passes(world)
    assert (world.payment.state, world.state, build.stock(world.shop)) == ("unknown", "expired", (10, 0))
    driving.over_for_the_gateway(world.database, world.order_id)
    prepare(world, case)
    world.gateway.pay(session)

    world.payment_id = silent
    if heard == "by webhook":
        hear(world)
    world.recover()
    end = picture(world)
    assert (world.payment.state, end.order) == ("captured", order)
    if ends == "captured":
        assert (end.ledger, end.refunds, end.cases, money(world)) == (LEDGER, [], [], (TOTAL, 0, 0))
    else:
        assert (end.refunds, money(world)) == ([("requested", "succeeded", TOTAL)], (TOTAL, TOTAL, 0))
        assert (end.cases, end.messages.count("money_returned")) == (["late_money"], 1)
        assert (end.ledger, returned(world)) == ({}, [(TOTAL, "succeeded")])
    before = picture(world)
    hear(world)
    assert picture(world) == before


def prepare(world: World, case: str) -> None:
    if case == "the goods are gone":
        build.check_out(world.shop, build.basket(world.shop, MUG=10))
    elif case == "the merchant wants no late money":
        with world.database.as_owner() as connection:
            connection.execute("UPDATE merchants_merchant SET late_money = 'refund' WHERE id = %s", [world.shop.id])
            # The provider's clock did not travel with ours: for it, the window has to be over as well.
            connection.execute("UPDATE orders_order SET expires_at = now() - interval '1 minute' WHERE id = %s", [world.order_id])


def test_a_customer_who_paid_in_the_silence_and_again_afterwards_gets_one_of_them_back(world: World) -> None:
    """S-52, R-D6: both pages were paid before we could know of the first; one sale, one refund."""
    world.fill()
    world.gateway.mood_next(OPEN, "reset_after", times=2)
    assert world.check_out().status == 202
    session = session_of(world)
    with world.database.as_owner() as connection:
        connection.execute("UPDATE merchants_merchant SET price_honoured_s = 200000 WHERE id = %s", [world.shop.id])
    account_at(world, f"http://127.0.0.1:{free_port()}")
    driving.travel(world.database, hours=20)
    driving.all_due(world.database, world.shop)
    build.work()
    world.gateway.pay(session)
    account_at(world, world.gateway.url)
    world.pay_again()
    world.pay()
    hear(world)
    world.recover()
    end = picture(world)
    assert (end.order, end.payments) == ("partially_fulfilled", [("captured", TOTAL)] * 2)
    assert (end.refunds, end.ledger, end.cases) == ([("requested", "succeeded", TOTAL)], LEDGER, ["double_money"])
    assert (returned(world), end.messages.count("money_returned")) == ([(TOTAL, "succeeded")], 1)
    assert (end.messages.count("order_paid"), end.stock) == (1, [(9, 0)])


@pytest.mark.parametrize("done", [True, False])
def test_a_refund_after_a_day_of_silence_was_made_once(world: World, done: bool) -> None:
    """S-52, S-04, R-E3: a day is longer than the provider keeps our key, so it is looked up before it is asked for again."""
    paid(world)
    if done:
        world.gateway.mood_next(REFUND, "reset_after", times=2)
    else:
        world.gateway.mood_next(REFUND, "fail_before", times=2)
    assert told(refund(world))[0] == 202
    a_day_passes(world)
    assert (picture(world).refunds[0][1], money(world)) == ("unknown", (TOTAL, 0, 0))
    assert returned(world) == ([(TOTAL, "succeeded")] if done else [])
    world.recover()
    end = picture(world)
    assert (end.refunds, end.ledger, returned(world)) == (
        [("requested", "succeeded", TOTAL)], {}, [(TOTAL, "succeeded")],
    )  # fmt: skip
    assert end.messages.count("refunded") == 1
    assert told(refund(world)) == (201, "succeeded", TOTAL)
