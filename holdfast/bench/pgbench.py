"""What PostgreSQL alone could do: pgbench sends the same statements, from as many clients, to an equal copy of the database."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from holdfast.bench.tape import Step
from holdfast.embedded.binaries import find_binaries
from holdfast.kernel import limits

#: pgbench's own threads; the machine is shared with what it measures.
THREADS = 2
#: What our own connections are opened with (see `config.settings.database`).
SESSION = (
    f"-c role=holdfast_app -c lock_timeout={limits.LOCK_TIMEOUT_MS} -c statement_timeout={limits.STATEMENT_TIMEOUT_MS} "
    f"-c idle_in_transaction_session_timeout={limits.IDLE_IN_TRANSACTION_MS}"
)


class PgbenchFailed(Exception):
    """pgbench did not get through its script."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What one run of pgbench showed."""

    seconds: float
    transactions: int
    average_ms: float


def find() -> Path | None:
    """The program: beside the server's own, or on the PATH. None where there is none; then there are no ratios."""
    beside = find_binaries().folder / "pgbench"
    found = str(beside) if beside.exists() else shutil.which("pgbench")
    return Path(found) if found else None


def replay(pieces: Sequence[Sequence[Step]], *, clients: int, env: Mapping[str, str], file: Path) -> Limit:
    """Send recorded pieces of work once each, dealt out to the clients, each client one step after the other.

    The texts are what was recorded, so ids, keys and rows are those of the recording: on a copy of the database as it was before
    the recording, every insert is new and every update meets its row.
    """
    with file.open("w", encoding="utf-8") as script:
        for client in range(clients):
            script.write(f"\\{'if' if client == 0 else 'elif'} :client_id = {client}\n")
            script.writelines(lines(step for piece in pieces[client::clients] for step in piece))
        script.write("\\endif\n")
    pipelines = any(step[0] == "pipeline" for piece in pieces for step in piece)
    # Pipelines need the extended protocol; without them the simple one is what psycopg uses for text without parameters.
    protocol = "extended" if pipelines else "simple"
    return run(file, clients=clients, env=env, options=["--transactions=1", f"--protocol={protocol}"])


def lines(steps: Iterable[Step]) -> Iterator[str]:
    """A client's script. What psycopg prepares is prepared here too, once, and then called with its values."""
    steps = list(steps)
    names = {step[1]: f"s{at}" for at, step in enumerate(steps) if step[0] == "call"}
    for statement, name in names.items():
        yield f"PREPARE {name} AS {statement};\n"
    for kind, *said in steps:
        if kind == "sql":
            yield f"{said[0].rstrip().rstrip(';')};\n"
        elif kind == "call":
            yield f"EXECUTE {names[said[0]]} ({said[1]});\n"
        else:
            yield "\\startpipeline\n" if kind == "pipeline" else "\\endpipeline\n"


def run(file: Path, *, clients: int, env: Mapping[str, str], options: Sequence[str]) -> Limit:
    """Run a script as the application's login, with its session settings. Raises PgbenchFailed."""
    program = find()
    assert program is not None
    threads = min(clients, THREADS)
    words = [
        str(program),
        "--no-vacuum",
        f"--client={clients}",
        f"--jobs={threads}",
        f"--file={file}",
        *options,
        env["DATABASE_URL"],
    ]
    session = {**os.environ, "PGOPTIONS": SESSION}
    done = subprocess.run(words, env=session, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PgbenchFailed(done.stderr[-2_000:])
    said = done.stdout
    transactions = int(_number(r"transactions actually processed: (\d+)", said))
    rate = _number(r"tps = ([\d.]+) \(without", said)
    return Limit(seconds=transactions / rate, transactions=transactions, average_ms=_number(r"latency average = ([\d.]+)", said))


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise PgbenchFailed(text[-2_000:])
    return float(found[1])
