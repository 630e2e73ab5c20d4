"""Reads of the ledger: every amount that a person sees can be derived here."""

from uuid import UUID

from django.db.models import Sum

from holdfast.ledger.models import Entry, Posting


def balance(account: str, currency: str) -> int:
    """Debits minus credits of an account of this merchant, in minor units."""
    sums = Posting.objects.filter(account=account, currency=currency).aggregate(d=Sum("debit_minor"), c=Sum("credit_minor"))
    return (sums["d"] or 0) - (sums["c"] or 0)


def entries_of(order_id: UUID) -> list[tuple[Entry, list[Posting]]]:
    """The entries about an order with their postings, oldest first: two statements."""
    entries = list(Entry.objects.filter(order_id=order_id).order_by("id"))
    postings: dict[UUID, list[Posting]] = {entry.pk: [] for entry in entries}
    for posting in Posting.objects.filter(entry__in=list(postings)).order_by("id"):
        postings[posting.entry_id].append(posting)
    return [(entry, postings[entry.pk]) for entry in entries]
