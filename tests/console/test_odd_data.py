"""No page breaks on odd data, and none shows what nobody may see."""

import json
from typing import Any

import pytest

from holdfast.console import papers
from holdfast.db.evidence import Head
from holdfast.flows import direct
from holdfast.kernel import limits
from tests import build
from tests.console.staff import LISTS, Office


def test_an_order_whose_customer_was_erased(office: Office) -> None:
    order_id, _ = office.bought(MUG=1)
    with office.database.as_owner() as connection:
        connection.execute("UPDATE customers_contact SET email = '', email_normalised = '', name = '', erased_at = now()")
    assert "Personal data erased" in office.text(office.page_of(order_id))
    assert "erased" in office.text("orders/")


def test_an_order_of_a_shop_that_keeps_its_own(office: Office) -> None:
    direct.start(merchant_id=office.shop.id, order_id="A-17", amount_minor=10000, currency="EUR", now=build.now())
    [order_id] = office.ids("orders_order")
    text = office.text(office.page_of(order_id))
    assert "The shop asked for a payment of €100.00 for its own order A-17." in text
    assert "The shop keeps its items itself." in text
    assert "A-17" in office.text("orders/", q="A-17")


def test_an_order_without_any_attempt(office: Office) -> None:
    order_id, _ = build.buy(office.shop, MUG=1)
    with office.database.as_owner() as connection:
        connection.execute("SET session_replication_role = replica")
        for table in ("payments_operation", "payments_payment"):
            connection.execute(f"DELETE FROM {table}")
    text = office.text(office.page_of(order_id))
    assert "The ledger holds nothing for this order." in text
    assert "Payment –" in text


@pytest.mark.parametrize("path", ["orders/", "payments/", "events/"])
@pytest.mark.parametrize("word", ["\x00", "cs_\x00test", "x" * 5000, "%"])
def test_a_search_for_nonsense_finds_nothing(office: Office, path: str, word: str) -> None:
    office.bought(MUG=1)
    assert "Nothing here" in office.text(path, q=word)


@pytest.mark.parametrize("column", ["time_zone", "locale"])
def test_a_merchant_with_nonsense_for_a_setting(office: Office, column: str) -> None:
    order_id, _ = office.bought(MUG=1)
    with office.database.as_owner() as connection:
        connection.execute(f"UPDATE merchants_merchant SET {column} = 'Nowhere!'")
    for path in [*LISTS, office.page_of(order_id)]:
        office.get(path)


@pytest.mark.breaks_the_list
def test_an_order_with_a_snapshot_of_another_age(office: Office) -> None:
    order_id, _ = build.buy(office.shop, MUG=1)
    with office.database.as_owner() as connection:
        connection.execute("SET session_replication_role = replica")
        for snapshot in ({}, {"lines": None, "totals": None}, {"lines": ["?"], "totals": {"tax_minor": "x"}}):
            connection.execute("UPDATE orders_order SET snapshot = %s", [json.dumps(snapshot)])
            office.get(office.page_of(order_id))


def test_a_huge_or_unreadable_body_is_cut_and_says_so(office: Office) -> None:
    order_id, _ = office.bought(BOOK=1)
    [event_id, *_] = office.ids("inbox_event", "payment_id IS NOT NULL")
    for body, note in (
        (b'{"a":"' + b"x" * 400_000 + b'"}', "16,384 of 400,008 bytes"),
        (b"\xff\xfe<html>", "not JSON"),
        (b"", "0 bytes"),
    ):
        with office.database.as_owner() as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute(
                "UPDATE db_payload SET body = %s WHERE id = (SELECT payload_id FROM inbox_event WHERE id = %s)", [body, event_id]
            )
        page = office.get(office.page_of(order_id))
        assert note in page
        assert len(page) < 200_000
        office.get(f"events/evt_{event_id.hex}/")


def test_a_body_past_its_retention_says_so(office: Office) -> None:
    order_id, _ = office.bought(BOOK=1)
    with office.database.as_owner() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM db_payload")
    assert "The payload is past its retention; its sha256 stays." in office.text(office.page_of(order_id))


def test_markup_in_data_stays_text(office: Office) -> None:
    build.check_out(office.shop, build.basket(office.shop, MUG=1), name="<script>alert(1)</script>", email='a"><b>@x.test')
    [order_id] = office.ids("orders_order")
    raw = office.client.get(f"/console/{office.page_of(order_id)}").content.decode()
    assert "<script>alert" not in raw
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in raw


@pytest.mark.parametrize(
    "path",
    [
        "orders/ord_x/",
        "orders/pay_" + "0" * 32 + "/",
        "payments/pay_" + "0" * 32 + "/",
        "events/%00/",
        "stock/stk_é/",
        "nothing/",
    ],
)
def test_what_is_not_there_is_a_page_that_says_so(office: Office, path: str) -> None:
    assert office.client.get(f"/console/{path}").status_code == 404


def test_no_page_shows_a_token_or_a_code_that_opens_something(office: Office) -> None:
    from holdfast.flows import answers

    order_id, _ = build.buy(office.shop, BOOK=1)
    token = answers.order_token(order_id)
    told = json.loads(
        build.check_out(office.shop, build.basket(office.shop, BOOK=1), success_url=f"http://shop.test/o/{token}").body
    )
    office.gateway.pay(told["payment"]["url"])
    office.bought(BOOK=1)
    codes = [row[0] for row in office.database.rows("SELECT code FROM fulfilment_handover WHERE code IS NOT NULL")]
    assert codes
    pages = "".join(office.get(path) for path in [*LISTS, *office.things()])
    assert [secret for secret in [token, *codes, office.shop.secret_key] if secret in pages] == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"client_secret": "cs_1", "id": "x"}, {"client_secret": "…", "id": "x"}),
        ({"headers": {"Authorization": "Bearer sk_test_123456789"}}, {"headers": {"Authorization": "…"}}),
        ({"a": [{"password": "p"}, "sk_live_abcdefgh12"]}, {"a": [{"password": "…"}, "…"]}),
        ({"url": "https://x.test/a?token=abc&b=1"}, {"url": "https://x.test/a?token=…&b=1"}),
        ({"client_secret": None, "number": "K7"}, {"client_secret": None, "number": "K7"}),
        ({"url": f"https://x.test/o/{'a' * 64}/x"}, {"url": "https://x.test/o/…/x"}),
    ],
)
def test_secrets_are_taken_out_of_what_is_shown(value: Any, shown: Any) -> None:
    assert papers.redacted(value) == shown


def test_secrets_are_taken_out_of_a_body_that_is_cut(office: Office) -> None:
    body = b'{"client_secret": "pi_secret_123", "x": "' + b"y" * limits.STAFF_GLANCE_BYTES
    told = papers.paper("Body", Head("webhook", {}, body[: limits.STAFF_GLANCE_BYTES], len(body)))
    assert "pi_secret_123" not in told.text
    assert told.note.startswith("The first 16,384 of ")


def test_nesting_without_end_is_left_out() -> None:
    value: Any = "deep"
    for _ in range(500):
        value = [value]
    assert "…" in papers.pretty(value)
