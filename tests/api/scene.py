"""A shop with an HTTP client for each who may call: a shopper, another shopper, the merchant."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from tests import build
from tests.build import Shop

NUMBERS = itertools.count(1)


@dataclass
class Told:
    """An answer: status, headers, the bytes and what they say."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The stable code of a problem."""
        assert self.headers["Content-Type"] == "application/problem+json"
        assert self.json["status"] == self.status
        return str(self.json["type"]).removeprefix("/problems/")

    @property
    def refusal(self) -> tuple[int, str]:
        return self.status, self.code


@dataclass
class Caller:
    """Somebody with an API key."""

    key: str
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Told:
        """`idempotency_key="k"` becomes `Idempotency-Key: k`. A body that is bytes goes as it is."""
        sent = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        sent |= self.headers | {name.replace("_", "-").title(): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        type_ = sent.pop("Content-Type", "application/json" if content else "")
        response = Client(raise_request_exception=False, SERVER_NAME="localhost").generic(
            method, path, content, content_type=type_, headers=sent
        )
        return Told(response.status_code, b"".join(response) if response.streaming else response.content, response.headers)

    def get(self, path: str, **headers: str) -> Told:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Told:
        return self.ask("POST", path, body, **headers)

    def having(self, **headers: str) -> "Caller":
        """The same with tokens: `shopper.having(cart_token=…)`."""
        named = {name.replace("_", "-").title(): value for name, value in headers.items()}
        return Caller(self.key, {**self.headers, **named})


@dataclass
class Scene:
    """A shop and who calls it."""

    shop: Shop
    shopper: Caller
    merchant: Caller

    def cart(self, **quantities: int) -> tuple[str, Caller]:
        """A filled cart's address, and a shopper with its token."""
        made = build.basket(self.shop, **(quantities or {"MUG": 1}))
        return f"/v1/carts/cart_{made.id.hex}", self.shopper.having(cart_token=made.token)

    def secret_key_id(self, database: Any) -> Any:
        return database.value("SELECT id FROM merchants_apikey WHERE kind = 'secret' AND merchant_id = %s", self.shop.id)

    def wish(self, **changes: Any) -> dict[str, Any]:
        said = {
            "provider": "stripe",
            "email": "ada@example.com",
            "name": "Ada",
            "address": {"line1": "Pier 1", "city": "Hamburg", "postal_code": "20457", "country": "DE"},
            "success_url": "https://shop.test/thanks",
            "cancel_url": "https://shop.test/cart",
        }
        return {**said, **changes}

    def order(self, **quantities: int) -> tuple[str, Caller, dict[str, Any]]:
        """A placed order's address, a shopper with its token, and what checkout answered."""
        path, shopper = self.cart(**quantities)
        told = shopper.post(f"{path}/checkout", self.wish(), idempotency_key=f"key-{next(NUMBERS)}")
        assert told.status == 201, told.body
        order = told.json["order"]
        return f"/v1/orders/{order['id']}", self.shopper.having(order_token=order["token"]), told.json
