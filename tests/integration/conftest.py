"""One database for a file, a shop of its own for each test, an impatient client, and THE LIST afterwards."""

import itertools
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

pytest.register_assert_rewrite("tests.crash.world", "tests.integration.moneyback")

NUMBERS = itertools.count(1)
#: The gateway is silent for longer than we wait.
READ_S, SILENT_S = 2.0, 4.0


@pytest.fixture(scope="module")
def ground() -> Iterator[Any]:
    from tests.conftest import clone, drop

    database = clone()
    yield database
    drop(database)


@pytest.fixture
def impatient(gateway: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Clients are made with the limits of their time, so both caches start empty and end empty."""
    from holdfast.kernel import limits
    from holdfast.providers import http
    from holdfast.providers.stripe import asking

    ours = {"timeout_s": SILENT_S, "direct_latency_s": 0, "async_after_s": 600, "refund_after_s": 600}
    usual = {name: value for name, value in gateway.control("GET", "/moods")["settings"].items() if name in ours}
    gateway.moods(settings=ours)
    monkeypatch.setattr(limits, "PROVIDER_READ_S", READ_S)
    monkeypatch.setattr(limits, "DIRECT_BACKOFF_S", 0.0)
    for cache in (http.client, asking._client):
        cache.cache_clear()
    yield
    for cache in (http.client, asking._client):
        cache.cache_clear()
    gateway.moods(settings=usual)


@pytest.fixture
def world(ground: Any, gateway: Any, impatient: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A shop with ten mugs, books and a tour, at a gateway account of its own."""
    from django.conf import settings
    from django.core import mail

    from holdfast import invariants
    from holdfast.kernel import clock
    from tests import build
    from tests.crash.world import World
    from tests.integration import driving

    monkeypatch.setattr(settings, "EMAIL_BACKEND", "django.core.mail.backends.locmem.EmailBackend")
    monkeypatch.setattr(mail, "outbox", [], raising=False)
    number = next(NUMBERS)
    shop = build.shop(gateway.url, f"sk_test_{secrets.token_hex(12)}", slug=f"desk-{number}")
    yield World(ground, gateway, shop, monkeypatch)
    violations = invariants.check()
    driving.retire(ground, shop)
    if clock.OFFSET_S:
        driving.return_to_the_present(ground)
    assert violations == []
