"""Each constraint is broken by raw SQL, as the owner and as the application, and refuses by its name.

The book is complete by test: a constraint that no line here breaks fails `test_no_constraint_is_without_a_test`.
"""

from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db.models import CheckConstraint, UniqueConstraint

from holdfast.db.laws import AppendOnly, Frozen, Grows, Law, Moves, Permanent, References, Rule, TenantWall
from holdfast.kernel.ids import new_id
from tests.laws.refusals import BREAKERS, CHECK_VIOLATION, NO_RIGHT, UNIQUE_VIOLATION, breaks, refused
from tests.laws.rows import AT, LATER, SHA, Rows, moved

#: Laws that a walk over all models breaks, each in its file.
WALKED = {
    Moves: "test_moves",
    AppendOnly: "test_what_never_changes",
    Permanent: "test_what_never_changes",
    Frozen: "test_what_never_changes",
    Grows: "test_what_never_changes",
    TenantWall: "test_tenancy",
    References: "test_tenancy",
}
OURS = [model for model in apps.get_models() if model.__module__.startswith("holdfast.")]
DECLARED = {law.name: law for model in OURS for law in model._meta.constraints}


def twice(rows: Rows, table: str, **same: Any) -> None:
    rows.insert(table, **same)
    rows.insert(table, **same)


# Carts: one active per customer, each thing once, sane amounts, and the lock of a checkout (R-A1, R-A4).


@breaks("carts_one_active_per_customer")
def _(rows: Rows) -> None:
    twice(rows, "carts_cart", customer_id=rows.first["customers_customer"])


@breaks("carts_one_active_copy")
def _(rows: Rows) -> None:
    twice(rows, "carts_cart", copy_of_id=rows.first["carts_cart"])


@breaks("carts_line_once")
def _(rows: Rows) -> None:
    twice(rows, "carts_cartline", variant_id=rows.first["catalog_variant"], slot_id=None)


@breaks("carts_line_quantity")
def _(rows: Rows) -> None:
    rows.insert("carts_cartline", quantity=1000)


@breaks("carts_line_price")
def _(rows: Rows) -> None:
    rows.insert("carts_cartline", unit_price_minor=-1)


@breaks("carts_cart_locked")
def _(rows: Rows) -> None:
    rows.update("carts_cart", rows.lock_cart(rows.insert("carts_cart")), version=2)


@breaks("carts_line_locked")
def _(rows: Rows) -> None:
    rows.insert("carts_cartline", cart_id=rows.lock_cart(rows.insert("carts_cart")))


@breaks("carts_cart_token_sha256_key")
def _(rows: Rows) -> None:
    twice(rows, "carts_cart", token_sha256="b" * 64)


# Cases and messages: once per cause.


@breaks("cases_once_per_cause")
def _(rows: Rows) -> None:
    twice(rows, "cases_case", cause="event:1")


@breaks("outbox_once_per_cause")
def _(rows: Rows) -> None:
    twice(rows, "outbox_message", cause="order:1")


# Catalogue.


@breaks("catalog_product_slug")
def _(rows: Rows) -> None:
    twice(rows, "catalog_product", slug="mug")


@breaks("catalog_variant_sku")
def _(rows: Rows) -> None:
    twice(rows, "catalog_variant", sku="MUG")


@breaks("catalog_variant_price")
def _(rows: Rows) -> None:
    rows.insert("catalog_variant", price_minor=-1)


@breaks("catalog_variant_places")
def _(rows: Rows) -> None:
    rows.insert("catalog_variant", places=0)


# Customers and merchants.


@breaks("customers_one_per_reference")
def _(rows: Rows) -> None:
    twice(rows, "customers_customer", reference="4711")


@breaks("customers_one_per_login")
def _(rows: Rows) -> None:
    rows.insert("customers_customer", user_id=rows.first["customers_user"])


@breaks("customers_user_email_key")
def _(rows: Rows) -> None:
    twice(rows, "customers_user", email="ada@example.com")


@breaks("merchant_window_fits")
def _(rows: Rows) -> None:
    rows.insert("merchants_merchant", payment_window_s=59)


