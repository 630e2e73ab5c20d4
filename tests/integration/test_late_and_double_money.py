"""Money that comes late, twice, or for something that was cancelled: honoured if the goods are there, else a case."""

from typing import Any

import pytest

from holdfast.flows import cancelling, expiry, webhooks
from holdfast.flows.checkout import NotPayable
from holdfast.flows.expiry import StillPayable
from holdfast.kernel import limits
from tests import build
from tests.crash.world import LEDGER, TOTAL, World
from tests.integration import driving
from tests.integration.driving import charged, sessions

CLOSE = "POST /v1/checkout/sessions/{id}/expire"
MONEY_AND_NO_SALE = {"customer_deposits": -TOTAL, "receivable:stripe": TOTAL}


def window_over(world: World) -> None:
    driving.travel(
        world.database, seconds=build.order(world.shop, world.order_id).expires_at.timestamp() - build.now().timestamp() + 1
    )
    driving.all_due(world.database, world.shop, "orders")


def provider_is_deaf(world: World, times: int = 4) -> None:
    world.gateway.mood_next(CLOSE, "fail_before", times=times)


def let_go_by_grace(world: World) -> None:
    """The provider does not close within the grace: stock returns, and the page can still be paid."""
    window_over(world)
    provider_is_deaf(world, times=2)
    expiry.work()
    assert world.state == "payment_pending"
    driving.travel(world.database, seconds=limits.CLOSE_GRACE.total_seconds())
    driving.all_due(world.database, world.shop, "orders")
    expiry.work()
    assert (world.state, world.payment.state, build.stock(world.shop)) == ("expired", "open", (10, 0))


def case(world: World) -> tuple[str, str]:
    ((kind, cause),) = world.rows("SELECT kind, cause FROM cases_case")
    return kind, cause


def test_expiry_asks_the_provider_to_close_and_returns_the_stock_on_its_word(world: World) -> None:
    """R-H1, R-D6."""
    world.place()
    assert build.stock(world.shop) == (10, 1)
    assert expiry.work() == 0
    window_over(world)
    assert expiry.work() == 1
    assert (world.state, world.payment.state, build.stock(world.shop)) == ("expired", "expired", (10, 0))
    assert world.gateway.pay(world.payment.provider_id)["status"] == "closed"
    assert world.count("inventory_reservation", "state = 'expired'") == 1  # S-66
    assert [row[0] for row in world.rows("SELECT topic FROM outbox_message")] == ["payment_problem"]


def test_silence_past_the_grace_returns_the_stock_and_late_money_is_honoured(world: World) -> None:
    """R-H1, R-D6: the mug is still there, so the late customer gets it."""
    world.place()
    let_go_by_grace(world)
    world.pay()
    world.hear()
    world.recover()
    end = driving.picture(world.database, world.order_id)
    assert (end.order, end.payments, end.ledger, end.cases) == ("partially_fulfilled", [("captured", TOTAL)], LEDGER, [])
    assert (end.stock, end.reservations) == ([(9, 0)], ["committed"])


def test_late_money_for_goods_that_are_gone_is_kept_and_becomes_a_case(world: World) -> None:
    """S-17, S-19, S-31, R-H4: never paid without goods, never a log line only."""
    world.place()
    let_go_by_grace(world)
    leave_none(world)
    world.pay()
    world.hear()
    world.recover()
    end = driving.picture(world.database, world.order_id)
    assert (end.order, end.payments, end.ledger) == ("expired", [("captured", TOTAL)], MONEY_AND_NO_SALE)
    assert (end.stock, end.reservations, end.fulfilments) == ([(0, 0)], ["expired"], [])
    assert case(world) == ("late_money", world.payment.pk.hex)
    assert "order_paid" not in end.messages


def test_late_money_after_the_attempt_failed_is_a_payment_of_its_own(world: World) -> None:
    """R-D4: a terminally failed payment never becomes succeeded; the money names the attempt that it is late of."""
    world.place()
    window_over(world)
    expiry.work()
    dead = world.payment
    assert (dead.state, world.state) == ("expired", "expired")
    pay_after_all(world)
    rows = world.rows("SELECT state, captured_minor, late_of_id, provider_id FROM payments_payment")
    assert sorted(rows, key=lambda row: row[1]) == [
        ("expired", 0, None, dead.provider_id),
        ("captured", TOTAL, dead.pk, "pi_late"),
    ]
    assert (world.state, driving.picture(world.database, world.order_id).ledger) == ("paid", LEDGER)


def test_late_money_after_the_attempt_failed_and_the_goods_are_gone(world: World) -> None:
    """R-D6."""
    world.place()
    window_over(world)
    expiry.work()
    leave_none(world)
    pay_after_all(world)
    assert (world.state, driving.picture(world.database, world.order_id).ledger) == ("expired", MONEY_AND_NO_SALE)
    assert case(world)[0] == "late_money"


