"""Drives a shop from outside: the payer at the gateway, the receiver's statement, the passing of time, and a picture of the end.

Shared by the tests of integration, concurrency and crash.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg

from holdfast.db import due
from holdfast.db.due import Claim
from holdfast.kernel import clock, ids
from holdfast.providers.contract import Incoming
from holdfast.receiver.store import Arrival
from tests.build import Shop
from tests.conftest import Database, point_django_at

RECEIVE = """SELECT holdfast_receive(%s::uuid[], %s::uuid[], %s::text[], %s::uuid[], %s::text[], %s::text[], %s::timestamptz[],
                                     %s::uuid[], %s::text[], %s::jsonb[], %s::bytea[], %s::uuid[])"""
#: Tables whose rows are the queue. Carts are left alone: nobody waits for their abandonment.
LANES = {
    "events": "inbox_event",
    "messages": "outbox_message",
    "operations": "payments_operation",
    "payments": "payments_payment",
    "orders": "orders_order",
    "fulfilments": "fulfilment_fulfilment",
    "refunds": "payments_refund",
}
#: A hook that is not reached within this is a defect of the test, not a slow machine.
PATIENCE_S = 20


# -- The provider's side ----------------------------------------------------------------------------------------------


def events(at: Shop, gateway: Any, *types: str) -> list[dict[str, Any]]:
    """The gateway's own list of what happened on the shop's account, oldest first."""
    headers = {"Authorization": f"Bearer {at.secret_key}"}
    answer = httpx.get(f"{gateway.url}/v1/events?limit=100", headers=headers, trust_env=False)
    told: list[dict[str, Any]] = answer.raise_for_status().json()["data"][::-1]
    return [event for event in told if not types or event["type"] in types]


def receive(database: Database, at: Shop, *told: dict[str, Any], account_id: UUID | None = None) -> int:
    """Store events as the receiver does once their signature held. Returns how many were new."""
    rows = [
        Arrival(
            merchant_id=at.id,
            account_id=account_id or at.account_id,
            provider="stripe",
            event=Incoming(
                event_id=event["id"],
                type=event["type"],
                created_at=datetime.fromtimestamp(event["created"], UTC),
                body=json.dumps(event).encode(),
            ),
            headers={},
        ).columns()
        for event in told
    ]
    if not rows:
        return 0
    with database.as_app() as connection:
        row = connection.execute(RECEIVE, [list(column) for column in zip(*rows, strict=True)]).fetchone()
        assert row is not None
        return int(row[0])


def hear(database: Database, at: Shop, gateway: Any, *types: str) -> list[dict[str, Any]]:
    """Every event so far arrives once, by webhook."""
    told = events(at, gateway, *types)
    receive(database, at, *told)
    return told


def altered(event: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A copy of an event with another id, and with fields of its object changed."""
    copy: dict[str, Any] = json.loads(json.dumps(event))
    copy["id"] = f"evt_{ids.new_id().hex}"
    copy["data"]["object"].update(fields)
    return copy


def paid_event(world: Any) -> dict[str, Any]:
    """`payment_intent.succeeded` of the world's present payment, which the gateway's books do not know."""
    payment = world.payment
    intent = {
        "id": "pi_late",
        "object": "payment_intent",
        "status": "succeeded",
        "livemode": False,
        "amount": payment.amount_minor,
        "amount_received": payment.amount_minor,
        "currency": payment.currency.lower(),
        "metadata": {"holdfast_payment": payment.pk.hex},
    }
    return {
        "id": f"evt_{ids.new_id().hex}",
        "object": "event",
        "type": "payment_intent.succeeded",
        "created": int(datetime.now(UTC).timestamp()),
        "livemode": False,
        "data": {"object": intent},
    }


def charged(at: Shop, gateway: Any) -> list[tuple[str, int]]:
    """(our reference, captured amount) of every payment in the gateway's books that holds money, and of direct charges."""
    books = gateway.books(at.secret_key)
    sessions = [(p["client_reference_id"], p["captured_minor"]) for p in books["payments"] if p["captured_minor"]]
    direct = [(p["key"].partition(":")[0], round(float(p["amount"]) * 100)) for p in books["direct_payments"]]
    return sorted(sessions + direct)


def sessions(at: Shop, gateway: Any) -> int:
    """Checkout Sessions that the gateway has made for this shop."""
    return int(gateway.books(at.secret_key)["sessions"])


# -- Time -------------------------------------------------------------------------------------------------------------


def all_due(database: Database, at: Shop, *lanes: str) -> None:
    """Every pause and every lease of a shop is over: what waits is due now, and what a dead process held is free."""
    past = "holdfast_now() - interval '1 s'"
    with database.as_owner() as connection:
        for lane in lanes or LANES:
            mine = "due_at IS NOT NULL AND merchant_id = %s"
            connection.execute(f"UPDATE {LANES[lane]} SET due_at = {past} WHERE {mine}", [at.id])
        connection.execute(f"UPDATE idempotency_key SET leased_until = {past} WHERE status IS NULL AND merchant_id = %s", [at.id])


def retire(database: Database, at: Shop) -> None:
    """Nothing of this shop is due for a year: a test that shares the database counts only its own rows."""
    with database.as_owner() as connection:
        for table in LANES.values():
            connection.execute(
                f"UPDATE {table} SET due_at = holdfast_now() + interval '1 year' WHERE due_at IS NOT NULL AND merchant_id = %s",
                [at.id],
            )


def travel(database: Database, **ahead: float) -> None:
    """Some time passes, for us and for the database alike: `travel(database, minutes=40)`."""
    _set_clock(database, clock.OFFSET_S + timedelta(**ahead).total_seconds())


