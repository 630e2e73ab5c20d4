"""From a cart to a quote: load what the lines point to, compare prices, price. Shared by the cart's page and checkout."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from holdfast.carts import queries as cart_queries
from holdfast.carts import services as carts
from holdfast.carts.models import Cart, CartLine
from holdfast.catalog import queries as catalog
from holdfast.catalog.models import Variant
from holdfast.flows import offers
from holdfast.flows.offers import Offers
from holdfast.inventory import queries as inventory
from holdfast.inventory.models import Slot
from holdfast.kernel import ids
from holdfast.kernel.errors import Conflict, Refused
from holdfast.merchants.models import Merchant
from holdfast.orders import queries as order_queries
from holdfast.orders.models import Order
from holdfast.pricing.promotions import Promotion
from holdfast.pricing.quote import Line, Quote, Rules, quote
from holdfast.promotions import queries as promotions


class CartEmpty(Refused):
    """There is nothing in this cart."""


class PriceChanged(Conflict):
    """Prices or offers have changed since these things were put into the cart. Show both and send `accept_quote` to go on."""


class PricesTooOld(Conflict):
    """The prices of this order are not honoured any more. Put the things into a new cart."""


class WrongCurrency(Refused):
    """This is sold in another currency than the cart's."""


@dataclass(frozen=True)
class PricedLine:
    """A cart line with what it points to. `stock_id` is what it draws from, None when endless."""

    line: CartLine
    variant: Variant
    slot: Slot | None

    @property
    def stock_id(self) -> UUID | None:
        return self.slot.stock_id if self.slot else self.variant.stock_id

    @property
    def slot_id(self) -> UUID | None:
        return self.slot.pk if self.slot else None


@dataclass(frozen=True)
class Priced:
    """A cart's lines and their quote, in the same order; `wanted` is what it draws by stock, lines of one pool together."""

    lines: Sequence[PricedLine]
    quote: Quote
    offers: Offers
    coupon: str

    @property
    def coupon_why_not(self) -> str:
        """Why the code in the cart takes nothing off; empty when it does, or when there is none."""
        if not self.coupon or any(used.promotion.code == self.coupon for used in self.quote.promotions):
            return ""
        return str(self.offers.why_not(self.coupon, self.quote.unused) or "unknown")

    @property
    def wanted(self) -> Mapping[UUID, int]:
        counts: Counter[UUID] = Counter()
        for line in self.lines:
            if line.stock_id is not None:
                counts[line.stock_id] += line.line.quantity * line.variant.places
        return counts


def of_cart(cart: Cart, merchant: Merchant, *, now: datetime) -> Priced:
    """The quote of a cart at its snapshotted prices. Raises CartEmpty, NotForSale, SlotClosed."""
    loaded = _load(cart, now=now)
    found = offers.of_cart(cart)
    prices = {row.line.pk: row.line.unit_price_minor for row in loaded}
    return Priced(loaded, _quote(loaded, prices, found.offered, cart, merchant, now=now), found, cart.coupon)


def for_checkout(cart: Cart, merchant: Merchant, *, email: str, accept: str, now: datetime) -> Priced:
    """The quote to be paid. A price snapshot is honoured while it is young; after that a moved price has to be accepted, and so
    has the loss of an offer that the cart showed. Who names the quote that they accept pays that one or none.

    Raises PriceChanged with both prices, the offers that are lost, and the new quote's hash.
    """
    loaded = _load(cart, now=now)
    honoured_since = now - timedelta(seconds=merchant.price_honoured_s)
    moved = {
        row.line.pk: row
        for row in loaded
        if row.variant.price_minor != row.line.unit_price_minor and row.line.priced_at < honoured_since
    }
    prices = {row.line.pk: row.variant.price_minor if row.line.pk in moved else row.line.unit_price_minor for row in loaded}
    found = offers.of_cart(cart, customer_key=customer_key(cart, email))
    fresh = Priced(loaded, _quote(loaded, prices, found.offered, cart, merchant, now=now), found, cart.coupon)
    lost = _lost(fresh, prices, cart, merchant, now=now)
    if (moved or lost or accept) and accept != fresh.quote.sha256():
        raise PriceChanged(
            quote=fresh.quote.sha256(),
            total_minor=fresh.quote.total_minor,
            changes=[
                {
                    "line": ids.shown("line", row.line.pk),
                    "name": row.variant.product.name,
                    "was_minor": row.line.unit_price_minor,
                    "now_minor": row.variant.price_minor,
                }
                for row in moved.values()
            ],
            promotions=lost,
        )
    if moved:
        carts.reprice(cart, {line_id: prices[line_id] for line_id in moved}, now=now)
    return fresh


def customer_key(cart: Cart, email: str) -> str:
    """Who buys, for limits per customer."""
    return promotions.customer_key(merchant_id=cart.merchant_id, email=email, customer_id=cart.customer_id)


