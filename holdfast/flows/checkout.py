"""A cart becomes an order with an immutable snapshot, and an attempt to take its money begins.

tx 1   claim the key, lock the cart, price, place the order, intend the payment, reserve the stock
ask    the provider opens a page for the customer (no transaction is open)
tx 2   the reply comes in by the door; the answer is stored under the key in the same transaction
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError

from holdfast.carts import queries as cart_queries
from holdfast.carts import services as carts
from holdfast.carts.models import Cart
from holdfast.customers import queries as customer_queries
from holdfast.customers import services as customers
from holdfast.db import payloads
from holdfast.db.moves import Cause
from holdfast.db.tenancy import Busy, reading, violated, writing
from holdfast.flows import answers, back, delivery, quotes, settlement
from holdfast.flows.back import Before
from holdfast.flows.expiry import StillPayable
from holdfast.flows.questions import Question, ask, of
from holdfast.idempotency import services as idempotency
from holdfast.idempotency.services import Answer, Use
from holdfast.inventory import queries as inventory_queries
from holdfast.inventory import services as inventory
from holdfast.kernel import ids
from holdfast.kernel.errors import Conflict, Refused
from holdfast.kernel.ids import new_id
from holdfast.merchants import queries as merchants
from holdfast.merchants.models import Account, Merchant
from holdfast.orders import queries as order_queries
from holdfast.orders import services as orders
from holdfast.orders.models import Order, OrderLine
from holdfast.payments import queries as payment_queries
from holdfast.payments import services as payments
from holdfast.payments.models import Payment
from holdfast.promotions import queries as promotion_queries
from holdfast.promotions import services as promotions
from holdfast.providers import registry
from holdfast.providers.contract import Purchase


class AlreadyInCheckout(Conflict):
    """This cart became an order already."""


class NotPayable(Conflict):
    """This order takes no payment now."""


class MethodNotOffered(Refused):
    """That provider has no such way to pay, or cannot hold money to take it later."""


class AddressElsewhere(Refused):
    """The address is in another country than the cart was priced for: set the cart's region first."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a shopper asks for at checkout, besides the cart. `accept_quote`: the hash of a quote they saw after prices moved."""

    provider: str
    success_url: str
    cancel_url: str
    email: str
    name: str = ""
    phone: str = ""
    address: Mapping[str, Any] = field(default_factory=dict)
    accept_quote: str = ""
    manual_capture: bool = False
    #: One of the provider's ways to pay; empty is its first.
    method: str = ""


def place(*, merchant_id: UUID, cart_id: UUID, cart_token_sha256: str, wish: Wish, use: Use, now: datetime) -> Answer:
    """Check a cart out. Safe to repeat with the same key at any point: one order, one attempt, one provider session.

    A cart that was reopened goes on with its order when it is unchanged; otherwise that order is closed and cancelled first
    (`flows.back`).

    Raises KeyReused, InProgress, AlreadyInCheckout, AddressElsewhere, AddressIncomplete, PriceChanged, InsufficientStock,
    NotForSale, SlotClosed, StillPayable, PaidMeanwhile, Busy.
    """
    request: dict[str, Any] = {
        "merchant_id": merchant_id,
        "cart_id": cart_id,
        "cart_token_sha256": cart_token_sha256,
        "wish": wish,
        "use": use,
        "now": now,
    }
    try:
        return _place(**request)
    except back.CloseFirst as first:
        back.close(first, merchant_id=merchant_id, now=now)
    try:
        return _place(**request)
    except back.CloseFirst:
        raise StillPayable from None  # somebody opened another page in between


def _place(*, merchant_id: UUID, cart_id: UUID, cart_token_sha256: str, wish: Wish, use: Use, now: datetime) -> Answer:
    # 1. Intend.
    payment_id = new_id()

    def claim() -> idempotency.Claimed:
        return idempotency.claim(use, merchant_id=merchant_id, subject="payment", subject_id=payment_id, now=now)

    def cart() -> Cart:
        return cart_queries.owned(cart_id, cart_token_sha256)

    ahead = (
        cart,
        claim,
        lambda: carts.lock_active(cart_id, cart_token_sha256),
        lambda: merchants.current(merchant_id),
        lambda: cart_queries.lines(cart_id),
        promotion_queries.automatic,
        lambda: merchants.account_for(wish.provider, shopper=True),
    )
    try:
        with writing(merchant_id, step="checkout.place", ahead=ahead):
            cart()  # whoever has not its token learns nothing of its keys
            claimed = claim()
            if claimed.fresh:
                question = _intend(merchant_id, cart_id, cart_token_sha256, wish, claimed.subject_id, now=now)
            else:
                question = None if claimed.answer else _question_of(claimed.subject_id)
    except IntegrityError as error:
        raise _explained(error) from error
    if claimed.answer is not None:
        return claimed.answer
    if isinstance(question, Answer):
        return question
    # 2. Ask, and 3. apply.
    return _ask_and_answer(merchant_id, claimed.subject_id, question, now=now)


