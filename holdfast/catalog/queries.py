"""Reads of the catalogue."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from holdfast.catalog.models import Product, Variant
from holdfast.db import reads
from holdfast.kernel.errors import Refused


class NotForSale(Refused):
    """This is not for sale (any more)."""


@dataclass(frozen=True)
class ProductView:
    """A product with its variants, in order."""

    product: Product
    variants: list[Variant]


def sellable(variant_ids: Iterable[UUID]) -> dict[UUID, Variant]:
    """Active variants of active products by id, with their product loaded. Raises NotForSale if one is missing."""
    wanted = set(variant_ids)
    of = "WHERE active AND id = ANY (ARRAY(SELECT product_id FROM catalog_variant WHERE id = ANY(%s::uuid[])))"
    variants, products = reads.pair(
        (Variant, "WHERE active AND id = ANY(%s::uuid[])", [*wanted]),
        (Product, of, [*wanted]),
    )
    by_id = {row.pk: row for row in products}
    found = {row.pk: row for row in variants if row.product_id in by_id}
    for row in found.values():
        row.product = by_id[row.product_id]
    if wanted - found.keys():
        raise NotForSale
    return found


def variants(variant_ids: Iterable[UUID]) -> dict[UUID, Variant]:
    """Variants by id with their product, for sale or not: what stands in a cart has to be shown."""
    return {row.pk: row for row in Variant.objects.select_related("product").filter(pk__in=set(variant_ids))}


def products(*, after: UUID | None, limit: int, search: str = "", kind: str = "", slug: str = "") -> list[ProductView]:
    """A page of active products in order of their ids, with active variants: two statements."""
    query = Product.objects.filter(active=True).order_by("id")
    if after:
        query = query.filter(pk__gt=after)
    if search:
        query = query.filter(name__istartswith=search)
    if kind:
        query = query.filter(kind=kind)
    if slug:
        query = query.filter(slug=slug)
    return _with_variants(list(query[:limit]))


def product(product_id: UUID) -> ProductView | None:
    """One active product with its variants, or None."""
    views = _with_variants(list(Product.objects.filter(pk=product_id, active=True)))
    return views[0] if views else None


def _with_variants(rows: list[Product]) -> list[ProductView]:
    by_product: dict[UUID, list[Variant]] = {row.pk: [] for row in rows}
    variants = Variant.objects.filter(product__in=list(by_product), active=True).order_by("position", "id")
    for variant in variants:
        by_product[variant.product_id].append(variant)
    return [ProductView(row, by_product[row.pk]) for row in rows]