@breaks("merchants_merchant_slug_key")
def _(rows: Rows) -> None:
    twice(rows, "merchants_merchant", slug="demo")


@breaks("merchants_host_once")
def _(rows: Rows) -> None:
    twice(rows, "merchants_host", host="shop.example")


@breaks("merchants_host_plain")
def _(rows: Rows) -> None:
    rows.insert("merchants_host", host="Shop.example")


@breaks("merchants_apikey_token_sha256_key")
def _(rows: Rows) -> None:
    twice(rows, "merchants_apikey", token_sha256="b" * 64)


@breaks("merchants_one_membership")
def _(rows: Rows) -> None:
    twice(rows, "merchants_membership", user_id=rows.first["customers_user"])


@breaks("merchants_membership_role")
def _(rows: Rows) -> None:
    rows.insert("merchants_membership", role="owner")


# Transfers: a line of the bank's once, two different people, and no more spent than came in (R-D5).


@breaks("receipts_bank_id")
def _(rows: Rows) -> None:
    twice(rows, "receipts_receipt", bank_id="FITID-1")


@breaks("receipts_amount_positive")
def _(rows: Rows) -> None:
    rows.insert("receipts_receipt", amount_minor=0)


@breaks("receipts_returned_within")
def _(rows: Rows) -> None:
    rows.update("receipts_receipt", rows.insert("receipts_receipt"), returned_minor=1251)


@breaks("receipts_two_people")
def _(rows: Rows) -> None:
    rows.update("receipts_receipt", rows.insert("receipts_receipt", entered_by="Ada"), confirmed_by="ADA")


@breaks("receipts_statement_has_id")
def _(rows: Rows) -> None:
    rows.insert("receipts_receipt", source="statement", bank_id=None)


@breaks("receipts_allocated_once")
def _(rows: Rows) -> None:
    twice(rows, "receipts_allocation", receipt_id=rows.insert("receipts_receipt"), amount_minor=1)


@breaks("receipts_allocation_positive")
def _(rows: Rows) -> None:
    rows.insert("receipts_allocation", amount_minor=0)


@breaks("receipts_allocation_within")
def _(rows: Rows) -> None:
    rows.insert("receipts_allocation", receipt_id=rows.insert("receipts_receipt", returned_minor=1))


@breaks("merchants_account_window")
def _(rows: Rows) -> None:
    rows.insert("merchants_account", window_s=59)


@breaks("merchant_late_money")
def _(rows: Rows) -> None:
    rows.insert("merchants_merchant", late_money="keep")


@breaks("merchants_account_capture")
def _(rows: Rows) -> None:
    rows.insert("merchants_account", capture="later")


# Stock: availability, whoever writes (R-H3, S-14).


@breaks("inventory_on_hand_not_negative")
def _(rows: Rows) -> None:
    rows.execute("UPDATE inventory_stock SET on_hand = -1, reserved = -1 WHERE id = %s", rows.first["inventory_stock"])


@breaks("inventory_reserved_not_negative")
def _(rows: Rows) -> None:
    rows.update("inventory_stock", rows.first["inventory_stock"], reserved=-1)


@breaks("inventory_available_not_negative")
def _(rows: Rows) -> None:
    rows.execute("UPDATE inventory_stock SET reserved = on_hand + 1 WHERE id = %s", rows.first["inventory_stock"])


@breaks("inventory_slot_stock")
def _(rows: Rows) -> None:
    twice(rows, "inventory_slot", stock_id=rows.first["inventory_stock"])


@breaks("inventory_slot_start")
def _(rows: Rows) -> None:
    twice(rows, "inventory_slot", starts_at=AT, ends_at=LATER)


@breaks("inventory_slot_times")
def _(rows: Rows) -> None:
    rows.insert("inventory_slot", starts_at=AT, ends_at=AT)


@breaks("inventory_one_reservation")
def _(rows: Rows) -> None:
    twice(rows, "inventory_reservation", stock_id=rows.first["inventory_stock"])


@breaks("inventory_reservation_quantity")
def _(rows: Rows) -> None:
    rows.insert("inventory_reservation", quantity=0)


