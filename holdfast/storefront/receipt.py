"""An order as its page shows it: where the three machines stand, in words, and everything that was handed over."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils.functional import Promise
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from holdfast.catalog import queries as catalog
from holdfast.catalog.models import Variant
from holdfast.flows import answers
from holdfast.fulfilment import queries as fulfilments
from holdfast.fulfilment.models import Fulfilment, Handover
from holdfast.inventory import queries as inventory
from holdfast.inventory.models import Slot
from holdfast.orders import queries as orders
from holdfast.orders.models import Order, OrderLine
from holdfast.payments import queries as payments
from holdfast.payments.models import Payment
from holdfast.payments.states import IN_FLIGHT
from holdfast.pricing.promotions import Kind
from holdfast.storefront import addresses
from holdfast.storefront.qr import qr_svg
from holdfast.storefront.shop import Shop

#: What a snapshot's name says of a slot, for papers that know no other place for it. Here the time is told in local words.
TIME_IN_NAME = re.compile(r", \d{4}-\d\d-\d\d \d\d:\d\d \S+$")
#: Ways of fulfilment that the worker hands over within seconds.
AT_ONCE = ("download", "voucher")

#: (headline, what it means and what to do) by mood. In doubt it is never called failed (R-D7).
WORDS: dict[str, tuple[Promise, Promise]] = {
    "checking": (
        gettext_lazy("We are checking with your bank"),
        gettext_lazy("This usually takes a few seconds. This page goes on by itself; you can also close it and come back."),
    ),
    "pay": (
        gettext_lazy("Your payment is not finished"),
        gettext_lazy("We keep everything for you until {until}. Pay on the provider's page to complete your order."),
    ),
    "by_hand": (
        gettext_lazy("One step to go: pay your order"),
        gettext_lazy("We keep everything for you until {until}."),
    ),
    "pay_again": (
        gettext_lazy("This order is not paid"),
        gettext_lazy("Nothing was taken. You can try again, or pay another way."),
    ),
    "unclear": (
        gettext_lazy("We are still checking with your bank"),
        gettext_lazy(
            "The time to pay is over, and your bank has not answered yet. If the money arrives, you get what you ordered, "
            "or your money back."
        ),
    ),
    "held": (
        gettext_lazy("We are looking into your order"),
        gettext_lazy(
            "Your money arrived after the order had ended. A person looks at it: you get what you ordered, or your money back."
        ),
    ),
    "authorized": (
        gettext_lazy("Thank you. Your payment is approved"),
        gettext_lazy("Your bank holds the amount for us. We take it when we accept your order."),
    ),
    "paid": (gettext_lazy("Thank you. Your order is paid"), gettext_lazy("We are getting everything ready for you.")),
    "packing": (
        gettext_lazy("Thank you. Your order is paid"),
        gettext_lazy("We are packing your parcel and write to you when it is on its way."),
    ),
    "here": (gettext_lazy("Thank you. Your order is complete"), gettext_lazy("Everything you bought stands on this page.")),
    "done": (gettext_lazy("Thank you. Everything is on its way to you"), gettext_lazy("Your order is complete.")),
    "cancelled": (gettext_lazy("This order was cancelled"), gettext_lazy("Nothing will be taken from you.")),
    "refunded": (
        gettext_lazy("This order was refunded"),
        gettext_lazy("The money is on its way back to you. Banks take some days."),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What the page of an order shows. Amounts and times are texts already."""

    order: Order
    mood: str
    headline: str
    meaning: str
    #: The worker or the bank has something to say soon.
    waits: bool
    paid: bool
    pay_url: str
    #: To pay without a page of the provider's: a Pix code with its picture; a bank account, line by line.
    pix: Mapping[str, Any]
    transfer: Sequence[tuple[str, str]]
    refunded: str
    may_pay_again: bool
    may_cancel: bool
    email: str
    placed: str
    total: str
    lines: Sequence[Mapping[str, Any]]
    totals: Mapping[str, Any]
    parcels: Sequence[Mapping[str, Any]]
    downloads: Sequence[Mapping[str, Any]]
    vouchers: Sequence[Mapping[str, Any]]

    @property
    def by_hand(self) -> bool:
        return bool(self.pix or self.transfer)

    @property
    def path(self) -> str:
        return addresses.address(self.order.pk)


