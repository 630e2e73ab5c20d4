"""Legal rows of every table, written as raw SQL: what the tests of the laws start from, and then break.

A builder gives the columns of one fresh, legal row. A merchant's first row of each table is its `first`: `the` parent of
later rows, where those do not need a `new` one. Parents are made only when no other was given.
"""

import itertools
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from holdfast.kernel.ids import new_id

AT = datetime(2026, 1, 15, 12, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
SHA = "a" * 64
#: Lines that an order accepted, more than any test needs; each line row takes the next place.
ACCEPTED, PLACES = [{}] * 500, itertools.cycle(range(1, 501))
TOTALS = {"total_minor": 1250, "net_minor": 1050, "tax_minor": 200, "shipping_net_minor": 0}

Columns = dict[str, Any]
BUILDERS: dict[str, Callable[["Rows"], Columns]] = {}


class Rows:
    """The rows of one merchant, written through one connection."""

    def __init__(self, connection: psycopg.Connection[Any], merchant_id: UUID, first: dict[str, Any] | None = None):
        self.connection, self.merchant_id = connection, merchant_id
        self.first: dict[str, Any] = first or {}

    def execute(self, statement: str, *values: Any) -> psycopg.Cursor[Any]:
        return self.connection.execute(statement, values or None)

    def value(self, statement: str, *values: Any) -> Any:
        row = self.execute(statement, *values).fetchone()
        return row[0] if row else None

    def insert(self, table: str, **changes: Any) -> Any:
        """A fresh legal row with some columns changed; returns its id."""
        wanted = {**BUILDERS[table](self), **changes}
        columns = {name: value(self) if callable(value) else value for name, value in wanted.items()}
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        marks = sql.SQL(", ").join(sql.Placeholder() * len(columns))
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(table), names, marks)
        self.connection.execute(statement, list(columns.values()))
        return columns["id"]

    def update(self, table: str, row_id: Any, **changes: Any) -> int:
        """Set columns of one row; returns how many rows that were."""
        pairs = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in changes)
        statement = sql.SQL("UPDATE {} SET {} WHERE id = %s").format(sql.Identifier(table), pairs)
        return self.connection.execute(statement, [*changes.values(), row_id]).rowcount

    def delete(self, table: str, row_id: Any) -> int:
        return self.execute(f"DELETE FROM {table} WHERE id = %s", row_id).rowcount

    def found(self) -> None:
        """One row of each table, committed together."""
        with self.connection.transaction():
            for table in BUILDERS:
                self.first[table] = self.insert(table)
            self.insert("ledger_posting", debit_minor=0, credit_minor=1250)

    def lock_cart(self, cart_id: UUID) -> UUID:
        self.update("carts_cart", cart_id, state="locked", moved=moved("checkout"))
        return cart_id


def moved(cause: str = "a test", **more: Any) -> Jsonb:
    """What a row says of its move, with a nonce like the house's own."""
    return Jsonb({"cause": cause, "actor": "tests", "process": "tests", "nonce": new_id().hex, **more})


def build(table: str) -> Callable[[Callable[[Rows], Columns]], Callable[[Rows], Columns]]:
    def register(builder: Callable[[Rows], Columns]) -> Callable[[Rows], Columns]:
        def whole(rows: Rows) -> Columns:
            owner = {} if table in ("merchants_merchant", "customers_user") else {"merchant_id": rows.merchant_id}
            return {"id": new_id(), **owner, **builder(rows)}

        BUILDERS[table] = whole
        return builder

    return register


def the(table: str) -> Callable[[Rows], Any]:
    return lambda rows: rows.first[table]


def new(table: str) -> Callable[[Rows], Any]:
    return lambda rows: rows.insert(table)


def locked_cart(rows: Rows) -> Any:
    return rows.lock_cart(rows.insert("carts_cart"))


