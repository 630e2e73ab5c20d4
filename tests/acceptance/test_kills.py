"""Customers buy over HTTP while every process is killed with SIGKILL again and again, by a seed.

Within a minute of the last restart the list is empty, the gateway's books equal the ledger, and who paid has a paid order.
"""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from holdfast.first_run import HOST, House, Ports, free_ports
from holdfast.supervisor import Supervisor

pytestmark = pytest.mark.processes

SEED = int(os.environ.get("HOLDFAST_KILLS_SEED", "20261121"))
PURCHASES = int(os.environ.get("HOLDFAST_PURCHASES", "220"))
KILLS_OF_EACH = int(os.environ.get("HOLDFAST_KILLS", "20"))
CUSTOMERS = 6
#: The promise: everything is settled within this after the last restart.
SETTLED_WITHIN_S = 60.0
#: A customer repeats a request for this long before giving up; the kills go on all the while.
PATIENCE_S = 90.0
VICTIMS = ("web", "receiver", "worker", "postgresql")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A first run of its own: nothing of the test run's settings reaches it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "DATABASE_"))}
    with House(tmp_path / "house", Ports(*free_ports(3)), keep=False, outside=clean) as prepared:
        yield prepared


class Customer:
    """Buys as an impatient browser does: every request is repeated, with the same key, until it is answered."""

    def __init__(self, house: House, number: int) -> None:
        self.house, self.number, self.retries = house, number, 0
        self.client = httpx.Client(base_url=house.web, timeout=15, trust_env=False)
        self.shopper = {"Authorization": f"Bearer {house.secrets['publishable_key']}"}

    def ask(self, method: str, path: str, **said: Any) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE_S
        last = ""
        while time.monotonic() < until:
            try:
                answer = self.client.request(method, path, **said)
                if answer.status_code < 300 and answer.status_code != 202:
                    told: dict[str, Any] = answer.json()
                    return told
                last = f"{answer.status_code} {answer.text[:300]}"
                assert answer.status_code in (202, 409, 502, 503), f"{method} {path}: {last}"
            except httpx.TransportError as error:
                last = repr(error)
            self.retries += 1
            time.sleep(0.2)
        raise AssertionError(f"customer {self.number}: {method} {path} was never answered: {last}")

    def buy(self, products: list[dict[str, Any]], dice: random.Random) -> tuple[str, str]:
        """(order id, provider's session) of a purchase that was paid on the gateway."""
        cart = self.ask("POST", "/v1/carts", headers=self.shopper, json={})
        mine = {**self.shopper, "Cart-Token": cart["token"]}
        for product in dice.sample(products, k=dice.choice((1, 1, 2))):
            self.ask(
                "POST",
                f"/v1/carts/{cart['id']}/lines",
                headers=mine,
                json={"variant": product["variants"][0]["id"], "quantity": dice.choice((1, 2))},
            )
        placed = self.ask(
            "POST",
            f"/v1/carts/{cart['id']}/checkout",
            headers={**mine, "Idempotency-Key": uuid4().hex},
            json={
                "provider": "stripe",
                "email": f"customer{self.number}@example.com",
                "name": "Ada Lovelace",
                "address": {"line1": "Pier 1", "city": "Hamburg", "postal_code": "20457", "country": "DE"},
                "success_url": "http://shop.test/thanks",
                "cancel_url": "http://shop.test/cart",
            },
        )
        session = placed["payment"]["url"].rsplit("/", 1)[-1]
        card = {"card": "4242424242424242"}
        httpx.post(
            f"{self.house.gateway}/_gateway/sessions/{session}/pay", json=card, timeout=30, trust_env=False
        ).raise_for_status()
        return placed["order"]["id"], session