def receipt(shop: Shop, order: Order, *, returned: bool, now: datetime) -> Receipt:
    """Read an order for its page. Call it while reading. `returned`: the shopper comes from the provider just now."""
    attempts = payments.of_order(order.pk)
    parts = fulfilments.of_order(order.pk)
    lines = orders.lines(order.pk)
    places = {row.pk: row.position for row in lines}
    given = sorted(fulfilments.handovers(order.pk), key=lambda row: (places[row.order_line_id], row.unit)) if parts else []
    slots = inventory.slots_by_id(row.slot_id for row in lines if row.slot_id)
    variants = catalog.variants(row.variant_id for row in lines)
    latest = attempts[-1] if attempts else None
    captured, refunded = sum(row.captured_minor for row in attempts), sum(row.refunded_minor for row in attempts)
    status = orders.public_status(order, captured_minor=captured, refunded_minor=refunded)
    step = answers.next_step(order, attempts, holds_money=captured > 0)
    mood = _mood(order, status, step["action"], attempts, parts, returned=returned)
    show = latest.show if latest is not None and mood == "pay" else {}
    headline, meaning = WORDS["by_hand" if show else mood]
    void = fulfilments.revoked(order.pk) if refunded else set()
    by_line = {row.pk: row for row in lines}
    return Receipt(
        order=order,
        mood=mood,
        headline=str(headline),
        meaning=str(meaning).format(until=_until(shop, order)),
        waits=mood == "checking"
        or bool(show)
        or (status == "paid" and any(row.way in AT_ONCE and row.state == "pending" for row in parts)),
        paid=status in ("paid", "refunded"),
        pay_url=step["url"],
        pix={"code": show["pix"], "picture": mark_safe(qr_svg(show["pix"]))} if show.get("pix") else {},
        transfer=_bank(shop, order, show.get("transfer") or {}),
        refunded=shop.money(refunded, order.currency) if refunded else "",
        may_pay_again=step["action"] == "pay_again",
        may_cancel=mood in ("pay", "pay_again") or (mood == "unclear" and latest is not None and latest.state != "unknown"),
        email=order.contact.email if order.contact else "",
        placed=shop.moment(order.placed_at),
        total=shop.money(order.total_minor, order.currency),
        lines=[_line(shop, order, row, slots) for row in lines],
        totals=_totals(shop, order),
        parcels=[_parcel(row, by_line) for row in given if row.fulfilment.way == "shipment"],
        downloads=[{**_code(row, by_line), "revoked": row.pk in void} for row in given if row.fulfilment.way == "download"],
        vouchers=[
            {**_voucher(shop, row, by_line, slots, variants), "revoked": row.pk in void}
            for row in given
            if row.fulfilment.way == "voucher"
        ],
    )


def _until(shop: Shop, order: Order) -> str:
    """When the time to pay is over: the hour, or the day as well where it is days ahead."""
    days_ahead = order.expires_at - order.placed_at > timedelta(hours=12)
    return shop.moment(order.expires_at) if days_ahead else shop.time(order.expires_at)


def _mood(
    order: Order, status: str, action: str, attempts: Sequence[Payment], parts: Sequence[Fulfilment], *, returned: bool
) -> str:
    if status == "cancelled" and action == "wait":
        return "held"
    if status in ("refunded", "cancelled"):
        return status
    if status == "paid":
        if parts and all(row.state == "done" for row in parts):
            return "done" if any(row.way == "shipment" for row in parts) else "here"
        return "packing" if any(row.way == "shipment" and row.state != "done" for row in parts) else "paid"
    if status == "failed":
        if action == "wait":
            return "held"
        return "unclear" if any(row.state in IN_FLIGHT for row in attempts) else "pay_again"
    if order.state == "payment_authorized":
        return "authorized"
    return "checking" if returned or action != "pay" else "pay"


