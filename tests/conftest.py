"""One server and one migrated template for a run; every database test gets a clone of its own and connects as the application.

After every database test THE LIST has to be empty.
"""

import atexit
import itertools
import os
import secrets
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = "holdfast_template"
SECRET = "a-secret-of-the-tests"
#: Clones of one worker are numbered; workers are told apart by their process id.
NUMBERS = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    """In the first process: start the server, migrate the template. Workers inherit its address."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("HOLDFAST_SECRET_KEY", SECRET)
    os.environ.setdefault("HOLDFAST_ENCRYPTION_KEYS", "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk=")
    os.environ.setdefault("HOLDFAST_EMAIL_URL", "file://" + tempfile.gettempdir() + "/holdfast-mail-of-tests")
    if "HOLDFAST_TEST_SERVER" not in os.environ:
        os.environ["HOLDFAST_TEST_SERVER"] = _start_server()
    _prepare_template()
    import django

    django.setup()


def _start_server() -> str:
    from holdfast.embedded import Server

    home = Path(tempfile.mkdtemp(prefix="holdfast-tests-"))
    quick = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "300"}
    server = Server(home, options=quick).start()
    atexit.register(server.remove)
    return server.url("postgres")


def _prepare_template() -> None:
    from holdfast.provision import addresses, provision

    server = os.environ["HOLDFAST_TEST_SERVER"]
    if os.environ.get("HOLDFAST_TEST_TEMPLATE_READY") != server:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {TEMPLATE} WITH (FORCE)")
        os.environ.update(provision(server, TEMPLATE, secret=SECRET))
        migrate = [sys.executable, "-m", "django", "migrate", "--database", "owner", "--verbosity", "0"]
        subprocess.run(migrate, cwd=ROOT, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
        os.environ["HOLDFAST_TEST_TEMPLATE_READY"] = server
    os.environ.update(addresses(server, TEMPLATE, secret=SECRET))


class Database:
    """A clone of the template. `environment` is what a process needs to use it."""

    def __init__(self, name: str):
        from holdfast.provision import addresses

        self.name = name
        self.environment = addresses(os.environ["HOLDFAST_TEST_SERVER"], name, secret=SECRET)

    def as_owner(self) -> psycopg.Connection[Any]:
        """A connection that no wall holds: for tests that break laws with raw SQL, and to look at everything."""
        return psycopg.connect(self.environment["DATABASE_OWNER_URL"], autocommit=True)

    def as_app(self, merchant_id: Any = None) -> psycopg.Connection[Any]:
        """A connection with the application's role, as one merchant."""
        connection = psycopg.connect(self.environment["DATABASE_URL"], autocommit=True)
        if merchant_id is not None:
            connection.execute("SELECT set_config('holdfast.merchant', %s, false)", [str(merchant_id)])
        return connection

    def count(self, table: str, where: str = "true", *values: Any) -> int:
        """Rows of a table, whoever owns them."""
        return self.value(f"SELECT count(*) FROM {table} WHERE {where}", *values)

    def value(self, sql: str, *values: Any) -> Any:
        """The first column of the first row, read as owner."""
        with self.as_owner() as connection:
            row = connection.execute(sql, values).fetchone()
            return row[0] if row else None

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows, read as owner."""
        with self.as_owner() as connection:
            return connection.execute(sql, values).fetchall()


def clone() -> Database:
    """A fresh database of this test, and Django pointed at it."""
    name = f"t_{os.getpid()}_{next(NUMBERS)}"
    with psycopg.connect(os.environ["HOLDFAST_TEST_SERVER"], autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    database = Database(name)
    point_django_at(name)
    return database


def point_django_at(name: str) -> None:
    from django.db import connections

    for alias in ("default", "owner", "check"):
        connections[alias].close()
        if alias == "default":
            connections[alias].close_pool()
        connections.settings[alias]["NAME"] = name
        connections[alias].settings_dict["NAME"] = name


def drop(database: Database) -> None:
    point_django_at(TEMPLATE)
    with psycopg.connect(os.environ["HOLDFAST_TEST_SERVER"], autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {database.name} WITH (FORCE)")


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database of this test alone. THE LIST must be empty at its end; a test that breaks a law on purpose says so with
    the marker `breaks_the_list`."""
    from holdfast import invariants

    fresh = clone()
    yield fresh
    try:
        if request.node.get_closest_marker("breaks_the_list") is None:
            assert invariants.check() == []
    finally:
        drop(fresh)


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The sandbox gateway, a real process with its own books, shared by a worker's tests: use a secret key of your own."""
    from tests.gateway_process import GatewayProcess

    process = GatewayProcess(tmp_path_factory.mktemp("books")).start()
    yield process
    process.kill()


@pytest.fixture(autouse=True)
def moods_of_the_test_before_are_forgotten(request: pytest.FixtureRequest) -> None:
    """The gateway is shared: a mood that a test ordered and did not use must not meet the next one."""
    if "gateway" in request.fixturenames and "gateway_process" in type(request.getfixturevalue("gateway")).__module__:
        request.getfixturevalue("gateway").control("DELETE", "/moods/next")


@pytest.fixture(autouse=True)
def the_next_test_is_in_the_present() -> Iterator[None]:
    """A test that travels in time takes this process along; its database stays behind."""
    yield
    from holdfast.kernel import clock

    clock.OFFSET_S = 0.0


@pytest.fixture
def secret_key() -> str:
    """A gateway account that no other test uses."""
    return f"sk_test_{secrets.token_hex(12)}"


def in_parallel(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Run `work(0..count-1)` at the same instant, each in a thread with a connection of its own; results or exceptions."""
    from django.db import connections

    barrier = threading.Barrier(count)

    def one(index: int) -> Any:
        barrier.wait()
        try:
            return work(index)
        except Exception as error:  # noqa: BLE001 - the test looks at what each of them got
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))