@breaks("inventory_moved_once")
def _(rows: Rows) -> None:
    twice(rows, "inventory_movement", reservation_id=rows.first["inventory_reservation"], cause="sold")


@breaks("inventory_movement_moves")
def _(rows: Rows) -> None:
    rows.insert("inventory_movement", delta=0)


# Promotions: a code once, and no more uses than there are (R-B3).


@breaks("promotions_code_once")
def _(rows: Rows) -> None:
    twice(rows, "promotions_promotion", code="WELCOME10")


@breaks("promotions_code_plain")
def _(rows: Rows) -> None:
    rows.insert("promotions_promotion", code="welcome10")


@breaks("promotions_reserved_not_negative")
def _(rows: Rows) -> None:
    rows.update("promotions_promotion", rows.first["promotions_promotion"], reserved=-1)


@breaks("promotions_redeemed_not_negative")
def _(rows: Rows) -> None:
    rows.update("promotions_promotion", rows.first["promotions_promotion"], redeemed=-1)


@breaks("promotions_within_limit")
def _(rows: Rows) -> None:
    rows.execute("UPDATE promotions_promotion SET redeemed = total_limit WHERE id = %s", rows.first["promotions_promotion"])


@breaks("promotions_limits_are_counted")
def _(rows: Rows) -> None:
    rows.insert("promotions_promotion", counted=False, reserved=0)


@breaks("promotions_one_redemption")
def _(rows: Rows) -> None:
    twice(rows, "promotions_redemption", promotion_id=rows.first["promotions_promotion"])


@breaks("promotions_redemption_gives")
def _(rows: Rows) -> None:
    rows.insert("promotions_redemption", gave_minor=0)


@breaks("promotions_tries_who")
def _(rows: Rows) -> None:
    twice(rows, "promotions_tries", who=SHA)


# Orders: one per checkout, unique numbers, whole amounts (R-C6).


@breaks("orders_number")
def _(rows: Rows) -> None:
    twice(rows, "orders_order", number="A-1")


@breaks("orders_one_per_checkout")
def _(rows: Rows) -> None:
    twice(rows, "orders_order", cart_id=rows.lock_cart(rows.insert("carts_cart")))


@breaks("orders_one_per_external_id")
def _(rows: Rows) -> None:
    twice(rows, "orders_order", external_id="ORD123")


@breaks("orders_total_not_negative")
def _(rows: Rows) -> None:
    rows.insert("orders_order", total_minor=-1)


@breaks("orders_order_token_sha256_key")
def _(rows: Rows) -> None:
    twice(rows, "orders_order", token_sha256="b" * 64)


@breaks("orders_line_position")
def _(rows: Rows) -> None:
    twice(rows, "orders_orderline", position=1)


@breaks("orders_line_of_snapshot")
def _(rows: Rows) -> None:
    """Nobody adds a line to an order that was placed."""
    rows.insert("orders_orderline", position=501)


@breaks("orders_line_quantity")
def _(rows: Rows) -> None:
    rows.insert("orders_orderline", quantity=0)


@breaks("orders_line_amounts")
def _(rows: Rows) -> None:
    rows.insert("orders_orderline", total_minor=-1)


@breaks("orders_adjusted_once")
def _(rows: Rows) -> None:
    twice(rows, "orders_adjustment", payment_id=new_id())


@breaks("orders_adjustment_lowers")
def _(rows: Rows) -> None:
    rows.insert("orders_adjustment", amount_minor=0)


# Payments: one in flight, known by the provider's id once, amounts (R-D1).


@breaks("payments_one_in_flight")
def _(rows: Rows) -> None:
    order_id = rows.insert("orders_order")
    rows.insert("payments_payment", order_id=order_id, state="created")
    first = rows.insert("payments_payment", order_id=rows.insert("orders_order"), state="created")
    rows.update("payments_payment", first, state="unknown", moved=moved())
    rows.insert("payments_payment", order_id=order_id, state="created")


@breaks("payments_provider_id")
def _(rows: Rows) -> None:
    twice(rows, "payments_payment", provider_id="cs_1")


