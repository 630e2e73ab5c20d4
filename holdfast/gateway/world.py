"""What the process holds besides its books: moods, running keys, and the bells that wake its loops."""

import asyncio
import ssl
from pathlib import Path

from holdfast.gateway import ids
from holdfast.gateway.books import Books
from holdfast.gateway.errors import unauthorized
from holdfast.gateway.idempotency import Running
from holdfast.gateway.moods import Moods
from holdfast.gateway.tx import Tx

#: How the secret keys of each API begin, those for play first.
STRIPE, MERCADO_PAGO = ("sk_test_", "sk_live_"), ("TEST-", "APP_USR-")
ANY = STRIPE + MERCADO_PAGO


class World:
    """Made in the running event loop."""

    def __init__(self, *, directory: Path, base_url: str, moods: Moods, allow_reset: bool = False):
        self.base_url = base_url
        self.moods = moods
        self.allow_reset = allow_reset
        #: With what the bank of API Pix calls its receivers back, where it has certificates.
        self.pix_tls: ssl.SSLContext | None = None
        self.running = Running()
        self.stopping = asyncio.Event()
        self.deliveries_wanted = asyncio.Event()
        self._accounts: dict[str, str] = {}
        self._loop = asyncio.get_running_loop()
        self.books = Books(directory, self)

    def count(self, name: str, by: int = 1) -> None:
        self.books.count(name, by)

    def count_mood(self, mood: str, where: str) -> None:
        """A mood really happened: counted by itself and by operation or event type."""
        self.books.count(f"mood {mood}")
        self.books.count(f"mood {mood} at {where}")

    def wake_deliveries(self) -> None:
        """From any thread. The loop looks after the commit at the earliest, because it reads committed rows only."""
        self._loop.call_soon_threadsafe(self._loop.call_later, 0.001, self.deliveries_wanted.set)

    async def account(self, secret_key: str, *, of: tuple[str, ...] = STRIPE) -> str:
        """The account of a secret key of an API; a key that was never seen opens one. Raises 401."""
        if not secret_key.startswith(of) or len(secret_key) < 12:
            raise unauthorized(f"Invalid API Key provided: {_hidden(secret_key)}")
        if secret_key not in self._accounts:
            self._accounts[secret_key] = await self.books.write(lambda tx: open_account(tx, secret_key))
        return self._accounts[secret_key]

    def forget_accounts(self) -> None:
        self._accounts.clear()


def open_account(tx: Tx, secret_key: str) -> str:
    live = secret_key.startswith((STRIPE[1], MERCADO_PAGO[1]))
    tx.execute("INSERT OR IGNORE INTO accounts VALUES (?, ?, ?)", [secret_key, ids.new("acct", 16), live])
    return tx.execute("SELECT id FROM accounts WHERE secret_key = ?", [secret_key]).fetchone()["id"]


def _hidden(key: str) -> str:
    return f"{key[:8]}{'*' * 8}{key[-4:]}" if len(key) > 16 else "********"
