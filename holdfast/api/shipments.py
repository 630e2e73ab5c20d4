"""Parcels, as the merchant says that they were sent."""

from collections import Counter
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router
from pydantic import BaseModel

from holdfast.api import keys, problems
from holdfast.api.keys import IdempotencyKey, SecretKey, merchant_id
from holdfast.api.problems import Problem
from holdfast.api.schemas import PLAIN, Body, Quantity, ShortText, WebAddress
from holdfast.flows import fulfil
from holdfast.kernel import clock, limits
from holdfast.kernel.ids import parsed

router = Router(tags=["Orders"], auth=SecretKey())


class Part(Body):
    line: str = Field(pattern="^olin_[0-9a-f]{32}$", examples=["olin_018f6e5c9b7a7c3d8e1f2a3b4c5d6e7f"])
    quantity: Quantity


class Tracking(Body):
    carrier: str = Field("", max_length=80, pattern=PLAIN, examples=["DHL"])
    number: ShortText = ""
    url: WebAddress | None = None


class Parcel(Body):
    """What was sent: quantities by order line, or everything that is left."""

    lines: list[Part] | None = Field(None, min_length=1, max_length=limits.MAX_CART_LINES)
    tracking: Tracking = Tracking()


class Shipment(BaseModel):
    id: str = Field(examples=["shp_018f6e5c9b7a7c3d8e1f2a3b4c5d6e7f"])
    order: str
    state: str = Field(description="partially_done or done.")


class Shipped(BaseModel):
    shipment: Shipment


@router.post(
    "/{order_id}/shipments",
    response={201: Shipped, problems.WRITE | problems.SECRET: Problem},
    operation_id="ship",
    summary="Say what was shipped",
)
def ship(request: HttpRequest, order_id: str, key: IdempotencyKey, said: Parcel) -> HttpResponse:
    """A parcel of a paid order was sent; the customer is told once. Who may call: a secret key."""
    parts: Counter[UUID] = Counter()
    for part in said.lines or ():
        parts[parsed("olin", part.line)] += part.quantity
    order = keys.own_order(request, order_id, None)
    answer = fulfil.ship(
        merchant_id=merchant_id(request),
        order_id=order.pk,
        parts=parts if said.lines is not None else None,
        tracking=said.tracking.model_dump(exclude_none=True),
        use=keys.use(request, key=key, owner="", said=said),
        now=clock.now(),
    )
    return HttpResponse(answer.body, status=answer.status, content_type="application/json")
