"""Fault points: the named instants at which a process may die.

Every commit (`db.writing(step=…)`) and every question to a provider (`asking(step=…)`) of a flow passes through two points,
`<step>:before` and `<step>:after`, so that no flow can have one without. Nothing is armed unless a test or a drill does it.
"""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Crash(BaseException):
    """A simulated death of the process: not an Exception, so that nothing on the way can swallow it."""


#: point → "raise" (Crash in this process) or "kill" (SIGKILL to ourselves). `HOLDFAST_FAULTS="a:before=kill,b:after=kill"`.
ARMED: dict[str, str] = {}
#: How often each point was passed while counting was on: the tests prove with it that a scenario reached a point.
PASSED: Counter[str] = Counter()


def arm_from_environment() -> None:
    """Read HOLDFAST_FAULTS. Called once by the processes' entry points."""
    for item in filter(None, os.environ.get("HOLDFAST_FAULTS", "").split(",")):
        point, _, action = item.partition("=")
        ARMED[point] = action or "kill"


def fault_point(name: str) -> None:
    """Pass a named instant; die here if it is armed. An armed point fires once."""
    PASSED[name] += 1
    action = ARMED.pop(name, None)
    if action == "raise":
        raise Crash(name)
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def asking(step: str) -> Iterator[None]:
    """Around every question to a provider: a process may die before it or after it."""
    fault_point(f"{step}:before")
    yield
    fault_point(f"{step}:after")