def _lost(fresh: Priced, prices: Mapping[UUID, int], cart: Cart, merchant: Merchant, *, now: datetime) -> list[dict[str, str]]:
    """What the cart's page showed and the quote at checkout has not: a code, or what this customer has used up."""
    lost = [{"code": cart.coupon, "name": "", "reason": fresh.coupon_why_not}] if fresh.coupon_why_not else []
    gone = fresh.offers.used_by_customer
    if gone:
        shown = _quote(fresh.lines, prices, [*fresh.offers.offered, *gone], cart, merchant, now=now)
        used = {used.promotion.key for used in shown.promotions}
        lost += [{"code": "", "name": it.name, "reason": "used_up"} for it in gone if it.key in used and not it.code]
    return lost


def still_sold(order: Order, merchant: Merchant, *, now: datetime) -> None:
    """May an order that was not paid be paid after all? Its goods are on sale, its slots open, its prices still honoured.

    Raises NotForSale, SlotClosed, PricesTooOld.
    """
    if now - order.placed_at > timedelta(seconds=merchant.price_honoured_s):
        raise PricesTooOld
    lines = order_queries.lines(order.pk)
    catalog.sellable(line.variant_id for line in lines)
    inventory.bookable({line.slot_id for line in lines if line.slot_id}, now=now)


def snapshot(quoted: Quote) -> dict[str, Any]:
    """What the order keeps for ever: the quote, and its totals as the ledger posts them."""
    net = sum(line.net_minor for line in quoted.lines)
    totals = {
        "net_minor": net,
        "shipping_net_minor": quoted.shipping_total_minor - quoted.shipping_tax_minor,
        "fees_net_minor": sum(fee.net_minor for fee in quoted.fees),
        "tax_minor": quoted.tax_minor,
        "total_minor": quoted.total_minor,
    }
    return {**quoted.as_json(), "totals": totals}


def provider_lines(kept: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """(name, amount of the line, quantity) of a snapshot; sums to the total."""
    lines = [(line["name"], line["total_minor"], line["quantity"]) for line in kept["lines"]]
    lines += [(fee["name"], fee["total_minor"], 1) for fee in kept.get("fees", []) if fee["total_minor"]]
    rest = kept["totals"]["total_minor"] - sum(amount for _, amount, _ in lines)
    shipped = (kept.get("shipping_method") or {}).get("name", "Shipping")
    return [*lines, (shipped, rest, 1)] if rest else lines


def _load(cart: Cart, *, now: datetime) -> list[PricedLine]:
    lines = cart_queries.lines(cart.pk)
    if not lines:
        raise CartEmpty
    variants = catalog.sellable(line.variant_id for line in lines)
    wanted_slots = {line.slot_id for line in lines if line.slot_id}
    slots = inventory.bookable(wanted_slots, now=now) if wanted_slots else {}
    rows = [PricedLine(line, variants[line.variant_id], slots[line.slot_id] if line.slot_id else None) for line in lines]
    if any(row.variant.currency != cart.currency for row in rows):
        raise WrongCurrency
    return rows


def _quote(
    rows: Sequence[PricedLine],
    prices: Mapping[UUID, int],
    offered: Sequence[Promotion],
    cart: Cart,
    merchant: Merchant,
    *,
    now: datetime,
) -> Quote:
    lines = [
        Line(
            key=f"{row.variant.pk.hex}:{row.slot_id.hex if row.slot_id else '-'}",
            name=_name(row),
            sku=row.variant.sku,
            kind=row.variant.product.kind,
            unit_price_minor=prices[row.line.pk],
            quantity=row.line.quantity,
            tax_class=row.variant.product.tax_class,
            weight_g=row.variant.weight_g,
            product=row.variant.product.slug,
        )
        for row in rows
    ]
    today = now.astimezone(ZoneInfo(merchant.time_zone)).date()
    return quote(
        lines=lines,
        region=cart.region,
        currency=cart.currency,
        rules=rules_of(merchant),
        on=today,
        offered=offered,
        at=now,
        method=cart.shipping_method,
    )


def rules_of(merchant: Merchant) -> Rules:
    """A merchant's rules of pricing."""
    return Rules.from_json(
        prices_include_tax=merchant.prices_include_tax,
        tax_rates=merchant.tax_rates,
        shipping_minor=merchant.shipping_minor,
        shipping_methods=merchant.shipping_methods,
        fees_charged=merchant.fees,
    )


def _name(row: PricedLine) -> str:
    name = f"{row.variant.product.name} – {row.variant.name}" if row.variant.name else row.variant.product.name
    return f"{name}, {row.slot.starts_at:%Y-%m-%d %H:%M} UTC" if row.slot else name
