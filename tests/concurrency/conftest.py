"""Shops for races: as many database connections as there are threads, and a gateway that fails only when told to."""

from collections.abc import Iterator
from typing import Any

import pytest

pytest.register_assert_rewrite("tests.crash.world", "tests.integration.moneyback")

#: Enough for the largest race (50 buyers) and its helpers.
CONNECTIONS = 70


@pytest.fixture
def crowd(database: Any) -> Iterator[Any]:
    """A database of this test that takes as many connections as there are threads."""
    from django.db import connections

    pool = connections.settings["default"]["OPTIONS"]["pool"]
    usual = dict(pool)
    pool.update(max_size=CONNECTIONS, timeout=30)
    yield database
    connections["default"].close()
    connections["default"].close_pool()
    pool.clear()
    pool.update(usual)


@pytest.fixture
def shop(crowd: Any, gateway: Any, secret_key: str) -> Any:
    """Ten of everything."""
    from tests import build

    return build.shop(gateway.url, secret_key)


@pytest.fixture
def world(crowd: Any, gateway: Any, shop: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The shop with one customer's journey in it."""
    from django.conf import settings
    from django.core import mail

    from tests.crash.world import World

    monkeypatch.setattr(settings, "EMAIL_BACKEND", "django.core.mail.backends.locmem.EmailBackend")
    monkeypatch.setattr(mail, "outbox", [], raising=False)
    return World(crowd, gateway, shop, monkeypatch)
