"""What a word means: an order number, an e-mail, a provider's id, or one of our own ids."""

from typing import Any
from uuid import UUID

from holdfast.cases import queries as cases
from holdfast.customers import queries as customers
from holdfast.inbox import queries as inbox
from holdfast.kernel import limits
from holdfast.kernel.errors import NotFound
from holdfast.kernel.ids import parsed
from holdfast.ledger import queries as ledger
from holdfast.merchants import queries as merchants
from holdfast.orders import queries as orders
from holdfast.outbox import queries as outbox
from holdfast.payments import queries as payments

#: Shorter beginnings of an e-mail fit half the customers.
SHORTEST = 3


def orders_named(word: str) -> list[UUID]:
    """Orders by number, e-mail (whole or its beginning), the shop's or a provider's id, an event's id, or our ids; newest first.

    Each question is answered by an index; none of them looks through a table.
    """
    word = word.strip()[:200].replace("\x00", "")
    if not word:
        return []
    ours = _by_our_id(word)
    if ours is not None:
        return ours
    found = set(orders.named(word, limit=limits.STAFF_PAGE))
    if len(word) >= SHORTEST:
        contacts = customers.contacts(word, limit=4 * limits.STAFF_PAGE)
        found |= set(orders.of_contacts(contacts, limit=limits.STAFF_PAGE)) if contacts else set()
    accounts = merchants.account_ids()
    found |= {payment.order_id for payment in payments.named(word, account_ids=accounts, limit=limits.STAFF_PAGE)}
    found |= {event.order_id for event in inbox.named(word, account_ids=accounts) if event.order_id}
    return sorted(found, reverse=True)[: limits.STAFF_PAGE]


def _by_our_id(word: str) -> list[UUID] | None:
    """The order behind `ord_…`, `pay_…`, `evt_…`, `case_…`, `msg_…`, `ent_…` or a bare UUID; None for another word."""
    prefix, _, digits = word.lower().partition("_")
    bare = _uuid(word)
    if bare is not None:
        return [bare, *(row.order_id for row in payments.listed([bare]))]
    if _uuid(digits) is None or prefix not in ("ord", "pay", "evt", "case", "msg", "ent"):
        return None
    try:
        key = parsed(prefix, word.lower())
        if prefix == "ord":
            return [key]
        if prefix == "pay":
            return [payments.get(key).order_id]
        about: Any = {"evt": inbox.get, "case": cases.get, "msg": outbox.get, "ent": ledger.get}[prefix](key)
    except NotFound:
        return []
    order_id: UUID | None = about.order_id
    return [order_id] if order_id else []


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
