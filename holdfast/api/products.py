"""What is for sale."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Query, Router
from pydantic import BaseModel

from holdfast.api import problems
from holdfast.api.keys import ApiKey, merchant_id
from holdfast.api.problems import Problem
from holdfast.api.schemas import PLAIN
from holdfast.catalog import queries as catalog
from holdfast.catalog.queries import ProductView
from holdfast.db.tenancy import reading
from holdfast.inventory import queries as inventory
from holdfast.kernel import clock, limits
from holdfast.kernel.errors import NotFound
from holdfast.kernel.ids import parsed, shown

router = Router(tags=["Products"], auth=ApiKey())

#: Rows of a page when the client does not say.
PAGE = 20

Kind = Literal["good", "digital", "booking"]


class Variant(BaseModel):
    """What a cart line points to. Prices in minor units."""

    id: str = Field(examples=["var_018f6e5c9b7a7c3d8e1f2a3b4c5d6e7f"])
    sku: str
    name: str
    price_minor: int = Field(examples=[1250])
    currency: str = Field(examples=["EUR"])
    places: int = Field(description="Places of a slot that one unit takes.")
    available: int | None = Field(description="Pieces left, a hint; null where nothing is counted or the slots count.")


class Product(BaseModel):
    """Something to buy, with its variants in order."""

    id: str = Field(examples=["prod_018f6e5c9b7a7c3d8e1f2a3b4c5d6e7f"])
    kind: Kind
    slug: str
    name: str
    description: str
    meeting_point: str = Field(description="Of a booking: where to be.")
    variants: list[Variant]


class ProductPage(BaseModel):
    """A page; `next` is the `after` of the one that follows, null at the end."""

    products: list[Product]
    next: str | None


class Slot(BaseModel):
    """A departure that can still be booked."""

    id: str = Field(examples=["slot_018f6e5c9b7a7c3d8e1f2a3b4c5d6e7f"])
    starts_at: datetime
    ends_at: datetime
    cutoff_at: datetime = Field(description="Bookable until then.")
    places_left: int = Field(description="A hint; only checkout decides.")


class SlotPage(BaseModel):
    """A page; `next` is the `after` of the one that follows, null at the end."""

    slots: list[Slot]
    next: str | None


@router.get("", response={200: ProductPage, problems.READ: Problem}, operation_id="listProducts", summary="List products")
def list_products(
    request: HttpRequest,
    after: str | None = Query(None, pattern="^prod_[0-9a-f]{32}$", description="`next` of the page before."),
    limit: int = Query(PAGE, ge=1, le=limits.MAX_PAGE),
    search: str = Query("", max_length=80, pattern=PLAIN, description="Beginning of the name, in any case."),
    kind: Kind | None = None,
    slug: str = Query("", max_length=80, pattern="^[-a-zA-Z0-9_]*$", description="Exactly; slugs are unique."),
) -> dict[str, Any]:
    """Products for sale, in the order they were made. Who may call: any API key."""
    cursor = parsed("prod", after) if after else None
    with reading(merchant_id(request)):
        found = catalog.products(after=cursor, limit=limit + 1, search=search, kind=kind or "", slug=slug)
        views = found[:limit]
        left = _available(views)
    more = len(found) > limit
    return {"products": [_product(view, left) for view in views], "next": shown("prod", views[-1].product.pk) if more else None}


@router.get("/{product_id}", response={200: Product, problems.READ: Problem}, operation_id="getProduct", summary="One product")
def get_product(request: HttpRequest, product_id: str) -> dict[str, Any]:
    """A product for sale with its variants. Who may call: any API key."""
    with reading(merchant_id(request)):
        view = _for_sale(product_id)
        return _product(view, _available([view]))


@router.get(
    "/{product_id}/slots",
    response={200: SlotPage, problems.READ: Problem},
    operation_id="listSlots",
    summary="Its bookable slots",
)
def list_slots(
    request: HttpRequest,
    product_id: str,
    after: str | None = Query(None, pattern="^slot_[0-9a-f]{32}$", description="`next` of the page before."),
    limit: int = Query(PAGE, ge=1, le=limits.MAX_PAGE),
) -> dict[str, Any]:
    """The slots of a booking that can be booked now, soonest first, with places left. Who may call: any API key."""
    cursor = parsed("slot", after) if after else None
    with reading(merchant_id(request)):
        view = _for_sale(product_id)
        found = inventory.slots(view.product.pk, now=clock.now(), limit=limit + 1, after=cursor)
    slots = [
        {
            "id": shown("slot", row.pk),
            "starts_at": row.starts_at,
            "ends_at": row.ends_at,
            "cutoff_at": row.cutoff_at,
            "places_left": row.stock.on_hand - row.stock.reserved,
        }
        for row in found[:limit]
    ]
    return {"slots": slots, "next": slots[-1]["id"] if len(found) > limit else None}


def _for_sale(product_id: str) -> ProductView:
    view = catalog.product(parsed("prod", product_id))
    if view is None:
        raise NotFound("There is no such product for sale.")
    return view


def _available(views: list[ProductView]) -> Mapping[UUID, int]:
    stock_ids = {variant.stock_id for view in views for variant in view.variants if variant.stock_id}
    return inventory.available(stock_ids) if stock_ids else {}


def _product(view: ProductView, left: Mapping[UUID, int]) -> dict[str, Any]:
    return {
        "id": shown("prod", view.product.pk),
        "kind": view.product.kind,
        "slug": view.product.slug,
        "name": view.product.name,
        "description": view.product.description,
        "meeting_point": view.product.meeting_point,
        "variants": [
            {
                "id": shown("var", row.pk),
                "sku": row.sku,
                "name": row.name,
                "price_minor": row.price_minor,
                "currency": row.currency,
                "places": row.places,
                "available": left.get(row.stock_id) if row.stock_id else None,
            }
            for row in view.variants
        ],
    }
