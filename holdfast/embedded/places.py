"""Where things lie. The data lie in the home that the caller names, or elsewhere when the server's account cannot get in."""

import hashlib
import os
import tempfile
from pathlib import Path

from holdfast.embedded.account import Account
from holdfast.embedded.errors import EmbeddedError

#: Where a machine keeps the state of its services; used only by root, for what cannot lie in the home.
SHARED_STATE = Path("/var/lib/holdfast")
#: In the home: the folder that holds the data instead. In that folder: the home it belongs to.
POINTER = "data-is-in"
BELONGS_TO = "belongs-to"


class HomeUnusable(EmbeddedError):
    """The home cannot be written to."""


class NoCommonGround(EmbeddedError):
    """Root found no folder that the server's account can enter."""


def make_home(home: Path) -> Path:
    """The home, made when missing. Others may pass through (the data folder is closed), nobody else may look."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        if not any(home.iterdir()):
            home.chmod(0o711)
    except OSError as error:
        raise HomeUnusable(f"The folder {home} for PostgreSQL's data cannot be made: {error.strerror}.") from error
    if not os.access(home, os.W_OK | os.X_OK):
        raise HomeUnusable(f"The folder {home} for PostgreSQL's data cannot be written to by this account.")
    return home


def data_root(home: Path, account: Account) -> Path:
    """The folder that holds the data: the home itself, or a place of its own that the account can enter.

    We change no rights of a folder that is not ours, so a home under a 0700 folder stays closed; a pointer file in the
    home says where the data are.
    """
    if not account.is_another or account.can_enter(home):
        return home
    known = pointed_from(home)
    if known is not None:
        return known
    place = common_ground(account) / f"data-{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}"
    place.mkdir(mode=0o711, exist_ok=True)
    (place / BELONGS_TO).write_text(f"{home}\n")
    (home / POINTER).write_text(f"{place}\n")
    return place


def pointed_from(home: Path) -> Path | None:
    """Where the home's pointer leads, when the data are elsewhere. A copied home does not take the original's data."""
    try:
        place = Path((home / POINTER).read_text().strip())
        owner = Path((place / BELONGS_TO).read_text().strip())
    except OSError:
        return None
    if owner != home and (owner / POINTER).exists():
        return None
    return place


def common_ground(account: Account) -> Path:
    """A folder of root's that the account can enter: the machine's state folder, else one under the temporary folder."""
    for ground in (SHARED_STATE, Path(tempfile.gettempdir()) / "holdfast-state", Path("/tmp/holdfast-state")):
        try:
            ground.mkdir(mode=0o711, parents=True, exist_ok=True)
        except OSError:
            continue
        # In a folder open to all, somebody may have been there first.
        if ground.is_symlink() or ground.stat().st_uid != os.geteuid() or not os.access(ground, os.W_OK):
            continue
        if account.can_enter(ground):
            return ground
    raise NoCommonGround(
        f"PostgreSQL does not run as root, and the account {account.name} can enter no folder for its data: "
        f"make {SHARED_STATE} writable, run as another account, or give DATABASE_URL."
    )
