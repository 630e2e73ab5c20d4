"""One database for all crashes, a shop of its own for each: what died in one shop must not trouble another."""

import itertools
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

pytest.register_assert_rewrite("tests.crash.world", "tests.crash.money_back", "tests.integration.moneyback")

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def ground() -> Iterator[Any]:
    from tests.conftest import clone, drop

    database = clone()
    yield database
    drop(database)


@pytest.fixture
def world(ground: Any, gateway: Any, monkeypatch: pytest.MonkeyPatch, settings_of_mail: None) -> Iterator[Any]:
    """A shop, and THE LIST afterwards."""
    from holdfast import invariants
    from holdfast.kernel import clock, faults
    from tests import build
    from tests.crash.world import World
    from tests.integration import driving

    monkeypatch.setattr("holdfast.kernel.limits.DIRECT_BACKOFF_S", 0.0)
    number = next(NUMBERS)
    shop = build.shop(gateway.url, f"sk_test_{secrets.token_hex(12)}", slug=f"shop-{number}")
    yield World(ground, gateway, shop, monkeypatch)
    faults.ARMED.clear()
    violations = invariants.check()
    driving.retire(ground, shop)
    if clock.OFFSET_S:
        driving.return_to_the_present(ground)
    assert violations == []


@pytest.fixture
def settings_of_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mails are kept in memory, so that they can be counted."""
    from django.conf import settings
    from django.core import mail

    monkeypatch.setattr(settings, "EMAIL_BACKEND", "django.core.mail.backends.locmem.EmailBackend")
    monkeypatch.setattr(mail, "outbox", [], raising=False)