@breaks("payments_amount_positive")
def _(rows: Rows) -> None:
    for wrong in ({"amount_minor": 0}, {"amount_minor": -1}, {"provider": "none"}):
        try:
            with rows.connection.transaction():
                rows.insert("payments_payment", **wrong)
        except psycopg.errors.CheckViolation:
            continue
        raise AssertionError(f"taken: {wrong}")
    rows.insert("payments_payment", amount_minor=-1, provider="none")


@breaks("payments_refunded_within")
def _(rows: Rows) -> None:
    with pytest.raises(psycopg.errors.CheckViolation), rows.connection.transaction():
        rows.insert("payments_payment", disputed_minor=-1)
    rows.insert("payments_payment", refunded_minor=-1)


@breaks("payments_captured_has_money")
def _(rows: Rows) -> None:
    rows.insert("payments_payment", state="captured", captured_minor=0)


@breaks("payments_operation_key")
def _(rows: Rows) -> None:
    twice(rows, "payments_operation", key="k")


@breaks("payments_fact_once")
def _(rows: Rows) -> None:
    twice(rows, "payments_fact", object_id="ch_1")


@breaks("payments_fact_amount")
def _(rows: Rows) -> None:
    rows.insert("payments_fact", amount_minor=0)


# Money back: known by the provider's id once, no more than came in (R-J1; what is left: test_refunds_within_captured).


@breaks("payments_refund_provider_id")
def _(rows: Rows) -> None:
    twice(rows, "payments_refund", provider_id="re_1")


@breaks("payments_refund_amount_positive")
def _(rows: Rows) -> None:
    rows.insert("payments_refund", amount_minor=0)


@breaks("payments_refund_within_captured")
def _(rows: Rows) -> None:
    rows.insert("payments_refund", amount_minor=1251)


@breaks("payments_dispute_provider_id")
def _(rows: Rows) -> None:
    twice(rows, "payments_dispute", provider_id="dp_1")


@breaks("payments_dispute_amounts")
def _(rows: Rows) -> None:
    with pytest.raises(psycopg.errors.CheckViolation), rows.connection.transaction():
        rows.insert("payments_dispute", lost_minor=-1)
    rows.insert("payments_dispute", amount_minor=0)


# The journal (R-S1); what it does at commit is in test_journal.


@breaks("ledger_entry_once")
def _(rows: Rows) -> None:
    twice(rows, "ledger_entry", cause="fact:1")


@breaks("ledger_entry_balances")
def _(rows: Rows) -> None:
    rows.insert("ledger_entry")


@breaks("ledger_posting_balances")
def _(rows: Rows) -> None:
    rows.insert("ledger_posting")


@breaks("ledger_posting_one_side")
def _(rows: Rows) -> None:
    rows.insert("ledger_posting", debit_minor=1, credit_minor=1)


# Fulfilment: nothing twice (R-I1).


@breaks("fulfilment_once_per_way")
def _(rows: Rows) -> None:
    twice(rows, "fulfilment_fulfilment", order_id=rows.insert("orders_order"))


@breaks("fulfilment_handed_over_once")
def _(rows: Rows) -> None:
    twice(rows, "fulfilment_handover", unit=1)


@breaks("fulfilment_code")
def _(rows: Rows) -> None:
    twice(rows, "fulfilment_handover", code="V-1")


@breaks("fulfilment_handover_quantity")
def _(rows: Rows) -> None:
    rows.insert("fulfilment_handover", quantity=0)


@breaks("fulfilment_withdrawn_once")
def _(rows: Rows) -> None:
    twice(rows, "fulfilment_withdrawal", cause=rows.first["payments_refund"])


@breaks("fulfilment_withdrawal_quantity")
def _(rows: Rows) -> None:
    rows.insert("fulfilment_withdrawal", quantity=0)


@breaks("fulfilment_revoked_once")
def _(rows: Rows) -> None:
    twice(rows, "fulfilment_revocation", handover_id=rows.first["fulfilment_handover"])


# Events and keys: known once (R-F2, R-E1).


@breaks("inbox_event_once")
def _(rows: Rows) -> None:
    twice(rows, "inbox_event", provider_event_id="evt_1")