def over_for_the_gateway(database: Database, order_id: UUID | None) -> None:
    """An order's window is over by the gateway's clock, too, which does not travel with ours: what it takes from now on would
    otherwise be money that was paid in time (S-35)."""
    with database.as_owner() as connection:
        connection.execute("UPDATE orders_order SET expires_at = placed_at - interval '1 min' WHERE id = %s", [order_id])


def return_to_the_present(database: Database) -> None:
    _set_clock(database, 0.0)


def _set_clock(database: Database, offset_s: float) -> None:
    clock.OFFSET_S = offset_s
    with database.as_owner() as connection:
        connection.execute(f"ALTER DATABASE {database.name} SET holdfast.clock_offset_s = '{offset_s}'")
    point_django_at(database.name)


def claim(lane: str, id: UUID) -> Claim:
    """The claim of one row of a lane, which has to be due."""
    return next(claimed for claimed in due.claim(lane, batch=500) if claimed.id == id)


# -- Threads ----------------------------------------------------------------------------------------------------------


class Aside:
    """Runs something in a thread of its own while this one goes on; `.result()` waits for it and raises what it raised."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._out: list[Any] = []
        self._error: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, args=[work], daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[], Any]) -> None:
        from django.db import connections

        try:
            self._out.append(work())
        except BaseException as error:  # noqa: BLE001 - it travels to whoever asks for the result
            self._error.append(error)
        finally:
            connections.close_all()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def result(self) -> Any:
        self._thread.join(PATIENCE_S)
        assert not self.running, "still waiting"
        if self._error:
            raise self._error[0]
        return self._out[0]


def until(ask: Callable[[], Any], enough: Callable[[Any], bool]) -> Any:
    """Ask again until it is enough; for what ends by itself in another process."""
    for _ in range(100):
        answer = ask()
        if enough(answer):
            return answer
        threading.Event().wait(0.1)
    raise AssertionError("it does not end")


def tally(results: Iterable[Any]) -> dict[str, int]:
    """How often each result came: values as they are, exceptions by their name."""
    return dict(Counter(type(r).__name__ if isinstance(r, BaseException) else str(r) for r in results))


def somebody_waits_for_a_lock(database: Database, *, count: int = 1) -> None:
    """Return once `count` sessions of this database wait for somebody's lock."""
    for _ in range(PATIENCE_S * 200):
        sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
        if database.value(sql, database.name) >= count:
            return
        threading.Event().wait(0.005)
    raise AssertionError("nobody waits for a lock")


# -- The end ----------------------------------------------------------------------------------------------------------


@dataclass
class Picture:
    """What an order came to, without ids and times: two histories that end alike have equal pictures."""

    order: str
    payments: list[tuple[str, int]]
    facts: list[tuple[str, int]]
    #: Balance by account, zeros left out.
    ledger: dict[str, int]
    stock: list[tuple[int, int]]
    reservations: list[str]
    messages: list[str]
    fulfilments: list[str]
    cases: list[str]
    #: Money that went back: (who asked, state, amount), and disputes as (state, amount, written off as lost).
    refunds: list[tuple[str, str, int]] = field(default_factory=list)
    disputes: list[tuple[str, int, int]] = field(default_factory=list)
    #: Downloads and vouchers that have lost their validity.
    revoked: int = 0

    def __str__(self) -> str:
        return json.dumps(asdict(self), indent=1)


def picture(database: Database, order_id: UUID) -> Picture:
    """Everything that follows from an order's events."""
    with database.as_owner() as connection:
        return _picture(connection, order_id)


def _picture(connection: psycopg.Connection[Any], order_id: UUID) -> Picture:
    def rows(sql: str) -> list[Any]:
        return [row if len(row) > 1 else row[0] for row in connection.execute(sql, [order_id]).fetchall()]

    balances = rows(
        """SELECT g.account, sum(g.debit_minor - g.credit_minor)::bigint
           FROM ledger_posting g JOIN ledger_entry e ON e.id = g.entry_id
           WHERE e.order_id = %s GROUP BY 1 HAVING sum(g.debit_minor - g.credit_minor) <> 0 ORDER BY 1"""
    )
    return Picture(
        order=rows("SELECT state FROM orders_order WHERE id = %s")[0],
        payments=rows("SELECT state, captured_minor FROM payments_payment WHERE order_id = %s ORDER BY id"),
        facts=rows(
            """SELECT f.kind, f.amount_minor FROM payments_fact f JOIN payments_payment p ON p.id = f.payment_id
               WHERE p.order_id = %s ORDER BY 1, 2"""
        ),
        ledger=dict(balances),
        stock=rows(
            """SELECT on_hand, reserved FROM inventory_stock
               WHERE id IN (SELECT stock_id FROM orders_orderline WHERE order_id = %s) ORDER BY id"""
        ),
        reservations=rows("SELECT state FROM inventory_reservation WHERE order_id = %s ORDER BY stock_id"),
        messages=rows("SELECT topic FROM outbox_message WHERE order_id = %s ORDER BY topic"),
        fulfilments=rows("SELECT way || ' ' || state FROM fulfilment_fulfilment WHERE order_id = %s ORDER BY 1"),
        cases=rows("SELECT kind FROM cases_case WHERE order_id = %s ORDER BY kind"),
        refunds=rows("SELECT origin, state, amount_minor FROM payments_refund WHERE order_id = %s ORDER BY id"),
        disputes=rows("SELECT state, amount_minor, lost_minor FROM payments_dispute WHERE order_id = %s ORDER BY id"),
        revoked=rows(
            """SELECT count(*) FROM fulfilment_revocation r JOIN fulfilment_handover h ON h.id = r.handover_id
               JOIN fulfilment_fulfilment f ON f.id = h.fulfilment_id WHERE f.order_id = %s"""
        )[0],
    )
