"""The laws hold for the ORM, in bulk and in raw SQL, whatever an instance in memory says (S-14, S-40, S-56, R-A4, R-C4, R-H3)."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, connection
from django.db.models import F

from holdfast.carts.models import Cart, CartLine
from holdfast.db.moves import Cause
from holdfast.db.tenancy import violated, writing
from holdfast.inventory.models import Stock
from holdfast.orders.models import Order
from holdfast.payments.models import Payment
from tests.laws.conftest import World
from tests.laws.refusals import refused
from tests.laws.rows import AT, Rows, moved


@pytest.fixture
def rows(world: World) -> Iterator[Rows]:
    """Our merchant's rows, committed as they are written."""
    with world.database.as_owner() as owner:
        yield Rows(owner, world.merchant_id, world.ours)


def law_that_refuses(world: World, write: Callable[[], Any]) -> str:
    """The name of the law that refuses a write of the application."""
    with pytest.raises(IntegrityError) as caught:
        with writing(world.merchant_id, step="test.write"):
            write()
    return violated(caught.value)


def read(world: World, model: type[Any], row_id: Any) -> Any:
    with writing(world.merchant_id, step="test.read"):
        return model.objects.get(pk=row_id)


def go(rows: Rows, order_id: Any, *states: str) -> None:
    for state in states:
        rows.update("orders_order", order_id, state=state, moved=moved(state))


def test_a_stale_instance_cannot_unpay_an_order(world: World, rows: Rows) -> None:
    order_id = rows.insert("orders_order")
    stale = read(world, Order, order_id)
    rows.update("orders_order", order_id, state="paid", moved=moved("captured"), paid_at=AT)

    assert law_that_refuses(world, stale.save) == "orders_order_frozen"  # paid_at goes first
    assert law_that_refuses(world, lambda: stale.save(update_fields=["state", "moved"])) == "orders_order_moves"
    for target in ("payment_pending", "payment_failed", "expired", "cancelled", "draft"):
        stale.state, stale.moved = target, Cause("a stale job").as_json()
        assert law_that_refuses(world, lambda: stale.save(update_fields=["state", "moved"])) == "orders_order_moves"
    assert rows.value("SELECT state FROM orders_order WHERE id = %s", order_id) == "paid"
    assert rows.value("SELECT count(*) FROM db_transition WHERE subject_id = %s", order_id) == 2


def test_a_stale_instance_cannot_repeat_a_move_that_the_table_allows(world: World, rows: Rows) -> None:
    """expired → payment_pending is listed: what refuses is that the cause was used before."""
    order_id = rows.insert("orders_order")
    stale = read(world, Order, order_id)
    go(rows, order_id, "expired")
    assert law_that_refuses(world, stale.save) == "orders_order_moves"
    assert rows.value("SELECT state FROM orders_order WHERE id = %s", order_id) == "expired"


def test_a_stale_instance_cannot_undo_a_refund(world: World, rows: Rows) -> None:
    order_id = rows.insert("orders_order")
    go(rows, order_id, "paid")
    stale = read(world, Order, order_id)
    go(rows, order_id, "refunded")
    assert law_that_refuses(world, stale.save) == "orders_order_moves"


def test_a_stale_instance_cannot_unlearn_money(world: World, rows: Rows) -> None:
    payment_id = rows.insert("payments_payment", order_id=rows.insert("orders_order"), state="created", captured_minor=0)
    stale = read(world, Payment, payment_id)
    rows.update("payments_payment", payment_id, state="captured", captured_minor=1250, moved=moved("captured"))
    assert law_that_refuses(world, lambda: stale.save(update_fields=["captured_minor"])) == "payments_payment_grows"
    assert law_that_refuses(world, stale.save) in ("payments_payment_grows", "payments_payment_moves")


ORM_PATHS: dict[str, Callable[[Any], Any]] = {
    "save": lambda stock: (setattr(stock, "reserved", 11), stock.save()),
    "update": lambda stock: Stock.objects.filter(pk=stock.pk).update(reserved=F("reserved") + 100),
    "bulk_update": lambda stock: (setattr(stock, "on_hand", 1), Stock.objects.bulk_update([stock], ["on_hand"])),
    "bulk_create": lambda stock: Stock.objects.bulk_create([Stock(merchant_id=stock.merchant_id, kind="item", reserved=1)]),
    "raw": lambda stock: connection.cursor().execute("UPDATE inventory_stock SET on_hand = 1 WHERE id = %s", [stock.pk]),
}


@pytest.mark.parametrize("path", ORM_PATHS)
def test_no_path_takes_more_than_there_is(world: World, rows: Rows, path: str) -> None:
    stock = read(world, Stock, rows.insert("inventory_stock"))
    assert law_that_refuses(world, lambda: ORM_PATHS[path](stock)) == "inventory_available_not_negative"
    assert rows.execute("SELECT on_hand, reserved FROM inventory_stock WHERE id = %s", stock.pk).fetchone() == (10, 2)