def unique(length: int = 20) -> str:
    return secrets.token_hex(length // 2)


@build("merchants_merchant")
def _(rows: Rows) -> Columns:
    known = "merchants_merchant" in rows.first
    return {
        "id": new_id() if known else rows.merchant_id,
        "slug": unique(), "name": "Shop", "country": "DE", "time_zone": "Europe/Berlin", "currency": "EUR", "locale": "en",
        "email_from": "", "brand": Jsonb({}), "tax_rates": Jsonb([]), "prices_include_tax": True, "shipping_minor": Jsonb({}),
        "price_honoured_s": 3600, "payment_window_s": 1860, "late_money": "honour",
    }  # fmt: skip


@build("customers_user")
def _(rows: Rows) -> Columns:
    return {
        "email": f"{unique()}@example.com", "password": "!", "is_active": True, "is_staff": False, "is_superuser": False,
        "joined_at": AT,
    }  # fmt: skip


@build("merchants_apikey")
def _(rows: Rows) -> Columns:
    return {"kind": "secret", "name": "", "hint": "abcd", "token_sha256": unique(64), "created_at": AT, "revoked_at": None}


@build("merchants_host")
def _(rows: Rows) -> Columns:
    return {"host": f"{unique()}.example"}


@build("merchants_membership")
def _(rows: Rows) -> Columns:
    return {"user_id": new("customers_user"), "role": "support", "created_at": AT}


@build("merchants_account")
def _(rows: Rows) -> Columns:
    return {
        "provider": "stripe", "mode": "test", "name": "", "sealed": b"sealed", "capture": "automatic", "enabled": True,
        "books_until": None, "created_at": AT, "due_at": None, "attempts": 0,
    }  # fmt: skip


@build("customers_contact")
def _(rows: Rows) -> Columns:
    return {
        "email": "a@example.com", "email_normalised": "a@example.com", "name": "Ada", "phone": "", "address": Jsonb({}),
        "created_at": AT, "erased_at": None,
    }  # fmt: skip


@build("customers_customer")
def _(rows: Rows) -> Columns:
    user = rows.first["customers_user"] if "customers_customer" not in rows.first else None
    return {"user_id": user, "contact_id": the("customers_contact"), "reference": unique(), "created_at": AT}


@build("catalog_product")
def _(rows: Rows) -> Columns:
    return {
        "kind": "good", "slug": unique(), "name": "Mug", "description": "", "tax_class": "standard", "active": True,
        "created_at": AT,
    }  # fmt: skip


@build("inventory_stock")
def _(rows: Rows) -> Columns:
    return {"kind": "item", "name": "Mug", "on_hand": 10, "reserved": 2}


@build("catalog_variant")
def _(rows: Rows) -> Columns:
    return {
        "product_id": the("catalog_product"), "sku": unique(), "name": "", "price_minor": 1250, "currency": "EUR",
        "stock_id": the("inventory_stock"), "places": 1, "weight_g": 0, "active": True, "position": 0,
    }  # fmt: skip


@build("inventory_slot")
def _(rows: Rows) -> Columns:
    starts = AT + timedelta(seconds=secrets.randbelow(10**8))
    return {
        "product_id": the("catalog_product"), "stock_id": new("inventory_stock"), "starts_at": starts,
        "ends_at": starts + timedelta(hours=2), "cutoff_at": starts, "active": True,
    }  # fmt: skip


@build("carts_cart")
def _(rows: Rows) -> Columns:
    return {
        "token_sha256": unique(64), "customer_id": None, "state": "active", "moved": moved(), "currency": "EUR", "region": "DE",
        "version": 1, "copy_of_id": None, "merged_into_id": None, "created_at": AT, "due_at": None, "attempts": 0,
    }  # fmt: skip


@build("carts_cartline")
def _(rows: Rows) -> Columns:
    return {
        "cart_id": the("carts_cart"), "variant_id": new("catalog_variant"), "slot_id": None, "quantity": 1,
        "unit_price_minor": 1250, "priced_at": AT,
    }  # fmt: skip


@build("orders_order")
def _(rows: Rows) -> Columns:
    return {
        "number": unique(12), "token_sha256": unique(64), "cart_id": locked_cart,
        "external_id": None, "customer_id": None, "contact_id": the("customers_contact"), "state": "payment_pending",
        "moved": moved(), "currency": "EUR", "total_minor": 1250, "snapshot": Jsonb({"totals": TOTALS, "lines": ACCEPTED}), "quote_sha256": SHA,
        "placed_at": AT, "expires_at": LATER, "paid_at": None, "due_at": LATER, "attempts": 0,
    }  # fmt: skip


@build("orders_orderline")
def _(rows: Rows) -> Columns:
    return {
        "order_id": the("orders_order"), "position": next(PLACES), "kind": "good", "variant_id": new_id(),
        "stock_id": None, "slot_id": None, "name": "Mug", "sku": "MUG", "quantity": 1, "places": 1, "unit_price_minor": 1250,
        "discount_minor": 0, "tax_minor": 200, "total_minor": 1250,
    }  # fmt: skip


@build("orders_adjustment")
def _(rows: Rows) -> Columns:
    return {
        "order_id": the("orders_order"), "payment_id": new_id(), "amount_minor": -250, "cause": "less was captured", "at": AT,
    }  # fmt: skip


@build("inventory_reservation")
def _(rows: Rows) -> Columns:
    return {
        "order_id": the("orders_order"), "stock_id": new("inventory_stock"), "quantity": 1, "state": "held",
        "moved": moved(), "expires_at": LATER, "created_at": AT,
    }  # fmt: skip


@build("inventory_movement")
def _(rows: Rows) -> Columns:
    return {
        "stock_id": the("inventory_stock"), "delta": 10, "cause": "received", "reservation_id": None, "at": AT,
    }  # fmt: skip


@build("promotions_promotion")
def _(rows: Rows) -> Columns:
    return {
        "name": "Ten", "code": unique(8).upper(), "active": True, "rules": Jsonb({"kind": "percent", "basis_points": 1000}),
        "starts_at": None, "ends_at": None, "counted": True, "total_limit": 10, "customer_limit": None, "reserved": 1,
        "redeemed": 0, "created_at": AT,
    }  # fmt: skip


@build("promotions_redemption")
def _(rows: Rows) -> Columns:
    return {
        "order_id": the("orders_order"), "promotion_id": new("promotions_promotion"), "customer_key": SHA, "gave_minor": 125,
        "counted": True, "state": "reserved", "moved": moved(), "created_at": AT,
    }  # fmt: skip


@build("promotions_tries")
def _(rows: Rows) -> Columns:
    return {"who": unique(64), "began_at": AT, "count": 1}


@build("payments_payment")
def _(rows: Rows) -> Columns:
    return {
        "order_id": the("orders_order"), "account_id": the("merchants_account"), "provider": "stripe",
        "provider_id": unique(), "amount_minor": 1250, "currency": "EUR", "capture": "automatic", "state": "captured",
        "moved": moved(), "raw_status": "", "captured_minor": 1250, "refunded_minor": 0, "disputed_minor": 0,
        "metadata_sha256": SHA, "method": "card", "pay_url": "", "show": Jsonb({}), "expires_at": LATER,
        "superseded_at": None, "surplus_at": None, "late_of_id": None, "last_asked_at": None, "created_at": AT,
        "due_at": None, "attempts": 0,
    }  # fmt: skip


@build("payments_refund")
def _(rows: Rows) -> Columns:
    return {
        "order_id": the("orders_order"), "payment_id": new("payments_payment"), "account_id": the("merchants_account"),
        "provider_id": None, "origin": "requested", "amount_minor": 250, "currency": "EUR", "state": "intended", "moved": moved(),
        "reason": "", "lines": Jsonb([]), "requested_by": "ada", "error": "", "created_at": AT, "succeeded_at": None,
        "due_at": LATER, "attempts": 0,
    }  # fmt: skip


@build("payments_dispute")
def _(rows: Rows) -> Columns:
    return {
        "order_id": the("orders_order"), "payment_id": the("payments_payment"), "account_id": the("merchants_account"),
        "provider_id": unique(), "amount_minor": 1250, "currency": "EUR", "state": "open", "moved": moved(), "reason": "",
        "evidence_due_at": LATER, "lost_minor": 0, "created_at": AT,
    }  # fmt: skip


@build("payments_operation")
def _(rows: Rows) -> Columns:
    return {
        "payment_id": the("payments_payment"), "refund_id": None, "kind": "open", "key": unique(), "request_id": new_id(),
        "request_sha256": SHA, "state": "intended", "error": "", "intended_at": AT, "answered_at": None, "due_at": LATER,
        "attempts": 0,
    }  # fmt: skip


@build("payments_fact")
def _(rows: Rows) -> Columns:
    return {
        "payment_id": the("payments_payment"), "account_id": the("merchants_account"), "kind": "capture",
        "object_id": unique(), "amount_minor": 1250, "currency": "EUR", "occurred_at": AT, "learned_at": AT,
        "source": "webhook", "event_id": None,
    }  # fmt: skip


@build("ledger_entry")
def _(rows: Rows) -> Columns:
    return {
        "kind": "capture", "cause": unique(), "order_id": the("orders_order"),
        "payment_id": the("payments_payment"), "effective_at": AT, "recorded_at": AT,
    }  # fmt: skip


@build("ledger_posting")
def _(rows: Rows) -> Columns:
    return {
        "entry_id": the("ledger_entry"), "account": "receivable:stripe", "currency": "EUR", "debit_minor": 1250,
        "credit_minor": 0,
    }  # fmt: skip


@build("receipts_receipt")
def _(rows: Rows) -> Columns:
    return {
        "account_id": the("merchants_account"), "source": "operator", "bank_id": unique(), "amount_minor": 1250,
        "currency": "EUR", "paid_at": AT, "payer": "Ada", "text": "RF", "entered_by": "ada", "confirmed_by": None,
        "payment_id": None, "state": "unmatched", "moved": moved(), "returned_minor": 0, "created_at": AT,
    }  # fmt: skip


@build("receipts_allocation")
def _(rows: Rows) -> Columns:
    return {
        "receipt_id": new("receipts_receipt"), "payment_id": the("payments_payment"), "amount_minor": 1250, "at": AT,
    }  # fmt: skip


@build("fulfilment_fulfilment")
def _(rows: Rows) -> Columns:
    first = "fulfilment_fulfilment" not in rows.first
    return {
        "order_id": the("orders_order") if first else new("orders_order"), "way": "shipment", "state": "pending",
        "moved": moved(), "error": "", "created_at": AT, "due_at": None, "attempts": 0,
    }  # fmt: skip


@build("fulfilment_handover")
def _(rows: Rows) -> Columns:
    return {
        "fulfilment_id": the("fulfilment_fulfilment"), "order_line_id": the("orders_orderline"),
        "unit": 1 + secrets.randbelow(10**6), "quantity": 1, "code": unique(), "tracking": Jsonb({}), "at": AT,
    }  # fmt: skip


@build("fulfilment_withdrawal")
def _(rows: Rows) -> Columns:
    return {"order_line_id": the("orders_orderline"), "quantity": 1, "cause": new_id(), "at": AT}


@build("fulfilment_revocation")
def _(rows: Rows) -> Columns:
    return {"handover_id": new("fulfilment_handover"), "cause": "the money went back", "at": AT}


@build("inbox_event")
def _(rows: Rows) -> Columns:
    return {
        "account_id": the("merchants_account"), "provider": "stripe", "provider_event_id": unique(), "type": "x",
        "payload_id": new_id(), "payload_sha256": SHA, "provider_created_at": AT, "received_at": AT, "state": "received",
        "error": "", "failures": 0, "announced": 0, "order_id": None, "payment_id": None, "done_at": None, "due_at": LATER,
        "attempts": 0,
    }  # fmt: skip


@build("inbox_delivery")
def _(rows: Rows) -> Columns:
    return {"account_id": the("merchants_account"), "provider_event_id": unique(), "received_at": AT}


@build("outbox_message")
def _(rows: Rows) -> Columns:
    return {
        "topic": "order_paid", "cause": unique(), "order_id": the("orders_order"), "state": "pending", "error": "",
        "created_at": AT, "sent_at": None, "due_at": LATER, "attempts": 0,
    }  # fmt: skip


@build("idempotency_key")
def _(rows: Rows) -> Columns:
    return {
        "scope": "cart:x", "key": unique(), "fingerprint": SHA, "subject": "order", "subject_id": new_id(),
        "leased_until": LATER, "status": None, "answer_id": None, "answer_sha256": "", "created_at": AT, "expires_at": LATER,
    }  # fmt: skip


@build("cases_case")
def _(rows: Rows) -> Columns:
    return {
        "kind": "parked", "cause": unique(), "order_id": the("orders_order"),
        "payment_id": the("payments_payment"), "state": "open", "moved": moved(), "owner_id": None, "summary": "x",
        "proposal": "y", "evidence": Jsonb({}), "opened_at": AT, "deadline_at": LATER,
    }  # fmt: skip


@build("db_payload")
def _(rows: Rows) -> Columns:
    return {"kind": "webhook", "headers": Jsonb({}), "body": b"{}"}
