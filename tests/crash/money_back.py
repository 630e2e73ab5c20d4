"""Scenarios of money that is held, that goes back, and that is looked up where an event or the provider's books point."""

from holdfast.db.tenancy import Busy
from holdfast.flows import books, lookups, recovery, reports, webhooks
from tests.crash.registry import reaches
from tests.crash.world import LEDGER, TOTAL, Plan, World
from tests.integration import driving, moneyback
from tests.integration.moneyback import sold

#: A part that goes back, and what the provider keeps of 26.40: 2.9 % and 30 cents.
PART, FEE = 640, 107


# -- Asked for by the merchant ----------------------------------------------------------------------------------------


@reaches("refunds.intend", "ask.refund", by_client=True)
def refunding(world: World) -> Plan:
    """S-04, S-30."""
    handed_over(world)

    def finish() -> None:
        answer = moneyback.refund(world)
        assert moneyback.told(answer) == (201, "succeeded", TOTAL)
        assert_all_back(world)
        world.hear()
        world.recover()
        assert_all_back(world)
        assert moneyback.refund(world) == answer

    return Plan(lambda: moneyback.refund(world), finish)


def handed_over(world: World) -> None:
    """Paid and fulfilled: nothing that the worker does besides makes a difference."""
    world.paid()
    world.recover()
    world.ship()


def assert_all_back(world: World) -> None:
    """One refund, at the provider and here, and nothing of the sale is left."""
    end = moneyback.picture(world)
    assert (end.order, end.ledger, moneyback.money(world)) == ("refunded", {}, (TOTAL, TOTAL, 0))
    assert (end.refunds, moneyback.returned(world)) == ([("requested", "succeeded", TOTAL)], [(TOTAL, "succeeded")])
    assert (end.facts, end.messages.count("refunded")) == ([("capture", TOTAL), ("refund", TOTAL)], 1)
    assert (end.cases, end.revoked) == ([], 1)
    assert world.count("payments_operation", "kind = 'refund'") == 1
    assert world.count("idempotency_key", "subject = 'refund' AND status = 201") == 1


@reaches("recovery.poll_refund")
def polling_a_slow_refund(world: World) -> Plan:
    """R-J2: it was pending, it is done, and every webhook was lost."""
    handed_over(world)
    world.gateway.mood_next("refund", "refund_pending")
    assert moneyback.told(moneyback.refund(world)) == (201, "pending", TOTAL)
    moneyback.settle_refund(world, "succeeded")
    driving.all_due(world.database, world.shop, "refunds")

    def finish() -> None:
        world.recover()
        assert_all_back(world)
        assert world.count("payments_refund", "due_at IS NOT NULL") == 0

    return Plan(recovery.work_refunds, finish)


@reaches("captures.intend", "ask.capture", by_client=True)
def capturing(world: World) -> Plan:
    """R-D3, S-29."""
    moneyback.held(world)

    def finish() -> None:
        answer = moneyback.capture(world)
        assert moneyback.outcome(answer) == (201, "captured")
        world.hear()
        world.recover()
        world.ship()
        end = moneyback.picture(world)
        assert (end.order, end.payments, end.ledger) == ("fulfilled", [("captured", TOTAL)], LEDGER)
        assert (end.facts, end.cases) == ([("authorization", TOTAL), ("capture", TOTAL)], [])
        assert world.count("payments_operation", "kind = 'capture'") == 1
        assert moneyback.capture(world) == answer
        world.assert_books()

    return Plan(lambda: moneyback.capture(world), finish)


# -- Where to look ----------------------------------------------------------------------------------------------------


@reaches("ask.look", "lookups.apply")
def looking_where_an_event_points(world: World) -> Plan:
    """R-J2: a refund in the dashboard, of which only the charge's event came."""
    _pointed(world)
    return Plan(lookups.work, lambda: _a_part_went_back(world))


@reaches("lookups.wait")
def looking_and_nobody_answers(world: World) -> Plan:
    _pointed(world)
    world.gateway.mood_next("GET /v1/checkout/sessions", "reset_after", times=2)
    return Plan(lookups.work, lambda: _a_part_went_back(world))


@reaches("lookups.postpone")
def looking_at_a_locked_order(world: World) -> Plan:
    _pointed(world)
    real, busy = reports.record_all, [Busy()]

    def record_all(*said: object, **more: object) -> object:
        if busy:
            raise busy.pop()
        return real(*said, **more)  # type: ignore[arg-type]

    world.patch.setattr(reports, "record_all", record_all)
    return Plan(lookups.work, lambda: _a_part_went_back(world))


def _pointed(world: World) -> None:
    world.paid()
    moneyback.at_the_dashboard(world, PART)
    driving.hear(world.database, world.shop, world.gateway, "charge.refunded")
    while webhooks.work():
        pass
    assert world.count("inbox_event", "points AND state = 'received'") == 1


def _a_part_went_back(world: World, *, fee: int = 0) -> None:
    world.recover()
    world.hear()
    world.recover()
    end = moneyback.picture(world)
    kept = sold(TOTAL - PART)
    kept["receivable:stripe"] -= fee
    assert (end.refunds, end.ledger) == (
        [("provider", "succeeded", PART)],
        {**kept, **({"provider_fees": fee} if fee else {})},
    )
    assert (end.messages.count("refunded"), end.cases) == (1, [])
    assert world.count("inbox_event", "state NOT IN ('done', 'ignored')") == 0


# -- The provider's books ---------------------------------------------------------------------------------------------


@reaches("ask.statement", "books.apply", "books.read")
def reading_the_books(world: World) -> Plan:
    """R-G4, R-G8: a refund in the dashboard and a fee, of which no webhook told."""
    _booked(world)
    return Plan(books.work, lambda: _read_to_the_end(world))


@reaches("books.later")
def reading_books_that_are_shut(world: World) -> Plan:
    _booked(world)
    world.gateway.mood_next("GET /v1/balance_transactions", "reset_after", times=2)
    return Plan(books.work, lambda: _read_to_the_end(world))


def _booked(world: World) -> None:
    world.paid()
    moneyback.at_the_dashboard(world, PART)
    _books_are_due(world)


def _read_to_the_end(world: World) -> None:
    _books_are_due(world)
    while books.work():
        pass
    assert world.count("merchants_account", "books_until IS NOT NULL AND provider = 'stripe'") == 1
    _a_part_went_back(world, fee=FEE)
    _books_are_due(world)
    while books.work():  # an overlap tells it all once more
        pass
    assert world.count("ledger_entry", "kind = 'fee'") == world.count("ledger_entry", "kind = 'refund'") == 1


def _books_are_due(world: World) -> None:
    with world.database.as_owner() as connection:
        connection.execute(
            "UPDATE merchants_account SET due_at = now() - interval '1 s' WHERE provider = 'stripe' AND merchant_id = %s",
            [world.shop.id],
        )
