"""A shop with an order of each fate, its staff, and a browser without scripts (Django's client) at the console."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.console.staff import Office


@pytest.fixture
def office(database: Any, gateway: Any, secret_key: str) -> "Office":
    """A merchant with staff who is logged in."""
    from tests import build
    from tests.console.staff import Office, log_in

    shop = build.shop(gateway.url, secret_key)
    return Office(database, gateway, shop, log_in(shop, "ada@shop.test"))


@pytest.fixture
def neighbour(office: "Office", gateway: Any) -> "Office":
    """Another merchant of the same deployment, with staff of its own."""
    from tests import build
    from tests.console.staff import Office, log_in

    shop = build.shop(gateway.url, f"{office.shop.secret_key}b", slug="neighbour")
    return Office(office.database, gateway, shop, log_in(shop, "bob@neighbour.test"))
