"""Found a merchant, its keys, accounts and goods. Merchants are founded by the deployment's owner, the rest by the merchant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from holdfast.catalog.models import Product, Variant
from holdfast.customers.models import User
from holdfast.db import due
from holdfast.db.tenancy import writing
from holdfast.inventory import services as inventory
from holdfast.inventory.models import Slot, Stock
from holdfast.kernel import limits
from holdfast.kernel.ids import new_token
from holdfast.merchants import queries as merchants
from holdfast.merchants.credentials import seal
from holdfast.merchants.models import Account, ApiKey, Host, Membership, Merchant
from holdfast.pricing import promotions as rules
from holdfast.promotions import services as promotions
from holdfast.promotions.models import Promotion


@dataclass(frozen=True)
class Offer:
    """A promotion: `rules` as `pricing.promotions` reads them; without a code it applies by itself."""

    name: str
    rules: Mapping[str, Any]
    code: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    total_limit: int | None = None
    customer_limit: int | None = None


@dataclass(frozen=True)
class Goods:
    """One thing to sell. `stock` None is endless; a booking gives `slots` as (start, end, places)."""

    kind: str
    slug: str
    name: str
    variants: Sequence[tuple[str, str, int]]  # (sku, name, price in minor units)
    stock: int | None = None
    description: str = ""
    meeting_point: str = ""
    slots: Sequence[tuple[datetime, datetime, int]] = ()


def found_merchant(*, slug: str, name: str, **settings: Any) -> Merchant:
    """A new merchant, or the one with this slug. Needs the owner's connection."""
    merchant, _ = Merchant.objects.using("owner").get_or_create(slug=slug, defaults={"name": name, **settings})
    return merchant


def answer_to(*, merchant_id: UUID, host: str) -> None:
    """Let browsers reach a merchant's shop under a name. Needs the owner's connection. A name that is taken stays as it is."""
    Host.objects.using("owner").get_or_create(host=host.lower(), defaults={"merchant_id": merchant_id})


def hire(*, merchant_id: UUID, email: str, password: str, role: str, now: datetime) -> User:
    """A login for the console that works for a merchant. Needs the owner's connection: the application makes nobody staff.

    Safe to repeat: a login that is there keeps its password, a membership its role.
    """
    users = User.objects.using("owner")
    person = users.filter(email=email.strip().lower()).first()
    if person is None:
        person = User.objects.db_manager("owner").create_user(email, password, is_staff=True)
    Membership.objects.using("owner").get_or_create(
        merchant_id=merchant_id, user_id=person.pk, defaults={"role": role, "created_at": now}
    )
    return person


def issue_key(*, merchant_id: UUID, kind: str, name: str, now: datetime, token: str = "") -> str:
    """A new API key; the token is returned once and only its hash is kept."""
    token = token or f"{'pk' if kind == 'publishable' else 'sk'}_{new_token()}"
    with writing(merchant_id, step="setup.key"):
        hashed = merchants.token_hash(token)
        if not ApiKey.objects.filter(token_sha256=hashed).exists():
            ApiKey.objects.create(
                merchant_id=merchant_id, kind=kind, name=name, hint=token[-4:], token_sha256=hashed, created_at=now
            )
    return token


def open_account(
    *,
    merchant_id: UUID,
    provider: str,
    mode: str,
    credentials: Mapping[str, Any],
    now: datetime,
    id: UUID | None = None,
    window: timedelta | None = None,
) -> Account:
    """An account with a provider; credentials are sealed before they are written.

    `window`: how long its customers have to pay, where that is not the merchant's; five days for a bank transfer.
    """
    wait = window or (limits.TRANSFER_WINDOW if provider == "transfer" else None)
    with writing(merchant_id, step="setup.account"):
        known = Account.objects.filter(provider=provider, mode=mode).first()
        if known is not None:
            Account.objects.filter(pk=known.pk).update(sealed=seal(dict(credentials)))
            return known
        chosen = {"id": id} if id else {}
        return Account.objects.create(
            merchant_id=merchant_id,
            provider=provider,
            mode=mode,
            sealed=seal(dict(credentials)),
            window_s=int(wait.total_seconds()) if wait else None,
            created_at=now,
            due_at=due.after(limits.BOOKS_EVERY / 12),
            **chosen,
        )


def stock_up(*, merchant_id: UUID, goods: Goods, currency: str, now: datetime) -> Product:
    """Put goods on sale with their stock. Goods that are there already stay as they are."""
    with writing(merchant_id, step="setup.goods"):
        known = Product.objects.filter(slug=goods.slug).first()
        if known is not None:
            return known
        product = Product.objects.create(
            merchant_id=merchant_id,
            kind=goods.kind,
            slug=goods.slug,
            name=goods.name,
            description=goods.description,
            meeting_point=goods.meeting_point,
            created_at=now,
        )
        stock_id = _stock(merchant_id, "item", goods.name, goods.stock, now=now) if goods.stock is not None else None
        for position, (sku, name, price) in enumerate(goods.variants):
            Variant.objects.create(
                merchant_id=merchant_id,
                product=product,
                sku=sku,
                name=name,
                price_minor=price,
                currency=currency,
                stock_id=stock_id,
                position=position,
            )
        for start, end, places in goods.slots:
            slot_stock = _stock(merchant_id, "slot", f"{goods.name} {start:%Y-%m-%d %H:%M}", places, now=now)
            Slot.objects.create(
                merchant_id=merchant_id,
                product=product,
                stock_id=slot_stock,
                starts_at=start,
                ends_at=end,
                cutoff_at=start - timedelta(hours=1),
            )
        return product


def announce(*, merchant_id: UUID, offer: Offer, now: datetime) -> Promotion:
    """Offer a promotion, or find the one with its name and code. Raises BadPromotion."""
    code = rules.normalised(offer.code)
    window = {"starts_at": offer.starts_at, "ends_at": offer.ends_at}
    rules.from_json(offer.rules, key="-", name=offer.name, code=code, **window)
    with writing(merchant_id, step="setup.promotion"):
        known = Promotion.objects.filter(code=code, **({} if code else {"name": offer.name})).first()
        if known is not None:
            return known
        return promotions.announce(
            merchant_id=merchant_id,
            name=offer.name,
            rules=dict(offer.rules),
            code=code,
            total_limit=offer.total_limit,
            customer_limit=offer.customer_limit,
            now=now,
            **window,
        )


def _stock(merchant_id: UUID, kind: str, name: str, quantity: int, *, now: datetime) -> UUID:
    stock = Stock.objects.create(merchant_id=merchant_id, kind=kind, name=name)
    if quantity:
        inventory.receive_stock(merchant_id=merchant_id, stock_id=stock.pk, quantity=quantity, cause="received", now=now)
    return stock.pk
