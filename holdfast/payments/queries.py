"""Reads of payments."""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, Sum

from holdfast.db import reads
from holdfast.db.pages import MANY, Page, Span, newest
from holdfast.kernel.errors import NotFound
from holdfast.payments.models import Dispute, Fact, Operation, Payment, Refund
from holdfast.payments.states import IN_FLIGHT


def get(payment_id: UUID) -> Payment:
    """A payment of this merchant. Raises NotFound."""
    payment = Payment.objects.filter(pk=payment_id).first()
    if payment is None:
        raise NotFound("There is no such payment.")
    return payment


def find(*, references: Iterable[UUID], names: Iterable[tuple[UUID, str]]) -> list[Payment]:
    """Attempts by our reference, or by the provider's id with an account."""
    pairs = [*names]
    wanted = "WHERE id = ANY(%s::uuid[]) OR (account_id = ANY(%s::uuid[]) AND provider_id = ANY(%s::text[]))"
    return reads.rows(Payment, wanted, [*references], [account for account, _ in pairs], [name for _, name in pairs])


def by_names(account_id: UUID, names: Iterable[str]) -> list[Payment]:
    """Attempts with an account by the provider's ids, oldest first."""
    return list(Payment.objects.filter(account_id=account_id, provider_id__in=set(names)).order_by("id"))


def with_money(names: Iterable[tuple[UUID, str]]) -> list[tuple[tuple[UUID, str], Payment]]:
    """Attempts by the money that they hold or took: the account and the provider's id of it, and the attempt."""
    pairs = [*names]
    wanted = "WHERE account_id = ANY(%s::uuid[]) AND kind IN ('capture', 'authorization') AND object_id = ANY(%s::text[])"
    known = reads.rows(Fact, wanted, [account for account, _ in pairs], [name for _, name in pairs]) if pairs else []
    rows = {row.pk: row for row in reads.rows(Payment, "WHERE id = ANY(%s::uuid[])", [fact.payment_id for fact in known])}
    return [((fact.account_id, fact.object_id), rows[fact.payment_id]) for fact in known]


def in_flight(order_id: UUID) -> Payment | None:
    """The attempt that may still take an order's money."""
    return Payment.objects.filter(order_id=order_id, state__in=IN_FLIGHT, superseded_at__isnull=True).first()


def undead(order_id: UUID) -> list[Payment]:
    """All attempts that may still take an order's money, also those that another one replaced."""
    return list(Payment.objects.filter(order_id=order_id, state__in=IN_FLIGHT).order_by("id"))


def holds_money(order_id: UUID) -> bool:
    """Has any money come for this order, applied or not?"""
    return Fact.objects.filter(payment__order_id=order_id, kind__in=("capture", "unapplied")).exists()


def facts(payment_ids: Iterable[UUID], objects: Iterable[tuple[UUID, str]]) -> list[Fact]:
    """What is known of these attempts, and of these provider objects whichever attempt they belong to."""
    pairs = [*objects]
    of_object = "account_id = ANY(%s::uuid[]) AND kind = ANY(%s::text[]) AND object_id = ANY(%s::text[])"
    wanted = f"WHERE payment_id = ANY(%s::uuid[]) OR ({of_object})"
    names = [account for account, _ in pairs], [*Fact.Kind.values], [name for _, name in pairs]
    return reads.rows(Fact, wanted, [*payment_ids], *names)


def of_order(order_id: UUID) -> list[Payment]:
    """All attempts for an order, oldest first."""
    return list(Payment.objects.filter(order_id=order_id).order_by("id"))


def of_orders(order_ids: Iterable[UUID]) -> list[Payment]:
    """All attempts for several orders, oldest first."""
    return reads.rows(Payment, "WHERE order_id = ANY(%s::uuid[]) ORDER BY id", [*order_ids])


