"""The direct payment API, for shops that have their own orders. Their order_id is the key: no header is needed."""

import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router
from pydantic import BaseModel, BeforeValidator, WithJsonSchema

from holdfast.api import problems
from holdfast.api.keys import SecretKey, merchant_id
from holdfast.api.problems import Problem
from holdfast.api.schemas import PLAIN, Body
from holdfast.db.tenancy import reading
from holdfast.flows import direct
from holdfast.kernel import clock, money
from holdfast.kernel.errors import NotFound
from holdfast.kernel.ids import parsed, shown
from holdfast.kernel.money import BadAmount, UnknownCurrency
from holdfast.merchants import queries as merchants

router = Router(tags=["Direct payments"], auth=SecretKey())

#: Digits of the longest amount that is taken (`limits.MAX_AMOUNT_MINOR` has twelve), with its point.
LONGEST = 14
WRITTEN = r"^[0-9]{1,12}(\.[0-9]{1,3})?$"


def _exact(value: Any) -> Decimal:
    """The number as it stood in the JSON text (see `wire`), or written in a string."""
    if isinstance(value, str) and re.fullmatch(WRITTEN, value):
        return Decimal(value)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
        if number.is_finite() and len(number.as_tuple().digits) <= LONGEST and number > 0:
            return number
    raise ValueError("An amount is a positive number, as a JSON number or a string of digits.")


Amount = Annotated[
    Decimal,
    BeforeValidator(_exact),
    WithJsonSchema(
        {
            "anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": WRITTEN}],
            "description": "In the merchant's currency, with at most its decimals. Taken exactly as written.",
            "examples": [100.0, "12.50"],
        }
    ),
]


class Start(Body):
    order_id: str = Field(min_length=1, max_length=120, pattern=PLAIN, examples=["ORD123"])
    amount: Amount
    currency: str | None = Field(None, pattern="^[A-Z]{3}$", description="If given, it has to be the merchant's.")


class Started(BaseModel):
    """200: it was taken."""

    payment_id: str


class Pending(BaseModel):
    """202: nobody knows yet. Look the payment up; the same request tells the outcome once it is known."""

    payment_id: str
    status: Literal["PENDING"]


class GatewayError(BaseModel):
    """502: every try failed, and nothing was taken. This is the answer for this order_id, for ever."""

    error: str = Field(examples=["Gateway error"])


class Tracked(BaseModel):
    payment_id: str
    order_id: str
    status: Literal["PENDING", "COMPLETED", "FAILED"]
    amount: float = Field(examples=[100.0])
    currency: str


@router.post(
    "/start/",
    response={200: Started, 202: Pending, 502: GatewayError, problems.WRITE | problems.SECRET: Problem},
    operation_id="startPayment",
    summary="Take a payment for your own order",
)
def start(request: HttpRequest, said: Start) -> HttpResponse:
    """Take a payment, once: the same order_id never starts a second one and gets the first answer; another amount is refused.

    Who may call: a secret key.
    """
    with reading(merchant_id(request)):
        currency = merchants.current(merchant_id(request)).currency
    if said.currency not in (None, currency):
        raise UnknownCurrency(f"This merchant takes {currency}.")
    amount_minor = money.to_minor(said.amount, currency)
    if amount_minor <= 0:
        raise BadAmount
    answer = direct.start(
        merchant_id=merchant_id(request),
        order_id=said.order_id,
        amount_minor=amount_minor,
        currency=currency,
        now=clock.now(),
    )
    return HttpResponse(answer.body, status=answer.status, content_type="application/json")


@router.get(
    "/{payment_id}/",
    response={200: Tracked, problems.READ | problems.SECRET: Problem},
    operation_id="trackPayment",
    summary="Track it",
)
def track(request: HttpRequest, payment_id: str) -> dict[str, Any]:
    """How a direct payment stands. Who may call: a secret key."""
    payment, order = direct.track(merchant_id=merchant_id(request), payment_id=parsed("pay", payment_id))
    if order.external_id is None:
        raise NotFound("There is no such payment.")
    return {
        "payment_id": shown("pay", payment.pk),
        "order_id": order.external_id,
        "status": direct.STATUS.get(payment.state, "PENDING"),
        # Twelve digits fit a float exactly; it is made here, for JSON, and computed with nowhere.
        "amount": float(money.to_decimal(payment.amount_minor, payment.currency)),
        "currency": payment.currency,
    }