def _bank(shop: Shop, order: Order, said: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Where to transfer to, in the order in which a bank's form asks."""
    if not said:
        return []
    names = {
        "holder": _("Account holder"),
        "iban": _("IBAN"),
        "bic": _("BIC"),
        "bank": _("Bank"),
        "reference": _("Reference"),
    }
    rows = [(label, str(said[name])) for name, label in names.items() if said.get(name)]
    # Where a part has come in already, what is still missing.
    return [*rows, (_("Amount"), str(said.get("missing") or shop.money(order.total_minor, order.currency)))]


def _line(shop: Shop, order: Order, row: OrderLine, slots: Mapping[UUID, Slot]) -> dict[str, Any]:
    slot = slots.get(row.slot_id) if row.slot_id else None
    return {
        "name": TIME_IN_NAME.sub("", row.name) if slot else row.name,
        "when": shop.moment(slot.starts_at) if slot else "",
        "quantity": row.quantity,
        "unit": shop.money(row.unit_price_minor, order.currency),
        "total": shop.money(row.unit_price_minor * row.quantity, order.currency),
    }


def _totals(shop: Shop, order: Order) -> dict[str, Any]:
    """From the snapshot, which never changes."""
    kept = order.snapshot

    def money(name: str) -> str:
        minor = kept.get(name, 0)
        return shop.money(minor, order.currency) if minor else ""

    return {
        "subtotal": shop.money(kept.get("subtotal_minor", order.total_minor), order.currency),
        "discounts": [
            (used["name"], shop.money(-used["gave_minor"], order.currency))
            for used in kept.get("promotions", [])
            if used["gave_minor"] and used["kind"] != Kind.FREE_SHIPPING
        ],
        "fees": [(fee["name"], shop.money(fee["amount_minor"], order.currency)) for fee in kept.get("fees", [])],
        "shipping": money("shipping_minor"),
        "tax": money("tax_minor"),
        "tax_included": kept.get("prices_include_tax", True),
        "total": shop.money(order.total_minor, order.currency),
    }


def _parcel(row: Handover, lines: Mapping[UUID, OrderLine]) -> dict[str, Any]:
    tracking = row.tracking if isinstance(row.tracking, dict) else {}
    url = str(tracking.get("url", ""))
    return {
        "name": lines[row.order_line_id].name,
        "quantity": row.quantity,
        "carrier": str(tracking.get("carrier", "")),
        "number": str(tracking.get("number", "")),
        "url": url if url.startswith("https://") else "",
    }


def _code(row: Handover, lines: Mapping[UUID, OrderLine]) -> dict[str, Any]:
    return {"name": lines[row.order_line_id].name, "code": grouped(row.code or "")}


def _voucher(
    shop: Shop, row: Handover, lines: Mapping[UUID, OrderLine], slots: Mapping[UUID, Slot], variants: Mapping[UUID, Variant]
) -> dict[str, Any]:
    line = lines[row.order_line_id]
    slot = slots.get(line.slot_id) if line.slot_id else None
    variant = variants.get(line.variant_id)
    return {
        "name": TIME_IN_NAME.sub("", line.name),
        "code": grouped(row.code or ""),
        "day": shop.day(slot.starts_at) if slot else "",
        "time": _("{start} to {end}").format(start=shop.time(slot.starts_at), end=shop.time(slot.ends_at)) if slot else "",
        "meeting_point": variant.product.meeting_point if variant else "",
    }


def grouped(code: str) -> str:
    """`ABCD EFGH JKMN PQRS`: people read it to each other."""
    return " ".join(code[i : i + 4] for i in range(0, len(code), 4))
