"""Staff of a shop at work, and the purchases they look at."""

import html
import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.test import Client

from holdfast.flows import setup
from holdfast.kernel import ids
from holdfast.kernel.clock import now
from tests import build
from tests.build import Shop
from tests.integration import driving

PASSWORD = "correct horse battery staple"
#: Pages that every merchant has; those of one thing are made with `Office.things`.
LISTS = ("", "orders/", "payments/", "events/", "cases/", "messages/", "journal/", "stock/")


@dataclass
class Office:
    """A shop and a member of its staff."""

    database: Any
    gateway: Any
    shop: Shop
    client: Client

    def get(self, path: str, expected: int = 200, **query: str) -> str:
        """A page as its reader sees it, entities resolved."""
        answer = self.client.get(f"/console/{path}", query)
        assert answer.status_code == expected, answer.content.decode()[-2000:]
        return html.unescape(answer.content.decode())

    def text(self, path: str, **query: str) -> str:
        """What stands on a page, without its marks."""
        body = re.sub(r"(?s)<(script|style).*?</\1>", " ", self.get(path, **query))
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))

    def page_of(self, order_id: UUID) -> str:
        return f"orders/{ids.shown('ord', order_id)}/"

    def bought(self, **quantities: int) -> tuple[UUID, UUID]:
        """An order that was paid by webhook and handed over as far as the worker does."""
        order_id, payment_id = build.buy(self.shop, **quantities)
        self.gateway.pay(build.payment(self.shop, payment_id).provider_id)
        driving.hear(self.database, self.shop, self.gateway)
        build.work()
        return order_id, payment_id

    def ids(self, table: str, where: str = "true") -> list[UUID]:
        rows = self.database.rows(f"SELECT id FROM {table} WHERE merchant_id = %s AND {where} ORDER BY id", self.shop.id)
        return [row[0] for row in rows]

    def things(self) -> list[str]:
        """The page of every single thing that the shop has."""
        tables = {"orders/": ("ord", "orders_order"), "payments/": ("pay", "payments_payment"), "events/": ("evt", "inbox_event"),
                  "cases/": ("case", "cases_case"), "messages/": ("msg", "outbox_message"), "journal/": ("ent", "ledger_entry"),
                  "stock/": ("stk", "inventory_stock")}  # fmt: skip
        return [f"{path}{ids.shown(prefix, key)}/" for path, (prefix, table) in tables.items() for key in self.ids(table)]


def browser() -> Client:
    """A browser that has not logged in."""
    return Client(SERVER_NAME="127.0.0.1")


def log_in(shop: Shop, email: str, role: str = "support") -> Client:
    """Hire somebody and let them log in by the form."""
    setup.hire(merchant_id=shop.id, email=email, password=PASSWORD, role=role, now=now())
    client = browser()
    answer = client.post("/console/login/", {"username": email, "password": PASSWORD, "next": "/console/"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/console/")
    return client
