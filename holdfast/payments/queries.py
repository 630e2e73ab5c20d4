"""Reads of payments."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q, Sum

from holdfast.kernel.errors import NotFound
from holdfast.payments.models import Fact, Operation, Payment
from holdfast.payments.states import IN_FLIGHT


def get(payment_id: UUID) -> Payment:
    """A payment of this merchant. Raises NotFound."""
    payment = Payment.objects.filter(pk=payment_id).first()
    if payment is None:
        raise NotFound("There is no such payment.")
    return payment


def find(*, account_id: UUID, provider_id: str | None, reference: UUID | None) -> tuple[Payment | None, Payment | None]:
    """The attempts that a report names: by the provider's id with that account, and by our reference. They should agree."""
    either = Q(pk=reference) | (Q(account_id=account_id, provider_id=provider_id) if provider_id else Q(pk=None))
    rows = list(Payment.objects.filter(either))
    by_id = next((row for row in rows if provider_id and (row.account_id, row.provider_id) == (account_id, provider_id)), None)
    return by_id, next((row for row in rows if row.pk == reference), None)


def in_flight(order_id: UUID) -> Payment | None:
    """The attempt that may still take an order's money."""
    return Payment.objects.filter(order_id=order_id, state__in=IN_FLIGHT, superseded_at__isnull=True).first()


def undead(order_id: UUID) -> list[Payment]:
    """All attempts that may still take an order's money, also those that another one replaced."""
    return list(Payment.objects.filter(order_id=order_id, state__in=IN_FLIGHT).order_by("id"))


def holds_money(order_id: UUID) -> bool:
    """Has any money come for this order, applied or not?"""
    return Fact.objects.filter(payment__order_id=order_id, kind__in=("capture", "unapplied")).exists()


def belongs_to_another(payment: Payment, object_id: str) -> bool:
    """Is this provider object's money already known as that of another attempt (not of one that came late for this one)?"""
    facts = Fact.objects.filter(account_id=payment.account_id, object_id=object_id).exclude(payment=payment)
    return facts.exclude(payment__late_of=payment).exists()


def known_of_object(payment: Payment, object_id: str, currency: str) -> dict[str, int]:
    """What is known of one provider object's money in a currency, by kind (capture, unapplied), in minor units."""
    facts = Fact.objects.filter(account_id=payment.account_id, object_id=object_id, currency=currency)
    return dict(facts.filter(kind__in=("capture", "unapplied")).values_list("kind", "amount_minor"))


def of_order(order_id: UUID) -> list[Payment]:
    """All attempts for an order, oldest first."""
    return list(Payment.objects.filter(order_id=order_id).order_by("id"))


def money_of(order_ids: Iterable[UUID]) -> dict[UUID, tuple[int, int]]:
    """(captured, refunded) in minor units by order, over all attempts. Orders without an attempt are left out."""
    query = Payment.objects.filter(order_id__in=set(order_ids)).values("order_id").order_by()
    rows = query.annotate(captured=Sum("captured_minor"), refunded=Sum("refunded_minor"))
    return {row["order_id"]: (row["captured"], row["refunded"]) for row in rows}


def operation(operation_id: UUID) -> Operation:
    """One operation, with its payment."""
    return Operation.objects.select_related("payment").get(pk=operation_id)


def operation_of(payment_id: UUID, kind: str) -> Operation | None:
    """What was asked of the provider for an attempt, by kind."""
    return Operation.objects.select_related("payment").filter(payment_id=payment_id, kind=kind).first()