def pay_again(*, merchant_id: UUID, order_id: UUID, wish: Wish, use: Use, now: datetime) -> Answer:
    """Another attempt for an order that was not paid. Safe to repeat with the same key.

    Raises NotPayable (paid, or an attempt is open), InsufficientStock, KeyReused, InProgress, Busy.
    """
    try:
        with writing(merchant_id, step="checkout.pay_again"):
            claimed = idempotency.claim(use, merchant_id=merchant_id, subject="payment", subject_id=new_id(), now=now)
            if claimed.fresh:
                question = _intend_again(merchant_id, order_id, wish, claimed.subject_id, now=now)
            else:
                question = None if claimed.answer else _question_of(claimed.subject_id)
    except IntegrityError as error:
        raise _explained(error) from error
    if claimed.answer is not None:
        return claimed.answer
    return _ask_and_answer(merchant_id, claimed.subject_id, question, now=now)


# -- tx 1 -------------------------------------------------------------------------------------------------------------


def _intend(
    merchant_id: UUID, cart_id: UUID, cart_token_sha256: str, wish: Wish, payment_id: UUID, *, now: datetime
) -> Question | Answer | None:
    """Everything the order needs, all or nothing. Stock is locked last, so that it is held for the fewest round trips."""
    try:
        cart = carts.lock_active(cart_id, cart_token_sha256)
    except carts.CartLocked:
        raise _already(cart_queries.owned(cart_id, cart_token_sha256)) from None
    if wish.address.get("country", cart.region) != cart.region:
        raise AddressElsewhere(region=cart.region)
    merchant = merchants.current(merchant_id)
    account = merchants.account_for(wish.provider, shopper=True)
    priced = quotes.for_checkout(cart, merchant, email=wish.email, accept=wish.accept_quote, now=now)
    delivery.require_address(priced, name=wish.name, address=wish.address)
    cause = Cause("checkout", actor="shopper")
    told = customer_queries.Told(email=wish.email, name=wish.name, phone=wish.phone, address=wish.address)
    quote_sha256 = priced.quote.sha256()
    before = back.before(cart, quote_sha256=quote_sha256, provider=wish.provider, contact=told)
    if before is not None:
        carts.lock_for_good(cart, cause=cause)
        return _go_on(before, merchant, account, wish, payment_id, now=now)
    contact = customers.record_contact(
        merchant_id=merchant_id, email=wish.email, name=wish.name, phone=wish.phone, address=dict(wish.address), now=now
    )
    order_id = new_id()
    until = now + account.window(merchant)
    order = orders.place(
        id=order_id,
        merchant_id=merchant_id,
        token_sha256=merchants.token_hash(answers.order_token(order_id)),
        cart_id=cart.pk,
        external_id=None,
        contact_id=contact.pk,
        customer_id=cart.customer_id,
        currency=priced.quote.currency,
        total_minor=priced.quote.total_minor,
        snapshot=quotes.snapshot(priced.quote),
        quote_sha256=quote_sha256,
        lines=_lines(order_id, merchant_id, priced),
        expires_at=until,
        cause=cause,
        now=now,
    )
    carts.lock_for_good(cart, cause=cause)
    question = _intend_payment(order, account, wish, payment_id, cause=cause, now=now) if order.total_minor else None
    promotions.reserve(
        merchant_id=merchant_id,
        order_id=order.pk,
        wanted=priced.offers.wanted(priced.quote.promotions),
        customer_key=quotes.customer_key(cart, wish.email),
        cause=cause,
        now=now,
    )
    inventory.reserve(merchant_id=merchant_id, order_id=order.pk, wanted=priced.wanted, until=until, cause=cause, now=now)
    if not order.total_minor:
        settlement.settle_nothing(order, account, payment_id=payment_id, cause=cause, now=now)
    return question


def _intend_again(merchant_id: UUID, order_id: UUID, wish: Wish, payment_id: UUID, *, now: datetime) -> Question | None:
    order = orders.lock_order(order_id)
    merchant = merchants.current(merchant_id)
    account = merchants.account_for(wish.provider, shopper=True)
    return _attempt_again(order, merchant, account, wish, payment_id, now=now)


def _go_on(
    before: Before, merchant: Merchant, account: Account, wish: Wish, payment_id: UUID, *, now: datetime
) -> Question | Answer | None:
    """An unchanged cart goes on with its order: its open page is the answer; where there is none, a new attempt."""
    order, attempt = before.order, before.attempt
    if attempt is None:
        try:
            return _attempt_again(order, merchant, account, wish, payment_id, now=now)
        except quotes.PricesTooOld:
            raise back.CloseFirst(order.pk, cancel=True) from None
    answer = answers.checkout(order, attempt)
    if answer.status == 201:
        idempotency.answer(merchant_id=order.merchant_id, subject_id=payment_id, status=answer.status, body=answer.body)
    else:
        idempotency.let_go(subject_id=payment_id)
    return answer