LOCKED_PATHS: dict[str, Callable[[Cart, CartLine], Any]] = {
    "line.save": lambda cart, line: (setattr(line, "quantity", 5), line.save()),
    "line.delete": lambda cart, line: line.delete(),
    "line.update": lambda cart, line: CartLine.objects.filter(cart=cart).update(quantity=F("quantity") + 1),
    "line.bulk_update": lambda cart, line: (setattr(line, "quantity", 5), CartLine.objects.bulk_update([line], ["quantity"])),
    "line.bulk_create": lambda cart, line: CartLine.objects.bulk_create(
        [CartLine(merchant_id=cart.merchant_id, cart=cart, variant_id=line.variant_id, slot=None, quantity=1,
                  unit_price_minor=1, priced_at=AT)]),
    "lines.delete": lambda cart, line: CartLine.objects.filter(cart=cart).delete(),
    "line.raw": lambda cart, line: connection.cursor().execute("DELETE FROM carts_cartline WHERE id = %s", [line.pk]),
    "line.moved_out": lambda cart, line: CartLine.objects.filter(pk=line.pk).update(cart_id=OTHER["cart"]),
    "line.moved_in": lambda cart, line: CartLine.objects.filter(pk=OTHER["line"]).update(cart=cart),
    "cart.save": lambda cart, line: (setattr(cart, "region", "FR"), cart.save()),
    "cart.update": lambda cart, line: Cart.objects.filter(pk=cart.pk).update(version=F("version") + 1),
    "cart.bulk_update": lambda cart, line: (setattr(cart, "coupon", "FREE"), Cart.objects.bulk_update([cart], ["coupon"])),
    "cart.raw": lambda cart, line: connection.cursor().execute("UPDATE carts_cart SET coupon = 'FREE' WHERE id = %s", [cart.pk]),
    "cart.reopen": lambda cart, line: Cart.objects.filter(pk=cart.pk).update(state="active", moved=Cause("x").as_json()),
}  # fmt: skip
OTHER: dict[str, Any] = {}


@pytest.mark.parametrize("path", LOCKED_PATHS)
def test_no_path_changes_a_cart_in_checkout(world: World, rows: Rows, path: str) -> None:
    cart_id = rows.insert("carts_cart")
    line_id = rows.insert("carts_cartline", cart_id=cart_id)
    OTHER["cart"] = rows.insert("carts_cart")
    OTHER["line"] = rows.insert("carts_cartline", cart_id=OTHER["cart"])
    rows.lock_cart(cart_id)
    cart, line = read(world, Cart, cart_id), read(world, CartLine, line_id)
    law = law_that_refuses(world, lambda: LOCKED_PATHS[path](cart, line))
    expected = {"line": "carts_line_locked", "lines": "carts_line_locked", "cart": "carts_cart_locked"}[path.split(".")[0]]
    assert law == ("carts_cart_moves" if path == "cart.reopen" else expected)
    assert rows.execute("SELECT id, quantity FROM carts_cartline WHERE cart_id = %s", cart_id).fetchall() == [(line_id, 1)]


#: What happens to a cart that is in checkout, besides the shopper: the loops look at it, and its state moves by its table.
NOT_CONTENT = {"id", "merchant_id", "token_sha256", "copy_of_id", "state", "moved", "due_at", "attempts", "created_at"}
CONTENT = [column.column for column in Cart._meta.concrete_fields if column.column not in NOT_CONTENT]
CHANGED = {"region": "FR", "currency": "JPY", "version": 7, "coupon": "FREE", "shipping_method": "express"}


@pytest.mark.parametrize("column", CONTENT)
def test_no_column_of_a_cart_in_checkout_changes(world: World, rows: Rows, column: str) -> None:
    """A new column is content, unless it is named above: raw SQL of the application and of the owner is refused alike."""
    cart_id = rows.lock_cart(rows.insert("carts_cart"))
    other = {"customer_id": rows.first["customers_customer"], "merged_into_id": rows.insert("carts_cart")}
    said = f"UPDATE carts_cart SET {column} = %s WHERE id = %s"
    value = {**CHANGED, **other}[column]
    assert law_that_refuses(world, lambda: connection.cursor().execute(said, [value, cart_id])) == "carts_cart_locked"
    with refused(rows.connection, "carts_cart_locked"):
        rows.execute(said, value, cart_id)


def test_a_temporary_table_does_not_stand_in_for_the_cart(app: Rows) -> None:
    cart_id = app.lock_cart(app.insert("carts_cart"))
    app.execute("CREATE TEMP TABLE carts_cart (id uuid, state text)")
    with refused(app.connection, "carts_line_locked"):
        app.insert("carts_cartline", cart_id=cart_id)


def test_a_line_waits_for_the_checkout_that_is_locking_its_cart(world: World, rows: Rows) -> None:
    """The other writer brings raw SQL and locks nothing itself: it waits, and is refused by what was decided meanwhile."""
    cart_id, variant_id = rows.insert("carts_cart"), rows.insert("catalog_variant")
    outcome: list[Any] = []

    def add() -> None:
        with world.database.as_app(world.merchant_id) as other:
            try:
                Rows(other, world.merchant_id, world.ours).insert("carts_cartline", cart_id=cart_id, variant_id=variant_id)
                outcome.append("added")
            except psycopg.Error as error:
                outcome.append(error.diag.constraint_name)

    with rows.connection.transaction():
        rows.lock_cart(cart_id)
        writer = threading.Thread(target=add)
        writer.start()
        writer.join(0.7)
        assert outcome == []
    writer.join(10)
    assert outcome == ["carts_line_locked"]
    assert world.database.count("carts_cartline", "cart_id = %s", cart_id) == 0


def test_a_refusal_is_an_integrity_error_with_a_name(world: World) -> None:
    assert issubclass(IntegrityError, DatabaseError)
    with pytest.raises(IntegrityError) as caught:
        with writing(world.merchant_id, step="test.name"):
            Order.objects.filter(pk=world.ours["orders_order"]).update(total_minor=1)
    assert violated(caught.value) == "orders_order_frozen"
    assert caught.value.__cause__.sqlstate == "23514"  # type: ignore[union-attr]
