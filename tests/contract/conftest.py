"""One gateway process for the suite; every test has an account of its own there."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from gateway_process import GatewayProcess
from shops import READ_S, SILENT_S, Shop, subclasses

from holdfast.kernel import limits

SHOPS = subclasses()


def pytest_configure(config):
    config.addinivalue_line("markers", "needs(*what): only for the shops that can do this, see Shop.can")


#: What a test can ask for besides its shop, to be made once for each of them.
EACH = {
    "bad_day": lambda shop: shop.bad_days,
    "declining_day": lambda shop: [day for day in shop.bad_days if day.first == "Declined"],
    "bad_refund_day": lambda shop: shop.refund_bad_days,
    "bad_capture_day": lambda shop: shop.capture_bad_days,
    "bad_void_day": lambda shop: shop.void_bad_days,
    "bad_credentials": lambda shop: shop.bad_credentials,
}


def pytest_generate_tests(metafunc):
    """A test that asks for `shop` is made for every provider that can do what the test needs."""
    if "shop" not in metafunc.fixturenames:
        return
    needs = [what for marker in metafunc.definition.iter_markers("needs") for what in marker.args]
    names = [name for name, shop in SHOPS.items() if all(shop.can(what) for what in needs)]
    for wanted in EACH.keys() & set(metafunc.fixturenames):
        pairs = [(name, each) for name in names for each in EACH[wanted](SHOPS[name])]
        return metafunc.parametrize(("shop", wanted), pairs, indirect=["shop"])
    metafunc.parametrize("shop", names, indirect=True)


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    with GatewayProcess(tmp_path_factory.mktemp("contract") / "books") as process:
        process.pause()
        for shop in SHOPS.values():
            process.moods(**shop.quiet)
        process.moods(settings={"timeout_s": SILENT_S, "async_after_s": 600, "refund_after_s": 600})
        yield process


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Clients are made with the limits of their time, so none is kept from before or for after."""
    monkeypatch.setattr(limits, "PROVIDER_READ_S", READ_S)
    monkeypatch.setattr(limits, "DIRECT_BACKOFF_S", 0.01)
    for shop in SHOPS.values():
        shop.forget_clients()
    yield
    for shop in SHOPS.values():
        shop.forget_clients()


@pytest.fixture
def shop(request, gateway) -> Shop:
    """A shop with each provider in turn."""
    shop = SHOPS[request.param](gateway)
    shop.listen()
    return shop


@pytest.fixture
def pix_shop(gateway) -> Shop:
    shop = SHOPS["pix"](gateway)
    shop.listen()
    return shop


@pytest.fixture
def stripe_shop(gateway) -> Shop:
    shop = SHOPS["stripe"](gateway)
    shop.listen()
    return shop
