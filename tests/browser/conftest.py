"""A browser and a whole house: real processes on ports of their own, one house for all tests of this folder.

Screenshots are written to HOLDFAST_SCREENSHOTS, by default to .holdfast/screenshots.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.first_run import House, Ports, free_ports
from holdfast.supervisor import Supervisor
from tests.browser.shopper import Shopper

ROOT = Path(__file__).resolve().parents[2]
#: Where Debian puts it; HOLDFAST_CHROMIUM names another one.
CHROMIUM = os.environ.get("HOLDFAST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-headless-shell") or ""
#: Nothing of the browser's own business on the network or the disk.
ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    "--disable-gpu",
    "--disable-dev-shm-usage",
]
LAPTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Everything that `./dev up` starts; nothing of the test run's settings reaches it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "DATABASE_"))}
    home = tmp_path_factory.mktemp("browser") / "house"
    with House(home, Ports(*free_ports(3)), keep=False, outside=clean) as prepared:
        with Supervisor(prepared.programs(), pid_file=prepared.home / "pids.json"):
            yield prepared
            assert prepared.run("check", check=False) == 0, "the list must be empty after everything that was bought"


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, or a failure that says what is missing: a run without a browser is for `./dev test` to announce."""
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "no chromium is installed: apt-get install chromium, or name one in HOLDFAST_CHROMIUM"
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *root])
        yield chromium
        chromium.close()


@pytest.fixture
def shopper(request: pytest.FixtureRequest, browser: Any, house: House) -> Iterator[Shopper]:
    """Somebody at a laptop with an empty browser. The marker-like fixture values `phone` and `without_scripts` change that."""
    options = {"viewport": LAPTOP, "locale": "en-GB", **getattr(request, "param", {})}
    context = browser.new_context(**options)
    folder = Path(os.environ.get("HOLDFAST_SCREENSHOTS") or ROOT / ".holdfast" / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"\W+", "-", request.node.name.removeprefix("test_"))[:80]
    somebody = Shopper(house, context, lambda part: folder / f"{name}--{part}.png")
    yield somebody
    context.close()
    assert somebody.complaints == []
