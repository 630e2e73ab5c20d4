"""Every table of moves, as the database keeps it: each pair of states, each birth, each history row (R-C2, R-C3, R-C4)."""

from typing import Any

import pytest
from django.apps import apps

from holdfast.carts.states import CART
from holdfast.cases.states import CASE
from holdfast.db.laws import Moves
from holdfast.fulfilment.states import FULFILMENT
from holdfast.inbox.states import EVENT
from holdfast.inventory.states import RESERVATION
from holdfast.kernel.machine import Machine, pairs
from holdfast.orders.states import ORDER, PAID
from holdfast.outbox.states import MESSAGE
from holdfast.payments.states import DISPUTE, OPERATION, PAYMENT, REFUND
from holdfast.promotions.states import REDEMPTION
from holdfast.receipts.states import RECEIPT
from tests.laws.refusals import NO_RIGHT, refused, unheld
from tests.laws.rows import Rows, moved

MACHINES: dict[str, Machine] = {
    "carts_cart": CART,
    "cases_case": CASE,
    "fulfilment_fulfilment": FULFILMENT,
    "inbox_event": EVENT,
    "inventory_reservation": RESERVATION,
    "promotions_redemption": REDEMPTION,
    "receipts_receipt": RECEIPT,
    "orders_order": ORDER,
    "outbox_message": MESSAGE,
    "payments_payment": PAYMENT,
    "payments_refund": REFUND,
    "payments_dispute": DISPUTE,
    "payments_operation": OPERATION,
}
LAWS = {model._meta.db_table: law for model in apps.get_models() for law in model._meta.constraints if isinstance(law, Moves)}
WITH_HISTORY = [table for table, law in LAWS.items() if law.history]
CASES = [(table, a, b) for table, machine in MACHINES.items() for a, b in pairs(machine)]
THERE_AND_BACK = [
    (table, a, b)
    for table, a, b in CASES
    if table in WITH_HISTORY and MACHINES[table].allows(a, b) and MACHINES[table].allows(b, a)
]
STATES = [(table, state) for table, machine in MACHINES.items() for state in machine.states]


def renewed(table: str, cause: str = "a test") -> dict[str, Any]:
    return {"moved": moved(cause)} if LAWS[table].history else {}


def put(rows: Rows, table: str, state: str) -> Any:
    """A row in this state, however it got there."""
    with unheld(rows.connection):
        return rows.insert(table, state=state)


def history(rows: Rows, row_id: Any) -> list[tuple[Any, ...]]:
    told = "SELECT source, target, cause, actor, process, event_id FROM db_transition WHERE subject_id = %s ORDER BY id"
    return rows.execute(told, row_id).fetchall()


def test_every_machine_has_its_law() -> None:
    assert set(LAWS) == set(MACHINES)
    for table, law in LAWS.items():
        machine = MACHINES[table]
        assert law.subject == machine.name
        assert law.initial == machine.initial
        assert set(law.edges) == {(edge.source, edge.target) for edge in machine.edges}


@pytest.mark.parametrize(("table", "a", "b"), CASES)
def test_a_move_is_made_if_the_table_lists_it_and_refused_otherwise(owner: Rows, table: str, a: str, b: str) -> None:
    row_id = put(owner, table, a)
    if MACHINES[table].allows(a, b):
        assert owner.update(table, row_id, state=b, **renewed(table)) == 1
    else:
        with refused(owner.connection, LAWS[table].name):
            owner.update(table, row_id, state=b, **renewed(table))
        assert owner.value(f"SELECT state FROM {table} WHERE id = %s", row_id) == a
        assert history(owner, row_id) == []


@pytest.mark.parametrize(("table", "state"), STATES)
def test_a_row_begins_only_where_the_table_says(owner: Rows, table: str, state: str) -> None:
    if state in MACHINES[table].initial:
        owner.insert(table, state=state)
    else:
        with refused(owner.connection, LAWS[table].name):
            owner.insert(table, state=state)


@pytest.mark.parametrize("table", MACHINES)
def test_a_state_nobody_knows_is_refused(owner: Rows, table: str) -> None:
    row_id = owner.insert(table)
    with refused(owner.connection, LAWS[table].name):
        owner.insert(table, state="wild")
    with refused(owner.connection, LAWS[table].name):
        owner.update(table, row_id, state="wild", **renewed(table))


@pytest.mark.parametrize("table", MACHINES)
def test_the_application_is_held_by_the_same_table(app: Rows, table: str) -> None:
    machine = MACHINES[table]
    row_id = app.insert(table, state=machine.initial[0])
    allowed = {edge.target for edge in machine.edges if edge.source == machine.initial[0]}
    for target in machine.states:
        if target not in allowed and target != machine.initial[0]:
            with refused(app.connection, LAWS[table].name):
                app.update(table, row_id, state=target, **renewed(table))
    assert app.update(table, row_id, state=sorted(allowed)[0], **renewed(table)) == 1


@pytest.mark.parametrize("table", WITH_HISTORY)
def test_a_move_without_a_renewed_cause_is_refused(owner: Rows, table: str) -> None:
    machine = MACHINES[table]
    edge = next(edge for edge in machine.edges if edge.source == machine.initial[0])
    row_id = owner.insert(table, state=edge.source)
    with refused(owner.connection, LAWS[table].name):
        owner.update(table, row_id, state=edge.target)
    with refused(owner.connection, LAWS[table].name):
        owner.execute(f'UPDATE {table} SET state = %s, moved = \'{{"actor": "x"}}\' WHERE id = %s', edge.target, row_id)
    with refused(owner.connection, LAWS[table].name):
        owner.execute(f"UPDATE {table} SET state = %s, moved = 'null' WHERE id = %s", edge.target, row_id)


