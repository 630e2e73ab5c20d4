"""What follows when money arrived. Called by the door only, with the order locked: the same follow-ups whatever the path."""

from datetime import datetime
from typing import Any

from holdfast.cases import services as cases
from holdfast.db.moves import Cause
from holdfast.flows import moneyback, shares
from holdfast.flows.dossiers import Dossiers
from holdfast.fulfilment import services as fulfilment
from holdfast.inventory import queries as inventory_queries
from holdfast.inventory import services as inventory
from holdfast.kernel import limits
from holdfast.ledger import services as ledger
from holdfast.merchants import queries as merchants
from holdfast.orders import services as orders
from holdfast.orders.models import Order
from holdfast.outbox import services as outbox
from holdfast.payments import queries as payment_queries
from holdfast.payments import services as payments
from holdfast.payments.models import Payment
from holdfast.payments.states import IN_FLIGHT
from holdfast.promotions import services as promotions


def money_arrived(
    dossiers: Dossiers, *, payment: Payment, paid_at: datetime, cause: Cause, evidence: dict[str, Any], now: datetime
) -> None:
    """Decide what captured money means for its order. Never refuses the money: what has no place becomes a case (C9, D6).

    `paid_at` is when the customer paid. Who paid in time, and of whom we only hear late, keeps the order while the goods can be
    had, whatever the merchant does with late money (S-35).
    """
    order = dossiers.orders[payment.order_id]
    if order.state in ("expired", "payment_failed"):
        in_time = paid_at <= order.expires_at
        if not in_time and merchants.current(order.merchant_id).late_money == "refund":
            _give_back(dossiers, "late_money", "It was paid late", payment, cause, evidence, now)
        else:
            _honour(dossiers, order, payment, cause=cause, evidence=evidence, now=now)
    elif order.state in ("payment_pending", "payment_authorized", "capture_failed"):
        _pay(dossiers, order, payment, cause=cause, now=now)
    elif order.state == "cancelled":
        _give_back(dossiers, "late_money", "The order had been cancelled when it was paid", payment, cause, evidence, now)
    else:
        _give_back(dossiers, "double_money", "The order was paid already", payment, cause, evidence, now)


def _honour(dossiers: Dossiers, order: Order, payment: Payment, *, cause: Cause, evidence: dict[str, Any], now: datetime) -> None:
    """Late money buys the goods if they and what was taken off can be had again, all or none, and no tour among them has left."""
    try:
        inventory_queries.bookable({line.slot_id for line in dossiers.lines(order.pk) if line.slot_id}, now=now)
        promotions.reserve_again(dossiers.redemptions(order.pk), cause=cause)
        inventory.hold_again(dossiers.reservations(order.pk), until=now + limits.PAYMENT_WINDOW, cause=cause)
    except (inventory.InsufficientStock, inventory_queries.SlotClosed, promotions.UsedUp):
        promotions.release(dossiers.redemptions(order.pk), cause=cause)
        _give_back(dossiers, "late_money", "It was paid late and the goods are gone", payment, cause, evidence, now)
        return
    orders.go(order, "payment_pending", cause=Cause("late money, and the goods could be held again", event=cause.event))
    _pay(dossiers, order, payment, cause=cause, now=now)


def _pay(dossiers: Dossiers, order: Order, payment: Payment, *, cause: Cause, now: datetime) -> None:
    """payment_pending → paid, with everything that hangs on it, in the same transaction."""
    orders.go(order, "paid", cause=cause, paid_at=now, due_at=None)
    promotions.redeem(dossiers.redemptions(order.pk), cause=cause)
    inventory.commit(dossiers.reservations(order.pk), cause=cause, now=now)
    _post_sale(order, payment, now=now)
    kinds = {line.kind for line in dossiers.lines(order.pk)} & fulfilment.WAYS.keys()
    if kinds:
        fulfilment.intend(merchant_id=order.merchant_id, order_id=order.pk, kinds=kinds, cause=cause, now=now)
    if order.contact_id is not None:
        outbox.write(merchant_id=order.merchant_id, topic="order_paid", cause=order.pk.hex, order_id=order.pk, now=now)
    _close_siblings(dossiers, payment, now=now)


def _post_sale(order: Order, payment: Payment, *, now: datetime) -> None:
    """What was captured is sold. Where that is less than the total, the order is adjusted and each part is less in proportion."""
    if payment.captured_minor < order.total_minor:
        missing = payment.captured_minor - order.total_minor
        orders.adjust(order, payment_id=payment.pk, amount_minor=missing, cause="less was captured than authorized", now=now)
    sold = shares.of_sale(order, payment.captured_minor)
    ledger.sale(
        ledger.Subject(order.merchant_id, order.pk, payment.pk),
        net_minor=sold.net_minor,
        tax_minor=sold.tax_minor,
        shipping_minor=sold.shipping_minor,
        fees_minor=sold.fees_minor,
        currency=order.currency,
        effective_at=now,
        now=now,
    )


def _close_siblings(dossiers: Dossiers, paid: Payment, *, now: datetime) -> None:
    """Other attempts that may still take money are closed: intended here, asked by recovery."""
    for sibling in dossiers.attempts(paid.order_id):
        if sibling.pk != paid.pk and sibling.state in IN_FLIGHT:
            payments.supersede(sibling, now=now)
            close_page(sibling, now=now)


def close_page(payment: Payment, *, now: datetime) -> None:
    """Nobody shall pay this attempt any more: intended here once, asked by recovery. One that is still being opened has no page
    to close yet; the door calls again when it hears of it."""
    if payment.provider_id and payment_queries.operation_of(payment.pk, "close") is None:
        payments.intend(payment, kind="close", request={"provider_id": payment.provider_id}, now=now)


def _give_back(
    dossiers: Dossiers, kind: str, what: str, payment: Payment, cause: Cause, evidence: dict[str, Any], now: datetime
) -> None:
    """The order has no place for this money: it goes back by itself, with a case that says why (D6)."""
    order = dossiers.orders[payment.order_id]
    payments.surplus(payment, now=now)
    cases.open_case(
        merchant_id=order.merchant_id,
        kind=kind,
        cause=payment.pk.hex,
        summary=f"{what}: {payment.captured_minor} {payment.currency} (minor units) of order {order.number}.",
        proposal="It is being refunded by itself. Look that the refund arrives; tell the customer if it does not.",
        evidence=evidence,
        order_id=order.pk,
        payment_id=payment.pk,
        now=now,
    )
    moneyback.intend(
        dossiers,
        payment,
        amount_minor=payment.captured_minor,
        reason=what,
        requested_by="holdfast",
        cause=Cause(what, event=cause.event),
        now=now,
    )
