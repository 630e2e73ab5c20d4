"""The data folder: made whole or not at all, and told apart from what an interrupted start left behind."""

import logging
import os
import secrets
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from holdfast.embedded.account import Account, clean_environment
from holdfast.embedded.binaries import SETTING, Binaries
from holdfast.embedded.errors import EmbeddedError

#: The account inside the database that owns everything; made by initdb.
OWNER = "holdfast_owner"
#: An initdb takes one to three seconds; a busy machine with a slow disk gets this long.
INITDB_TIMEOUT_S = 180
#: Prefix of a folder that is being made; one that is found at a start was interrupted and holds nothing of value.
MAKING = ".making-"
#: PostgreSQL 17 brought a locale that is the same on every machine; before it the system's must do.
BUILTIN_LOCALE_SINCE = 17

logger = logging.getLogger(__name__)


class ClusterNotMade(EmbeddedError):
    """initdb did not succeed."""


class NotOurs(EmbeddedError):
    """The data folder belongs to another account."""


class WrongMajor(EmbeddedError):
    """The data folder was made by another major version."""


def make(data: Path, *, binaries: Binaries, account: Account, password: str, synced: bool) -> bool:
    """See that a whole data folder is there; True when it was made now. Safe to repeat after a crash at any point.

    It is made under another name and renamed when it is finished. Raises ClusterNotMade, NotOurs, WrongMajor.
    """
    for interrupted in data.parent.glob(f"{MAKING}*"):
        shutil.rmtree(interrupted, ignore_errors=True)
    _belongs_to(account, data)
    if _is_whole(data):
        _same_major(data, binaries)
        return False
    _set_aside(data)
    making = Path(tempfile.mkdtemp(prefix=MAKING, dir=data.parent))
    try:
        account.give(making)
        fresh = making / data.name
        fresh.mkdir(mode=0o700)
        account.give(fresh)
        _initdb(fresh, binaries=binaries, account=account, password=password, synced=synced)
        fresh.rename(data)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return True


def set_password(data: Path, *, binaries: Binaries, account: Account, password: str) -> None:
    """Give the owner this password without the old one; the server must not run. Heals a lost password file."""
    logger.warning("The password of PostgreSQL was lost, so %s gets a new one.", OWNER)
    subprocess.run(
        [binaries.postgres, "--single", "-D", data, "postgres"],
        input=f"ALTER ROLE {OWNER} PASSWORD '{password}'\n",
        cwd="/",
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=INITDB_TIMEOUT_S,
        **account.switch,
    )


def _belongs_to(account: Account, data: Path) -> None:
    """A copy or a backup that root put here gets its owner back; another account's data are not ours to open."""
    if not data.exists():
        return
    if data.stat().st_uid != account.uid:
        if not account.is_another:
            raise NotOurs(
                f"The data in {data} belong to another account (number {data.stat().st_uid}): "
                "run as that account, or choose another folder."
            )
        for path in (data, *data.rglob("*")):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
    if data.stat().st_mode & 0o077:
        data.chmod(0o700)


def _is_whole(data: Path) -> bool:
    return (data / "PG_VERSION").is_file() and (data / "global" / "pg_control").is_file()


def _same_major(data: Path, binaries: Binaries) -> None:
    made_by = (data / "PG_VERSION").read_text().strip()
    if made_by != str(binaries.major):
        raise WrongMajor(
            f"The data in {data} were made by PostgreSQL {made_by} and the programs in {binaries.folder} are {binaries.major}: "
            f"name the folder of version {made_by} in {SETTING}, or move the data away to start empty."
        )


def _set_aside(data: Path) -> None:
    """A folder that is not whole is never deleted: someone may know what is in it."""
    if not data.exists():
        return
    if not any(data.iterdir()):
        data.rmdir()
        return
    aside = data.with_name(f"{data.name}.broken-{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}")
    data.rename(aside)
    logger.warning("The data folder %s was not whole; it is kept as %s and a new one is made.", data, aside.name)


def _initdb(data: Path, *, binaries: Binaries, account: Account, password: str, synced: bool) -> None:
    password_file = data.with_name("password")
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    account.give(password_file)
    locales = (
        [["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]]
        if binaries.major >= BUILTIN_LOCALE_SINCE
        else [["--locale=C.UTF-8"], ["--locale=C"]]
    )
    said = ""
    command = [str(binaries.initdb), f"--pgdata={data}", f"--username={OWNER}", f"--pwfile={password_file}"]
    command += ["--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums", *([] if synced else ["--no-sync"])]
    for locale in locales:
        done = subprocess.run(
            [*command, *locale],
            cwd="/",
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=INITDB_TIMEOUT_S,
            **account.switch,
        )
        if done.returncode == 0:
            return
        lines = done.stderr.strip().splitlines() or [f"initdb ended with {done.returncode}"]
        said = next((line for line in lines if "error:" in line or "FATAL" in line), lines[-1])
    free_mb = shutil.disk_usage(data).free // 2**20
    raise ClusterNotMade(
        f"PostgreSQL's data folder could not be made in {data.parent.parent} as {account.name} ({free_mb} MB free): {said}"
    )


def read_password(kept_in: Path) -> str:
    """The kept password, empty when there is none."""
    try:
        return kept_in.read_text().strip()
    except FileNotFoundError:
        return ""


def new_password(kept_in: Path) -> str:
    """Written before it is used, so that no crash leaves a server whose password nobody knows."""
    password = secrets.token_urlsafe(24)
    fresh = kept_in.with_name(f"{kept_in.name}.new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{password}\n")
    fresh.replace(kept_in)
    return password
