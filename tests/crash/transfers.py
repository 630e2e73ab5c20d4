"""Scenarios of money that comes by bank transfer: whoever dies while it is told, each cent is there once."""

from typing import Any

import pytest

from holdfast.flows import entries, statements
from holdfast.kernel import limits
from holdfast.providers.transfer.statement import BadStatement
from tests import build
from tests.crash.registry import reaches
from tests.crash.world import Plan, World
from tests.integration.bank import PAID, TOTAL, Desk, named, open_desk, pay_out, refund


def assert_paid_once(desk: Desk, order_id: Any) -> None:
    desk.world.recover()
    assert (desk.state(order_id), desk.ledger(), desk.world.count("receipts_allocation")) == ("partially_fulfilled", PAID, 1)
    assert desk.world.count("receipts_receipt") == 1


@reaches("statements.line", by_client=True)
def bringing_a_statement(world: World) -> Plan:
    desk = open_desk(world)
    order_id, payment_id = desk.order()
    return Plan(lambda: desk.bring(("T1", "26.40", named(payment_id))), lambda: assert_paid_once(desk, order_id))


@reaches("statements.claim", "statements.answer", by_client=True)
def bringing_a_statement_with_a_key(world: World) -> Plan:
    desk = open_desk(world)
    order_id, payment_id = desk.order()

    def act() -> Any:
        _wait_no_longer(world)
        return statements.bring_once(content=desk.csv(("T1", "26.40", named(payment_id))), use=desk.use("file"), **_said(desk))

    def finish() -> None:
        assert_paid_once(desk, order_id)
        assert act() == act()
        assert world.count("idempotency_key", "subject = 'statement' AND status = 200") == 1

    return Plan(act, finish)


@reaches("statements.give_up")
def bringing_a_broken_statement(world: World) -> Plan:
    """It is refused each time, also after a death, and with the next file the key is another's."""
    desk = open_desk(world)
    order_id, payment_id = desk.order()

    def act() -> Any:
        return statements.bring_once(content="broken", use=desk.use("file"), **_said(desk))

    def finish() -> None:
        _wait_no_longer(world)
        with pytest.raises(BadStatement):
            act()
        desk.bring(("T1", "26.40", named(payment_id)))
        assert_paid_once(desk, order_id)

    return Plan(act, finish)


@reaches("statements.dry_run", by_client=True)
def trying_a_statement(world: World) -> Plan:
    desk = open_desk(world)
    order_id, payment_id = desk.order()
    line = ("T1", "26.40", named(payment_id))

    def finish() -> None:
        assert (world.count("receipts_receipt"), desk.ledger()) == (0, {})
        desk.bring(line)
        assert_paid_once(desk, order_id)

    return Plan(lambda: desk.bring(line, dry_run=True), finish)


@reaches("entries.enter", by_client=True)
def entering_a_transfer(world: World) -> Plan:
    desk = open_desk(world)
    order_id, payment_id = desk.order()

    def finish() -> None:
        assert desk.enter(TOTAL, named(payment_id), key="k")["state"] == "allocated"
        assert_paid_once(desk, order_id)

    return Plan(lambda: desk.enter(TOTAL, named(payment_id), key="k"), finish)


@reaches("entries.confirm", by_client=True)
def confirming_a_transfer(world: World) -> Plan:
    desk = open_desk(world)
    world.patch.setattr(limits, "ENTERED_ALONE_MINOR", 1)
    order_id, payment_id = desk.order()
    told = desk.enter(TOTAL, named(payment_id))

    def act() -> Any:
        return desk.decide(entries.confirm, told["id"], came_in=True, key="k")

    def finish() -> None:
        assert act()["confirmed_by"] == "bob"
        assert_paid_once(desk, order_id)

    return Plan(act, finish)


@reaches("entries.attach", by_client=True)
def attaching_a_transfer(world: World) -> Plan:
    desk = open_desk(world)
    order_id, payment_id = desk.order()
    (line,) = desk.brought(("T1", "26.40", "mug")).lines

    def act() -> Any:
        return desk.decide(entries.attach, line.transfer, payment_id=payment_id, key="k")

    def finish() -> None:
        assert act()["state"] == "allocated"
        assert_paid_once(desk, order_id)

    return Plan(act, finish)


@reaches("entries.give_back", by_client=True)
def giving_a_transfer_back(world: World) -> Plan:
    return _ending(world, entries.give_back, "returned")


@reaches("entries.ignore", by_client=True)
def ignoring_a_transfer(world: World) -> Plan:
    return _ending(world, entries.ignore, "ignored")


def _ending(world: World, what: Any, state: str) -> Plan:
    desk = open_desk(world)
    (line,) = desk.brought(("T1", "26.40", "mug")).lines

    def act() -> Any:
        return desk.decide(what, line.transfer, note="", key="k")

    def finish() -> None:
        assert act()["state"] == state
        assert (desk.ledger(), desk.states()) == ({}, [state])

    return Plan(act, finish)


@reaches("payouts.record", by_client=True)
def paying_a_refund_out(world: World) -> Plan:
    desk = open_desk(world)
    order_id, payment_id = desk.order()
    desk.bring(("T1", "26.40", named(payment_id)))
    refund_id = refund(desk, order_id, TOTAL)

    def finish() -> None:
        assert pay_out(desk, order_id, refund_id, key="k")["state"] == "succeeded"
        assert (desk.ledger(), desk.payment(payment_id).refunded_minor) == ({}, TOTAL)

    return Plan(lambda: pay_out(desk, order_id, refund_id, key="k"), finish)


def _said(desk: Desk) -> dict[str, Any]:
    return {"merchant_id": desk.shop.id, "format": "csv", "by": "ada", "now": build.now()}


def _wait_no_longer(world: World) -> None:
    """The lease of a request that died is over."""
    with world.database.as_owner() as connection:
        connection.execute(
            "UPDATE idempotency_key SET leased_until = now() - interval '1 s' WHERE merchant_id = %s", [world.shop.id]
        )
