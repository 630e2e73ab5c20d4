"""Reports that name the wrong payment, amount, currency, account or mode move nothing; their evidence stays (R-D5)."""

from typing import Any

import pytest

from holdfast.flows import webhooks
from holdfast.kernel.ids import new_id
from tests import build
from tests.crash.world import TOTAL, World
from tests.integration import driving
from tests.integration.driving import altered, paid_event


def tell(world: World, *events: dict[str, Any], account_id: Any = None) -> None:
    driving.receive(world.database, world.shop, *events, account_id=account_id)
    while webhooks.work():
        pass


def events(world: World) -> list[tuple[Any, ...]]:
    return sorted(world.rows("SELECT state, error FROM inbox_event"))


def assert_nothing_moved(world: World) -> None:
    assert (world.state, world.payment.state, world.payment.captured_minor) == ("payment_pending", "open", 0)
    assert build.stock(world.shop) == (10, 1)
    assert world.count("payments_fact", "kind = 'capture'") == world.count("fulfilment_fulfilment") == 0
    assert world.count("outbox_message") == 0


@pytest.mark.parametrize(("amount", "currency"), [(TOTAL - 1, "eur"), (TOTAL + 1, "eur"), (1, "eur"), (TOTAL, "usd")])
def test_another_amount_or_currency_is_kept_apart(world: World, amount: int, currency: str) -> None:
    """S-07: the event stays, finance has a case, the money stands in the ledger as unapplied, the order is untouched."""
    world.place()
    odd = altered(paid_event(world), amount_received=amount, currency=currency)
    tell(world, odd)
    tell(world, altered(odd))
    assert_nothing_moved(world)
    end = driving.picture(world.database, world.order_id)
    assert end.facts == [("unapplied", amount)]
    assert end.ledger == {"receivable:stripe": amount, "unapplied_funds": -amount}
    assert end.cases == ["amount_conflict"]
    assert events(world) == [("done", "nothing_new"), ("done", "refused")]
    world.finish_with_cases(["amount_conflict"])


def test_a_reference_of_another_attempt_is_refused(world: World) -> None:
    """S-28, S-58: the provider's id of one payment with the reference of another."""
    world.place()
    mine = world.payment
    world.gateway.pay(mine.provider_id)
    (stolen,) = driving.events(world.shop, world.gateway, "checkout.session.completed")
    world.remember(build.check_out(world.shop, build.basket(world.shop, MUG=1, BOOK=1)))
    theirs = world.payment.pk.hex
    forged = altered(stolen, client_reference_id=theirs, metadata={"holdfast_payment": theirs})
    tell(world, forged)
    assert (world.state, world.payment.state) == ("payment_pending", "open")
    assert build.payment(world.shop, mine.pk).state == "open"
    assert [row[0] for row in world.rows("SELECT kind FROM cases_case")] == ["foreign_reference"]
    assert events(world) == [("done", "refused")]
    assert world.count("ledger_entry") == 0


def test_the_other_mode_is_refused(world: World) -> None:
    """S-28, R-D5: play money does not buy, and real money is not taken for play."""
    world.place()
    event = altered(paid_event(world), livemode=True)
    tell(world, {**event, "livemode": True})
    assert_nothing_moved(world)
    assert [row[0] for row in world.rows("SELECT kind FROM cases_case")] == ["foreign_reference"]


def test_another_account_of_the_same_merchant_is_refused(world: World) -> None:
    """S-28, R-D5."""
    world.place()
    with world.database.as_owner() as connection:
        other = new_id()
        connection.execute(
            """INSERT INTO merchants_account (id, merchant_id, provider, mode, name, sealed, enabled, created_at, attempts)
               SELECT %s, merchant_id, provider, mode, 'second', sealed, true, now(), 0 FROM merchants_account WHERE id = %s""",
            [other, world.shop.account_id],
        )
    tell(world, paid_event(world), account_id=other)
    assert_nothing_moved(world)
    assert [row[0] for row in world.rows("SELECT kind FROM cases_case")] == ["foreign_reference"]


def test_another_merchants_payment_is_out_of_sight(world: World) -> None:
    """R-M2: an event on our account that names another merchant's payment finds nothing, waits, and moves nothing."""
    other = build.shop(world.gateway.url, f"sk_test_{new_id().hex}", slug=f"other-{new_id().hex[:8]}")
    order_id, payment_id = build.buy(other)
    world.place()
    foreign = altered(paid_event(world), metadata={"holdfast_payment": payment_id.hex})
    tell(world, foreign)
    assert events(world)[0][0] == "waiting"
    assert build.order(other, order_id).state == "payment_pending"
    assert_nothing_moved(world)


def test_money_of_another_shop_on_the_same_account_is_ignored(world: World) -> None:
    """R-F5: the account also sells elsewhere. An object without our reference is none of ours."""
    world.place()
    tell(world, altered(paid_event(world), metadata={}, id="pi_elsewhere"))
    assert [row[0] for row in events(world)] == ["ignored"]
    assert_nothing_moved(world)
    assert world.count("cases_case") == 0


def test_a_decline_inside_an_open_page_ends_nothing(world: World) -> None:
    """R-D4, S-15: the customer is still on the page."""
    world.place()
    world.gateway.pay(world.payment.provider_id, "4000000000000002")
    world.hear()
    world.recover()
    assert_nothing_moved(world)
    world.finish()


def test_an_unknown_future_status_is_a_case_and_never_paid(world: World) -> None:
    """S-68."""
    world.place()
    tell(world, altered(paid_event(world), status="rerouted"))
    assert_nothing_moved(world)
    assert world.rows("SELECT kind, cause FROM cases_case") == [("unknown_status", f"{world.payment.pk.hex}:rerouted")]
    assert events(world) == [("done", "refused")]
    world.finish_with_cases(["unknown_status"])


def test_an_unknown_future_type_is_stored_and_ignored(world: World) -> None:
    """S-68, R-F5."""
    world.place()
    tell(world, {**altered(paid_event(world)), "type": "payment_intent.settlement_rerouted"})
    assert_nothing_moved(world)
    assert events(world) == [("ignored", "payment_intent.settlement_rerouted moves no money")]
    assert world.count("cases_case") == 0


@pytest.mark.parametrize("broken", [{"amount_received": "2640"}, {"currency": None}, {"status": None}, {"livemode": "no"}])
def test_a_body_that_cannot_be_read_is_a_case_and_not_a_crash(world: World, broken: dict[str, Any]) -> None:
    """R-F5, S-68."""
    world.place()
    tell(world, altered(paid_event(world), **broken))
    assert_nothing_moved(world)
    assert [row[0] for row in world.rows("SELECT kind FROM cases_case")] == ["unknown_status"]
