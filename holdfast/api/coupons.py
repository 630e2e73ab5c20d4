"""What a shopper wishes of a cart besides its lines: a code, and a way of shipping."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from ninja import Field, Router

from holdfast.api import problems
from holdfast.api.carts import CartView, view
from holdfast.api.keys import ApiKey, CartToken, merchant_id
from holdfast.api.problems import Problem
from holdfast.api.schemas import Body
from holdfast.flows import coupons, shopping
from holdfast.kernel import addresses, clock
from holdfast.kernel.ids import parsed
from holdfast.merchants import queries as merchants

router = Router(tags=["Carts"], auth=ApiKey())

#: Too many codes were tried.
TRIED = problems.WRITE | {429}


class Code(Body):
    code: str = Field(min_length=1, max_length=60, description="As it was typed; capitals do not matter.", examples=["WELCOME10"])


class Way(Body):
    method: str = Field(max_length=40, description="One of `shipping_offers`; empty for the cheapest.", examples=["express"])


@router.put(
    "/{cart_id}/coupon", response={200: CartView, TRIED: Problem}, operation_id="setCoupon", summary="Put a code into a cart"
)
def set_coupon(request: HttpRequest, cart_id: str, token: CartToken, said: Code) -> dict[str, Any]:
    """In the place of another. A code that takes nothing off is refused with its `reason`. Tries are counted by cart and by
    address: 429 with Retry-After. Who may call: any API key with the Cart-Token."""
    coupons.set_code(
        merchant_id=merchant_id(request),
        cart_id=parsed("cart", cart_id),
        token_sha256=merchants.token_hash(token),
        code=said.code,
        address=addresses.client(request.META, proxied=settings.SECURE_PROXY_SSL_HEADER is not None),
        now=clock.now(),
    )
    return view(request, cart_id, token)


@router.delete(
    "/{cart_id}/coupon",
    response={200: CartView, problems.WRITE: Problem},
    operation_id="removeCoupon",
    summary="Take the code out",
)
def remove_coupon(request: HttpRequest, cart_id: str, token: CartToken) -> dict[str, Any]:
    """Safe to repeat. Who may call: any API key with the Cart-Token."""
    coupons.remove_code(
        merchant_id=merchant_id(request), cart_id=parsed("cart", cart_id), token_sha256=merchants.token_hash(token)
    )
    return view(request, cart_id, token)


@router.put(
    "/{cart_id}/shipping-method",
    response={200: CartView, problems.WRITE: Problem},
    operation_id="setShippingMethod",
    summary="Choose how it is shipped",
)
def set_shipping_method(request: HttpRequest, cart_id: str, token: CartToken, said: Way) -> dict[str, Any]:
    """One that is not possible (any more) gives way to the cheapest. Who may call: any API key with the Cart-Token."""
    shopping.choose_shipping(
        merchant_id=merchant_id(request),
        cart_id=parsed("cart", cart_id),
        token_sha256=merchants.token_hash(token),
        method=said.method,
    )
    return view(request, cart_id, token)
