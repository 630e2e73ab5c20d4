"""A shop in which a process dies, and what a customer, a merchant and the worker do about it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from django.core import mail

from holdfast.flows import checkout, fulfil
from holdfast.idempotency.services import Answer
from holdfast.kernel import ids
from tests import build
from tests.build import Basket, Shop
from tests.conftest import Database
from tests.integration import driving

#: One mug, one book and shipping, in cents.
TOTAL = 1250 + 900 + 490
#: What the ledger says of it once it is paid: 19 % tax inside the prices.
LEDGER = {"receivable:stripe": 2640, "sales": -1806, "shipping_income": -412, "tax_payable": -422}
#: An attempt at the gateway that breaks: the session is made, and both tries of the SDK see a closed connection.
LOST_REPLY = ("POST /v1/checkout/sessions", "reset_after")


@dataclass
class Plan:
    """How a fault point is reached, and how the journey goes on."""

    act: Callable[[], Any]
    finish: Callable[[], None]


@dataclass
class World:
    database: Database
    gateway: Any
    shop: Shop
    patch: pytest.MonkeyPatch
    order_id: UUID | None = None
    payment_id: UUID | None = None
    #: Sessions that the gateway is expected to have made, for all attempts together.
    sessions: int = 1
    cart: Basket = field(init=False)

    # -- What people do -----------------------------------------------------------------------------------------------

    def fill(self) -> None:
        self.cart = build.basket(self.shop, MUG=1, BOOK=1)

    def check_out(self) -> Answer:
        answer = build.check_out(self.shop, self.cart, key="checkout")
        self.remember(answer)
        return answer

    def pay_again(self) -> Answer:
        assert self.order_id is not None
        use = build.use("again", scope="order")
        answer = checkout.pay_again(merchant_id=self.shop.id, order_id=self.order_id, wish=build.wish(), use=use, now=build.now())
        self.remember(answer)
        return answer

    def remember(self, answer: Answer) -> None:
        told = json.loads(answer.body)
        self.order_id, self.payment_id = ids.parsed("ord", told["order"]["id"]), ids.parsed("pay", told["payment"]["id"])

    def place(self) -> None:
        self.fill()
        self.check_out()

    def pay(self) -> None:
        """At the gateway; no webhook of it has arrived."""
        self.gateway.pay(self.payment.provider_id)

    def hear(self) -> None:
        driving.hear(self.database, self.shop, self.gateway)

    def paid(self) -> None:
        """Paid, and applied; nothing of what follows has been done."""
        from holdfast.flows import webhooks

        self.place()
        self.pay()
        self.hear()
        while webhooks.work():
            pass

    def ship(self) -> Answer:
        assert self.order_id is not None
        use = build.use("parcel", scope="merchant")
        return fulfil.ship(
            merchant_id=self.shop.id, order_id=self.order_id, parts=None, tracking={"code": "1Z"}, use=use, now=build.now()
        )

    # -- What recovery does -------------------------------------------------------------------------------------------

    def recover(self) -> None:
        """The worker's loops. Every pause is over, as often as something waits: what was asked is looked up first."""
        for _ in range(3):
            driving.all_due(self.database, self.shop)
            build.work()
            if not self.waiting():
                return

    def waiting(self) -> int:
        """Operations without an answer, and events that are not applied."""
        asked = self.count("payments_operation", "state IN ('intended', 'unknown', 'not_sent')")
        return asked + self.count("inbox_event", "state IN ('received', 'waiting')")

    # -- What there is ------------------------------------------------------------------------------------------------

    @property
    def payment(self) -> Any:
        assert self.payment_id is not None
        return build.payment(self.shop, self.payment_id)

    @property
    def state(self) -> str:
        assert self.order_id is not None
        return str(build.order(self.shop, self.order_id).state)

    def count(self, table: str, where: str = "true") -> int:
        return self.database.count(table, f"merchant_id = %s AND {where}", self.shop.id)

    def rows(self, select: str) -> list[Any]:
        return self.database.rows(f"{select} WHERE merchant_id = %s", self.shop.id)

    # -- How it ends --------------------------------------------------------------------------------------------------

    def finish(self, *, dead_attempts: tuple[str, ...] = ()) -> None:
        """The customer pays, unless they have, the goods go out, and everything is there exactly once."""
        if self.state == "payment_pending":
            if self.payment.state == "unknown":
                self.recover()
            if self.payment.state == "open" and not driving.charged(self.shop, self.gateway):
                self.pay()
            self.hear()
        self.recover()
        if self.state != "fulfilled":
            self.ship()
        self.recover()
        self.assert_bought(dead_attempts)

    def finish_with_cases(self, cases: list[str]) -> None:
        """What troubled the order is with a person, and the customer's own payment goes on undisturbed."""
        self.pay()
        self.hear()
        self.recover()
        assert self.order_id is not None
        end = driving.picture(self.database, self.order_id)
        assert (end.order, end.payments, end.cases) == ("partially_fulfilled", [("captured", TOTAL)], cases)

    def assert_bought(self, dead_attempts: tuple[str, ...] = ()) -> None:
        assert self.order_id is not None
        end = driving.picture(self.database, self.order_id)
        assert end == driving.Picture(
            order="fulfilled",
            payments=[*((state, 0) for state in dead_attempts), ("captured", TOTAL)],
            facts=[("capture", TOTAL)],
            ledger=LEDGER,
            stock=[(9, 0)],
            reservations=["committed"],
            messages=sorted(["download_ready", "order_paid", "order_shipped", *("payment_problem" for _ in dead_attempts)]),
            fulfilments=["download done", "shipment done"],
            cases=[],
        )
        assert self.count("orders_order") == 1
        self.assert_books()
        self.assert_mails(len(end.messages))

    def assert_books(self) -> None:
        """The gateway's books agree with ours: one charge, for the attempt that we know, and no session too many."""
        assert driving.charged(self.shop, self.gateway) == [(self.payment.pk.hex, TOTAL)]
        assert driving.sessions(self.shop, self.gateway) == self.sessions

    def assert_mails(self, messages: int) -> None:
        """Every message went out; what was sent twice because we died in between carries the same id."""
        mine = {f"<{row[0].hex}@holdfast>" for row in self.rows("SELECT id FROM outbox_message")}
        told = [letter.extra_headers["Message-ID"] for letter in mail.outbox if letter.extra_headers["Message-ID"] in mine]
        assert len(set(told)) == messages
        assert len(told) <= messages + 1
        assert self.count("outbox_message", "state <> 'sent'") == 0

    def assert_untouched(self) -> None:
        """No money moved and nothing is held."""
        assert driving.charged(self.shop, self.gateway) == []
        assert build.stock(self.shop) == (10, 0)
        assert self.count("ledger_entry") == self.count("fulfilment_fulfilment") == 0
