"""Reads of orders."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count

from holdfast.db import reads
from holdfast.db.pages import Page, Span, after_prefix, edge
from holdfast.db.pages import newest as newest_of
from holdfast.kernel.errors import NotFound
from holdfast.kernel.ids import floor_id
from holdfast.orders.models import Order, OrderLine
from holdfast.orders.states import PUBLIC


def get(order_id: UUID) -> Order:
    """An order of this merchant. Raises NotFound."""
    order = Order.objects.filter(pk=order_id).first()
    if order is None:
        raise NotFound("There is no such order.")
    return order


def owned(order_id: UUID, token_sha256: str) -> Order:
    """An order by id and the hash of its lookup token. Raises NotFound for a wrong token as for no order."""
    order = Order.objects.filter(pk=order_id, token_sha256=token_sha256).first()
    if order is None:
        raise NotFound("There is no such order, or the Order-Token is not its own.")
    return order


def of_token(token_sha256: str) -> Order:
    """An order by the hash of its lookup token. Raises NotFound."""
    order = Order.objects.filter(token_sha256=token_sha256).first()
    if order is None:
        raise NotFound("There is no such order.")
    return order


def of_cart(cart_id: UUID) -> Order | None:
    """The order that a cart became."""
    return Order.objects.filter(cart_id=cart_id).first()


def of_external(external_id: str) -> Order | None:
    """The order that stands for a shop's own order."""
    return Order.objects.filter(external_id=external_id).first()


def lines(order_id: UUID) -> list[OrderLine]:
    """The lines of an order."""
    return list(OrderLine.objects.filter(order_id=order_id).order_by("position"))


def lines_of(order_ids: Iterable[UUID]) -> list[OrderLine]:
    """The lines of several orders."""
    return reads.rows(OrderLine, "WHERE order_id = ANY(%s::uuid[]) ORDER BY order_id, position", [*order_ids])


def newest(*, before: UUID | None, limit: int) -> list[Order]:
    """A page of orders, newest first."""
    query = Order.objects.order_by("-id")
    return list((query.filter(pk__lt=before) if before else query)[:limit])


def public_status(order: Order, *, captured_minor: int, refunded_minor: int) -> str:
    """pending, paid, failed, cancelled or refunded. Money speaks first, so that `closed` never hides paid or refunded."""
    if captured_minor and refunded_minor >= captured_minor:
        return "refunded"
    if order.state == "closed":
        return "paid"
    return PUBLIC[order.state]


# -- For staff --------------------------------------------------------------------------------------------------------


def page(span: Span, *, states: Collection[str] = (), among: Any = None) -> Page[Order]:
    """Orders with their contacts, newest first; in some states, or among the ids of a subquery."""
    table = Order.objects.select_related("contact")
    if not states and among is None:
        return newest_of(table, span)
    wanted = table.filter(state__in=states) if states else table
    return newest_of(table, span, wanted=wanted if among is None else wanted.filter(pk__in=among))


def listed(order_ids: Iterable[UUID]) -> list[Order]:
    """These orders with their contacts, newest first."""
    return list(Order.objects.select_related("contact").filter(pk__in=set(order_ids)).order_by("-id"))


def whole(order_id: UUID) -> Order:
    """One order with its contact. Raises NotFound."""
    order = Order.objects.select_related("contact").filter(pk=order_id).first()
    if order is None:
        raise NotFound("There is no such order.")
    return order


def named(word: str, *, limit: int) -> list[UUID]:
    """Orders by the beginning of their number, by the shop's own id, or by our id; newest first."""
    found = set(Order.objects.filter(external_id=word).values_list("pk", flat=True))
    number = word.upper()
    if len(number) > 5 and "-" not in number:
        number = f"{number[:5]}-{number[5:]}"
    rows = Order.objects.filter(number__gte=number, number__lt=after_prefix(number)).order_by("number")
    return sorted({*found, *rows.values_list("pk", flat=True)[:limit]}, reverse=True)[:limit]


def of_contacts(contact_ids: Iterable[UUID], *, limit: int) -> list[UUID]:
    """Orders of these contacts, newest first."""
    rows = Order.objects.filter(contact_id__in=set(contact_ids)).order_by("-id")
    return list(rows.values_list("pk", flat=True)[:limit])


def numbers(order_ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """Order numbers by id."""
    return dict(Order.objects.filter(pk__in={id for id in order_ids if id}).values_list("pk", "number"))


def states_of_newest(*, since: datetime) -> dict[str, int]:
    """How many of the orders since then are in which state; of the newest `limits.STAFF_WINDOW` of them."""
    rows = Order.objects.filter(pk__gte=floor_id(since))
    last = edge(rows)
    rows = rows.filter(pk__gte=last) if last else rows
    return dict(rows.values_list("state").annotate(n=Count("pk")).order_by())


def oldest(states: Collection[str], *, limit: int) -> list[Order]:
    """The orders that have been in one of these states longest, of those that the expiry loop still looks at."""
    return list(Order.objects.filter(state__in=states, due_at__isnull=False).order_by("due_at")[:limit])
