"""`./dev up`: everything on one machine, with secrets, a database and a demo shop of its own. Nothing but Python is needed.

All that it keeps lies in HOLDFAST_HOME (`.holdfast` beside the code): secrets.json (0600), postgres/, books/ of the gateway.
"""

import atexit
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.request import urlopen
from uuid import uuid4

from holdfast.embedded import EmbeddedError, Server
from holdfast.provision import provision
from holdfast.supervisor import NotReady, PortTaken, Program, Supervisor, require_free_port

ROOT = Path(__file__).resolve().parent.parent
DATABASE = "holdfast"
#: What a command borrowed, until its process ends.
_LENT = ExitStack()
atexit.register(_LENT.close)
HOST = "127.0.0.1"
#: Each of our processes is ready within this on a slow machine.
READY_WITHIN_S = 60.0
#: How soon a killed database server is noticed.
LOOK_EVERY_S = 0.2


@dataclass(frozen=True)
class Ports:
    """Where the three servers listen."""

    web: int
    receiver: int
    gateway: int

    @classmethod
    def from_environment(cls) -> "Ports":
        return cls(
            web=_port("HOLDFAST_WEB_PORT", 8000),
            receiver=_port("HOLDFAST_RECEIVER_PORT", 8001),
            gateway=_port("HOLDFAST_GATEWAY_PORT", 8002),
        )


def _port(setting: str, default: int) -> int:
    text = os.environ.get(setting, "") or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise SystemExit(f"holdfast: {setting} is {text!r}, which is no port: give a number from 1 to 65535.")
    return int(text)


class House:
    """Everything of a first run in one folder: prepared, then started. Safe to enter again; the data stays unless not kept."""

    def __init__(self, home: Path, ports: Ports, *, keep: bool = True, outside: Mapping[str, str] | None = None) -> None:
        self.home, self.ports, self.keep = home, ports, keep
        self.outside = dict(os.environ if outside is None else outside)
        self.secrets_file = home / "secrets.json"
        self.web, self.gateway = f"http://{HOST}:{ports.web}", f"http://{HOST}:{ports.gateway}"
        self.server: Server | None = None
        self._left = threading.Event()
        self._keeper: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Secrets, database, tables, demo shop. Raises EmbeddedError with one sentence that says what to do."""
        try:
            self._prepare()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _prepare(self) -> None:
        try:
            self.home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EmbeddedError(f"HOLDFAST_HOME is {self.home}, which cannot be made: {error.strerror}.") from error
        self.secrets = _secrets(self.secrets_file, gateway_url=self.gateway)
        self.environment = {**self.outside, **self.settings()}
        if not self.outside.get("DATABASE_URL"):
            self.server = Server(self.home / "postgres").start()
            self.environment.update(provision(self.server.url("postgres"), DATABASE, secret=self.secrets["database"]))
            self._keeper = threading.Thread(target=self._keep_database, name="database", daemon=True)
            self._keeper.start()
        self.run("migrate")
        self.run("seed", str(self.secrets_file))

    def _keep_database(self) -> None:
        """A killed server is started again; everything else waits for it and goes on."""
        while self.server is not None and not self._left.wait(LOOK_EVERY_S):
            if not self.server.is_alive():
                try:
                    print("holdfast: PostgreSQL ended; starting it again", flush=True)
                    self.server.start()
                except EmbeddedError as error:
                    print(f"holdfast: {error}", file=sys.stderr, flush=True)

    def _close(self) -> None:
        self._left.set()
        if self._keeper is not None:
            self._keeper.join()  # otherwise it might start again what is being stopped
        if self.server is not None:
            self.server.stop() if self.keep else self.server.remove()

    def run(self, *words: str, check: bool = True) -> int:
        """One word of our command line, in this house."""
        done = subprocess.run([sys.executable, "-m", "holdfast", *words], env=self.environment, cwd=ROOT, check=False)
        if check and done.returncode:
            raise SystemExit(f"holdfast: `{' '.join(words)}` failed; the reason is above.")
        return done.returncode

    def programs(self) -> list[Program]:
        """Gateway first, since its books outlive us; the worker last."""
        secret = self.secrets["webhook_secret"]
        stripe = f"{self.secrets['gateway_key']},{self._hook('stripe')},{secret}"
        panel = f"{self.secrets['mercadopago_token']},{self._hook('mercadopago')},{secret}"
        called_back = f"{self._hook('pix')}/{self.secrets['pix_path']}"
        bank = ",".join([self.secrets["pix_client"], self.secrets["pix_secret"], self.secrets["pix_key"], called_back])
        listens = ["--account", stripe, "--mercadopago", panel, "--pix-client", bank]
        gateway = [
            "-m",
            "holdfast.gateway",
            "--host",
            HOST,
            "--port",
            str(self.ports.gateway),
            "--books",
            str(self.home / "books"),
        ]
        return [
            self._program("gateway", [*gateway, *listens], self.ports.gateway, "/healthz"),
            self._program("receiver", ["-m", "holdfast", "receive", "--port", str(self.ports.receiver)], self.ports.receiver),
            self._program("web", ["-m", "holdfast", "serve", "--port", str(self.ports.web)], self.ports.web),
            self._program("worker", ["-m", "holdfast", "work"], None),
        ]

    def _hook(self, provider: str) -> str:
        """Where a provider's webhooks go."""
        account = self.secrets[f"{provider}_account"].replace("-", "")
        return f"http://{HOST}:{self.ports.receiver}/webhooks/{provider}/acc_{account}"

    def _program(self, name: str, arguments: list[str], port: int | None, health: str = "/health/live") -> Program:
        ready = None if port is None else (lambda: _answers(f"http://{HOST}:{port}{health}"))
        return Program(
            name=name, argv=[sys.executable, *arguments], env=self.environment, ready=ready, ready_timeout_s=READY_WITHIN_S
        )

    def settings(self) -> dict[str, str]:
        defaults = {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "HOLDFAST_HOME": str(self.home),
            "HOLDFAST_SECRET_KEY": self.secrets["django"],
            "HOLDFAST_ENCRYPTION_KEYS": self.secrets["encryption"],
            "HOLDFAST_EMAIL_URL": f"file://{self.home / 'mail'}",
            "HOLDFAST_LOG_REQUESTS": "true",
        }
        ports = {
            "HOLDFAST_WEB_PORT": str(self.ports.web),
            "HOLDFAST_RECEIVER_PORT": str(self.ports.receiver),
            "HOLDFAST_GATEWAY_PORT": str(self.ports.gateway),
        }
        return {**{name: self.outside.get(name) or value for name, value in defaults.items()}, **ports}


