"""The supervisor with real children: small Python programs that live, crash, ignore and leave orphans."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast import supervisor
from holdfast.embedded.processes import is_running, wait_gone
from holdfast.supervisor import NotReady, PortTaken, Program, Supervisor, require_free_port

pytestmark = pytest.mark.processes

REPOSITORY = Path(__file__).resolve().parents[2]
WITHIN_S = 20
STAYS = "import time; time.sleep(600)"


def python(name: str, code: str, **more) -> Program:
    return Program(name, [sys.executable, "-u", "-c", code], **more)


def wait_for(happened: Callable[[], object]) -> None:
    until = time.monotonic() + WITHIN_S
    while not happened():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)


def test_programs_start_in_order_each_when_the_one_before_is_ready(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    programs = [
        python(
            "first",
            f"import time, pathlib; time.sleep(0.3); pathlib.Path({str(first)!r}).touch(); time.sleep(600)",
            ready=first.exists,
        ),
        python(
            "second",
            f"import pathlib; assert pathlib.Path({str(first)!r}).exists(); pathlib.Path({str(second)!r}).touch(); {STAYS}",
        ),
    ]
    with Supervisor(programs, out=io.StringIO()) as running:
        wait_for(second.exists)
        assert list(running.pids()) == ["first", "second"]


def test_lines_carry_the_name_of_their_program():
    out = io.StringIO()
    programs = [
        python("web", f"print('hello'); {STAYS}"),
        python("receiver", f"import sys; print('to stderr', file=sys.stderr); {STAYS}"),
    ]
    with Supervisor(programs, out=out):
        wait_for(lambda: len(out.getvalue().splitlines()) == 2)
    assert sorted(out.getvalue().splitlines()) == ["receiver | to stderr", "web      | hello"]


def test_crashed_program_is_started_again_and_that_is_said():
    out = io.StringIO()
    with Supervisor([python("worker", STAYS)], out=out) as running:
        first = running.pids()["worker"]
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: running.pids().get("worker") not in (None, first))
    assert "holdfast | worker was ended by SIGKILL; it is started again in 0.2 s" in out.getvalue()


def test_pause_before_a_restart_doubles_while_the_program_keeps_crashing():
    out = io.StringIO()
    with Supervisor([python("worker", "raise SystemExit(3)")], out=out):
        wait_for(lambda: out.getvalue().count("started again") == 3)
    pauses = [line.rpartition(" in ")[2] for line in out.getvalue().splitlines()[:3]]
    assert pauses == ["0.2 s", "0.4 s", "0.8 s"]


def test_program_that_ends_before_it_is_ready_is_explained_and_nothing_runs_on():
    out = io.StringIO()
    programs = [python("database", STAYS), python("web", "print('no luck'); raise SystemExit(3)", ready=lambda: False)]
    running = Supervisor(programs, out=out)
    with pytest.raises(NotReady, match=r"^web did not start: it ended with code 3; its last words are above\.$"):
        running.start()
    assert running.pids() == {}
    assert "web      | no luck" in out.getvalue()


def test_program_that_is_never_ready_is_given_up_after_its_time():
    running = Supervisor([python("web", STAYS, ready=lambda: False, ready_timeout_s=0.2)], out=io.StringIO())
    with pytest.raises(NotReady, match=r"^web was not ready within 0 s"):
        running.start()
    assert running.pids() == {}


def test_pid_file_follows_restarts_and_disappears(tmp_path):
    pid_file = tmp_path / "run" / "pids.json"
    with Supervisor([python("a", STAYS), python("b", STAYS)], pid_file=pid_file, out=io.StringIO()) as running:
        assert json.loads(pid_file.read_text()) == running.pids()
        first = running.pids()["a"]
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: json.loads(pid_file.read_text()).get("a", first) != first)
    assert not pid_file.exists()


def test_programs_stop_in_reverse_order(tmp_path):
    log = tmp_path / "log"
    code = (
        "import pathlib, signal, sys, time\n"
        "def end(*_):\n    time.sleep(0.2)\n    open({log!r}, 'a').write({name!r} + ' ')\n    sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\npathlib.Path({ready!r}).touch()\ntime.sleep(600)"
    )
    programs = []
    for name in ("one", "two", "three"):
        ready = tmp_path / name
        programs.append(python(name, code.format(log=str(log), name=name, ready=str(ready)), ready=ready.exists))
    with Supervisor(programs, out=io.StringIO()):
        pass
    assert log.read_text() == "three two one "


def test_program_that_ignores_sigterm_is_killed_after_its_grace(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "STOP_GRACE_S", 0.3)
    ready, out = tmp_path / "ready", io.StringIO()
    code = f"import signal, pathlib; signal.signal(signal.SIGTERM, signal.SIG_IGN); pathlib.Path({str(ready)!r}).touch(); {STAYS}"
    with Supervisor([python("deaf", code, ready=ready.exists)], out=out) as running:
        pid = running.pids()["deaf"]
    assert not is_running(pid)
    assert "deaf did not stop within 0 s and is killed" in out.getvalue()


def test_children_of_a_crashed_program_do_not_stay(tmp_path):
    grandchild = tmp_path / "grandchild"
    code = (
        "import subprocess, sys, pathlib, time\n"
        f"p = subprocess.Popen([sys.executable, '-c', {STAYS!r}])\n"
        f"pathlib.Path({str(grandchild)!r}).write_text(str(p.pid))\ntime.sleep(600)"
    )
    with Supervisor(
        [python("web", code, ready=lambda: grandchild.exists() and grandchild.read_text() != "")], out=io.StringIO()
    ) as running:
        left = int(grandchild.read_text())
        os.kill(running.pids()["web"], signal.SIGKILL)
        assert wait_gone(left, WITHIN_S)


def _in_a_process(body: str) -> subprocess.Popen:
    code = f"import sys\nfrom holdfast.supervisor import Program, Supervisor\nSTAYS = [sys.executable, '-c', {STAYS!r}]\n{body}\n"
    return subprocess.Popen([sys.executable, "-u", "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


RUNS = (
    "both = Supervisor([Program('a', STAYS), Program('b', STAYS)])\n"
    "sys.exit(both.run(on_ready=lambda: print(*both.pids().values())))"
)


@pytest.mark.parametrize(("end", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGKILL, -9)])
def test_nothing_outlives_the_supervisor_however_it_ends(end, code):
    running = _in_a_process(RUNS)
    pids = [int(word) for word in running.stdout.readline().split()]
    assert len(pids) == 2
    running.send_signal(end)
    assert running.wait(WITHIN_S) == code
    for pid in pids:
        assert wait_gone(pid, WITHIN_S)


def test_second_ctrl_c_stops_at_once():
    deaf = "'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)'"
    running = _in_a_process(f"sys.exit(Supervisor([Program('deaf', [sys.executable, '-c', {deaf}])]).run())")
    assert running.stdout.readline() == "deaf     | 1\n"
    running.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert running.poll() is None
    running.send_signal(signal.SIGINT)
    assert running.wait(5) == 0


def test_program_without_restart_that_fails_ends_everything():
    running = _in_a_process(
        "once = Program('once', [sys.executable, '-c', 'raise SystemExit(7)'], restart=False)\n"
        "sys.exit(Supervisor([Program('a', STAYS), once]).run())"
    )
    said, _ = running.communicate(timeout=WITHIN_S)
    assert running.returncode == 1
    assert said == "holdfast | once ended with code 7\n"


def test_taken_port_is_explained_in_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken) as refused:
            require_free_port("127.0.0.1", port, "the storefront and the API", "HOLDFAST_WEB_PORT")
    assert str(refused.value) == (
        f"Port {port}, needed for the storefront and the API, cannot be used on 127.0.0.1 (Address already in use): "
        "stop the program that has it, or set HOLDFAST_WEB_PORT to another port."
    )
    require_free_port("127.0.0.1", port, "the storefront and the API", "HOLDFAST_WEB_PORT")
