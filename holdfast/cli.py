"""The command line. Each word is a process or one piece of work; `./dev <word>` runs it in the project's environment."""

import getpass
import json
import os
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

if TYPE_CHECKING:
    from holdfast.flows.statements import Brought

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Holdfast: the checkout and payments engine that holds fast.",
)

#: Rows of a list that the terminal shows; `--json` has them all.
SHOWN = 50


def main() -> None:
    """Entry point of `holdfast` and `python -m holdfast`."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    app()


@app.command()
def up(
    smoke: Annotated[bool, typer.Option(help="Make one purchase over HTTP in a place of its own, and exit 0 or 1.")] = False,
) -> None:
    """Start everything on this machine: database, web, receiver, worker, sandbox gateway, with a demo shop. Ctrl-C stops it."""
    from holdfast import first_run

    sys.exit(first_run.smoke() if smoke else first_run.up())


@app.command()
def serve(port: int | None = None, host: str | None = None) -> None:
    """The web process: shop, API and console. WSGI, threads."""
    from config.serving import web_arguments

    os.execv(sys.executable, [sys.executable, *web_arguments(host=host, port=port)])


@app.command()
def receive(port: int | None = None, host: str | None = None) -> None:
    """The receiver process: webhooks only. Verify, store durably, 200."""
    from config.settings import ENV

    options = ["--port", str(port or ENV.receiver_port), "--host", host or ENV.host]
    os.execv(sys.executable, [sys.executable, "-m", "holdfast.receiver", *options])


@app.command()
def work() -> None:
    """The worker process: loops over rows that are due. SIGTERM stops it after the rows in hand."""
    _django("worker")
    from holdfast.kernel import faults
    from holdfast.worker.lanes import Worker

    faults.arm_from_environment()
    print("worker ready", flush=True)
    Worker().run()


@app.command()
def migrate() -> None:
    """Bring the database's tables and laws up to date, as their owner. Safe to repeat."""
    _django("migrate")
    from django.core.management import call_command

    call_command("migrate", database="owner", verbosity=0, interactive=False)


@app.command()
def seed(file: Path) -> None:
    """Found the demo shop from a JSON file of its secrets (see first_run). Safe to repeat: what is there stays."""
    _django("seed")
    from holdfast.flows import demo
    from holdfast.kernel.clock import now

    demo.found(json.loads(file.read_text()), now=now())


@app.command()
def check(
    as_json: Annotated[bool, typer.Option("--json", help="Print the violations as JSON.")] = False,
    since: Annotated[datetime | None, typer.Option(help="Leave rows older than this out, on a large database.")] = None,
) -> None:
    """Run the list: every law of the house, in one snapshot. Exits 1 when a row breaks one."""
    _with_database()
    _django("check")
    from holdfast import invariants

    found = invariants.check(since=(since.replace(tzinfo=UTC) if since else invariants.BEGINNING))
    if as_json:
        rows = [{"invariant": row.invariant, "merchant": str(row.merchant_id), "id": row.id, "what": row.what} for row in found]
        print(json.dumps({"checked": [law.name for law in invariants.LIST], "violations": rows}, indent=2))
    else:
        for row in found[:SHOWN]:
            print(f"{row.invariant}: {row.id} ({row.what})")
        rest = f", the first {SHOWN} shown" if len(found) > SHOWN else ""
        print(f"{len(invariants.LIST)} laws checked, {len(found)} rows break one{rest}.")
    sys.exit(1 if found else 0)


@app.command("import-statement")
def import_statement(
    file: Path,
    account: Annotated[str, typer.Option(help="Id of the bank account: as UUID, or acc_….")],
    format: Annotated[str, typer.Option(help="ofx or csv; by the file's name when empty.")] = "",
    by: Annotated[str, typer.Option(help="Who imports it; this machine's user when empty.")] = "",
    dry_run: Annotated[bool, typer.Option(help="Only show what it would do.")] = False,
) -> None:
    """Bring a bank's statement: each line that came in pays what it names, once. Exits 1 when the file cannot be read."""
    _with_database()
    _django("import-statement")
    from holdfast.flows import statements
    from holdfast.kernel.clock import now
    from holdfast.kernel.errors import HoldfastError
    from holdfast.kernel.ids import parsed
    from holdfast.merchants import queries as merchants

    form, person = format or file.suffix.lstrip(".").lower(), by or getpass.getuser()
    try:
        account_id = parsed("acc", account) if account.startswith("acc_") else UUID(account)
        merchant_id = merchants.of_account("transfer", account_id)
        content = file.read_bytes()
        brought = statements.bring(
            merchant_id=merchant_id, account_id=account_id, format=form, content=content, by=person, now=now(), dry_run=dry_run
        )
    except (HoldfastError, OSError, ValueError) as error:
        sys.exit(f"holdfast: {error.detail if isinstance(error, HoldfastError) else error}")
    _print_brought(brought)
    print("Nothing was written: this was a dry run." if dry_run else "Done. The same file again changes nothing.")


@app.command()
def bench(
    only: Annotated[str, typer.Option(help="Some of receive,settle,checkout,storm,memory; all when empty.")] = "",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures of every run to this file.")] = None,
    quick: Annotated[bool, typer.Option(help="One short run of each part: it shows that it works, and little else.")] = False,
    runs: Annotated[int, typer.Option(min=0, help="How often each side runs; 0 is five, or one with --quick.")] = 0,
    floors: Annotated[bool, typer.Option(help="Exit 1 when a floor is not met.")] = False,
    statements: Annotated[
        Path | None, typer.Option(help="Only write one settling's and one checkout's SQL into this folder.")
    ] = None,
) -> None:
    """Measure receiving, settling and checking out on a throw-away database, beside what PostgreSQL alone could do."""
    from holdfast.bench import run

    sys.exit(run.main(only=only, file=json_file, quick=quick, runs=runs, floors=floors, statements=statements))


@app.command()
def docs(check: Annotated[bool, typer.Option(help="Only say whether the generated pages are up to date.")] = False) -> None:
    """Generate docs/states.md and docs/invariants.md from the tables they describe."""
    from holdfast.docs import main as generate

    sys.exit(generate(check))


def _print_brought(brought: "Brought") -> None:
    """What became of each line, and how many of each."""
    from holdfast.kernel.money import shown

    for line in brought.lines[:SHOWN]:
        amount = shown(line.amount_minor, line.currency)
        print(f"line {line.line:>5}  {line.outcome:<11}  {amount:>16}  {line.bank_id[:24]:<24}  {line.payer[:40]}")
    if len(brought.lines) > SHOWN:
        print(f"… the first {SHOWN} of {len(brought.lines)} shown")
    counts = Counter(line.outcome for line in brought.lines)
    told = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items()))
    print(f"{len(brought.lines)} transfers ({told or 'none'}), {brought.outgoing} lines that were no money that came in.")


def _django(process: str) -> None:
    """Start Django, with logs, as the process of this name."""
    import django

    from config import logs
    from config.settings import ENV

    django.setup()
    logs.configure(as_json=ENV.log_json, debug=ENV.debug)
    from holdfast.db.moves import PROCESS

    PROCESS["name"] = process


def _with_database() -> None:
    """Without DATABASE_URL, use the embedded server of the first run: the running one, or one started for this command."""
    if os.environ.get("DATABASE_URL"):
        return
    from holdfast import first_run

    first_run.use_embedded_database()
