"""The shop that these tests buy in, and a browser without scripts: Django's client on a host of the merchant."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, override_settings

HOST = "shop.test"


@dataclass
class Visitor:
    """Somebody at a shop's address. `answer.text` is the page."""

    host: str = HOST
    secure: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client = Client(raise_request_exception=False, SERVER_NAME=self.host)

    def get(self, path: str, **headers: str) -> Any:
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self.client.get(path, headers=sent, secure=self.secure)

    def post(self, path: str, **said: Any) -> Any:
        return self.client.post(path, said, headers=self.headers, secure=self.secure)

    def put_in(self, variant: Any, quantity: int = 1) -> None:
        answer = self.post("/cart/lines", variant=f"var_{variant.hex}", quantity=quantity)
        assert (answer.status_code, answer["Location"]) == (303, "/cart")

    def key(self) -> str:
        """The key that the form of checkout carries."""
        return hidden(self.get("/checkout"), "key")

    def check_out(self, *, key: str = "", **changes: str) -> Any:
        said = {
            "email": "ada@example.com", "name": "Ada", "line1": "Pier 1", "postal_code": "20457", "city": "Hamburg",
            "provider": "stripe", "key": key or self.key(),
        }  # fmt: skip
        return self.post("/checkout", **{**said, **changes})


def hidden(page: HttpResponse, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page.content.decode())
    assert found, f"there is no field {name}"
    return found.group(1)


def text(page: HttpResponse) -> str:
    """What a page says, without its tags."""
    plain = re.sub(r"<(style|script|svg).*?</\1>|<[^>]+>", " ", page.content.decode(), flags=re.DOTALL)
    return " ".join(plain.replace("&nbsp;", " ").replace("\u00a0", " ").replace("&#x27;", "'").split())


@pytest.fixture(autouse=True)
def any_host() -> Iterator[None]:
    with override_settings(ALLOWED_HOSTS=["*"]):
        yield


@pytest.fixture
def shop(database: Any, gateway: Any, secret_key: str) -> Any:
    from holdfast.flows import setup
    from tests import build

    made = build.shop(gateway.url, secret_key, brand={"colour": "#7a1f5c", "locales": ["en", "de"]})
    setup.answer_to(merchant_id=made.id, host=HOST)
    return made


@pytest.fixture
def visitor(shop: Any) -> Visitor:
    return Visitor()
