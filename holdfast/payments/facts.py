"""What providers confirmed of money, in memory: read once for all that is decided in a transaction, added to as it is written."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from holdfast.payments.models import Fact, Payment


class Facts:
    """Facts by the attempt they belong to and by the provider object they speak of."""

    def __init__(self, rows: Iterable[Fact]) -> None:
        self._of_payment: dict[UUID, list[Fact]] = defaultdict(list)
        self._of_object: dict[tuple[UUID, str], list[Fact]] = defaultdict(list)
        for row in rows:
            self.add(row)

    def add(self, fact: Fact) -> None:
        self._of_payment[fact.payment_id].append(fact)
        self._of_object[fact.account_id, fact.object_id].append(fact)

    def find(self, payment: Payment, kind: str, object_id: str) -> Fact | None:
        """The one fact of this kind about a provider object, whichever attempt it belongs to."""
        return next((row for row in self._of_object[payment.account_id, object_id] if row.kind == kind), None)

    def known_of_object(self, payment: Payment, object_id: str, currency: str) -> dict[str, int]:
        """What is known of one provider object's money in a currency, by kind (capture, unapplied), in minor units."""
        rows = self._of_object[payment.account_id, object_id]
        return {row.kind: row.amount_minor for row in rows if row.currency == currency and row.kind in ("capture", "unapplied")}

    def knows_capture(self, payment: Payment, object_id: str) -> bool:
        """Has this attempt taken this object's money already?"""
        fact = self.find(payment, "capture", object_id)
        return fact is not None and fact.payment_id == payment.pk

    def belongs_to_another(self, payment: Payment, object_id: str, late: Iterable[UUID]) -> bool:
        """Is this object's money known as that of another attempt? `late` are the payments that came late for this one."""
        own = {payment.pk, *late}
        return any(row.payment_id not in own for row in self._of_object[payment.account_id, object_id])

    def captured_minor(self, payment_id: UUID) -> int:
        """The sum of the confirmed captures: derived, never incremented."""
        return self._sum(payment_id, "capture")

    def refunded_minor(self, payment_id: UUID) -> int:
        """What went back and did not bounce."""
        return self._sum(payment_id, "refund") - self._sum(payment_id, "refund_failed")

    def disputed_minor(self, payment_id: UUID, dispute: str | None = None) -> int:
        """What disputes took and did not return: all of them, or the one with this provider's id. Never below zero: what was
        returned before it was known to be taken is not ours twice."""
        rows = [row for row in self._of_payment[payment_id] if dispute in (None, row.object_id)]
        taken: dict[str, int] = defaultdict(int)
        for row in rows:
            taken[row.object_id] += {"withdrawn": 1, "reinstated": -1}.get(row.kind, 0) * row.amount_minor
        return sum(max(each, 0) for each in taken.values())

    def capture_of(self, account_id: UUID, object_id: str) -> Fact | None:
        """The money that a provider object took, whichever attempt it belongs to."""
        return next((row for row in self._of_object[account_id, object_id] if row.kind == "capture"), None)

    def money_of(self, payment_id: UUID) -> Fact | None:
        """The largest sum that the provider took for an attempt, else what it holds."""
        rows = self._of_payment[payment_id]
        for kind in ("capture", "authorization"):
            found = [row for row in rows if row.kind == kind]
            if found:
                return max(found, key=lambda row: row.amount_minor)
        return None

    def _sum(self, payment_id: UUID, kind: str) -> int:
        return sum(row.amount_minor for row in self._of_payment[payment_id] if row.kind == kind)
