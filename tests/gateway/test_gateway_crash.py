"""SIGKILL at any moment: what was answered is in the books, and what is in the books is whole."""

import sqlite3
import threading
import time

import pytest
from gateway_process import GatewayProcess
from gateway_shop import Shop

pytestmark = pytest.mark.processes


def test_killed_gateway_forgets_nothing_that_it_answered(tmp_path):
    gateway = GatewayProcess(tmp_path)
    with gateway, Shop(gateway) as shop:
        answered: dict[str, str] = {}
        for round_ in range(3):
            _storm(gateway, shop, answered, round_)
            gateway.start()
        paid = {each["session"]: each["captured_minor"] for each in gateway.books(shop.key)["payments"]}
        assert answered
        assert {session: paid.get(session) for session in answered} == dict.fromkeys(answered, 1999)
        again = shop.order(key="0-1-0")
        assert again.id in {each.id for each in shop.v1.checkout.sessions.list({"limit": 100}).auto_paging_iter()}
        assert _whole(gateway.books(shop.key), shop)
        assert gateway.stop() == 0
    database = sqlite3.connect(tmp_path / "gateway.sqlite3")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def _storm(gateway, shop, answered: dict[str, str], round_: int) -> None:
    """Four buyers buy until the gateway is killed in the middle of it."""

    def buy(buyer: int) -> None:
        for number in range(1000):
            try:
                session = shop.order(key=f"{round_}-{buyer}-{number}")
                if gateway.pay(session.id)["status"] == "complete":
                    answered[session.id] = session.client_reference_id
            except Exception:  # noqa: BLE001 - the gateway is gone; the books will tell.
                return

    threads = [threading.Thread(target=buy, args=[buyer]) for buyer in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    gateway.kill()
    for thread in threads:
        thread.join()


def _whole(books: dict, shop) -> bool:
    """Every payment has its booking, and every captured one its four events."""
    captured = [each for each in books["payments"] if each["captured_minor"]]
    assert books["balance_minor"] == {"usd": sum(each["captured_minor"] - 88 for each in captured)}
    completed = shop.v1.events.list({"type": "checkout.session.completed", "limit": 100}).auto_paging_iter()
    assert sorted(event.data.object.id for event in completed) == sorted(each["session"] for each in captured)
    return True


def test_keys_and_endpoints_survive_sigkill(tmp_path):
    gateway = GatewayProcess(tmp_path)
    with gateway, Shop(gateway) as shop:
        first = shop.order(key="k")
        gateway.pause()
        gateway.kill()
        gateway.start()
        assert shop.order(key="k").id == first.id
        gateway.pay(first.id)
        time.sleep(0.2)
        assert shop.deliveries == []
        gateway.resume()
        assert len(shop.hear(4)) == 4


def test_alarms_that_came_due_while_it_was_dead_go_off_at_the_start(tmp_path):
    gateway = GatewayProcess(tmp_path, args=("--set", "async_after_s=0.3"))
    with gateway, Shop(gateway) as shop:
        session = shop.order()
        gateway.pay(session.id, "4000009900000020")
        gateway.kill()
        time.sleep(0.3)
        gateway.start()
        assert "checkout.session.async_payment_succeeded" in shop.hear(7)


def test_sigterm_lets_held_calls_go_and_ends_well(tmp_path):
    with GatewayProcess(tmp_path) as gateway, Shop(gateway) as shop:
        gateway.mood_next("GET /v1/payouts", "timeout_after", seconds=60)
        waiting = threading.Thread(target=lambda: _ignore(shop.v1.payouts.list))
        waiting.start()
        time.sleep(0.3)
        started = time.monotonic()
        assert gateway.stop() == 0
        assert time.monotonic() - started < 5
        waiting.join()


def _ignore(ask) -> None:
    try:
        ask()
    except Exception:  # noqa: BLE001 - only the gateway's end is of interest.
        return


def test_account_given_at_the_start_hears_webhooks_and_reset_empties_the_books(tmp_path):
    account = "sk_test_from_the_flag,http://127.0.0.1:9/x,whsec_flag"
    with GatewayProcess(tmp_path, args=("--account", account, "--allow-reset")) as gateway:
        shop = Shop(gateway, "sk_test_from_the_flag")
        [endpoint] = shop.v1.webhook_endpoints.list().data
        assert endpoint.url == "http://127.0.0.1:9/x"
        shop.paid()
        gateway.control("POST", "/reset")
        assert (gateway.books()["sessions"], gateway.books()["payments"]) == (0, [])
        assert shop.order().status == "open"


def test_second_gateway_on_the_same_port_or_books_does_not_start(gateway, tmp_path):
    for second in (GatewayProcess(tmp_path, port=gateway.port), GatewayProcess(gateway.books_dir)):
        with pytest.raises(RuntimeError, match="did not start"):
            second.start()
    assert gateway.books()["sessions"] >= 0