@breaks("idempotency_key_once")
def _(rows: Rows) -> None:
    twice(rows, "idempotency_key", key="k")


@breaks("idempotency_answer_whole")
def _(rows: Rows) -> None:
    rows.insert("idempotency_key", status=200)


@breaks("idempotency_no_5xx")
def _(rows: Rows) -> None:
    rows.insert("idempotency_key", status=503, answer_id=new_id())


# The walk.


def expected_state(name: str) -> str:
    unique = isinstance(DECLARED.get(name), UniqueConstraint) or name.endswith("_key")
    return UNIQUE_VIOLATION if unique else CHECK_VIOLATION


@pytest.mark.parametrize("name", sorted(BREAKERS))
def test_the_owner_is_refused_by(name: str, owner: Rows) -> None:
    with refused(owner.connection, name, expected_state(name)):
        BREAKERS[name](owner)


#: Constraints of tables that only the deployment's owner writes.
FOUNDED = (
    "merchant_",
    "merchants_merchant",
    "merchants_host",
    "merchants_one_membership",
    "merchants_membership",
    "customers_user",
)


@pytest.mark.parametrize("name", sorted(BREAKERS))
def test_the_application_is_refused_by(name: str, app: Rows) -> None:
    # It founds no merchant and makes no login: there it has no right even to try.
    if name.startswith(FOUNDED):
        with refused(app.connection, None, NO_RIGHT):
            BREAKERS[name](app)
    else:
        with refused(app.connection, name, expected_state(name)):
            BREAKERS[name](app)


def test_no_constraint_is_without_a_test() -> None:
    """Give a model a constraint and this fails until a breaker here, or a walk elsewhere, has seen it refuse."""
    walked = {name for name, law in DECLARED.items() if type(law) in WALKED}
    by_hand = {name for name, law in DECLARED.items() if isinstance(law, CheckConstraint | UniqueConstraint | Rule)}
    assert set(DECLARED) == walked | by_hand, "a new kind of law needs a walk"
    assert by_hand - set(BREAKERS) == set()
    assert {type(law) for law in DECLARED.values() if isinstance(law, Law)} == {*WALKED, Rule}


CONSTRAINTS_OF_THE_DATABASE = """
  SELECT conname, contype, conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
  WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'u', 'f') AND conparentid = 0 AND conislocal
  AND conrelid::regclass::text !~ '^(auth|django)_' AND conrelid::regclass::text NOT IN
      ('customers_user_groups', 'customers_user_user_permissions')
"""


def test_no_constraint_of_the_database_is_unknown(owner: Rows) -> None:
    """Also what Django adds by itself: unique columns have breakers, positive columns and plain keys are walked below."""
    unknown = []
    for name, kind, _, definition in owner.execute(CONSTRAINTS_OF_THE_DATABASE).fetchall():
        positive = kind == "c" and definition.endswith(">= 0))") and name.endswith("_check")
        if not (name in BREAKERS or name in DECLARED or positive or kind == "f"):
            unknown.append(name)
    assert unknown == []


CHECKS_OF_COLUMNS = """
  SELECT c.conrelid::regclass::text, a.attname, array_agg(c.conname::text)
  FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
  WHERE c.connamespace = 'public'::regnamespace AND c.contype = 'c'
    AND c.conrelid::regclass::text !~ '^(auth|django)_' GROUP BY 1, 2 HAVING bool_or(c.conname LIKE '%_check')
"""


def test_every_positive_column_refuses_less_than_zero(owner: Rows) -> None:
    """By the check that Django adds for it, or by a stricter one, or a rule of its table, that answers first."""
    rules = {model._meta.db_table: [law.name for law in model._meta.constraints if isinstance(law, Rule)] for model in OURS}
    columns = owner.connection.execute(CHECKS_OF_COLUMNS).fetchall()
    assert len(columns) > 20
    for table, column, names in columns:
        with pytest.raises(psycopg.errors.CheckViolation) as caught:
            with owner.connection.transaction():
                owner.insert(table, **{column: -1})
        assert caught.value.diag.constraint_name in [*names, *rules.get(table, [])]
