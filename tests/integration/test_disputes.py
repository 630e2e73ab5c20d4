"""A customer's bank takes money back: order, ledger, access and case move together, in whatever order we hear of it (S-45)."""

import itertools
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from holdfast.flows import webhooks
from holdfast.flows.refunds import MoreThanLeft, NothingLeft
from holdfast.kernel.ids import new_id
from tests import build
from tests.crash.world import LEDGER, TOTAL, World
from tests.integration import driving
from tests.integration.moneyback import (
    apply,
    close_dispute,
    dispute,
    hear,
    intent,
    money,
    paid,
    picture,
    refund,
    returned,
    sold,
    told,
)

DISPUTE = "charge.dispute."
#: The bank holds all of it: neither ours nor the customer's until it is decided.
AWAY = {name: minor for name, minor in LEDGER.items() if name != "receivable:stripe"} | {"disputed": TOTAL}


def bought(world: World) -> None:
    """A mug and a book, handed over."""
    paid(world)
    world.recover()
    world.ship()
    assert world.state == "fulfilled"


def case(world: World) -> tuple[str, str, datetime | None]:
    ((kind, state, deadline),) = world.rows("SELECT kind, state, deadline_at FROM cases_case")
    return kind, state, deadline


def test_an_opened_dispute_takes_the_money_and_is_a_case_with_the_banks_deadline(world: World) -> None:
    """R-J3."""
    bought(world)
    id_ = dispute(world)
    hear(world)
    end = picture(world)
    assert (end.order, end.ledger, money(world)) == ("fulfilled", AWAY, (TOTAL, 0, TOTAL))
    assert (end.disputes, end.revoked) == ([("open", TOTAL, 0)], 0)
    (event,) = driving.events(world.shop, world.gateway, f"{DISPUTE}created")
    due = datetime.fromtimestamp(event["data"]["object"]["evidence_details"]["due_by"], UTC)
    assert case(world) == ("dispute", "open", due)
    assert world.rows("SELECT provider_id, reason FROM payments_dispute") == [(id_, "fraudulent")]


def test_a_lost_dispute_moves_order_ledger_access_and_case_together(world: World) -> None:
    """S-45, R-C9, R-H6: it counts as a refund."""
    bought(world)
    close_dispute(world, dispute(world), "lost")
    hear(world)
    end = picture(world)
    assert (end.order, end.ledger, end.revoked) == ("refunded", {}, 1)
    assert (end.disputes, money(world)) == ([("lost", TOTAL, TOTAL)], (TOTAL, 0, TOTAL))
    assert case(world)[:2] == ("dispute", "resolved")
    assert end.facts == [("capture", TOTAL), ("withdrawn", TOTAL)]
    with pytest.raises(NothingLeft):
        refund(world)


def test_a_won_dispute_leaves_everything_as_it_was(world: World) -> None:
    """R-J3: won and reinstated."""
    bought(world)
    id_ = dispute(world)
    hear(world)
    close_dispute(world, id_, "won")
    hear(world)
    end = picture(world)
    assert (end.order, end.ledger, end.revoked) == ("fulfilled", LEDGER, 0)
    assert (end.disputes, money(world)) == ([("won", TOTAL, 0)], (TOTAL, 0, 0))
    assert end.facts == [("capture", TOTAL), ("reinstated", TOTAL), ("withdrawn", TOTAL)]
    assert case(world)[:2] == ("dispute", "resolved")


def test_a_dispute_that_is_decided_while_we_heard_nothing_is_found_by_asking(world: World) -> None:
    """R-F4, R-G4: every webhook was lost but the first one of the payment."""
    from holdfast.flows import questions

    bought(world)
    close_dispute(world, dispute(world), "lost")
    ask = {"merchant_id": world.shop.id, "payment_id": world.payment_id, "now": build.now()}
    assert questions.look_up(**ask) == "applied"
    end = picture(world)
    assert (end.order, end.ledger, end.revoked, end.disputes) == ("refunded", {}, 1, [("lost", TOTAL, TOTAL)])
    assert questions.look_up(**ask) == "nothing_new"


def test_a_lost_dispute_of_an_order_that_was_not_sent_keeps_the_goods(world: World) -> None:
    """S-45, R-C2: nothing more is handed over."""
    paid(world)
    close_dispute(world, dispute(world), "lost")
    hear(world)
    world.recover()
    end = picture(world)
    assert (end.order, end.ledger) == ("refunded", {})
    assert end.fulfilments == ["download cancelled", "shipment cancelled"]


def test_a_lost_dispute_about_a_part_is_a_partial_refund(world: World) -> None:
    """R-C9, R-C2."""
    bought(world)
    close_dispute(world, dispute(world, 640), "lost")
    hear(world)
    end = picture(world)
    assert (end.order, end.ledger, end.revoked) == ("partially_refunded", sold(2000), 0)
    assert (end.disputes, money(world)) == ([("lost", 640, 640)], (TOTAL, 0, 640))


# -- Disputes and refunds ---------------------------------------------------------------------------------------------


