"""`./dev test`: every check and every test, one after the other; ends with a table and one line of counts.

With arguments it is only pytest, with these arguments.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: A check or a suite that takes longer hangs; a hanging build would tell nobody why.
CHECK_LIMIT_S = 15 * 60
SUITE_LIMIT_S = 60 * 60
#: A suite that is stopped still removes its servers.
STOP_GRACE_S = 30
#: More workers than this only make more servers and databases wait for the same disk.
MOST_WORKERS = 4
#: Checks read the settings without meeting a database or a secret.
SETTINGS = {"HOLDFAST_DEBUG": "true"}
#: Asks whether a model has changed without a migration. Without a database it would first wait in vain for one.
MIGRATIONS_COMPLETE = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
from django.conf import settings
settings.DATABASES["default"] = {"ENGINE": "django.db.backends.dummy"}
django.setup()
from django.core.management import call_command
call_command("makemigrations", check_changes=True, dry_run=True)
"""
#: The oldest PostgreSQL that we promise; where Debian puts it.
OLDEST_POSTGRES = Path("/usr/lib/postgresql/15/bin")
#: What the run on the oldest PostgreSQL leaves out: these do not meet it, or start every process once more.
LEFT_OUT = (
    "gateway",
    "embedded",
    "browser",
    "architecture",
    "acceptance",
    "unit",
    "contract",
    "api/test_schema.py",
    "test_dev_script.py",
)
#: Debian's packages start a server of their own on installation, unless this is there first.
NO_CLUSTER = Path("/etc/postgresql-common/createcluster.d/holdfast.conf")


@dataclass(frozen=True)
class Step:
    name: str
    command: list[str]
    env: Mapping[str, str] = field(default_factory=dict)
    limit_s: float = CHECK_LIMIT_S
    #: Why it cannot run here; empty when it can.
    hindrance: str = ""


@dataclass(frozen=True)
class Outcome:
    step: Step
    ok: bool
    seconds: float
    tests: Mapping[str, int]

    @property
    def word(self) -> str:
        if self.step.hindrance:
            return f"not run: {self.step.hindrance}"
        counts = ", ".join(f"{count} {word}" for word, count in self.tests.items())
        return ("ok" if self.ok else "FAILED") + (f"  {counts}" if counts else "")


def main(arguments: list[str]) -> int:
    os.chdir(ROOT)
    if arguments:
        return subprocess.call(_python("-m", "pytest", *arguments))
    outcomes = []
    for step in _steps():
        say(f"\n── {step.name}")
        outcomes.append(_take(step))
    _report(outcomes)
    return 0 if all(outcome.ok or outcome.step.hindrance for outcome in outcomes) else 1


def _steps() -> Iterator[Step]:
    yield Step("ruff check", _python("-m", "ruff", "check", "."))
    yield Step("ruff format", _python("-m", "ruff", "format", "--check", "."))
    yield Step("types", _python("-m", "mypy", "holdfast", "config"), env=SETTINGS)
    yield Step("imports go down", _python("-c", "from importlinter.cli import lint_imports_command as lint; lint()"))
    yield Step("migrations", _python("-c", MIGRATIONS_COMPLETE), env=SETTINGS)
    yield Step("docs", _python("-m", "holdfast", "docs", "--check"), env=SETTINGS)
    yield Step("tests", _python("-m", "pytest", *_workers(), "--ignore=tests/browser"), limit_s=SUITE_LIMIT_S)
    yield Step("browser tests", _python("-m", "pytest", "tests/browser"), hindrance=_install_browser())
    yield Step(
        "tests on PostgreSQL 15",
        _python("-m", "pytest", "tests", *_workers(), "-m", "not processes", *(f"--ignore=tests/{path}" for path in LEFT_OUT)),
        env={"HOLDFAST_POSTGRES_BIN": str(OLDEST_POSTGRES)},
        limit_s=SUITE_LIMIT_S,
        hindrance=_install_oldest_postgres(),
    )
    yield Step("first run", ["/bin/sh", str(ROOT / "dev"), "up", "--smoke"])


