"""Money that comes late, twice, or for something that was cancelled: honoured if the goods are there, else it goes back by
itself, with a case and a message."""

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
from tests.integration.moneyback import dispute, hear, money, refund, returned, settle_refund, take_late, told

CLOSE = "POST /v1/checkout/sessions/{id}/expire"
#: A refund that the provider declined: what came in is still the customer's.
MONEY_AND_NO_SALE = {"customer_deposits": -TOTAL, "receivable:stripe": TOTAL}
CAME_AND_WENT = [("capture", TOTAL), ("refund", TOTAL)]


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


def test_late_money_for_goods_that_are_gone_goes_back_by_itself(world: World) -> None:
    """S-17, S-19, S-31, R-H4: never paid without goods, never a log line only; the customer is told."""
    world.place()
    let_go_by_grace(world)
    leave_none(world)
    world.pay()
    world.hear()
    world.recover()
    end = driving.picture(world.database, world.order_id)
    went_back(world, end, "expired")
    assert (end.stock, end.reservations, end.fulfilments) == ([(0, 0)], ["expired"], [])
    assert case(world) == ("late_money", world.payment.pk.hex)
    assert end.messages == ["money_returned", "payment_unclear"]


def test_a_merchant_may_want_no_late_money_at_all(world: World) -> None:
    """R-D6: `late_money` = refund. The mug is still there, and all the same the money goes back."""
    merchant_wants_late_money_refunded(world)
    world.place()
    let_go_by_grace(world)
    pay_late(world)
    world.hear()
    world.recover()
    end = driving.picture(world.database, world.order_id)
    went_back(world, end, "expired")
    assert (end.stock, end.reservations, end.fulfilments) == ([(10, 0)], ["expired"], [])
    assert case(world) == ("late_money", world.payment.pk.hex)


def test_money_that_was_paid_in_time_is_not_late_because_we_heard_late(world: World) -> None:
    """S-35: the provider's time counts, whatever the merchant does with late money."""
    merchant_wants_late_money_refunded(world)
    world.place()
    let_go_by_grace(world)
    world.pay()  # our clock is ahead of the provider's: it was paid within the window
    world.hear()
    world.recover()
    end = driving.picture(world.database, world.order_id)
    assert (end.order, end.ledger, end.refunds, end.cases) == ("partially_fulfilled", LEDGER, [], [])


def test_late_money_that_the_provider_does_not_refund_stays_a_persons_case(world: World) -> None:
    """R-D6, R-J2: the bank disputes a cent of it first, and until that is decided the provider refunds nothing."""
    merchant_wants_late_money_refunded(world)
    world.place()
    let_go_by_grace(world)
    pay_late(world)
    hear(world)
    assert driving.picture(world.database, world.order_id).refunds == [("requested", "intended", TOTAL)]
    dispute(world, 1)
    world.recover()
    end = driving.picture(world.database, world.order_id)
    assert (end.order, end.refunds) == ("expired", [("requested", "failed", TOTAL)])
    assert end.ledger == {**MONEY_AND_NO_SALE, "disputed": 1, "receivable:stripe": TOTAL - 1}
    assert (end.cases, money(world)) == (["dispute", "late_money", "refund_failed"], (TOTAL, 0, 1))
    assert "money_returned" not in end.messages


def test_late_money_whose_refund_bounces_can_be_refunded_by_a_person(world: World) -> None:
    """R-D6, R-J2: surplus money is refunded by naming its payment."""
    merchant_wants_late_money_refunded(world)
    world.place()
    let_go_by_grace(world)
    pay_late(world)
    world.hear()
    world.recover()
    settle_refund(world, "failed")
    hear(world)
    end = driving.picture(world.database, world.order_id)
    assert (end.order, end.ledger, end.cases) == ("expired", MONEY_AND_NO_SALE, ["late_money", "refund_failed"])
    assert told(refund(world, payment_id=world.payment_id)) == (201, "succeeded", TOTAL)
    assert returned(world) == [(TOTAL, "failed"), (TOTAL, "succeeded")]
    end = driving.picture(world.database, world.order_id)
    assert (end.order, end.ledger, end.messages.count("money_returned")) == ("expired", {}, 2)


def test_late_money_goes_back_although_the_provider_is_silent_at_first(world: World) -> None:
    """S-30, S-04: asked again with its key; one refund."""
    merchant_wants_late_money_refunded(world)
    world.place()
    let_go_by_grace(world)
    pay_late(world)
    world.gateway.mood_next("POST /v1/refunds", "reset_after", times=2)
    world.hear()
    world.recover()
    went_back(world, driving.picture(world.database, world.order_id), "expired")


