"""Who runs the server. PostgreSQL refuses to run as root, so root hands it to an account without rights."""

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: An operator who wants the files to belong to a named account creates one with this name.
OWN_ACCOUNT = "holdfast"
#: What every Unix has; the number where the name is missing from a bare container.
NOBODY = ("nobody", 65534)
#: A program that only prints its version or changes its folder needs no longer than this, even on a busy machine.
PROBE_TIMEOUT_S = 20


@dataclass(frozen=True)
class Account:
    """The account the server runs as; `switch` is what `subprocess` needs to become it (nothing when it is ourselves)."""

    name: str
    uid: int
    gid: int

    @property
    def is_another(self) -> bool:
        return self.uid != os.geteuid()

    @property
    def switch(self) -> dict[str, Any]:
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.is_another else {}

    def can_enter(self, folder: Path) -> bool:
        """Tried, not computed: access lists, mounts and namespaces all have their say."""
        return self._succeeds(["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)])

    def can_run(self, program: Path) -> bool:
        return self._succeeds([str(program), "--version"])

    def give(self, path: Path) -> None:
        if self.is_another:
            os.chown(path, self.uid, self.gid)

    def _succeeds(self, command: Sequence[str]) -> bool:
        try:
            done = subprocess.run(
                command, cwd="/", env=clean_environment(), capture_output=True, timeout=PROBE_TIMEOUT_S, **self.switch
            )
        except (OSError, subprocess.SubprocessError):
            return False
        return done.returncode == 0


def account_for(data: Path) -> Account:
    """Ourselves, unless we are root: then whoever owns the data folder already, our own account, or nobody."""
    if os.geteuid() != 0:
        return _known(os.geteuid(), os.getegid())
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return _known(owner.st_uid, owner.st_gid)
    for name in (OWN_ACCOUNT, NOBODY[0]):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    return Account(NOBODY[0], NOBODY[1], NOBODY[1])


def clean_environment() -> dict[str, str]:
    """Nothing of ours leaks in: a PGDATA, PGPORT or LC_ALL of the caller must not change the server."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _known(uid: int, gid: int) -> Account:
    try:
        return Account(pwd.getpwuid(uid).pw_name, uid, gid)
    except KeyError:
        return Account(str(uid), uid, gid)
