"""Every law of THE LIST sees the row that breaks it, and only that law speaks.

The house stands on two orders, one paid and one waiting for its money, of which the list says nothing.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from holdfast import invariants
from tests.conftest import Database, clone, drop
from tests.laws.refusals import unheld
from tests.laws.rows import TOTALS, Rows, moved, new_id

pytestmark = pytest.mark.breaks_the_list

FAR = datetime(2100, 1, 1, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
DEPOSITS = "customer_deposits"
LAWS = {law.name: law for law in invariants.LIST}
Breaker = Callable[["House"], Any]
BREAKERS: dict[str, Breaker] = {}


class House(Rows):
    """A merchant with a paid order and a pending one."""

    def furnish(self) -> None:
        with self.connection.transaction():
            for table in ("merchants_merchant", "customers_user", "merchants_account", "customers_contact", "catalog_product"):
                self.first[table] = self.insert(table)
            self.first["stock"] = self.insert("inventory_stock", on_hand=9, reserved=1)
            self.insert("inventory_movement", stock_id=self["stock"], delta=10)
            self.first["promotion"] = self.insert("promotions_promotion", reserved=1, redeemed=1)
            self.pay(self.order("paid"))
            self.order("pending")

    def __getitem__(self, name: str) -> Any:
        return self.first[name]

    def order(self, which: str) -> str:
        """An order with its line, its reservation, its attempt and what was asked of the provider."""
        order_id = self.insert("orders_order", due_at=FAR, expires_at=FAR, snapshot=self.snapshot())
        redemption = self.insert("promotions_redemption", order_id=order_id, promotion_id=self["promotion"])
        line_id = self.insert("orders_orderline", order_id=order_id, stock_id=self["stock"])
        held = self.insert("inventory_reservation", order_id=order_id, stock_id=self["stock"])
        attempt = {"state": "created", "captured_minor": 0, "due_at": FAR}
        payment_id = self.insert("payments_payment", order_id=order_id, **attempt)
        operation_id = self.insert("payments_operation", payment_id=payment_id, due_at=FAR)
        made = {"": order_id, "line": line_id, "reservation": held, "payment": payment_id, "operation": operation_id}
        made["redemption"] = redemption
        self.first |= {f"{which} {name}".strip(): row_id for name, row_id in made.items()}
        return which

    def snapshot(self, **totals: int) -> Jsonb:
        used = [{"key": self["promotion"].hex, "gave_minor": 125}]
        return Jsonb({"totals": {**TOTALS, **totals}, "promotions": used})

    def pay(self, which: str) -> None:
        order_id, payment_id = self[which], self[f"{which} payment"]
        self.event(state="done", payment_id=payment_id)
        self.update("payments_operation", self[f"{which} operation"], state="succeeded", due_at=None)
        self.update("payments_payment", payment_id, state="captured", captured_minor=1250, due_at=None, moved=moved())
        self.captured(payment_id, 1250)
        self.first["sale"] = self.entry("sale", 1250, DEPOSITS, "sales", order_id=order_id, payment_id=None)
        self.update("inventory_reservation", self[f"{which} reservation"], state="committed", moved=moved())
        self.update("promotions_redemption", self[f"{which} redemption"], state="redeemed", moved=moved())
        self.insert(
            "inventory_movement", stock_id=self["stock"], delta=-1, cause="sold", reservation_id=self[f"{which} reservation"]
        )
        for state in ("paid", "fulfillment_pending"):
            self.update("orders_order", order_id, state=state, due_at=None, moved=moved())
        self.first["fulfilment"] = self.fulfilment(order_id)
        self.first["message"] = self.insert("outbox_message", order_id=order_id, due_at=FAR)
        self.insert("idempotency_key", subject="payment", subject_id=payment_id, status=201, answer_id=new_id())

    def captured(self, payment_id: Any, amount: int, kind: str = "capture", credit: str = DEPOSITS) -> None:
        """What the provider confirmed, and its entry."""
        self.first["fact"] = self.insert("payments_fact", payment_id=payment_id, amount_minor=amount, kind=kind)
        order_id = self.value("SELECT order_id FROM payments_payment WHERE id = %s", payment_id)
        self.first["capture"] = self.entry(kind, amount, "receivable:stripe", credit, order_id=order_id, payment_id=payment_id)

    def refund(self, payment_id: Any, amount: int, **changes: Any) -> Any:
        """A refund that is asked for, or as `changes` say."""
        order_id = self.value("SELECT order_id FROM payments_payment WHERE id = %s", payment_id)
        wanted = {"amount_minor": amount, "due_at": FAR, **changes}
        return self.insert("payments_refund", order_id=order_id, payment_id=payment_id, **wanted)

    def refunded(self, payment_id: Any, amount: int, *sides: tuple[str, int]) -> None:
        """The provider gave this much back, made there: its fact, its refund, and an entry that debits `sides`."""
        self.refund(payment_id, amount, origin="provider", state="succeeded", provider_id="re_1", due_at=None)
        self.insert("payments_fact", payment_id=payment_id, kind="refund", object_id="re_1", amount_minor=amount)
        self.update("payments_payment", payment_id, refunded_minor=amount)
        entry_id = self.insert("ledger_entry", kind="refund", order_id=self["paid"], payment_id=payment_id)
        self.insert("ledger_posting", entry_id=entry_id, account="receivable:stripe", debit_minor=0, credit_minor=amount)
        for account, debit in sides:
            self.insert("ledger_posting", entry_id=entry_id, account=account, debit_minor=debit, credit_minor=0)

    def entry(self, kind: str, amount: int, debit: str, credit: str, **of: Any) -> Any:
        entry_id = self.insert("ledger_entry", kind=kind, **of)
        self.insert("ledger_posting", entry_id=entry_id, account=debit, debit_minor=amount, credit_minor=0)
        self.insert("ledger_posting", entry_id=entry_id, account=credit, debit_minor=0, credit_minor=amount)
        return entry_id

    def shrink(self, entry_id: Any) -> None:
        """One cent less on both sides."""
        self.execute("UPDATE ledger_posting SET debit_minor = debit_minor - 1 WHERE entry_id = %s AND debit_minor > 0", entry_id)
        self.execute(
            "UPDATE ledger_posting SET credit_minor = credit_minor - 1 WHERE entry_id = %s AND credit_minor > 0", entry_id
        )

    def event(self, **changes: Any) -> Any:
        """An event that arrived once, with its payload."""
        event_id = self.insert("inbox_event", payload_id=self.insert("db_payload"), due_at=FAR)
        known = self.value("SELECT provider_event_id FROM inbox_event WHERE id = %s", event_id)
        self.insert("inbox_delivery", provider_event_id=known)
        if changes:
            self.update("inbox_event", event_id, **changes)
        return event_id

    def fulfilment(self, order_id: Any) -> Any:
        self.first["fulfilment_fulfilment"] = None
        return self.insert("fulfilment_fulfilment", order_id=order_id)

    def dispute(self, **changes: Any) -> Any:
        """A lost dispute of the paid order, of which nothing was taken."""
        wanted = {"order_id": self["paid"], "payment_id": self["paid payment"], "state": "lost", **changes}
        return self.insert("payments_dispute", **wanted)

    def receipt(self) -> Any:
        """Money that came into the bank account, with its entry and without its case."""
        receipt_id = self.insert("receipts_receipt")
        cause = receipt_id.hex
        self.entry("receipt", 1250, "receivable:transfer", "unapplied_funds", order_id=None, payment_id=None, cause=cause)
        return receipt_id

    def late(self, order: str, amount: int, credit: str = DEPOSITS, **changes: Any) -> Any:
        """Money that came beside the attempt, with its fact and its entry."""
        payment_id = self.insert("payments_payment", order_id=self[order], captured_minor=amount, **changes)
        self.captured(payment_id, amount, credit=credit)
        return payment_id


def breaks(name: str) -> Callable[[Breaker], Breaker]:
    def enter(breaker: Breaker) -> Breaker:
        BREAKERS[name] = breaker
        return breaker

    return enter


@breaks("journal_balances")
def _(house: House) -> None:
    entry_id = house.insert("ledger_entry", order_id=None, payment_id=None)
    house.insert("ledger_posting", entry_id=entry_id, account="x", debit_minor=1, credit_minor=0)


@breaks("captured_equals_facts")
def _(house: House) -> None:
    house.update("payments_payment", house["pending payment"], captured_minor=5)


@breaks("ledger_equals_facts")
def _(house: House) -> None:
    house.entry("capture", 5, "receivable:stripe", "customer", order_id=None, payment_id=house["pending payment"])


@breaks("paid_order_has_its_money")
def _(house: House) -> None:
    house.update("payments_payment", house["paid payment"], captured_minor=1249)
    house.update("payments_fact", house["fact"], amount_minor=1249)
    house.shrink(house["capture"])
    house.entry("correction", 1, "sales", DEPOSITS, order_id=house["paid"], payment_id=None)


@breaks("nothing_is_settled_for_nothing")
def _(house: House) -> None:
    house.update("payments_payment", house["pending payment"], provider="none", amount_minor=0)


@breaks("money_has_its_order")
def _(house: House) -> None:
    with held(house):
        house.late("pending", 7, credit="unapplied_funds")


@breaks("second_money_has_a_case")
def _(house: House) -> None:
    with held(house):
        house.refund(house.late("paid", 1250, surplus_at=LONG_AGO), 1250)


@breaks("unapplied_money_has_a_case")
def _(house: House) -> None:
    house.captured(house["pending payment"], 5, kind="unapplied", credit="unapplied_funds")


@breaks("refunded_equals_facts")
def _(house: House) -> None:
    house.update("payments_payment", house["paid payment"], refunded_minor=1)


@breaks("refunds_equal_facts")
def _(house: House) -> None:
    with held(house):
        house.refund(house["paid payment"], 250, origin="provider", state="succeeded", provider_id="re_1", due_at=None)


@breaks("refunds_within_captured")
def _(house: House) -> None:
    with held(house):
        house.refunded(house["paid payment"], 1251, ("sales", 1250), (DEPOSITS, 1))


@breaks("refunds_are_asked_about")
def _(house: House) -> None:
    with held(house):
        house.refund(house["paid payment"], 250, due_at=None)


@breaks("surplus_money_goes_back")
def _(house: House) -> None:
    with held(house):
        payment_id = house.late("paid", 1250, surplus_at=LONG_AGO)
        house.insert("cases_case", kind="double_money", order_id=house["paid"], payment_id=payment_id)
        house.refund(payment_id, 1249)


@breaks("lost_disputes_are_written_off")
def _(house: House) -> None:
    with held(house):
        house.dispute(lost_minor=1)


@breaks("receipts_are_within")
def _(house: House) -> None:
    with held(house):
        receipt_id = house.receipt()
        house.update("receipts_receipt", receipt_id, state="returned", moved=moved())


@breaks("receipts_are_decided")
def _(house: House) -> None:
    with held(house):
        house.receipt()


@breaks("transfers_are_paid_by_receipts")
def _(house: House) -> None:
    with held(house):
        receipt_id = house.receipt()
        house.insert("receipts_allocation", receipt_id=receipt_id, payment_id=house["paid payment"])
        house.entry(
            "receipt_allocated", 1250, "unapplied_funds", "receivable:transfer", order_id=None, payment_id=None,
            cause=f"{receipt_id.hex}:{new_id().hex}",
        )  # fmt: skip
        house.update("receipts_receipt", receipt_id, state="allocated", moved=moved())


@breaks("receipts_are_in_the_ledger")
def _(house: House) -> None:
    with held(house):
        receipt_id = house.insert("receipts_receipt")
        house.insert("cases_case", kind="unplaced_money", cause=receipt_id.hex, order_id=None, payment_id=None)


@breaks("deposits_are_explained")
def _(house: House) -> None:
    house.entry("correction", 1, "sales", DEPOSITS, order_id=house["paid"], payment_id=None)


@breaks("paid_order_is_in_the_ledger")
def _(house: House) -> None:
    house.shrink(house["sale"])
    house.entry("correction", 1, DEPOSITS, "sales", order_id=house["paid"], payment_id=None)


@breaks("stock_equals_movements")
def _(house: House) -> None:
    house.insert("inventory_movement", stock_id=house["stock"], delta=1)


@breaks("reserved_equals_reservations")
def _(house: House) -> None:
    house.update("inventory_stock", house["stock"], reserved=0)


@breaks("reservations_follow_orders")
def _(house: House) -> None:
    with held(house):
        house.update("inventory_reservation", house["paid reservation"], state="restocked", moved=moved())


@breaks("promotions_are_counted")
def _(house: House) -> None:
    house.update("promotions_promotion", house["promotion"], redeemed=2)


@breaks("redemptions_follow_orders")
def _(house: House) -> None:
    with held(house):
        house.update("promotions_redemption", house["pending redemption"], state="redeemed", moved=moved())
        house.update("promotions_promotion", house["promotion"], reserved=0, redeemed=2)


@breaks("discounts_have_redemptions")
def _(house: House) -> None:
    house.update("promotions_redemption", house["pending redemption"], gave_minor=124)


@breaks("lines_sum_to_total")
def _(house: House) -> None:
    house.update("orders_order", house["pending"], snapshot=house.snapshot(total_minor=1))


@breaks("pending_order_has_an_attempt")
def _(house: House) -> None:
    house.update("orders_order", house["pending"], due_at=None)


@breaks("pending_order_is_not_overdue")
def _(house: House) -> None:
    house.update("orders_order", house["pending"], expires_at=LONG_AGO)


@breaks("operations_are_answered")
def _(house: House) -> None:
    house.update("payments_operation", house["pending operation"], due_at=LONG_AGO)


@breaks("attempts_are_asked_about")
def _(house: House) -> None:
    house.update("payments_operation", house["pending operation"], state="succeeded", due_at=None)
    house.update("payments_payment", house["pending payment"], due_at=None)


@breaks("events_are_applied")
def _(house: House) -> None:
    house.event(due_at=None)


@breaks("events_have_deliveries_and_payloads")
def _(house: House) -> None:
    house.execute("DELETE FROM inbox_delivery")


@breaks("parked_has_a_case")
def _(house: House) -> None:
    house.event(state="parked", due_at=None)


@breaks("nothing_handed_over_unpaid")
def _(house: House) -> None:
    with held(house):
        house.insert("fulfilment_handover", fulfilment_id=house.fulfilment(house["pending"]), order_line_id=house["pending line"])


@breaks("paid_order_is_being_fulfilled")
def _(house: House) -> None:
    house.delete("fulfilment_fulfilment", house["fulfilment"])


@breaks("handed_over_within_order")
def _(house: House) -> None:
    house.insert("fulfilment_handover", fulfilment_id=house["fulfilment"], order_line_id=house["paid line"], quantity=2)


@breaks("history_matches_state")
def _(house: House) -> None:
    house.execute("DELETE FROM db_transition WHERE subject_id = %s", house["pending reservation"])


@breaks("order_has_frozen_cart")
def _(house: House) -> None:
    with held(house):
        house.lock_cart(house.insert("carts_cart"))


@breaks("merged_cart_went_somewhere")
def _(house: House) -> None:
    with held(house):
        house.update("carts_cart", house.insert("carts_cart"), state="merged", moved=moved("merged into nothing"))


@breaks("answers_are_stored_once")
def _(house: House) -> None:
    house.insert("idempotency_key", subject="payment", subject_id=house["paid payment"])


@breaks("paid_order_tells_its_customer")
def _(house: House) -> None:
    house.delete("outbox_message", house["message"])


@breaks("messages_are_sent")
def _(house: House) -> None:
    house.insert("outbox_message", topic="receipt", order_id=house["paid"], due_at=None)


class held:
    """Inside a break, the laws again: what is broken here, no law of the tables forbids, and history is written."""

    def __init__(self, house: House):
        self.house = house

    def __enter__(self) -> None:
        self.house.execute("SET session_replication_role = origin")

    def __exit__(self, *_: object) -> None:
        self.house.execute("SET session_replication_role = replica")


@pytest.fixture(scope="module")
def furnished() -> Iterator[tuple[Database, House]]:
    database = clone()
    with database.as_owner() as connection:
        house = House(connection, new_id())
        house.furnish()
        yield database, house
    drop(database)


def spoken(house: House) -> set[str]:
    """The laws that find a row, asked through the breaking connection, because it does not commit."""
    return {law.name for law in invariants.LIST if house.connection.execute(law.sql, {"since": invariants.BEGINNING}).fetchall()}


def test_the_house_is_in_order(furnished: tuple[Database, House]) -> None:
    assert invariants.check() == []


@pytest.mark.parametrize("name", sorted(BREAKERS))
def test_the_list_sees(name: str, furnished: tuple[Database, House]) -> None:
    database, founded = furnished
    with database.as_owner() as connection, connection.transaction(force_rollback=True):
        house = House(connection, founded.merchant_id, dict(founded.first))
        with unheld(connection):
            BREAKERS[name](house)
        assert spoken(house) == {name}


@pytest.mark.parametrize(
    ("total_minor", "captured_minor", "provider", "found"),
    [
        (0, 0, "none", set()),
        (0, None, "none", {"paid_order_has_its_money"}),
        (0, 1, "stripe", {"paid_order_has_its_money", "nothing_is_settled_for_nothing"}),
        (1, 0, "none", {"paid_order_has_its_money", "nothing_is_settled_for_nothing"}),
    ],
    ids=["nothing, settled", "nothing, not settled", "nothing, asked of a provider", "a cent, settled for nothing"],
)
def test_paid_without_money_is_an_order_over_exactly_zero(
    furnished: tuple[Database, House], total_minor: int, captured_minor: int | None, provider: str, found: set[str]
) -> None:
    database, founded = furnished
    asked = {"paid_order_has_its_money", "nothing_is_settled_for_nothing"}
    with database.as_owner() as connection, connection.transaction(force_rollback=True):
        house = House(connection, founded.merchant_id, dict(founded.first))
        with unheld(connection):
            order_id = house.insert("orders_order", state="paid", total_minor=total_minor, due_at=None)
            if captured_minor is not None:
                attempt = {"provider": provider, "amount_minor": captured_minor, "captured_minor": captured_minor, "due_at": None}
                house.insert("payments_payment", order_id=order_id, state="captured", **attempt)
        assert spoken(house) & asked == found


#: Other ways to break the laws of money that goes back, each with what is said of it.
ALSO: dict[str, tuple[str, Breaker, str]] = {
    "disputed beyond the facts": (
        "refunded_equals_facts",
        lambda house: house.update("payments_payment", house["paid payment"], disputed_minor=7),
        "0 refunded and 7 disputed, confirmed 0 and 0",
    ),
    "returned before it was taken holds nothing": (
        "refunded_equals_facts",
        lambda house: (
            house.insert("payments_fact", payment_id=house["paid payment"], kind="reinstated", object_id="dp_1", amount_minor=9),
            house.entry("x", 9, "receivable:stripe", "disputed", order_id=house["paid"], payment_id=house["paid payment"]),
            house.update("payments_payment", house["paid payment"], disputed_minor=9),
        ),
        "0 refunded and 9 disputed, confirmed 0 and 0",
    ),
    "a refund that bounced and still stands": (
        "refunds_equal_facts",
        lambda house: (
            house.refunded(house["paid payment"], 250, ("sales", 250)),
            house.execute("UPDATE payments_refund SET state = 'failed', moved = %s WHERE provider_id = 're_1'", moved()),
        ),
        "failed with 250 confirmed of 250",
    ),
    "a refund whose next question is long overdue": (
        "refunds_are_asked_about",
        lambda house: house.refund(house["paid payment"], 250, due_at=LONG_AGO),
        "intended, to be asked about at 2020-01-01 00:00:00+00",
    ),
    "a lost dispute that is not written off": (
        "lost_disputes_are_written_off",
        lambda house: (
            house.dispute(provider_id="dp_1"),
            house.insert("payments_fact", payment_id=house["paid payment"], kind="withdrawn", object_id="dp_1"),
            house.entry("x", 1250, "disputed", "receivable:stripe", order_id=house["paid"], payment_id=house["paid payment"]),
            house.update("payments_payment", house["paid payment"], disputed_minor=1250),
        ),
        "lost with 0 written off of 1250",
    ),
    "a dispute that was won and is written off": (
        "lost_disputes_are_written_off",
        lambda house: house.dispute(state="won", lost_minor=3),
        "won with 3 written off of 0",
    ),
    "surplus money that stands in no deposits": (
        "deposits_are_explained",
        lambda house: (
            house.refund(house.late("paid", 7, credit="unapplied_funds", surplus_at=LONG_AGO), 7),
            house.insert("cases_case", kind="late_money", order_id=house["paid"], payment_id=house.value(
                "SELECT id FROM payments_payment WHERE surplus_at IS NOT NULL")),
        ),
        "0 in deposits, 7 explained",
    ),
    "an excess that was taken from the sales": (
        "deposits_are_explained",
        lambda house: (
            house.refunded(house["paid payment"], 1251, ("sales", 1251)),
            house.insert("cases_case", kind="refund_excess", order_id=house["paid"], payment_id=house["paid payment"]),
        ),
        "0 in deposits, -1 explained",
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", ALSO)
def test_the_list_says_exactly_what_is_wrong(how: str, furnished: tuple[Database, House]) -> None:
    database, founded = furnished
    name, breaker, what = ALSO[how]
    with database.as_owner() as connection, connection.transaction(force_rollback=True):
        house = House(connection, founded.merchant_id, dict(founded.first))
        with unheld(connection), held(house):
            breaker(house)
        found = [row[2] for row in connection.execute(LAWS[name].sql, {"since": invariants.BEGINNING}).fetchall()]
        assert (spoken(house), found) == ({name}, [what])


def test_an_order_that_two_payments_paid_is_seen(furnished: tuple[Database, House]) -> None:
    """Money beside the one that paid it, which nobody marked as surplus: by three laws."""
    database, founded = furnished
    with database.as_owner() as connection, connection.transaction(force_rollback=True):
        house = House(connection, founded.merchant_id, dict(founded.first))
        with unheld(connection), held(house):
            house.late("paid", 1250)
        found = connection.execute(LAWS["second_money_has_a_case"].sql, {"since": invariants.BEGINNING}).fetchall()
        assert [(str(row[1]), row[2]) for row in found] == [(str(house["paid"]), "paid by 2 payments")]
        assert spoken(house) == {"second_money_has_a_case", "paid_order_has_its_money", "deposits_are_explained"}


@pytest.mark.parametrize(("kind", "quiet"), [("refund_excess", True), ("dispute", True), ("double_money", False)])
def test_more_went_back_than_came_in_is_quiet_only_with_its_case(
    kind: str, quiet: bool, furnished: tuple[Database, House]
) -> None:
    database, founded = furnished
    with database.as_owner() as connection, connection.transaction(force_rollback=True):
        house = House(connection, founded.merchant_id, dict(founded.first))
        with unheld(connection), held(house):
            house.refunded(house["paid payment"], 1251, ("sales", 1250), (DEPOSITS, 1))
            house.insert("cases_case", kind=kind, order_id=house["paid"], payment_id=house["paid payment"])
        assert spoken(house) == (set() if quiet else {"refunds_within_captured"})


def test_what_was_not_captured_lowers_what_an_order_costs(furnished: tuple[Database, House]) -> None:
    """A cent less was captured than asked for: with its adjustment the order is in order, without it two laws speak."""
    database, founded = furnished
    with database.as_owner() as connection, connection.transaction(force_rollback=True):
        house = House(connection, founded.merchant_id, dict(founded.first))
        with unheld(connection):
            house.update("payments_payment", house["paid payment"], captured_minor=1249)
            house.update("payments_fact", house["fact"], amount_minor=1249)
            house.shrink(house["capture"])
            house.shrink(house["sale"])
        assert spoken(house) == {"paid_order_has_its_money", "paid_order_is_in_the_ledger"}
        house.insert("orders_adjustment", order_id=house["paid"], payment_id=house["paid payment"], amount_minor=-1)
        assert spoken(house) == set()


def test_every_law_of_the_list_is_broken_here() -> None:
    assert set(BREAKERS) == set(LAWS)
    assert len(LAWS) == len(invariants.LIST), "two laws have one name"


def test_a_violation_says_which_law_whose_row_and_what(furnished: tuple[Database, House]) -> None:
    """Committed, and read by the checker's own connection as `holdfast check` does; then put right."""
    _, house = furnished
    house.update("inventory_stock", house["stock"], reserved=2)
    try:
        found = invariants.check()
    finally:
        house.update("inventory_stock", house["stock"], reserved=1)
    expected = invariants.Violation(
        "reserved_equals_reservations", house.merchant_id, str(house["stock"]), "2 reserved, 1 held, 9 on hand"
    )
    assert found == [expected]
    assert invariants.check() == []


def test_rows_older_than_since_are_left_out(furnished: tuple[Database, House]) -> None:
    database, founded = furnished
    with database.as_owner() as connection, connection.transaction(force_rollback=True):
        house = House(connection, founded.merchant_id, dict(founded.first))
        with unheld(connection):
            BREAKERS["journal_balances"](house)
        law = LAWS["journal_balances"]
        assert len(connection.execute(law.sql, {"since": invariants.BEGINNING}).fetchall()) == 1
        assert connection.execute(law.sql, {"since": FAR}).fetchall() == []
