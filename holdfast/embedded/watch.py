"""A server must not outlive its parent unwatched: a small shell waits for the parent's end and then stops the server."""

import os
import subprocess
from pathlib import Path

from holdfast.embedded.account import Account, clean_environment

#: Seconds of fast shutdown before the shell stops the server at once; a checkpoint of a test database is far quicker.
GRACE_S = 20
#: A server whose parent dies in its first moments has not written its pid file yet; it appears within this.
BIRTH_S = 5

#: Reads from a pipe whose other end only the parent holds. A line means "not needed any more"; the end of the file means
#: that the parent is gone, however it died. The number in the pid file is compared, because numbers are used again.
SCRIPT = f"""
trap '' HUP INT TERM
read -r word && exit 0
ours() {{ read -r now < "$2/postmaster.pid" && [ "$now" = "$1" ]; }}
waited=0
until ours "$@" 2>/dev/null; do
    [ "$waited" -lt {BIRTH_S} ] || exit 0
    sleep 1
    waited=$((waited + 1))
done
kill -INT "$1" || exit 0
waited=0
while [ "$waited" -lt {GRACE_S} ]; do
    sleep 1
    kill -0 "$1" 2>/dev/null || exit 0
    waited=$((waited + 1))
done
kill -QUIT "$1"
"""


class Watch:
    """Stops the server `pid` when this process ends without having called `dismiss`."""

    def __init__(self, pid: int, data: Path, account: Account):
        self._supervisor = os.getpid()
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", SCRIPT, "holdfast-watch", str(pid), str(data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=clean_environment(),
            start_new_session=True,
            **account.switch,
        )

    def dismiss(self) -> None:
        if os.getpid() != self._supervisor:
            return
        try:
            self._shell.communicate(b"dismissed\n", timeout=GRACE_S)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self._shell.kill()
            self._shell.wait()
