"""The shop that the tests of the API call."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.api.scene import Scene


@pytest.fixture
def scene(database: Any, gateway: Any, secret_key: str) -> "Scene":
    """A shop on a database of its own."""
    from tests import build
    from tests.api.scene import Caller, Scene

    shop = build.shop(gateway.url, secret_key)
    return Scene(shop, Caller(shop.pk), Caller(shop.sk))