def _attempt_again(
    order: Order, merchant: Merchant, account: Account, wish: Wish, payment_id: UUID, *, now: datetime
) -> Question | None:
    if order.state not in ("payment_failed", "expired"):
        raise NotPayable(f"This order is {order.state}: it takes no other payment now.")
    if order.external_id is not None:
        raise NotPayable("This order belongs to another shop system: start its payment there.")
    if payment_queries.holds_money(order.pk):
        raise NotPayable("Money came in for this order. Please wait: we are looking into it.")
    quotes.still_sold(order, merchant, now=now)
    cause = Cause("another attempt", actor="shopper")
    until = now + account.window(merchant)
    orders.go(order, "payment_pending", cause=cause, expires_at=until, due_at=until, attempts=0)
    question = _intend_payment(order, account, wish, payment_id, cause=cause, now=now)
    if order.snapshot.get("promotions"):
        promotions.reserve_again(promotion_queries.of_order(order.pk), cause=cause)
    inventory.hold_again(inventory_queries.of_order(order.pk), until=until, cause=cause)
    return question


def _intend_payment(
    order: Order, account: Account, wish: Wish, payment_id: UUID, *, cause: Cause, now: datetime
) -> Question | None:
    """The attempt and the exact request that opens it, with a key of its own."""
    adapter, handle = registry.provider(wish.provider), merchants.handle(account)
    manual = wish.manual_capture or account.capture == "manual"
    if (wish.method and wish.method not in adapter.methods) or (manual and not adapter.captures_later):
        raise MethodNotOffered(methods=", ".join(adapter.methods))
    purchase = Purchase(
        payment_id=payment_id,
        order_id=order.pk,
        order_number=order.number,
        method=wish.method or adapter.methods[0],
        amount_minor=order.total_minor,
        currency=order.currency,
        lines=quotes.provider_lines(order.snapshot),
        email=wish.email,
        manual_capture=manual,
        expires_at=order.expires_at,
        success_url=wish.success_url,
        cancel_url=wish.cancel_url,
    )
    request = adapter.compose(purchase, handle)
    payment = payments.start(
        id=payment_id,
        merchant_id=order.merchant_id,
        order_id=order.pk,
        account_id=account.pk,
        provider=wish.provider,
        method=purchase.method,
        amount_minor=order.total_minor,
        currency=order.currency,
        capture="manual" if manual else "automatic",
        expires_at=order.expires_at,
        metadata_sha256=payloads.fingerprint(request.get("metadata", {})),
        cause=cause,
        now=now,
    )
    operation = payments.intend(payment, kind="open", request=request, now=now)
    return of(operation, payment, request=request, account=account)


def _lines(order_id: UUID, merchant_id: UUID, priced: quotes.Priced) -> Sequence[OrderLine]:
    rows = []
    for position, (line, quoted) in enumerate(zip(priced.lines, priced.quote.lines, strict=True), start=1):
        rows.append(
            OrderLine(
                merchant_id=merchant_id,
                order_id=order_id,
                position=position,
                kind=quoted.kind,
                variant_id=line.variant.pk,
                stock_id=line.stock_id,
                slot_id=line.slot_id,
                name=quoted.name,
                sku=quoted.sku,
                quantity=quoted.quantity,
                places=quoted.quantity * line.variant.places,
                unit_price_minor=quoted.unit_price_minor,
                discount_minor=quoted.discount_minor,
                tax_minor=quoted.tax_minor,
                total_minor=quoted.total_minor,
            )
        )
    return rows


# -- After tx 1 -------------------------------------------------------------------------------------------------------


def _question_of(payment_id: UUID) -> Question | None:
    """What the first request with this key meant to ask; None when the provider has spoken."""
    operation = payment_queries.operation_of(payment_id, "open")
    return of(operation, operation.payment) if operation else None


def _ask_and_answer(merchant_id: UUID, payment_id: UUID, question: Question | None, *, now: datetime) -> Answer:
    if question is not None:
        asked = ask(question, now=now)
        if asked.answer is not None:
            return asked.answer
    with reading(merchant_id):
        # What a retry will get: since it was stored, more may have happened.
        stored = idempotency.answered(payment_id)
        if stored is not None:
            return stored
        payment: Payment = payment_queries.get(payment_id)
        return answers.checkout(order_queries.get(payment.order_id), payment)


def _already(cart: Cart) -> AlreadyInCheckout:
    order = back.order_of(cart)
    if order is None:
        return AlreadyInCheckout("This cart is closed.")
    return AlreadyInCheckout(order=ids.shown("ord", order.pk), order_token=answers.order_token(order.pk))


def _explained(error: IntegrityError) -> Exception:
    """A constraint that decided a race says who was first; any other is a defect and stays what it is."""
    name = violated(error)
    if name in ("inventory_available_not_negative", "inventory_on_hand_not_negative"):
        return inventory.InsufficientStock()
    if name == "promotions_within_limit":
        return promotions.UsedUp()
    if name in ("orders_one_per_checkout", "payments_one_in_flight"):
        return AlreadyInCheckout()
    if name == "orders_number":
        return Busy()
    return error