def test_late_money_after_the_attempt_failed_is_a_payment_of_its_own(world: World) -> None:
    """R-D4: a terminally failed payment never becomes succeeded; the money names the attempt that it is late of."""
    world.place()
    window_over(world)
    expiry.work()
    dead = world.payment
    assert (dead.state, world.state) == ("expired", "expired")
    late = pay_after_all(world)
    rows = world.rows("SELECT state, captured_minor, late_of_id, provider_id FROM payments_payment")
    assert sorted(rows, key=lambda row: row[1]) == [
        ("expired", 0, None, dead.provider_id),
        ("captured", TOTAL, dead.pk, late),
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
    world.recover()
    end = driving.picture(world.database, world.order_id)
    assert sorted(end.payments) == [("captured", TOTAL), ("expired", 0)]
    assert (end.order, end.ledger, end.refunds) == ("expired", {}, [("requested", "succeeded", TOTAL)])
    assert (case(world)[0], end.messages.count("money_returned")) == ("late_money", 1)
    hear_refund(world)


def test_money_after_cancellation_goes_back_and_never_buys_goods(world: World) -> None:
    """R-D6: paid after cancellation is always refunded, whatever the merchant does with late money."""
    world.place()
    cancel(world)
    assert (world.state, build.stock(world.shop)) == ("cancelled", (10, 0))
    pay_after_all(world)
    end = driving.picture(world.database, world.order_id)
    assert (end.order, end.ledger, end.stock, end.fulfilments) == ("cancelled", MONEY_AND_NO_SALE, [(10, 0)], [])
    world.recover()
    end = driving.picture(world.database, world.order_id)
    assert (end.order, end.ledger, end.refunds) == ("cancelled", {}, [("requested", "succeeded", TOTAL)])
    assert (end.stock, end.fulfilments, returned(world)) == ([(10, 0)], [], [(TOTAL, "succeeded")])
    assert (case(world)[0], end.messages.count("money_returned")) == ("late_money", 1)
    hear_refund(world)


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


def test_two_pages_paid_for_one_order_are_one_sale_and_one_refund(world: World) -> None:
    """R-D6, S-10: the first page could still be paid after the second was; the second capture goes back by itself, and the
    winner's payment is never touched."""
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
    assert (end.ledger, end.facts) == (LEDGER, [("capture", TOTAL), ("capture", TOTAL), ("refund", TOTAL)])
    assert (end.stock, end.messages.count("order_paid"), end.cases) == ([(9, 0)], 1, ["double_money"])
    assert (end.refunds, end.messages.count("money_returned")) == ([("requested", "succeeded", TOTAL)], 1)
    kept, surplus = sorted((build.payment(world.shop, row.pk) for row in (first, second)), key=lambda row: row.refunded_minor)
    assert (kept.refunded_minor, kept.surplus_at) == (0, None)
    assert (surplus.refunded_minor, surplus.surplus_at is None) == (TOTAL, False)
    # The order's own money can still be refunded, once.
    assert told(refund(world)) == (201, "succeeded", TOTAL)
    assert (world.state, driving.picture(world.database, world.order_id).ledger) == ("cancelled_with_refund", {})


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


def pay_after_all(world: World) -> str:
    """The provider took the money although it had said that it could not (a bank's late word). Told twice, by two events."""
    late = take_late(world)
    _apply_events()
    return late


def merchant_wants_late_money_refunded(world: World) -> None:
    with world.database.as_owner() as connection:
        connection.execute("UPDATE merchants_merchant SET late_money = 'refund' WHERE id = %s", [world.shop.id])


def pay_late(world: World) -> None:
    """The provider takes the money after the window. Its clock did not travel with ours, so the window is moved before it."""
    driving.over_for_the_gateway(world.database, world.order_id)
    world.pay()


def went_back(world: World, end: driving.Picture, order: str) -> None:
    """All of it came and went: nothing is left in the ledger, one refund, one message, one case."""
    assert (end.order, end.payments, end.facts, end.ledger) == (order, [("captured", TOTAL)], CAME_AND_WENT, {})
    assert (end.refunds, returned(world)) == ([("requested", "succeeded", TOTAL)], [(TOTAL, "succeeded")])
    assert (end.messages.count("money_returned"), "order_paid" in end.messages) == (1, False)
    assert money(world) == (TOTAL, TOTAL, 0)
    hear_refund(world)


def hear_refund(world: World) -> None:
    """The refund's own events say nothing new."""
    before = driving.picture(world.database, world.order_id)
    hear(world, "refund.created", "charge.refunded")
    assert driving.picture(world.database, world.order_id) == before


def _apply_events() -> None:
    while webhooks.work():
        pass
