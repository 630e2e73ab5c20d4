"""The ground of the measurements: a throw-away house with a real, synced PostgreSQL, and equal copies of its database."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TextIO
from urllib.request import urlopen

import psycopg
from psycopg import sql

from holdfast.first_run import DATABASE, HOST, ROOT, House, Ports, free_ports
from holdfast.provision import addresses
from holdfast.supervisor import Program, Supervisor

#: A measurement needs these of the server, on both sides of a comparison; anything else would not be durable.
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
#: A process of ours is ready within this.
READY_WITHIN_S = 60.0


class Ground:
    """Enter it once for a whole benchmark. `base` holds what `prepare` put there; every run gets a copy of its own."""

    def __init__(self, *, out: TextIO) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="holdfast-bench-")
        self.folder = Path(self._folder.name)
        outside = {name: value for name, value in os.environ.items() if not name.startswith("DATABASE_")}
        self.house = House(self.folder / "house", Ports(*free_ports(3)), keep=False, outside=outside)
        self._out = out
        self.facts: dict[str, Any] = {}

    def __enter__(self) -> Self:
        try:
            self.house.__enter__()
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.house.__exit__()
        self._folder.cleanup()

    def prepare(self, **wish: int) -> None:
        """Fill the base: goods, orders that wait for their money, carts that wait for checkout (see `prepare`)."""
        self.facts = self.child("prepare", wish, env=self.house.environment)
        with self._owner(DATABASE) as connection:
            connection.execute("VACUUM (ANALYZE)")

    def child(self, module: str, wish: Mapping[str, Any], *, env: Mapping[str, str]) -> Any:
        """Run one module of the benchmark in a process of its own: JSON in, JSON out. A line of log per request would
        bury the figures, and cost time that is not the flow's."""
        words = [sys.executable, "-m", f"holdfast.bench.{module}"]
        quiet = {**env, "HOLDFAST_LOG_REQUESTS": "false"}
        done = subprocess.run(words, input=json.dumps(wish), env=quiet, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout)

    @contextmanager
    def copy(self, name: str) -> Iterator[dict[str, str]]:
        """The environment of a process on a fresh copy of the base, which is dropped afterwards."""
        named = sql.Identifier(name)
        with self._owner("postgres") as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(named))
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(named, sql.Identifier(DATABASE)))
            connection.execute("CHECKPOINT")  # otherwise it falls into somebody's run
        try:
            yield {**self.house.environment, **addresses(self.url("postgres"), name, secret=self.house.secrets["database"])}
        finally:
            with self._owner("postgres") as connection:
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(named))

    def ask(self, env: Mapping[str, str], query: str) -> tuple[Any, ...]:
        """One row, as the owner of a copy."""
        with psycopg.connect(env["DATABASE_OWNER_URL"], autocommit=True) as connection:
            row = connection.execute(query.encode()).fetchone()
            assert row is not None
            return tuple(row)

    def settings(self) -> dict[str, str]:
        """What the server says of its durability. Raises SystemExit when it is not durable: the figures would be worthless."""
        with self._owner("postgres") as connection:
            said = {name: str(connection.execute(f"SHOW {name}".encode()).fetchone()[0]) for name in DURABLE}  # type: ignore[index]
            version = connection.execute("SHOW server_version").fetchone()
        if said != DURABLE:
            raise SystemExit(f"holdfast: the benchmark's PostgreSQL is not durable: {said}")
        return {**said, "server_version": str(version[0] if version else "")}

    @contextmanager
    def running(self, *names: str, env: Mapping[str, str]) -> Iterator[Supervisor]:
        """Processes of the house by name, on a copy, as `./dev up` starts them; `web` with the provider that answers at once."""
        programs = [self._program(name, env) for name in names]
        with Supervisor(programs, out=self._out) as supervisor:
            yield supervisor

    def url(self, database: str) -> str:
        assert self.house.server is not None
        return self.house.server.url(database)

    def _program(self, name: str, env: Mapping[str, str]) -> Program:
        if name == "worker":
            return Program(name=name, argv=[sys.executable, "-m", "holdfast", "work"], env=env)
        port = getattr(self.house.ports, name)
        words = ["-m", "holdfast", "receive"] if name == "receiver" else ["-m", "holdfast.bench.serve"]
        live = f"http://{HOST}:{port}/health/live"
        argv = [sys.executable, *words, "--port", str(port)]
        return Program(name=name, argv=argv, env=env, ready=lambda: _answers(live), ready_timeout_s=READY_WITHIN_S)

    def _owner(self, database: str) -> psycopg.Connection:
        return psycopg.connect(self.url(database), autocommit=True)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=1) as response:
            return bool(response.status == 200)
    except OSError:
        return False
