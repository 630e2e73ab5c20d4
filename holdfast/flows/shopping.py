"""Changes to a cart. Each locks the cart, so that parallel changes have an order and none is lost."""

from datetime import datetime
from uuid import UUID

from holdfast.carts import queries as cart_queries
from holdfast.carts import services as carts
from holdfast.carts.models import Cart
from holdfast.catalog import queries as catalog
from holdfast.customers import services as customers
from holdfast.db.tenancy import writing
from holdfast.flows import answers, quotes
from holdfast.idempotency import services as idempotency
from holdfast.idempotency.services import Use
from holdfast.inventory import queries as inventory
from holdfast.kernel.errors import Conflict, Refused
from holdfast.kernel.ids import new_id
from holdfast.merchants import queries as merchants
from holdfast.orders import queries as order_queries
from holdfast.pricing.shipping import NoSuchMethod


class SlotNeeded(Refused):
    """This is booked for a time: choose a slot."""


class CartOpen(Conflict):
    """This cart is open: change it as it is."""


class SlotMisplaced(Refused):
    """This slot belongs to something else."""


def open_cart(*, merchant_id: UUID, region: str | None, now: datetime) -> tuple[Cart, str]:
    """A new cart and its token, which is shown once."""
    cart_id = new_id()
    token = answers.cart_token(cart_id)
    with writing(merchant_id, step="shopping.open_cart"):
        merchant = merchants.current(merchant_id)
        cart = carts.create(
            id=cart_id,
            merchant_id=merchant_id,
            token_sha256=merchants.token_hash(token),
            currency=merchant.currency,
            region=region or merchant.country,
            now=now,
        )
    return cart, token


def add_line(
    *,
    merchant_id: UUID,
    cart_id: UUID,
    token_sha256: str,
    variant_id: UUID,
    slot_id: UUID | None,
    quantity: int,
    now: datetime,
    use: Use | None = None,
) -> None:
    """Put something into a cart at its present price. With a client's key it is safe to repeat; without, each call adds.

    Raises NotFound, CartLocked, CartMerged, NotForSale, SlotNeeded, CartFull, KeyReused …
    """
    with writing(merchant_id, step="shopping.add_line"):
        if use is not None:
            cart_queries.owned(cart_id, token_sha256)  # whoever has not its token learns nothing of its keys
            claimed = idempotency.claim(use, merchant_id=merchant_id, subject="line", subject_id=new_id(), now=now)
            if not claimed.fresh:
                return
            idempotency.answer(merchant_id=merchant_id, subject_id=claimed.subject_id, status=201, body=b"{}")
        cart = carts.lock_active(cart_id, token_sha256)
        variant = catalog.sellable([variant_id])[variant_id]
        if (variant.product.kind == "booking") != (slot_id is not None):
            raise SlotNeeded if slot_id is None else SlotMisplaced
        if slot_id is not None and inventory.bookable([slot_id], now=now)[slot_id].product_id != variant.product_id:
            raise SlotMisplaced
        carts.add_line(
            cart, variant_id=variant_id, slot_id=slot_id, quantity=quantity, unit_price_minor=variant.price_minor, now=now
        )


def change_line(*, merchant_id: UUID, cart_id: UUID, token_sha256: str, line_id: UUID, quantity: int) -> None:
    """Set a line's quantity; 0 removes it. Raises NotFound, CartLocked, QuantityTooLarge."""
    with writing(merchant_id, step="shopping.change_line"):
        carts.change_line(carts.lock_active(cart_id, token_sha256), line_id=line_id, quantity=quantity)


def set_region(*, merchant_id: UUID, cart_id: UUID, token_sha256: str, region: str) -> None:
    """Where it goes. Raises NotFound, CartLocked."""
    with writing(merchant_id, step="shopping.set_region"):
        carts.set_region(carts.lock_active(cart_id, token_sha256), region=region)


def choose_shipping(*, merchant_id: UUID, cart_id: UUID, token_sha256: str, method: str) -> None:
    """How it shall be shipped; empty is the cheapest way. Raises NotFound, CartLocked, NoSuchMethod."""
    with writing(merchant_id, step="shopping.choose_shipping"):
        cart = carts.lock_active(cart_id, token_sha256)
        if method and all(each.key != method for each in quotes.rules_of(merchants.current(merchant_id)).shipping):
            raise NoSuchMethod
        carts.set_shipping_method(cart, key=method)


def reopen(*, merchant_id: UUID, cart_id: UUID, token_sha256: str, now: datetime) -> tuple[Cart, str]:
    """Going back from payment: an active cart with the same content. The frozen one stays with its order.

    Safe to repeat: while the copy is open it is the same one. It is a copy of the cart that became an order, also when it is
    made from a copy that went on with that order. What becomes of the order is decided when the copy is checked out
    (`flows.back`). Raises NotFound, CartOpen.
    """
    with writing(merchant_id, step="shopping.reopen"):
        theirs = cart_queries.owned(cart_id, token_sha256).customer_id
        if theirs is not None:
            customers.lock_customer(theirs)  # before the cart: a login at the same time may give them an active one
        old = carts.lock_any(cart_id, token_sha256)
        if old.state == "active":
            raise CartOpen
        if old.state == "merged":
            raise carts.CartMerged
        origin = old.copy_of_id if old.copy_of_id and order_queries.of_cart(old.pk) is None else old.pk
        known = cart_queries.open_copy(origin)
        if known is not None:
            return known, answers.cart_token(known.pk)
        copy_id = new_id()
        token = answers.cart_token(copy_id)
        copy = carts.create(
            id=copy_id,
            merchant_id=merchant_id,
            token_sha256=merchants.token_hash(token),
            currency=old.currency,
            region=old.region,
            copy_of=origin,
            customer_id=_who_goes_back(theirs),
            coupon=old.coupon,
            shipping_method=old.shipping_method,
            now=now,
        )
        for line in cart_queries.lines(old.pk):
            carts.add_line(
                copy,
                variant_id=line.variant_id,
                slot_id=line.slot_id,
                quantity=line.quantity,
                unit_price_minor=line.unit_price_minor,
                # The age of the price goes along: copying a cart again and again must not keep an old price for ever.
                now=line.priced_at,
            )
    return copy, token


def _who_goes_back(theirs: UUID | None) -> UUID | None:
    """The copy of a customer's cart is theirs, unless they have begun another one: then it is a guest's until it is claimed.
    The customer is locked."""
    return theirs if theirs is not None and cart_queries.of_customer(theirs) is None else None
