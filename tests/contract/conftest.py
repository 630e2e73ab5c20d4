"""One gateway process for the suite; every test has an account of its own there."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from gateway_process import GatewayProcess
from shops import READ_S, SILENT_S, Shop

from holdfast.kernel import limits
from holdfast.providers import http
from holdfast.providers.registry import ADAPTERS
from holdfast.providers.stripe import asking


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    with GatewayProcess(tmp_path_factory.mktemp("contract") / "books") as process:
        process.pause()
        process.moods(
            probabilities={"POST /fake-gateway/start/": {"fail_before": 0}},
            settings={"direct_latency_s": 0, "timeout_s": SILENT_S, "async_after_s": 600},
        )
        yield process


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Clients are made with the limits of their time, so both caches start empty and end empty."""
    monkeypatch.setattr(limits, "PROVIDER_READ_S", READ_S)
    monkeypatch.setattr(limits, "DIRECT_BACKOFF_S", 0.01)
    http.client.cache_clear()
    asking._client.cache_clear()
    yield
    http.client.cache_clear()
    asking._client.cache_clear()


@pytest.fixture(params=sorted(ADAPTERS))
def shop(request, gateway) -> Shop:
    """A shop with each provider in turn."""
    return Shop(request.param, gateway)


@pytest.fixture
def stripe_shop(gateway) -> Shop:
    shop = Shop("stripe", gateway)
    shop.listen()
    return shop
