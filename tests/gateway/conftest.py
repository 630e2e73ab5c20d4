"""A real gateway, an official SDK client, and a shop that hears webhooks.

The gateway is shared by a run's tests, each of which has an account of its own; tests that kill it start their own.
"""

import sys
from pathlib import Path

import pytest
import stripe

sys.path.insert(0, str(Path(__file__).parent.parent))

from gateway_process import GatewayProcess
from gateway_shop import Shop

stripe.enable_telemetry = False

QUICK = ("--set", "async_after_s=0.2", "--set", "refund_after_s=0.2", "--set", "direct_latency_s=0.01")


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    with GatewayProcess(tmp_path_factory.mktemp("gateway"), args=QUICK) as process:
        yield process


@pytest.fixture
def shop(gateway):
    with Shop(gateway) as shop:
        yield shop
