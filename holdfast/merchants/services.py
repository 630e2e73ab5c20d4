"""Writes of a merchant's accounts."""

from datetime import datetime
from uuid import UUID

from holdfast.db import due
from holdfast.kernel import limits
from holdfast.merchants.models import Account


def books_read(account_id: UUID, *, until: datetime) -> None:
    """The provider's books were read until then; again after a while."""
    again = due.after(limits.BOOKS_EVERY)
    Account.objects.filter(pk=account_id).update(books_until=until, due_at=again, attempts=0)


def read_books_later(account_id: UUID, *, attempts: int) -> None:
    """The provider did not answer: its books wait, ever longer."""
    Account.objects.filter(pk=account_id).update(due_at=due.after(max(limits.backoff(attempts), limits.BOOKS_EVERY / 12)))
