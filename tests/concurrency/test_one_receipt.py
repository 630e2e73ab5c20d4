"""The bank's files brought by several people at the same instant: one receipt for each line, and a payment once."""

from holdfast.db.tenancy import Busy
from holdfast.flows import entries
from holdfast.flows.entries import Decided
from tests.conftest import in_parallel
from tests.crash.world import World
from tests.integration.bank import PAID, TOTAL, named, open_desk


def test_the_same_statement_brought_eight_times_at_once_is_one(world: World) -> None:
    desk = open_desk(world)
    orders = [desk.order() for _ in range(3)]
    lines = [(f"T{number}", "26.40", named(payment_id)) for number, (_, payment_id) in enumerate(orders)]
    told = in_parallel(8, lambda _: desk.bring(*lines))
    assert sorted(outcome for outcomes in told for outcome in outcomes) == ["allocated"] * 3 + ["known"] * 21
    assert desk.ledger() == {account: 3 * minor for account, minor in PAID.items()}
    assert (world.count("receipts_receipt"), world.count("receipts_allocation")) == (3, 3)


def test_two_parts_in_two_files_at_once_pay_once(world: World) -> None:
    desk = open_desk(world)
    order_id, payment_id = desk.order()
    parts = [("T1", "20.00"), ("T2", "6.40")]
    told = in_parallel(2, lambda number: desk.bring((*parts[number], named(payment_id))))
    assert sorted(outcome for outcomes in told for outcome in outcomes) == ["allocated", "matched"]
    assert (desk.state(order_id), desk.ledger(), desk.states()) == ("paid", PAID, ["allocated", "allocated"])


def test_two_people_attach_one_transfer_to_two_payments_and_one_is_told_that_it_is_decided(world: World) -> None:
    desk = open_desk(world)
    payments = [desk.order()[1] for _ in range(2)]
    (line,) = desk.brought(("T1", "26.40", "mug")).lines

    def attach(payment_id: object) -> str:
        try:
            return str(desk.decide(entries.attach, line.transfer, payment_id=payment_id)["state"])
        except (Decided, Busy):
            return "decided"

    told = in_parallel(2, lambda number: attach(payments[number]))
    assert sorted(told) == ["allocated", "decided"]
    assert desk.ledger() == PAID
    assert sorted(desk.payment(payment_id).captured_minor for payment_id in payments) == [0, TOTAL]