def up() -> int:
    """Start everything and stay until Ctrl-C. Returns the exit status."""
    began = time.monotonic()
    house = House(_home(), Ports.from_environment())
    try:
        _require_ports(house.ports)
        with house:
            supervisor = Supervisor(house.programs(), pid_file=house.home / "pids.json")
            status = supervisor.run(on_ready=lambda: _welcome(house, seconds=time.monotonic() - began))
        print(f"holdfast: stopped; the data is kept in {house.home}.", flush=True)
        return status
    except PortTaken as error:
        ours = Server(house.home / "postgres").is_alive()
        told = f"A Holdfast runs in {house.home} already: use it, or stop it with Ctrl-C where it was started." if ours else error
        print(f"holdfast: {told}", file=sys.stderr)
        return 1
    except EmbeddedError as error:
        print(f"holdfast: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def smoke() -> int:
    """One purchase over HTTP, from cart to fulfilled, with real processes in a folder and on ports of its own."""
    from holdfast import smoke as purchase

    with tempfile.TemporaryDirectory(prefix="holdfast-smoke-") as folder:
        try:
            with House(Path(folder), Ports(*free_ports(3)), keep=False) as house, Supervisor(house.programs()):
                bought = purchase.buy(web=house.web, gateway=house.gateway, **_keys(house))
                broken = house.run("check", check=False)
        except (EmbeddedError, NotReady) as error:
            print(f"holdfast: {error}", file=sys.stderr)
            return 1
    print(f"smoke: {'bought, paid and fulfilled; the list is empty' if bought and not broken else 'FAILED'}")
    return 0 if bought and not broken else 1


def use_embedded_database() -> None:
    """For a command without DATABASE_URL: the database of the last `./dev up`, running or started for this command."""
    home = _home()
    if not (home / "secrets.json").exists():
        raise SystemExit("holdfast: there is no database yet: run ./dev up first, or set DATABASE_URL.")
    house = House(home, Ports.from_environment())
    house.secrets = _secrets(house.secrets_file, gateway_url=f"http://{HOST}:{house.ports.gateway}")
    # Given back when this process ends: a server that was started for it stops with it.
    server = _LENT.enter_context(Server(home / "postgres").borrowed())
    os.environ.update(house.settings())
    os.environ.update(provision(server.url("postgres"), DATABASE, secret=house.secrets["database"]))


def _require_ports(ports: Ports) -> None:
    if len({ports.web, ports.receiver, ports.gateway}) < 3:
        raise PortTaken("Web, receiver and gateway need three different ports: see HOLDFAST_WEB_PORT and its neighbours.")
    require_free_port(HOST, ports.web, "the web process", "HOLDFAST_WEB_PORT")
    require_free_port(HOST, ports.receiver, "the receiver", "HOLDFAST_RECEIVER_PORT")
    require_free_port(HOST, ports.gateway, "the sandbox gateway", "HOLDFAST_GATEWAY_PORT")


def _home() -> Path:
    return Path(os.environ.get("HOLDFAST_HOME") or ROOT / ".holdfast").absolute()


def _keys(house: House) -> dict[str, str]:
    return {name: house.secrets[name] for name in ("publishable_key", "secret_key")}


def _secrets(file: Path, *, gateway_url: str) -> dict[str, Any]:
    """The secrets of this house, made at its first start and kept (0600)."""
    from cryptography.fernet import Fernet

    known = json.loads(file.read_text()) if file.exists() else {}
    made = {
        "django": secrets.token_urlsafe(48),
        "database": secrets.token_urlsafe(32),
        "encryption": Fernet.generate_key().decode(),
        "publishable_key": f"pk_demo_{secrets.token_urlsafe(16)}",
        "secret_key": f"sk_demo_{secrets.token_urlsafe(24)}",
        "gateway_key": f"sk_test_{secrets.token_hex(16)}",
        "webhook_secret": f"whsec_{secrets.token_hex(16)}",
        "stripe_account": str(uuid4()),
        "sandbox_account": str(uuid4()),
        "mercadopago_account": str(uuid4()),
        "mercadopago_token": f"TEST-{secrets.token_hex(16)}",
        "pix_account": str(uuid4()),
        "pix_client": f"praia-{secrets.token_hex(4)}",
        "pix_secret": secrets.token_hex(16),
        "pix_key": str(uuid4()),
        "pix_path": secrets.token_hex(16),
        "staff_email": "staff@holdfast.example",
        "staff_password": secrets.token_urlsafe(12),
    }
    whole: Mapping[str, Any] = {**made, **known, "gateway_url": gateway_url}
    fresh = file.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(whole, indent=2))
    fresh.replace(file)
    return dict(whole)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=1) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def free_ports(count: int) -> list[int]:
    import socket

    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind((HOST, 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _welcome(house: House, *, seconds: float) -> None:
    """What a person needs now: where to look, who may log in, how to pay, what to try."""
    told = house.secrets
    print(
        f"""
Holdfast is up: it took {seconds:.0f} s.

  shop       {house.web}/
  another    http://praia.localhost:{house.ports.web}/   in reais and Portuguese, with Pix; the console knows both
  console    {house.web}/console/     {told["staff_email"]}   password {told["staff_password"]}
  API        {house.web}/v1/docs      publishable key {told["publishable_key"]}
                                                secret key      {told["secret_key"]}
  webhooks   http://{HOST}:{house.ports.receiver}/webhooks/…
  gateway    {house.gateway}/              the sandbox: hosted payment pages, books, moods
  mail       {house.home / "mail"}

  Magic cards for the payment page, which asks for the number alone
    4242 4242 4242 4242   approved               4000 0027 6000 3184   approved after a second question (3-D Secure)
    4000 0000 0000 0002   declined               4000 0099 0000 0053   approved, but its webhook never comes
    4000 0099 0000 0012   declined, then approved on the second try          docs/gateway.md has the others

  Three things to try
    1. Buy a mug in the shop: be declined first, then approved. The order turns paid when the webhook comes.
    2. Log in to the console and open that order: everything that happened to it is one story, down to each posting.
    3. Kill a process in the middle of a purchase; the pids are in {house.home / "pids.json"}. It comes back and nothing
       is lost: ./dev check looks at every law of the house.

Ctrl-C stops everything; the data stays in {house.home}. Below: what the processes say.
""",
        flush=True,
    )
