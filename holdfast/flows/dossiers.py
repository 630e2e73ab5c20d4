"""What is known of some orders while their rows are locked: the door decides on it.

Each kind of row is read at its first use, once for all orders of the transaction, and what is written is written on the same
rows, so that a second report about the same order sees what the first one did.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Protocol
from uuid import UUID

from holdfast.inventory import queries as inventory_queries
from holdfast.inventory.models import Reservation
from holdfast.merchants import queries as merchants
from holdfast.orders import queries as order_queries
from holdfast.orders import services as orders
from holdfast.orders.models import OrderLine
from holdfast.payments import queries as payment_queries
from holdfast.payments.facts import Facts
from holdfast.payments.models import Dispute, Payment, Refund
from holdfast.promotions import queries as promotion_queries
from holdfast.promotions.models import Redemption


class HasMode(Protocol):
    """A provider account, whole or only what an adapter needs of it."""

    @property
    def live(self) -> bool: ...


class Dossiers:
    """Orders under their locks, with everything that money can touch.

    `objects` are the provider objects spoken of, by account; `accounts` those that were read already. Raises NotFound, Busy.
    """

    def __init__(
        self,
        order_ids: Iterable[UUID],
        *,
        objects: Iterable[tuple[UUID, str]] = (),
        accounts: Mapping[UUID, HasMode] | None = None,
    ) -> None:
        self.orders = orders.lock_orders(order_ids)
        #: Read under the locks.
        self.payments = {row.pk: row for row in payment_queries.of_orders(self.orders)}
        self._objects = set(objects)
        self._accounts = dict(accounts or {})

    def attempts(self, order_id: UUID) -> list[Payment]:
        """All attempts for an order, oldest first."""
        return [row for row in self.payments.values() if row.order_id == order_id]

    def late_of(self, payment: Payment) -> list[UUID]:
        """The payments that came late for an attempt."""
        return [row.pk for row in self.payments.values() if row.late_of_id == payment.pk]

    @cached_property
    def facts(self) -> Facts:
        return Facts(payment_queries.facts(self.payments, self._objects))

    def account(self, account_id: UUID) -> HasMode:
        """The provider account that an attempt was made with."""
        found = self._accounts.get(account_id)
        if found is None:
            found = self._accounts[account_id] = merchants.account(account_id)
        return found

    def lines(self, order_id: UUID) -> list[OrderLine]:
        return self._lines[order_id]

    def reservations(self, order_id: UUID) -> list[Reservation]:
        return self._reservations[order_id]

    def redemptions(self, order_id: UUID) -> list[Redemption]:
        """What the order redeems. Asked only when the snapshot of one of these orders names a promotion."""
        return self._redemptions[order_id]

    def refunds(self, order_id: UUID) -> list[Refund]:
        return self._refunds[order_id]

    def disputes(self, order_id: UUID) -> list[Dispute]:
        return self._disputes[order_id]

    @cached_property
    def _refunds(self) -> dict[UUID, list[Refund]]:
        found = defaultdict(list)
        for row in payment_queries.refunds_of(self.orders):
            found[row.order_id].append(row)
        return found

    @cached_property
    def _disputes(self) -> dict[UUID, list[Dispute]]:
        found = defaultdict(list)
        for row in payment_queries.disputes_of(self.orders):
            found[row.order_id].append(row)
        return found

    @cached_property
    def _lines(self) -> dict[UUID, list[OrderLine]]:
        found = defaultdict(list)
        for row in order_queries.lines_of(self.orders):
            found[row.order_id].append(row)
        return found

    @cached_property
    def _redemptions(self) -> dict[UUID, list[Redemption]]:
        found = defaultdict(list)
        users = [order.pk for order in self.orders.values() if order.snapshot.get("promotions")]
        for row in promotion_queries.of_orders(users) if users else []:
            found[row.order_id].append(row)
        return found

    @cached_property
    def _reservations(self) -> dict[UUID, list[Reservation]]:
        found = defaultdict(list)
        for row in inventory_queries.of_orders(self.orders):
            found[row.order_id].append(row)
        return found
