"""`./dev` in a small house of its own: the real script, a tiny lock file, no network."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from tests import run

pytestmark = pytest.mark.processes

REPOSITORY = Path(__file__).resolve().parent.parent
#: Making an environment with pip takes a few seconds, many on a busy machine.
WITHIN_S = 180
#: What the script itself calls, apart from Python.
TOOLS = ("cat", "cksum", "dirname", "id", "mkdir", "rm", "sh", "sleep")


class House:
    """A copy of ./dev with a command line that only repeats what it was told."""

    def __init__(self, root: Path, links: Path):
        self.root, self.links = root, links
        (root / "holdfast").mkdir(parents=True)
        (root / "tests").mkdir()
        shutil.copy2(REPOSITORY / "dev", root / "dev")
        says = "import os, sys, holdfast_sample; print({}, sys.argv[1:], holdfast_sample.VERSION, os.getcwd(), sep='|')"
        (root / "holdfast" / "__init__.py").write_text("")
        (root / "holdfast" / "__main__.py").write_text(says.format("'cli'") + "\nsys.exit(len(sys.argv) - 1)\n")
        (root / "tests" / "run.py").write_text(says.format("'tests'"))
        self.require("1.0")

    def require(self, version: str) -> None:
        wheel = make_wheel(self.links, version)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        (self.root / "requirements.lock").write_text(f"holdfast-sample=={version} \\\n    --hash=sha256:{digest}\n")

    def dev(self, *words: str, cwd: Path | None = None, **env: str | None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.root / "dev"), *words],
            cwd=cwd or "/",
            env=self.env(**env),
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
        )

    def env(self, **more: str | None) -> dict[str, str]:
        base = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(self.root),
            "HOLDFAST_PYTHON": sys.executable,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": self.links.as_uri(),
        }
        return {name: value for name, value in {**base, **more}.items() if value is not None}


def make_wheel(folder: Path, version: str) -> Path:
    folder.mkdir(exist_ok=True)
    wheel, info = folder / f"holdfast_sample-{version}-py3-none-any.whl", f"holdfast_sample-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("holdfast_sample.py", f"VERSION = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: holdfast-sample\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house that was set up once, under a path with spaces; its tests leave it as it was."""
    folder = tmp_path_factory.mktemp("a path with spaces")
    house = House(folder / "the house", folder / "links")
    first = house.dev("up")
    assert first.returncode == 1, first.stderr
    assert first.stdout == "cli|['up']|1.0|/\n"
    assert "installing what requirements.lock names" in first.stderr
    return house


@pytest.fixture
def fresh(tmp_path: Path) -> House:
    """A house where nothing has been set up."""
    return House(tmp_path / "house", tmp_path / "links")


@pytest.fixture
def begun(standing: House, fresh: House) -> House:
    """A house whose environment was made, with nothing installed in it yet: making one is the slow part."""
    shutil.copytree(standing.root / ".venv", fresh.root / ".venv", symlinks=True)
    (fresh.root / ".venv" / "holdfast-installed").unlink()
    for installed in (fresh.root / ".venv").glob("lib/python*/site-packages/holdfast_sample*"):
        shutil.rmtree(installed) if installed.is_dir() else installed.unlink()
    return fresh


def test_words_code_and_folder_of_the_caller_pass_through(standing, tmp_path):
    done = standing.dev("check", "--since", "two words", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (3, f"cli|['check', '--since', 'two words']|1.0|{tmp_path}\n")


def test_word_test_goes_to_the_test_run(standing):
    assert standing.dev("test", "-k", "late webhook").stdout == "tests|['-k', 'late webhook']|1.0|/\n"


def test_second_run_installs_nothing_and_is_quick(standing):
    began_at = time.monotonic()
    done = standing.dev("up", HOLDFAST_PYTHON="/nowhere")
    assert (done.stdout, done.stderr) == ("cli|['up']|1.0|/\n", "")
    assert time.monotonic() - began_at < 5


@pytest.mark.parametrize("home", [None, "", "/nowhere/at/all"])
def test_home_may_be_missing(standing, home):
    (standing.root / ".venv" / "holdfast-installed").unlink()
    assert standing.dev("up", HOME=home).stdout == "cli|['up']|1.0|/\n"


def test_changed_lock_file_is_installed(begun):
    assert "|1.0|" in begun.dev("up").stdout
    begun.require("2.0")
    changed = begun.dev("up")
    assert "|2.0|" in changed.stdout
    assert "installing" in changed.stderr


def test_interrupted_installation_is_repeated(fresh):
    (fresh.root / ".venv" / "bin").mkdir(parents=True)
    (fresh.root / ".venv" / "bin" / "python").symlink_to("/nowhere/python3")
    assert "|1.0|" in fresh.dev("up").stdout
    (fresh.root / ".venv" / "holdfast-installed").unlink()
    shutil.rmtree(next((fresh.root / ".venv").glob("lib/python*/site-packages/pip")))
    assert "|1.0|" in fresh.dev("up").stdout


def test_two_runs_at_once_install_once(begun):
    command = [str(begun.root / "dev"), "up"]
    both = [subprocess.Popen(command, env=begun.env(), stdout=-1, stderr=-1, text=True) for _ in range(2)]
    said = [one.communicate(timeout=WITHIN_S) for one in both]
    assert [out.startswith("cli|['up']|1.0|") for out, _ in said] == [True, True]
    assert sum("installing what" in err for _, err in said) == 1


def test_unreachable_index_is_one_sentence_and_the_next_run_tries_again(begun):
    failed = begun.dev("up", PIP_FIND_LINKS="")
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1].endswith("could not be installed (the reason is above); is a package index in reach?")
    assert "|1.0|" in begun.dev("up").stdout