def money_of(order_ids: Iterable[UUID]) -> dict[UUID, tuple[int, int]]:
    """(captured, refunded) in minor units by order, over all attempts. Orders without an attempt are left out."""
    query = Payment.objects.filter(order_id__in=set(order_ids)).values("order_id").order_by()
    rows = query.annotate(captured=Sum("captured_minor"), refunded=Sum("refunded_minor"))
    return {row["order_id"]: (row["captured"], row["refunded"]) for row in rows}


def refunds_of(order_ids: Iterable[UUID]) -> list[Refund]:
    """Refunds of these orders, oldest first."""
    return reads.rows(Refund, "WHERE order_id = ANY(%s::uuid[]) ORDER BY id", [*order_ids])


def disputes_of(order_ids: Iterable[UUID]) -> list[Dispute]:
    """Disputes about these orders, oldest first."""
    return list(Dispute.objects.filter(order_id__in=set(order_ids)).order_by("id"))


def refund(refund_id: UUID) -> Refund:
    """One refund of this merchant. Raises NotFound."""
    found = Refund.objects.filter(pk=refund_id).first()
    if found is None:
        raise NotFound("There is no such refund.")
    return found


def operation(operation_id: UUID) -> Operation:
    """One operation, with its payment and its refund."""
    return Operation.objects.select_related("payment", "refund").get(pk=operation_id)


def operation_now(operation_id: UUID) -> Operation:
    """One operation as it stands. Raises NotFound."""
    found = reads.first(Operation, "WHERE id = %s", operation_id)
    if found is None:
        raise NotFound("There is no such operation.")
    return found


def operation_of(payment_id: UUID, kind: str) -> Operation | None:
    """What was asked of the provider for an attempt last, by kind."""
    return Operation.objects.select_related("payment").filter(payment_id=payment_id, kind=kind).order_by("-id").first()


def operation_of_refund(refund_id: UUID) -> Operation | None:
    """What was asked of the provider for a refund."""
    return Operation.objects.select_related("payment", "refund").filter(refund_id=refund_id).first()


# -- For staff --------------------------------------------------------------------------------------------------------


def page(span: Span, *, states: Collection[str] = (), provider: str = "") -> Page[Payment]:
    """Attempts with their orders, newest first."""
    table = Payment.objects.select_related("order")
    wanted = table.filter(state__in=states) if states else table
    wanted = wanted.filter(provider=provider) if provider else wanted
    return newest(table, span, wanted=None if wanted is table else wanted)


def listed(payment_ids: Iterable[UUID]) -> list[Payment]:
    """These attempts with their orders, newest first."""
    return list(Payment.objects.select_related("order").filter(pk__in=set(payment_ids)).order_by("-id"))


def orders_in(states: Collection[str]) -> QuerySet[Any]:
    """Ids of orders that have an attempt in one of these states, as a subquery."""
    return Payment.objects.filter(state__in=states).values("order_id")


def named(word: str, *, account_ids: Iterable[UUID], limit: int) -> list[Payment]:
    """Attempts by the provider's id of the session, or of the money (charge, intent)."""
    accounts = list(account_ids)
    facts = Fact.objects.filter(account_id__in=accounts, kind__in=Fact.Kind.values, object_id=word)
    found = Payment.objects.filter(account_id__in=accounts, provider_id=word).values_list("pk", flat=True)
    return listed([*found[:limit], *facts.values_list("payment_id", flat=True)[:limit]])


def attempts_of(order_ids: Iterable[UUID], *, limit: int = MANY) -> list[Payment]:
    """The attempts for these orders, oldest first."""
    return list(Payment.objects.filter(order_id__in=set(order_ids)).order_by("id")[:limit])


def facts_of(payment_ids: Iterable[UUID], *, limit: int = MANY) -> list[Fact]:
    """The money that a provider confirmed for these attempts, in the order in which we learned it."""
    return list(Fact.objects.filter(payment_id__in=set(payment_ids)).order_by("id")[:limit])


def operations_of(payment_ids: Iterable[UUID], *, limit: int = MANY) -> list[Operation]:
    """What was asked of the provider for these attempts, oldest first."""
    return list(Operation.objects.filter(payment_id__in=set(payment_ids)).order_by("id")[:limit])
