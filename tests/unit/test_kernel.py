"""Errors, pauses and fault points."""

import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest

from holdfast.kernel import faults, limits
from holdfast.kernel.errors import Broken, Conflict, Forbidden, HoldfastError, NotFound, Refused, Unauthorized


class OutOfTea(Refused):
    """There is no tea left.

    More for those who read code.
    """


def test_the_first_line_of_the_docstring_is_the_message():
    error = OutOfTea()
    assert str(error) == error.detail == "There is no tea left."
    assert error.code == "out_of_tea"
    assert error.status == 422
    assert error.extra == {}


def test_a_detail_and_more_can_be_given():
    error = OutOfTea("No Assam.", pots=2)
    assert str(error) == "No Assam."
    assert error.extra == {"pots": 2}


def test_each_family_has_its_status():
    families = [HoldfastError, Refused, NotFound, Unauthorized, Forbidden, Conflict, Broken]
    assert [family.status for family in families] == [500, 422, 404, 401, 403, 409, 503]


def test_pauses_double_up_to_six_hours():
    assert [limits.backoff(n).total_seconds() for n in (0, 1, 2, 3, 4)] == [2, 2, 4, 8, 16]
    assert limits.backoff(13) == timedelta(seconds=8192)
    assert limits.backoff(15) == limits.backoff(10_000) == timedelta(hours=6)


def test_questions_about_a_payment_follow_the_schedule_then_come_hourly():
    asked = [limits.poll_after(n).total_seconds() for n in range(9)]
    assert asked == [30, 60, 120, 300, 600, 1800, 3600, 3600, 3600]


def test_the_window_leaves_stripes_sessions_their_thirty_minutes():
    assert timedelta(minutes=30) < limits.PAYMENT_WINDOW


@pytest.fixture
def nothing_armed():
    faults.ARMED.clear()
    faults.PASSED.clear()
    yield
    faults.ARMED.clear()
    faults.PASSED.clear()


@pytest.mark.usefixtures("nothing_armed")
def test_an_armed_point_fires_once():
    faults.ARMED["here"] = "raise"
    with pytest.raises(faults.Crash):
        faults.fault_point("here")
    faults.fault_point("here")
    faults.fault_point("elsewhere")
    assert faults.PASSED == {"here": 2, "elsewhere": 1}


@pytest.mark.usefixtures("nothing_armed")
def test_asking_passes_a_point_on_either_side():
    faults.ARMED["ask:after"] = "raise"
    reached = []
    with pytest.raises(faults.Crash), faults.asking("ask"):
        reached.append(dict(faults.PASSED))
    assert reached == [{"ask:before": 1}]
    assert faults.PASSED == {"ask:before": 1, "ask:after": 1}


@pytest.mark.usefixtures("nothing_armed")
def test_points_are_armed_from_the_environment(monkeypatch):
    monkeypatch.setenv("HOLDFAST_FAULTS", "a:before=raise,b:after")
    faults.arm_from_environment()
    assert faults.ARMED == {"a:before": "raise", "b:after": "kill"}


def test_a_crash_is_not_swallowed_by_except_exception():
    assert not issubclass(faults.Crash, Exception)


def test_kill_is_sigkill():
    code = "from holdfast.kernel import faults; faults.arm_from_environment(); faults.fault_point('x'); print('alive')"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "HOLDFAST_FAULTS": "x=kill"}, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "")