def test_what_is_disputed_cannot_be_refunded(world: World) -> None:
    """R-J1: requested, confirmed and disputed never exceed what was captured."""
    bought(world)
    dispute(world, 2000)
    hear(world)
    with pytest.raises(MoreThanLeft) as no:
        refund(world, amount_minor=641)
    assert no.value.extra["left_minor"] == 640
    assert (returned(world), picture(world).refunds) == ([], [])
    # The rest could be, but this provider refunds nothing of a payment that is disputed: its word stands.
    assert told(refund(world, amount_minor=640)) == (201, "failed", 640)
    assert picture(world).cases == ["dispute", "refund_failed"]


def test_a_dispute_after_a_partial_refund_takes_the_rest(world: World) -> None:
    """S-45: together they are all that was captured."""
    bought(world)
    refund(world, amount_minor=640)
    id_ = dispute(world)
    hear(world)
    assert (world.state, money(world)) == ("partially_refunded", (TOTAL, 640, 2000))
    assert picture(world).disputes == [("open", 2000, 0)]
    with pytest.raises(NothingLeft):
        refund(world, "more")
    close_dispute(world, id_, "lost")
    hear(world)
    end = picture(world)
    assert (end.order, end.ledger, end.revoked, money(world)) == ("refunded", {}, 1, (TOTAL, 640, 2000))


def test_a_dispute_about_what_was_refunded_already_is_an_excess_with_its_case(world: World) -> None:
    """R-C9, R-J1: the bank takes it all although a part had gone back. Real, booked, and a person's to explain."""
    bought(world)
    refund(world, amount_minor=640)
    close_dispute(world, dispute(world, TOTAL), "lost")
    hear(world)
    end = picture(world)
    assert (end.order, money(world)) == ("refunded", (TOTAL, 640, TOTAL))
    assert end.ledger == {"customer_deposits": 640, "receivable:stripe": -640}
    assert "dispute" in end.cases


def test_a_won_dispute_leaves_its_money_to_be_refunded(world: World) -> None:
    bought(world)
    close_dispute(world, dispute(world), "won")
    hear(world)
    # As we see it all is left again; the provider itself does not refund what was once disputed.
    assert told(refund(world)) == (201, "failed", TOTAL)
    assert (world.state, money(world)) == ("fulfilled", (TOTAL, 0, 0))


# -- Any order --------------------------------------------------------------------------------------------------------


def reviewed(event: dict[str, Any]) -> dict[str, Any]:
    """The merchant's evidence is in."""
    return driving.altered({**event, "type": f"{DISPUTE}updated"}, status="under_review")


@pytest.mark.parametrize("outcome", ["lost", "won"])
def test_every_order_of_a_disputes_events_ends_the_same(world: World, outcome: str) -> None:
    """S-45, S-54, R-F7: opened, funds withdrawn, reviewed or funds reinstated, closed: in all 24 orders, some of them twice."""
    bought(world)
    id_ = dispute(world)
    close_dispute(world, id_, outcome)
    told_of = [each for each in driving.events(world.shop, world.gateway) if each["type"].startswith(DISPUTE)]
    if outcome == "lost":
        told_of.insert(2, reviewed(told_of[1]))
    kinds = [each["type"].removeprefix(DISPUTE) for each in told_of]
    assert kinds == ["created", "funds_withdrawn", "updated" if outcome == "lost" else "funds_reinstated", "closed"]
    template = {"dispute": id_, "intent": intent(world)}
    ways = list(itertools.permutations(told_of))

    ends: dict[str, int] = {}
    for number, way in enumerate(ways):
        end = play(world, template, way, twice=number % 6 == 0)
        ends[end] = ends.get(end, 0) + 1
    assert list(ends.values()) == [24], "\n".join(ends)
    end = json.loads(next(iter(ends)))
    lost = outcome == "lost"
    assert (end["order"], end["ledger"]) == (("refunded", {}) if lost else ("paid", LEDGER))
    assert end["disputes"] == [[outcome, TOTAL, TOTAL if lost else 0]]
    assert world.count("cases_case", "state <> 'resolved'") == 0


def play(world: World, template: dict[str, str], way: Any, *, twice: bool) -> str:
    """A new order is paid, and disputed as the template was; the picture of its end."""
    with world.database.as_owner() as connection:
        connection.execute(
            """WITH more AS (UPDATE inventory_stock SET on_hand = on_hand + 1 WHERE merchant_id = %s AND name = 'Mug' RETURNING *)
               INSERT INTO inventory_movement (id, merchant_id, stock_id, delta, cause, at)
               SELECT gen_random_uuid(), merchant_id, id, 1, 'received', now() FROM more""",
            [world.shop.id],
        )
    world.cart = build.basket(world.shop, MUG=1, BOOK=1)
    world.remember(build.check_out(world.shop, world.cart, key="k"))
    world.pay()
    (mine,) = [
        each
        for each in driving.events(world.shop, world.gateway, "payment_intent.succeeded")
        if each["data"]["object"]["metadata"]["holdfast_payment"] == world.payment.pk.hex
    ]
    driving.receive(world.database, world.shop, mine)
    apply(world)
    assert world.state == "paid"
    run = new_id().hex
    text = json.dumps(way).replace(template["dispute"], f"du_{run}").replace(template["intent"], intent(world))
    for number, event in enumerate(json.loads(text)):
        event["id"] = f"evt_{run}_{number}"
        for _ in range(2 if twice else 1):
            driving.receive(world.database, world.shop, event)
            webhooks.work()
    end = picture(world)
    end.stock = []
    assert world.count("inbox_event", "state NOT IN ('done', 'ignored')") == 0
    return str(end)