def _take(step: Step) -> Outcome:
    """Run one step, show what it says as it says it, and count the tests it reports."""
    began_at = time.monotonic()
    if step.hindrance:
        say(f"not run: {step.hindrance}")
        return Outcome(step, False, 0.0, {})
    child = subprocess.Popen(
        step.command,
        env={**os.environ, **step.env, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    said = []
    with _ended_with_us(child, step.limit_s):
        for line in child.stdout or ():
            said.append(line)
            sys.stdout.write(line)
            sys.stdout.flush()
        child.wait()
    return Outcome(step, child.returncode == 0, time.monotonic() - began_at, _counts(said))


@contextmanager
def _ended_with_us(child: subprocess.Popen[str], limit_s: float) -> Iterator[None]:
    """Whatever happens in the block, and when it takes too long, the child and its children end."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(int(limit_s))
    try:
        yield
    except (KeyboardInterrupt, TimeoutError) as error:
        _signal_all(child, signal.SIGINT)
        try:
            child.wait(STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            _signal_all(child, signal.SIGKILL)
            child.wait()
        if isinstance(error, KeyboardInterrupt):
            raise SystemExit(130) from None
        say("stopped: it took too long")
    finally:
        signal.alarm(0)


def _too_long(*_: object) -> None:
    raise TimeoutError


def _signal_all(child: subprocess.Popen[str], number: signal.Signals) -> None:
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        return


def _counts(said: list[str]) -> dict[str, int]:
    """From pytest's last line: `412 passed, 3 skipped in 61.20s`."""
    for line in reversed(said):
        if re.search(r" in \d+\.\d+s", line):
            return {word.rstrip("s"): int(count) for count, word in re.findall(r"(\d+) (passed|failed|skipped|errors?)", line)}
    return {}


def _report(outcomes: list[Outcome]) -> None:
    say("")
    for outcome in outcomes:
        say(f"{outcome.step.name:<24} {outcome.seconds:>7.1f} s  {outcome.word}")
    not_run = [outcome.step for outcome in outcomes if outcome.step.hindrance]
    failed = [outcome.step.name for outcome in outcomes if not outcome.ok and not outcome.step.hindrance]
    tests = {word: sum(outcome.tests.get(word, 0) for outcome in outcomes) for word in ("passed", "failed", "error", "skipped")}
    parts = [f"{len(outcomes) - len(failed) - len(not_run)} steps passed"]
    parts += [f"{len(failed)} steps failed ({', '.join(failed)})"] if failed else []
    parts += [f"{tests['passed']} tests passed", f"{tests['failed'] + tests['error']} failed"]
    parts += [f"{tests['skipped']} skipped"] if tests["skipped"] else []
    parts += [f"{len(not_run)} not run ({'; '.join(step.hindrance for step in not_run)})"] if not_run else []
    say(f"\nholdfast: {', '.join(parts)}")


def _workers() -> list[str]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return ["-n", str(min(cores, MOST_WORKERS)), "--dist", "worksteal"] if cores > 1 else []


def _install_browser() -> str:
    """Empty when there is a Chromium, installed just now if need be; else why there is none."""
    if _browser():
        return ""
    if not _may_install():
        return "Chromium is not installed, and only root on a Debian installs it here (HOLDFAST_CHROMIUM names another one)"
    say("\n── installing Chromium")
    _install("chromium", "fonts-dejavu-core")
    return "" if _browser() else "this system's packages have no Chromium"


def _browser() -> str:
    return os.environ.get("HOLDFAST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-headless-shell") or ""


def _install_oldest_postgres() -> str:
    """Empty when PostgreSQL 15 is there, installed just now if need be; else why it is not."""
    if (OLDEST_POSTGRES / "postgres").exists():
        return ""
    if not _may_install():
        return "PostgreSQL 15 is not installed, and only root on a Debian installs it here"
    say("\n── installing PostgreSQL 15")
    if not NO_CLUSTER.parent.parent.exists():
        NO_CLUSTER.parent.mkdir(parents=True)
        NO_CLUSTER.write_text("# Holdfast's tests run servers of their own.\ncreate_main_cluster = false\n")
    _install("postgresql-15")
    return "" if (OLDEST_POSTGRES / "postgres").exists() else "this system's packages have no PostgreSQL 15"


def _may_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _install(*packages: str) -> None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.call(["apt-get", "update", "-qq"], env=env)
    subprocess.call(["apt-get", "install", "-qq", "-y", "--no-install-recommends", *packages], env=env)


def _python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