def test_money_after_cancellation_is_a_case_and_never_goods(world: World) -> None:
    """R-D6: paid after cancellation is always refunded; until a person does it, the money stands apart."""
    world.place()
    cancel(world)
    assert (world.state, build.stock(world.shop)) == ("cancelled", (10, 0))
    pay_after_all(world)
    end = driving.picture(world.database, world.order_id)
    assert (end.order, end.ledger, end.stock, end.fulfilments) == ("cancelled", MONEY_AND_NO_SALE, [(10, 0)], [])
    assert case(world)[0] == "late_money"


def test_cancelling_closes_the_page_first(world: World) -> None:
    """R-C2: an order is cancelled only once the provider cannot take the money any more."""
    world.place()
    provider_is_deaf(world, times=2)
    with pytest.raises(StillPayable):
        cancel(world)
    assert (world.state, world.payment.state, build.stock(world.shop)) == ("payment_pending", "open", (10, 1))
    assert cancel(world).status == 200
    assert world.gateway.pay(world.payment.provider_id)["status"] == "closed"
    assert world.state == "cancelled"


def test_a_customer_who_paid_while_we_cancelled_has_bought(world: World) -> None:
    """R-C2, R-D6: the provider's "it is paid already" is news, and the order is paid."""
    world.place()
    world.pay()
    with pytest.raises(expiry.NotCancellable):
        cancel(world)
    assert world.state == "paid"
    world.finish()


def test_two_pages_paid_for_one_order_are_one_sale_and_one_case(world: World) -> None:
    """R-D6, S-10: the first page could still be paid after the second was; the second capture is kept apart."""
    world.place()
    let_go_by_grace(world)
    first = world.payment
    world.pay_again()
    second = world.payment
    assert (second.state, world.state) == ("open", "payment_pending")
    world.gateway.pay(second.provider_id)
    world.gateway.pay(first.provider_id)
    world.hear()
    world.recover()
    assert charged(world.shop, world.gateway) == sorted([(first.pk.hex, TOTAL), (second.pk.hex, TOTAL)])
    end = driving.picture(world.database, world.order_id)
    assert (end.order, end.payments) == ("partially_fulfilled", [("captured", TOTAL), ("captured", TOTAL)])
    assert end.ledger == {**LEDGER, "receivable:stripe": 2 * TOTAL, "customer_deposits": -TOTAL}
    assert (end.stock, end.messages.count("order_paid"), end.cases) == ([(9, 0)], 1, ["double_money"])


def test_the_other_page_is_closed_once_one_is_paid(world: World) -> None:
    """R-D6."""
    world.place()
    let_go_by_grace(world)
    first = world.payment
    world.pay_again()
    world.pay()
    world.hear()
    world.recover()
    assert build.payment(world.shop, first.pk).state == "expired"
    assert world.gateway.pay(first.provider_id)["status"] == "closed"
    assert world.count("cases_case") == 0


def test_another_attempt_may_begin_at_once_after_a_failure(world: World) -> None:
    """S-12."""
    world.place()
    world.gateway.settle(world.gateway.pay(world.payment.provider_id, "4000009900000038")["payment_intent"], "failed")
    world.hear()
    world.recover()
    assert (world.state, world.payment.state, build.stock(world.shop)) == ("payment_failed", "failed", (10, 0))
    world.pay_again()
    world.sessions = 2
    assert build.stock(world.shop) == (10, 1)
    world.finish(dead_attempts=("failed",))


def test_no_other_attempt_while_one_is_open_or_paid(world: World) -> None:
    """R-D1: at most one attempt is in flight."""
    world.place()
    with pytest.raises(NotPayable):
        world.pay_again()
    world.pay()
    world.hear()
    world.recover()
    with pytest.raises(NotPayable):
        world.pay_again()
    assert (world.count("payments_payment"), sessions(world.shop, world.gateway)) == (1, 1)


# -- What people do ---------------------------------------------------------------------------------------------------


def cancel(world: World) -> Any:
    assert world.order_id is not None
    return cancelling.cancel(
        merchant_id=world.shop.id, order_id=world.order_id, actor="shopper", use=build.use("c", scope="order"), now=build.now()
    )


def leave_none(world: World) -> None:
    """Somebody else bought the last mugs."""
    rivals = build.basket(world.shop, MUG=10)
    mine = world.order_id, world.payment_id
    world.remember(build.check_out(world.shop, rivals))
    world.pay()
    world.hear()
    _apply_events()
    world.order_id, world.payment_id = mine
    assert build.stock(world.shop) == (0, 0)


def pay_after_all(world: World) -> None:
    """The provider took the money although it had said that it could not (a bank's late word). Told twice, by two events."""
    template = driving.paid_event(world)
    driving.receive(world.database, world.shop, template)
    driving.receive(world.database, world.shop, driving.altered(template))
    _apply_events()


def _apply_events() -> None:
    while webhooks.work():
        pass