class Killer:
    """Kills each victim as often as asked, in a seeded order; only what has come back is killed again."""

    def __init__(self, house: House, supervisor: Supervisor, dice: random.Random) -> None:
        self.house, self.supervisor, self.dice = house, supervisor, dice
        self.killed: Counter[str] = Counter()
        self.last_kill = 0.0

    def run(self, stop: threading.Event) -> None:
        order = [victim for victim in VICTIMS for _ in range(KILLS_OF_EACH)]
        self.dice.shuffle(order)
        for victim in order:
            if stop.is_set():
                return
            pid = self._pid(victim)
            if victim == "postgresql":
                assert self.house.server is not None
                self.house.server.kill()
            else:
                os.killpg(pid, signal.SIGKILL)
            self.killed[victim] += 1
            self.last_kill = time.monotonic()
            time.sleep(self.dice.uniform(0.3, 1.5))

    def _pid(self, victim: str) -> int:
        """Wait until the victim lives and answers: killing what is not there proves nothing."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if victim == "postgresql":
                assert self.house.server is not None
                if self.house.server.is_ready() and self.house.server.pid:
                    return self.house.server.pid
            elif (pid := self.supervisor.pids().get(victim)) and self._answers(victim):
                return pid
            time.sleep(0.1)
        raise AssertionError(f"{victim} did not come back within 60 s")

    def _answers(self, victim: str) -> bool:
        port = {"web": self.house.ports.web, "receiver": self.house.ports.receiver}.get(victim)
        if port is None:
            return True
        try:
            return httpx.get(f"http://{HOST}:{port}/health/live", timeout=2, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False


def test_purchases_survive_seeded_kills_of_every_process(house: House) -> None:
    """R-F4, S-08, S-29: SIGKILL of web, receiver, worker and PostgreSQL loses nothing and doubles nothing."""
    dice = random.Random(SEED)
    with Supervisor(house.programs(), pid_file=house.home / "pids.json") as supervisor:
        # What does not run out: this is about deaths, the last unit has its own test.
        products = [
            product
            for product in Customer(house, 0).ask("GET", "/v1/products", headers=_shopper(house))["products"]
            if product["slug"] in ("enamel-mug", "harbour-guide")
        ]
        killer = Killer(house, supervisor, random.Random(SEED + 1))
        bought, retries = _shop_while(killer, house, products, dice)
        assert killer.killed == dict.fromkeys(VICTIMS, KILLS_OF_EACH)
        assert len(bought) >= PURCHASES
        settled_after = _settle(house, bought, since=killer.last_kill)
        print(
            f"{len(bought)} purchases, kills {dict(killer.killed)}, {retries} repeated requests, "
            f"settled {settled_after:.0f} s after the last kill"
        )
        assert settled_after <= SETTLED_WITHIN_S
        assert house.run("check", check=False) == 0
        assert _books(house) == _ledger(house)


def _shop_while(
    killer: Killer, house: House, products: list[dict[str, Any]], dice: random.Random
) -> tuple[list[tuple[str, str]], int]:
    """Customers buy until the purchases are made and the kills are done."""
    stop, bought, retries = threading.Event(), [], 0
    lock = threading.Lock()
    kills = threading.Thread(target=killer.run, args=(stop,))
    kills.start()

    def shop(number: int) -> None:
        nonlocal retries
        customer, own = Customer(house, number), random.Random(dice.random() + number)
        while not stop.is_set() and (len(bought) < PURCHASES or kills.is_alive()):
            purchase = customer.buy(products, own)
            with lock:
                bought.append(purchase)
        with lock:
            retries += customer.retries

    try:
        with ThreadPoolExecutor(CUSTOMERS) as pool:
            for done in [pool.submit(shop, number) for number in range(1, CUSTOMERS + 1)]:
                done.result()
    finally:
        stop.set()
        kills.join()
    return bought, retries


def _settle(house: House, bought: list[tuple[str, str]], *, since: float) -> float:
    """Wait until every order that was paid on the gateway is paid here; seconds since the last kill."""
    wanted = {order.removeprefix("ord_") for order, _ in bought}
    open_orders: set[str] = wanted
    while time.monotonic() - since < SETTLED_WITHIN_S:
        paid = {row[0] for row in _rows(house, "SELECT replace(id::text, '-', '') FROM orders_order WHERE paid_at IS NOT NULL")}
        waiting = _rows(house, "SELECT 1 FROM inbox_event WHERE state IN ('received', 'waiting')")
        open_orders = wanted - paid
        if not open_orders and not waiting:
            return time.monotonic() - since
        time.sleep(0.5)
    raise AssertionError(f"{len(open_orders)} of {len(wanted)} paid purchases are not paid here: {sorted(open_orders)[:5]}")


def _books(house: House) -> dict[str, int]:
    """Captured per payment of ours, as the gateway's own books say."""
    books = httpx.get(f"{house.gateway}/_gateway/books", timeout=60, trust_env=False).json()
    captured: Counter[str] = Counter()
    for payment in books["payments"]:
        if payment["captured_minor"]:
            captured[payment["metadata"]["holdfast_payment"]] += payment["captured_minor"] - payment["refunded_minor"]
    return dict(captured)


def _ledger(house: House) -> dict[str, int]:
    """The same from our journal: what providers owe us, per payment."""
    sql = """SELECT replace(e.payment_id::text, '-', ''), sum(p.debit_minor - p.credit_minor)::bigint FROM ledger_entry e
             JOIN ledger_posting p ON p.entry_id = e.id AND p.account LIKE 'receivable:%%' GROUP BY 1"""
    return dict(_rows(house, sql))


def _rows(house: House, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(house.environment["DATABASE_OWNER_URL"]) as connection:
        return connection.execute(sql.replace("%%", "%")).fetchall()


def _shopper(house: House) -> dict[str, str]:
    return {"Authorization": f"Bearer {house.secrets['publishable_key']}"}