@pytest.mark.parametrize(("table", "a", "b"), THERE_AND_BACK)
def test_a_cause_that_was_used_before_is_refused(owner: Rows, table: str, a: str, b: str) -> None:
    """A stale writer brings the whole row back as it was read, its old cause with it."""
    row_id = put(owner, table, a)
    there = moved("there")
    owner.update(table, row_id, state=b, moved=there)
    owner.update(table, row_id, state=a, moved=moved("back"))
    with refused(owner.connection, LAWS[table].name):
        owner.update(table, row_id, state=b, moved=there)
    assert owner.value(f"SELECT state FROM {table} WHERE id = %s", row_id) == a


@pytest.mark.parametrize("table", WITH_HISTORY)
def test_the_database_writes_the_history_of_raw_sql(app: Rows, table: str) -> None:
    machine = MACHINES[table]
    edge = next(edge for edge in machine.edges if edge.source == machine.initial[0])
    row_id = app.insert(table, state=edge.source, moved=moved("born"))
    event = "0198c0de-0000-7000-8000-000000000001"
    app.update(table, row_id, state=edge.target, moved=moved("went", actor="ada", process="shell", event=event))
    born, went = history(app, row_id)
    assert born[:3] == (None, edge.source, "born")
    assert (*went[:5], str(went[5])) == (edge.source, edge.target, "went", "ada", "shell", event)


def test_history_names_the_login_of_who_did_not_say(owner: Rows) -> None:
    row_id = owner.insert("carts_cart")
    owner.execute("UPDATE carts_cart SET state = 'abandoned', moved = '{\"cause\": \"tidy\"}' WHERE id = %s", row_id)
    me = owner.value("SELECT session_user")
    assert history(owner, row_id)[-1] == ("active", "abandoned", "tidy", me, "sql", None)


def test_a_row_that_stays_where_it_is_writes_no_history(owner: Rows) -> None:
    row_id = owner.insert("orders_order")
    owner.execute("UPDATE orders_order SET state = state, attempts = 1 WHERE id = %s", row_id)
    assert len(history(owner, row_id)) == 1


@pytest.mark.parametrize("verb", ["insert", "update", "delete", "truncate"])
def test_the_application_cannot_touch_history(app: Rows, verb: str) -> None:
    statements = {
        "insert": "INSERT INTO db_transition (merchant_id, subject, subject_id, target, cause, actor, process, at) "
        "VALUES (holdfast_merchant(), 'order', holdfast_merchant(), 'paid', 'x', 'x', 'x', now())",
        "update": "UPDATE db_transition SET cause = 'another'",
        "delete": "DELETE FROM db_transition",
        "truncate": "TRUNCATE db_transition",
    }
    with refused(app.connection, None, NO_RIGHT):
        app.execute(statements[verb])


def test_the_application_cannot_borrow_the_writer_of_history(app: Rows) -> None:
    """The function that writes history runs as its owner: on a table of one's own it would write whatever one likes."""
    app.execute("CREATE TEMP TABLE mine (merchant_id uuid, id uuid, state text, moved jsonb)")
    with refused(app.connection, None, NO_RIGHT):
        app.execute("CREATE TRIGGER forge AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION holdfast_record_move('order', 'x')")


@pytest.mark.parametrize("state", PAID)
def test_what_is_paid_never_returns_to_pending_or_failed(state: str) -> None:
    """Not in one step, nor by any way round."""
    reached, ahead = {state}, [state]
    while ahead:
        here = ahead.pop()
        for edge in ORDER.edges:
            if edge.source == here and edge.target not in reached:
                reached.add(edge.target)
                ahead.append(edge.target)
    assert reached.isdisjoint({"draft", "payment_pending", "payment_authorized", "capture_failed", "payment_failed", "expired"})
    assert "cancelled" not in reached


#: R-C2, as it is written there.
REQUIRED = """
draft→payment_pending|cancelled; payment_pending→payment_authorized|paid|payment_failed|expired|cancelled;
payment_authorized→paid|cancelled|capture_failed|expired; capture_failed→payment_authorized|paid|cancelled;
paid→fulfillment_pending|partially_refunded|refunded;
fulfillment_pending→partially_fulfilled|fulfilled|partially_refunded|cancelled_with_refund;
partially_fulfilled→fulfilled|partially_refunded|cancelled_with_refund; fulfilled→partially_refunded|refunded|closed;
partially_refunded→fulfillment_pending|refunded|closed|paid|fulfilled; refunded→partially_refunded|paid|fulfilled;
payment_failed→payment_pending|cancelled; expired→payment_pending|cancelled; refunded→closed; cancelled_with_refund→closed
"""


def test_the_moves_of_an_order_are_those_that_were_asked_for() -> None:
    rows = (row.strip().split("→") for row in REQUIRED.split(";"))
    required = {(source, target) for source, targets in rows for target in targets.split("|")}
    assert {(edge.source, edge.target) for edge in ORDER.edges} == required
