"""A first start makes everything, a second keeps it, two at once do not quarrel, and nothing outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from embedded_server import ask, tell

from holdfast.embedded import Server, find_binaries
from holdfast.embedded.errors import EmbeddedError
from holdfast.embedded.processes import is_running, wait_gone

pytestmark = pytest.mark.processes

REPOSITORY = Path(__file__).resolve().parents[2]
WITHIN_S = 30


def test_first_start_makes_a_server_with_a_password_and_utf8(server):
    server.start()
    version, encoding, user, checksums = ask(
        server,
        "select current_setting('server_version_num')::int / 10000, current_setting('server_encoding'), current_user,"
        " current_setting('data_checksums')",
    )[0]
    assert (version, encoding, user, checksums) == (find_binaries().major, "UTF8", "holdfast_owner", "on")
    assert server.is_alive()
    assert server.is_ready()
    assert (server.home / "password").stat().st_mode & 0o777 == 0o600
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://holdfast_owner:wrong@127.0.0.1:{server.port}/postgres")


def test_second_start_keeps_data_port_and_password_and_takes_seconds(server):
    server.start()
    tell(server, "create table kept (n int)", "insert into kept values (42)")
    first_url = server.url()
    server.stop()
    assert not server.is_alive()
    began_at = time.monotonic()
    again = Server(server.home)
    with again:
        assert ask(again, "select n from kept") == [(42,)]
        assert again.url() == first_url
    assert time.monotonic() - began_at < 10


def test_start_twice_is_one_server(server):
    first = server.start().pid
    assert server.start().pid == first


def test_second_process_is_told_who_runs_the_server_and_may_borrow_it(server):
    server.start()
    other = Server(server.home)
    with pytest.raises(EmbeddedError, match=rf"run by another Holdfast \(process {os.getpid()}\)"):
        other.start()
    with other.borrowed() as borrowed:
        assert ask(borrowed, "select 1") == [(1,)]
    assert server.is_ready()


def test_borrowing_starts_and_stops_a_server_that_does_not_run(server):
    with server.borrowed() as borrowed:
        assert ask(borrowed, "select 1") == [(1,)]
    assert not server.is_alive()


def test_names_of_databases_are_quoted_in_the_url(server):
    server.start()
    assert server.url("a b/c").endswith("/a%20b%2Fc")


def _child(home: Path, then: str) -> subprocess.Popen:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom holdfast.embedded import Server\n"
        f"server = Server(Path({str(home)!r}), options={{'fsync': 'off'}})\nserver.start()\n"
        f"print(server.pid, flush=True)\n{then}\n"
    )
    return subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_server_of_a_dead_parent_ends(server, end):
    parent = _child(server.home, "time.sleep(600)")
    postmaster = int(parent.stdout.readline())
    assert is_running(postmaster)
    parent.send_signal(end)
    parent.wait(WITHIN_S)
    assert wait_gone(postmaster, WITHIN_S)


def test_server_ends_when_its_parent_forgets_to_stop_it(server):
    parent = _child(server.home, "")
    postmaster = int(parent.stdout.readline())
    assert parent.wait(WITHIN_S) == 0
    assert wait_gone(postmaster, WITHIN_S)


def test_forked_child_does_not_stop_its_parents_server(server):
    server.start()
    child = os.fork()
    if child == 0:
        server.stop()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert ask(server, "select 1") == [(1,)]


def test_foreground_command_restarts_a_killed_server_and_stops_on_sigterm(server):
    keeper = subprocess.Popen(
        [sys.executable, "-m", "holdfast.embedded", str(server.home), "--option", "fsync=off"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert "ready on port" in keeper.stdout.readline()
    first = server.pid
    os.kill(first, signal.SIGKILL)
    said = ""
    while "was started again" not in said:
        said = keeper.stdout.readline()
        assert said, "the keeper ended"
    assert server.pid not in (None, first)
    assert ask(server, "select 1") == [(1,)]
    keeper.send_signal(signal.SIGTERM)
    assert keeper.wait(WITHIN_S) == 0
    assert not server.is_alive()
