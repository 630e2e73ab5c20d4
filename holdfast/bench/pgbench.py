"""What PostgreSQL alone could do: pgbench sends the same statements, from as many clients, to an equal copy of the database."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from holdfast.bench.tape import Step
from holdfast.embedded.binaries import find_binaries
from holdfast.kernel import limits

#: pgbench's own threads; the machine is shared with what it measures.
THREADS = 2
#: How often each of several clients does its first piece, and takes it back, before the clock runs. Our connections are warm by
#: then too: their plans are made (PostgreSQL keeps one after five calls), their catalogue is read.
WARM = 6
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
            share = pieces[client::clients]
            undone = _undone(share[0]) * WARM if share and clients > 1 else []
            prepared, sent = lines([*undone, *(step for piece in share for step in piece)])
            prepared, sent = prepared + sent[: len(undone)], sent[len(undone) :]
            script.write(f"\\{'if' if client == 0 else 'elif'} :client_id = {client}\n\\if :prepared = 0\n")
            script.writelines([*prepared, "\\set prepared 1\n\\else\n", *sent, "\\endif\n"])
        script.write("\\endif\n")
    pipelines = any(step[0] == "pipeline" for piece in pieces for step in piece)
    # Pipelines need the extended protocol; without them the simple one is what psycopg uses for text without parameters.
    protocol = "extended" if pipelines else "simple"
    for old in file.parent.glob(f"{file.stem}.log.*"):
        old.unlink()
    log = ["--log", f"--log-prefix={file.with_suffix('.log')}"]
    options = ["--transactions=2", "--define=prepared=0", f"--protocol={protocol}", *log]
    told = run(file, clients=clients, env=env, options=options)
    return replace(told, seconds=_second_turns(file), transactions=clients)


def _undone(piece: Sequence[Step]) -> list[Step]:
    """The same, and nothing of it stays."""
    return [["sql", "ROLLBACK"] if step == ["sql", "COMMIT"] else step for step in piece]


def _second_turns(file: Path) -> float:
    """From the first client that began its second transaction, the work itself, to the last that ended it."""
    logs = [line.split() for log in file.parent.glob(f"{file.stem}.log.*") for line in log.read_text().splitlines()]
    # client, transaction, microseconds, script, end in seconds, and its microseconds
    turns = [(float(s) + float(us) / 1e6, float(took) / 1e6) for _, number, took, _, s, us, *_ in logs if number == "2"]
    return max(end for end, _ in turns) - min(end - took for end, took in turns)


def lines(steps: Sequence[Step]) -> tuple[list[str], list[str]]:
    """A client's script: what psycopg prepares is prepared here too, once and before the clock runs; then what is sent."""
    names = {step[1]: f"s{at}" for at, step in enumerate(steps) if step[0] == "call"}
    prepared = [f"PREPARE {name} AS {statement};\n" for statement, name in names.items()]
    return prepared, [_line(step, names) for step in steps]


def _line(step: Step, names: Mapping[str, str]) -> str:
    kind, *said = step
    if kind == "sql":
        return f"{said[0].rstrip().rstrip(';')};\n"
    if kind == "call":
        return f"EXECUTE {names[said[0]]} ({said[1]});\n"
    return "\\startpipeline\n" if kind == "pipeline" else "\\endpipeline\n"


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
