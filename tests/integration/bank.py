"""A shop that takes bank transfers: its orders, the files that its bank gives it, and what its people say."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.core import mail

from holdfast.flows import entries, payouts, recovery, refunds, setup, statements
from holdfast.kernel import ids
from holdfast.providers.transfer import reference
from tests import build
from tests.crash.world import World
from tests.integration import driving

BANK = {"holder": "Demo", "iban": "DE89370400440532013000", "bic": "COBADEFFXXX", "bank": "Commerzbank", "currency": "EUR"}
#: One mug, one book and shipping, in cents.
TOTAL = 2640
SOLD = {"sales": -1806, "shipping_income": -412, "tax_payable": -422}
PAID = {"receivable:transfer": TOTAL, **SOLD}


@dataclass
class Desk:
    """A shop that takes transfers, and its bank."""

    world: World
    account_id: UUID

    @property
    def shop(self) -> build.Shop:
        return self.world.shop

    def order(self) -> tuple[UUID, UUID]:
        """An order of a mug and a book, to be paid by transfer."""
        told = json.loads(build.check_out(self.shop, build.basket(self.shop, MUG=1, BOOK=1), provider="transfer").body)
        return ids.parsed("ord", told["order"]["id"]), ids.parsed("pay", told["payment"]["id"])

    def bring(self, *lines: tuple[Any, ...], by: str = "ada", **more: Any) -> list[str]:
        """`(bank's id, amount, text[, currency[, day]])`; the outcomes."""
        return [line.outcome for line in self.brought(*lines, by=by, **more).lines]

    def brought(self, *lines: tuple[Any, ...], by: str = "ada", **more: Any) -> statements.Brought:
        return statements.bring(merchant_id=self.shop.id, format="csv", content=self.csv(*lines), by=by, now=build.now(), **more)

    def csv(self, *lines: tuple[Any, ...]) -> str:
        rows = ["id,date,amount,currency,payer,text"]
        for bank_id, amount, text, *rest in lines:
            currency, day = [*rest, *["EUR", self.today][len(rest) :]]
            rows.append(f"{bank_id},{day},{amount},{currency},A Customer,{text}")
        return "\n".join(rows)

    @property
    def today(self) -> date:
        return build.now().date()

    def enter(self, amount_minor: int, text: str = "", *, by: str = "ada", key: str = "", **more: Any) -> dict[str, Any]:
        entry = entries.Entry(**{"amount_minor": amount_minor, "currency": "EUR", "paid_on": self.today, "text": text, **more})
        answer = entries.enter(merchant_id=self.shop.id, entry=entry, by=by, use=self.use(key), now=build.now())
        told: dict[str, Any] = json.loads(answer.body)["transfer"]
        return told

    def decide(self, what: Callable[..., Any], transfer: str, *, by: str = "bob", key: str = "", **more: Any) -> dict[str, Any]:
        receipt_id = ids.parsed("trf", transfer)
        answer = what(merchant_id=self.shop.id, receipt_id=receipt_id, by=by, use=self.use(key), now=build.now(), **more)
        told: dict[str, Any] = json.loads(answer.body)["transfer"]
        return told

    def use(self, key: str = "") -> Any:
        return build.use(key, scope="secret:desk")

    def ledger(self) -> dict[str, int]:
        """Debits minus credits by account, of the whole shop, without those that are even."""
        rows = self.world.database.rows(
            "SELECT account, sum(debit_minor - credit_minor) FROM ledger_posting WHERE merchant_id = %s GROUP BY 1", self.shop.id
        )
        return {account: int(net) for account, net in rows if net}

    def recover(self) -> None:
        driving.all_due(self.world.database, self.shop, "operations")
        recovery.work_operations()

    def mails(self) -> list[str]:
        return [str(letter.body) for letter in mail.outbox]

    def cases(self) -> list[tuple[str, str]]:
        return self.world.database.rows("SELECT kind, state FROM cases_case WHERE merchant_id = %s ORDER BY id", self.shop.id)

    def states(self) -> list[str]:
        told = "SELECT state FROM receipts_receipt WHERE merchant_id = %s ORDER BY id"
        return [row[0] for row in self.world.database.rows(told, self.shop.id)]

    def payment(self, payment_id: UUID) -> Any:
        return build.payment(self.shop, payment_id)

    def state(self, order_id: UUID) -> str:
        return build.order(self.shop, order_id).state


def open_desk(world: World) -> Desk:
    account = setup.open_account(merchant_id=world.shop.id, provider="transfer", mode="test", credentials=BANK, now=build.now())
    return Desk(world, account.pk)


def named(payment_id: UUID) -> str:
    """The reference as a customer copies it."""
    return reference.grouped(reference.of(payment_id))


def refund(desk: Desk, order_id: UUID, amount_minor: int) -> UUID:
    ask = refunds.Ask(amount_minor=amount_minor)
    more: dict[str, Any] = {"merchant_id": desk.shop.id, "order_id": order_id, "actor": "merchant", "now": build.now()}
    told = json.loads(refunds.refund(ask=ask, use=desk.use(), **more).body)["refund"]
    assert told["state"] == "pending"
    return ids.parsed("ref", told["id"])


def pay_out(desk: Desk, order_id: UUID, refund_id: UUID, *, paid: bool = True, key: str = "") -> dict[str, Any]:
    answer = payouts.record(
        merchant_id=desk.shop.id,
        order_id=order_id,
        refund_id=refund_id,
        paid=paid,
        paid_on=desk.today,
        note="",
        by="ada",
        use=desk.use(key),
        now=build.now(),
    )
    told: dict[str, Any] = json.loads(answer.body)["refund"]
    return told
