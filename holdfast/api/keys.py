"""Who asks, what they own, and under which key they ask once.

The order is the point: first the API key, then the token of the thing, and only then is an Idempotency-Key looked at, so that
nobody is shown an answer that was stored for somebody else.
"""

import re
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Header
from ninja.security import HttpBearer
from pydantic import BaseModel

from holdfast.carts import queries as carts
from holdfast.carts.models import Cart
from holdfast.db import payloads
from holdfast.db.tenancy import reading
from holdfast.idempotency.services import Use
from holdfast.kernel.errors import Forbidden, NotFound
from holdfast.kernel.ids import parsed
from holdfast.merchants import queries as merchants
from holdfast.merchants.queries import KeyHolder, UnknownKey
from holdfast.orders import queries as orders
from holdfast.orders.models import Order

#: RFC 8941: a quoted string escapes only the quote and the backslash. Bare: the same characters, not beginning with a quote.
KEY = r'^([!#-~]([ -~]{0,253}[!-~])?|"([ !#-\[\]-~]|\\["\\]){1,255}")$'

IdempotencyKey = Annotated[
    str,
    Header(
        ...,
        alias="Idempotency-Key",
        pattern=KEY,
        description="Yours, fresh for each intention: the same key and request get the same answer for 7 days. Bare or quoted.",
        example="8e03978e-40d5-43e8-bc93-6894a57f9324",
    ),
]
OptionalKey = Annotated[
    str | None,
    Header(
        None,
        alias="Idempotency-Key",
        pattern=KEY,
        description="Yours, if a repetition of this request shall change nothing. Bare or quoted; kept for 7 days.",
        example="8e03978e-40d5-43e8-bc93-6894a57f9324",
    ),
]
CartToken = Annotated[
    str,
    Header(
        ...,
        alias="Cart-Token",
        description="Of the cart, as it was told when the cart was made.",
        example="Zk1pX2h0dHBzOi8vaG9sZGZhc3QvY2FydC10b2tlbg",
    ),
]
OrderToken = Annotated[
    str | None,
    Header(
        None,
        alias="Order-Token",
        description="Of the order. Not needed with a secret key.",
        example="0d1c5b1f0d1c5b1f0d1c5b1f0d1c5b1f0d1c5b1f0d1c5b1f0d1c5b1f0d1c5b1f",
    ),
]


class SecretKeyNeeded(Forbidden):
    """This needs a secret key (`sk_…`). A publishable key does only what a shopper may."""


class ApiKey(HttpBearer):
    """A publishable or a secret key of a merchant."""

    def __call__(self, request: HttpRequest) -> KeyHolder:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise UnknownKey
        return self.authenticate(request, token.strip())

    def authenticate(self, request: HttpRequest, token: str) -> KeyHolder:
        return merchants.key_holder(token)


class SecretKey(ApiKey):
    """A secret key: it speaks for the merchant."""

    def authenticate(self, request: HttpRequest, token: str) -> KeyHolder:
        holder = super().authenticate(request, token)
        if holder.kind != "secret":
            raise SecretKeyNeeded
        return holder


def holder(request: HttpRequest) -> KeyHolder:
    """Who asks, as the operation's key check found out."""
    found: KeyHolder = request.auth  # type: ignore[attr-defined]
    return found


def merchant_id(request: HttpRequest) -> UUID:
    """Whose merchant's business this is."""
    return holder(request).merchant_id


def cart_of(cart_id: str, token: str) -> Cart:
    """The cart, for whoever has its token. Call it while reading. Raises NotFound for a wrong token as for no cart."""
    return carts.owned(parsed("cart", cart_id), merchants.token_hash(token))


def order_of(request: HttpRequest, order_id: str, token: str | None) -> Order:
    """The order, for its token or for the merchant's secret key. Call it while reading. Raises NotFound."""
    wanted = parsed("ord", order_id)
    if token is not None:
        return orders.owned(wanted, merchants.token_hash(token))
    if holder(request).kind == "secret":
        return orders.get(wanted)
    raise NotFound("There is no such order, or the Order-Token header is missing.")


def own_cart(request: HttpRequest, cart_id: str, token: str) -> Cart:
    """The same, in a transaction of its own: before a flow."""
    with reading(merchant_id(request)):
        return cart_of(cart_id, token)


def own_order(request: HttpRequest, order_id: str, token: str | None) -> Order:
    """The same, in a transaction of its own: before a flow."""
    with reading(merchant_id(request)):
        return order_of(request, order_id, token)


def use(request: HttpRequest, *, key: str, owner: str, said: BaseModel | None) -> Use:
    """The client's key for the idempotency table. `owner` is the token's scope (`cart:…`, `order:…`), proven before.

    A secret key is a client of its own. A publishable key is everybody's, so it is never a scope.
    """
    asks = holder(request)
    content: dict[str, Any] = said.model_dump(mode="json") if said is not None else {}
    return Use(
        scope=f"secret:{asks.key_id}" if asks.kind == "secret" else owner,
        key=bare(key),
        fingerprint=payloads.fingerprint({"method": request.method, "path": request.path, "body": content}),
    )


def bare(key: str) -> str:
    """The key without its quotes (RFC 8941). It has the form of KEY."""
    return re.sub(r"\\(.)", r"\1", key[1:-1]) if key.startswith('"') else key