def test_package_that_is_not_the_locked_one_is_refused(begun):
    lock = begun.root / "requirements.lock"
    lock.write_text(re.sub("sha256:.*", "sha256:" + "0" * 64, lock.read_text()))
    refused = begun.dev("up")
    assert refused.returncode == 1
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in refused.stderr


def _path_with(folder: Path, **scripts: str) -> str:
    """A PATH with the tools and these scripts, and no Python."""
    folder.mkdir()
    for tool in TOOLS:
        (folder / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
    for name, body in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    return str(folder)


def test_machine_without_python_is_told_so_in_one_sentence(fresh, tmp_path):
    old = "exit 1"
    done = fresh.dev("up", PATH=_path_with(tmp_path / "bin", python3=old), HOLDFAST_PYTHON=None)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "holdfast: no Python 3.11 or newer was found: install one, or name it in HOLDFAST_PYTHON.\n"


def test_wrong_setting_for_python_is_told_in_one_sentence(fresh):
    done = fresh.dev("up", HOLDFAST_PYTHON="/nowhere/python")
    assert done.returncode == 1
    assert done.stderr == "holdfast: HOLDFAST_PYTHON is /nowhere/python, which is no Python 3.11 or newer.\n"


def test_python_without_venv_is_told_in_one_sentence_when_we_are_not_root(fresh, tmp_path):
    lacks = f'case "$*" in *ensurepip*) exit 1 ;; esac; exec {sys.executable} "$@"'
    done = fresh.dev("up", PATH=_path_with(tmp_path / "bin", python3=lacks, id="echo 1000"), HOLDFAST_PYTHON=None)
    assert done.returncode == 1
    package = f"python3.{sys.version_info[1]}-venv"
    assert done.stderr.splitlines()[-1] == (
        f"holdfast: this Python lacks venv: install the package {package} (or uv) and run ./dev again."
    )


FAKE_UV = f"""
echo "$*" >> "$UV_LOG"
case $1 in
    venv) for at; do :; done; exec {sys.executable} -m venv --without-pip "$at" ;;
    pip) exec {sys.executable} -m zipfile -e "$UV_WHEEL" "$("$5" -c 'import site; print(site.getsitepackages()[0])')" ;;
esac
"""


def test_uv_is_used_when_it_is_there(fresh, tmp_path):
    log, wheel = tmp_path / "log", next(fresh.links.glob("*.whl"))
    path = _path_with(tmp_path / "bin", uv=FAKE_UV)
    assert "|1.0|" in fresh.dev("up", PATH=path, UV_LOG=str(log), UV_WHEEL=str(wheel)).stdout
    made, installed = log.read_text().splitlines()
    assert made.startswith("venv --quiet")
    assert installed.startswith("pip install --quiet --python")
    assert "--require-hashes" in installed


def test_pip_follows_when_uv_finds_no_index(begun, tmp_path):
    done = begun.dev("up", PATH=_path_with(tmp_path / "bin", uv="exit 2"))
    assert "|1.0|" in done.stdout


def test_lock_file_has_a_hash_for_everything_and_no_address():
    lock = (REPOSITORY / "requirements.lock").read_text()
    entries = re.findall(r"^\S.*$", lock, re.MULTILINE)
    assert len(entries) > 50
    assert all(re.match(r"[a-z0-9-]+==\S+ .*\\$", entry) for entry in entries)
    assert len(re.findall(r"^\S.*\\\n    --hash=sha256:", lock, re.MULTILINE)) == len(entries)
    assert "://" not in lock
    assert "index" not in lock.replace("index-", "")


@pytest.mark.parametrize("script", ["dev", ".ci/run"])
def test_scripts_are_posix_and_executable(script):
    path = REPOSITORY / script
    assert path.read_text().startswith("#!/bin/sh\n")
    assert os.access(path, os.X_OK)
    assert subprocess.run(["/bin/sh", "-n", str(path)]).returncode == 0


# -- The table and the line of counts -------------------------------------------------------------------------------------


def outcome(name: str, ok: bool, hindrance: str = "", **tests: int) -> run.Outcome:
    return run.Outcome(run.Step(name, [], hindrance=hindrance), ok, 1.0, tests)


def test_counts_are_read_from_the_last_line_of_pytest():
    assert run._counts(["10 passed in 1.00s\n", "2 failed, 412 passed, 3 skipped, 1 error in 61.20s (0:01:01)\n", "later\n"]) == {
        "failed": 2,
        "passed": 412,
        "skipped": 3,
        "error": 1,
    }
    assert run._counts(["All checks passed!\n"]) == {}


def test_last_line_has_the_counts(capsys):
    run._report(
        [
            outcome("ruff", True),
            outcome("tests", True, passed=410),
            outcome("old", False, "no root"),
            outcome("again", True, passed=2),
        ]
    )
    assert capsys.readouterr().out.splitlines()[-1] == "holdfast: 3 steps passed, 412 tests passed, 0 failed, 1 not run (no root)"


def test_last_line_names_what_failed(capsys):
    run._report([outcome("types", False), outcome("tests", False, passed=5, failed=2, error=1, skipped=4)])
    assert capsys.readouterr().out.splitlines()[-1] == (
        "holdfast: 0 steps passed, 2 steps failed (types, tests), 5 tests passed, 3 failed, 4 skipped"
    )


def test_step_that_hangs_is_ended_and_counts_as_failed(capsys):
    hangs = run.Step("hangs", [sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(600)"], limit_s=1)
    ended = run._take(hangs)
    assert not ended.ok
    assert ended.seconds < 30
    assert capsys.readouterr().out == "begun\nstopped: it took too long\n"
