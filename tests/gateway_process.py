"""Starts the sandbox gateway as the real process that it is, and talks to its control API."""

import socket
import subprocess
import sys
from pathlib import Path

import httpx

READY_WITHIN_S = 15
STOP_WITHIN_S = 10


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class GatewayProcess:
    """One gateway over one directory of books. `kill` is SIGKILL; a `start` after it must find everything again."""

    def __init__(self, books_dir: Path, port: int | None = None, args: tuple[str, ...] = ()):
        self.books_dir = Path(books_dir)
        self.port = port or free_port()
        self.args = tuple(args)
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen | None = None
        self._client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    def start(self) -> "GatewayProcess":
        command = [sys.executable, "-m", "holdfast.gateway", "--port", str(self.port), "--books", str(self.books_dir)]
        self.process = subprocess.Popen([*command, *self.args], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if line != f"gateway ready {self.url}\n":
            self.kill()
            raise RuntimeError(f"the gateway did not start: {line!r}")
        return self

    def stop(self) -> int:
        """SIGTERM, as a supervisor does; returns the exit status."""
        self.process.terminate()
        status = self.process.wait(STOP_WITHIN_S)
        self.process.stdout.close()
        return status

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()

    def control(self, method: str, path: str, **said) -> dict:
        """`control("POST", "/payments/pi_…/settle", outcome="failed")`. Raises httpx.HTTPStatusError when refused."""
        json = said if method != "GET" else None
        response = self._client.request(method, f"/_gateway{path}", json=json)
        response.raise_for_status()
        return response.json()

    def listen(self, secret_key: str, *, webhook_url: str, webhook_secret: str) -> dict:
        return self.control("PUT", f"/accounts/{secret_key}", webhook_url=webhook_url, webhook_secret=webhook_secret)

    def pay(self, session: str, card: str = "4242424242424242", **more) -> dict:
        """Pay a session (its id or the address of its page) as a payer would."""
        session_id = session.rstrip("/").rsplit("/", 1)[-1]
        return self.control("POST", f"/sessions/{session_id}/pay", card=card, **more)

    def books(self, account: str | None = None) -> dict:
        response = self._client.get("/_gateway/books", params={"account": account} if account else {})
        response.raise_for_status()
        return response.json()

    def mood_next(self, operation: str, mood: str, *, times: int = 1, seconds: float | None = None) -> dict:
        return self.control("POST", "/moods/next", operation=operation, mood=mood, times=times, seconds=seconds)

    def moods(self, *, probabilities: dict | None = None, settings: dict | None = None) -> dict:
        return self.control("PUT", "/moods", probabilities=probabilities or {}, settings=settings or {})

    def settle(self, payment_intent: str, outcome: str) -> dict:
        return self.control("POST", f"/payments/{payment_intent}/settle", outcome=outcome)

    def ring(self, object_id: str) -> list[str]:
        """Let what would happen to this object later happen now: a session expires, an authorization lapses."""
        return self.control("POST", f"/alarms/{object_id}/ring")["rang"]

    def signed(self, event_id: str, **more) -> dict:
        """`{"url", "body", "headers"}` exactly as the event would be delivered now."""
        return self.control("POST", f"/events/{event_id}/signed", **more)

    def resend(self, event_id: str) -> dict:
        return self.control("POST", f"/events/{event_id}/resend")

    def pause(self) -> None:
        self.control("POST", "/deliveries/pause")

    def resume(self) -> None:
        self.control("POST", "/deliveries/resume")

    def __enter__(self) -> "GatewayProcess":
        return self.start()

    def __exit__(self, *_) -> None:
        if self.process.poll() is None:
            self.stop()
        self._client.close()
