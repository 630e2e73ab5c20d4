"""Browsing, searching, and one product with its times. Reads only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any
from uuid import UUID
from zlib import crc32

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from holdfast.catalog import queries as catalog
from holdfast.catalog.models import Variant
from holdfast.catalog.queries import ProductView
from holdfast.db.tenancy import reading
from holdfast.inventory import queries as inventory
from holdfast.inventory.models import Slot
from holdfast.kernel import clock, ids, limits
from holdfast.storefront import basket, sentences, shop
from holdfast.storefront.door import SHELF, page
from holdfast.storefront.shop import Shop

#: Products of one page: three rows of four on a laptop.
PAGE = 12
#: Longest word that is searched for, as in the API.
SEARCH = 80
#: Departures that are looked at to say when the next one with places is.
LOOK_AHEAD = 20
#: Fewer pieces than this are told, so that nobody is surprised at checkout.
FEW = 6
#: Drawings that stand in for photos.
DRAWINGS = 5

KINDS = {"good": _("Goods"), "digital": _("Downloads"), "booking": _("Tours")}


@dataclass(frozen=True)
class Card:
    """A product on the shelf."""

    view: ProductView
    price: str
    several_prices: bool
    sold_out: bool
    left: int | None
    next_day: str

    @property
    def drawing(self) -> int:
        return drawing(self.view)


@page("GET", cache=SHELF)
def browse(request: HttpRequest) -> HttpResponse:
    """What is for sale, by kind and by the beginning of its name."""
    here = shop.of(request)
    search = " ".join(request.GET.get("q", "").split())[:SEARCH].replace("\x00", "")
    kind = request.GET.get("kind", "") if request.GET.get("kind") in KINDS else ""
    only_available = request.GET.get("available") == "1"
    after = ids.parsed("prod", request.GET["after"]) if request.GET.get("after") else None
    with reading(here.id):
        found = catalog.products(after=after, limit=PAGE + 1, search=search, kind=kind)
        cards = _cards(here, found[:PAGE])
    more = len(found) > PAGE
    told = {
        "shop": here,
        "cart_count": basket.count(request, here),
        "cards": [card for card in cards if not (only_available and card.sold_out)],
        "kinds": KINDS,
        "kind": kind,
        "search": search,
        "only_available": only_available,
        "next": ids.shown("prod", found[PAGE - 1].product.pk) if more else "",
        "after": after is not None,
    }
    return render(request, "storefront/browse.html", told)


@page("GET", cache=SHELF)
def product(request: HttpRequest, slug: str) -> HttpResponse:
    """One product; of a tour also its days and the times of one day."""
    return show_product(request, slug)


def show_product(request: HttpRequest, slug: str, *, refused: str = "", status: int = 200) -> HttpResponse:
    """The page, perhaps with the reason why something could not be added."""
    here = shop.of(request)
    with reading(here.id):
        views = catalog.products(after=None, limit=1, slug=slug)
        if not views:
            raise Http404
        view = views[0]
        left = _available(view.variants)
        slots = inventory.slots(view.product.pk, now=clock.now(), limit=limits.MAX_PAGE) if view.product.kind == "booking" else []
    form = request.POST if request.method == "POST" else request.GET
    told = {
        "shop": here,
        "cart_count": basket.count(request, here),
        "view": view,
        "drawing": drawing(view),
        "choices": _choices(here, view, left, form),
        "sold_out": _sold_out(view, left, slots, complete=True),
        "most": min([limits.MAX_QUANTITY, *(count for count in left.values() if count)]),
        "refused": refused,
        "form": form,
        **(_calendar(here, slots, wanted=form.get("date", ""), chosen=form.get("slot", "")) if slots else {}),
        **basket.said(request),
    }
    told["said"] = sentences.by_code(told["said"]) if told["said"] and told["said"] != "added" else told["said"]
    return render(request, "storefront/product.html", told, status=status)


def drawing(view: ProductView) -> int:
    """Which of the drawings stands for a product: always the same one."""
    return crc32(view.product.slug.encode()) % DRAWINGS


def _cards(here: Shop, views: Sequence[ProductView]) -> list[Card]:
    left = _available([row for view in views for row in view.variants])
    return [_card(here, view, left) for view in views if view.variants]


def _card(here: Shop, view: ProductView, left: Mapping[UUID, int]) -> Card:
    slots = inventory.slots(view.product.pk, now=clock.now(), limit=LOOK_AHEAD) if view.product.kind == "booking" else []
    open_slot = next((slot for slot in slots if _places(slot) > 0), None)
    prices = {row.price_minor for row in view.variants}
    cheapest = min(view.variants, key=lambda row: row.price_minor)
    counted = {row.stock_id: left.get(row.stock_id, 0) for row in view.variants if row.stock_id}
    return Card(
        view=view,
        price=here.money(cheapest.price_minor, cheapest.currency),
        several_prices=len(prices) > 1,
        sold_out=_sold_out(view, left, slots, complete=len(slots) < LOOK_AHEAD),
        left=sum(counted.values()) if counted and all(row.stock_id for row in view.variants) else None,
        next_day=here.short_day(open_slot.starts_at) if open_slot else "",
    )


def _sold_out(view: ProductView, left: Mapping[UUID, int], slots: Sequence[Slot], *, complete: bool) -> bool:
    """Certainly nothing left. `complete`: these slots are all there are."""
    if view.product.kind == "booking":
        return complete and not any(_places(slot) > 0 for slot in slots)
    return all(row.stock_id is not None and left.get(row.stock_id, 0) <= 0 for row in view.variants)


def _available(variants: Sequence[Variant]) -> Mapping[UUID, int]:
    stock_ids = {row.stock_id for row in variants if row.stock_id}
    return inventory.available(stock_ids) if stock_ids else {}


def _places(slot: Slot) -> int:
    return slot.stock.on_hand - slot.stock.reserved


def _choices(here: Shop, view: ProductView, left: Mapping[UUID, int], form: Mapping[str, str]) -> list[dict[str, Any]]:
    """The variants as a form offers them, with what was typed before."""
    choices: list[dict[str, Any]] = []
    for row in view.variants:
        name = ids.shown("var", row.pk)
        count = left.get(row.stock_id) if row.stock_id else None
        choices.append(
            {
                "id": name,
                "typed": form.get(f"quantity-{name}", "" if choices else "1") or "0",
                "name": row.name or view.product.name,
                "price": here.money(row.price_minor, row.currency),
                "places": row.places,
                "sold_out": count is not None and count <= 0,
                "few": count if count is not None and 0 < count < FEW else None,
            }
        )
    return choices


def _calendar(here: Shop, slots: Sequence[Slot], *, wanted: str, chosen: str) -> dict[str, Any]:
    """The days of a tour where the merchant is, and the times of the chosen one."""

    def local_day(slot: Slot) -> date:
        return slot.starts_at.astimezone(here.zone).date()

    days = {day: list(group) for day, group in groupby(slots, key=local_day)}
    open_days = [day for day, rows in days.items() if any(_places(row) > 0 for row in rows)]
    today = _day(wanted) if _day(wanted) in days else (open_days or list(days))[0]
    return {
        "days": [
            {
                "iso": day.isoformat(),
                "text": here.short_day(rows[0].starts_at),
                "full": not any(_places(row) > 0 for row in rows),
                "current": day == today,
            }
            for day, rows in days.items()
        ],
        "today": {"iso": today.isoformat() if today else "", "text": here.day(days[today][0].starts_at) if today else ""},
        "times": [_time(here, row, chosen) for row in days[today]] if today else [],
        "zone": here.merchant.time_zone.replace("_", " "),
    }


def _time(here: Shop, slot: Slot, chosen: str) -> dict[str, Any]:
    name = ids.shown("slot", slot.pk)
    return {
        "id": name,
        "text": here.time(slot.starts_at),
        "until": here.time(slot.ends_at),
        "places": max(_places(slot), 0),
        "chosen": name == chosen,
    }


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        return None
