"""The API put together, and its description."""

from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from holdfast.api import (
    carts,
    checkouts,
    coupons,
    customers,
    direct,
    health,
    orders,
    problems,
    products,
    refunds,
    shipments,
    statements,
    transfers,
)
from holdfast.api.docs import LocalSwagger
from holdfast.api.wire import ExactParser, ExactRenderer
from holdfast.kernel import limits

DESCRIPTION = f"""
A cart becomes a paid, fulfilled order. Amounts are whole numbers of the currency's minor unit (cents),
computed by the server.

**Keys.** `Authorization: Bearer pk_…` (publishable: what a shopper may) or `sk_…` (secret: speaks for the merchant).
**Tokens.** A cart and an order are shown only with their `Cart-Token` or `Order-Token`; a wrong one is a 404.
**Idempotency.** Where an `Idempotency-Key` is required, the same key and request get the same answer, byte for byte, for
{limits.KEY_TTL.days} days; another request with the same key is a 422; a request in progress is a 409 with `Retry-After`.
202 answers and 5xx are not kept: repeat the request with its key.
**Errors** are `application/problem+json` (RFC 9457); `type` ends in a stable code.
**Bodies** are JSON in UTF-8, at most {limits.MAX_BODY_BYTES} bytes; unknown names are refused.
""".strip()

TAGS = [
    {"name": "Products", "description": "What is for sale. Any API key."},
    {"name": "Carts", "description": "A shopper's intent, by its Cart-Token."},
    {"name": "Customers", "description": "Of a shop that has its own accounts. Secret key."},
    {"name": "Checkout", "description": "From a cart to an order and an attempt to pay it."},
    {"name": "Orders", "description": "By Order-Token, or by the merchant's secret key."},
    {"name": "Refunds", "description": "Money back, and money that is only held. Secret key."},
    {"name": "Transfers", "description": "Bank transfers that came in: statements, entries, what they were for. Secret key."},
    {"name": "Statements", "description": "The ledger by day and provider. Secret key."},
    {"name": "Direct payments", "description": "For shops that have their own orders. Secret key."},
    {"name": "Health", "description": "For load balancers and supervisors."},
]


class HoldfastAPI(NinjaAPI):
    """Describes refusals by the media type they really have."""

    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**kwargs)
        for operations in schema["paths"].values():
            for operation in operations.values():
                for told in operation["responses"].values():
                    content = told.get("content", {})
                    if content.get("application/json", {}).get("schema", {}).get("$ref", "").endswith("/Problem"):
                        content[problems.MEDIA_TYPE] = content.pop("application/json")
        return schema


api = HoldfastAPI(
    title="Holdfast",
    version="1",
    description=DESCRIPTION,
    openapi_url="/v1/openapi.json",
    docs_url="/v1/docs",
    docs=LocalSwagger(),
    parser=ExactParser(),
    renderer=ExactRenderer(),
    openapi_extra={"tags": TAGS},
)
problems.register(api)
api.add_router("/v1/products", products.router)
api.add_router("/v1/carts", carts.router)
api.add_router("/v1/carts", coupons.router)
api.add_router("/v1", checkouts.router)
api.add_router("/v1/customers", customers.router)
api.add_router("/v1/orders", orders.router)
api.add_router("/v1/orders", shipments.router)
api.add_router("/v1/orders", refunds.router)
api.add_router("/v1/orders", transfers.of_orders)
api.add_router("/v1/transfers", transfers.router)
api.add_router("/v1/statements", statements.router)
api.add_router("/payments", direct.router)
api.add_router("/health", health.router)
