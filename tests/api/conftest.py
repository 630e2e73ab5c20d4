"""The shop that the tests of the API call."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.api.scene import Scene


@pytest.fixture
def scene(database: Any, gateway: Any, secret_key: str) -> "Iterator[Scene]":
    """A shop on a database of its own."""
    from tests import build
    from tests.api.scene import Caller, Scene

    shop = build.shop(gateway.url, secret_key)
    yield Scene(shop, Caller(shop.pk), Caller(shop.sk))
