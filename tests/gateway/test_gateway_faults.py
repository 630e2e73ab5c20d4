from pathlib import Path

import httpx
import pytest
import stripe
from gateway_process import GatewayProcess
from gateway_shop import Shop

CREATE = "POST /v1/checkout/sessions"


def faulty(shop, mood: str, error, *, key: str = "k", seconds: float = 0.2):
    shop.gateway.mood_next(CREATE, mood, seconds=seconds)
    with pytest.raises(error) as raised:
        shop.order(key=key)
    return raised.value


@pytest.mark.parametrize("mood", ["timeout_after", "reset_after", "truncate"])
def test_lost_answers_were_committed_and_the_key_finds_them(shop, mood):
    faulty(shop, mood, stripe.APIConnectionError)
    assert shop.books()["sessions"] == 1
    again = shop.order(key="k")
    assert [each.id for each in shop.v1.checkout.sessions.list().data] == [again.id]


def test_timeout_before_commits_nothing(shop):
    faulty(shop, "timeout_before", stripe.APIConnectionError)
    assert shop.books()["sessions"] == 0
    assert shop.order(key="k").status == "open"


def test_failure_before_commits_nothing_and_frees_the_key(shop):
    assert faulty(shop, "fail_before", stripe.APIError).http_status == 500
    assert shop.books()["sessions"] == 0
    assert shop.order(key="k").status == "open"


def test_failure_during_commits_nothing_and_the_key_remembers_the_500(shop):
    faulty(shop, "fail_during", stripe.APIError)
    with pytest.raises(stripe.APIError) as again:
        shop.order(key="k")
    assert (again.value.http_status, again.value.headers["Idempotent-Replayed"]) == (500, "true")
    assert shop.books()["sessions"] == 0


def test_error_after_commits_and_the_key_remembers_the_500(shop):
    faulty(shop, "error_after", stripe.APIError)
    with pytest.raises(stripe.APIError) as again:
        shop.order(key="k")
    assert again.value.http_status == 500
    assert len(shop.v1.checkout.sessions.list().data) == 1


def test_a_timeout_longer_than_the_clients_patience_is_a_client_timeout(shop):
    shop.gateway.mood_next(CREATE, "timeout_after", seconds=1.5)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{shop.gateway.url}/v1/checkout/sessions",
            headers={"Authorization": f"Bearer {shop.key}"},
            content="mode=payment&success_url=http://a&line_items[0][quantity]=1&line_items[0][price_data][currency]=usd"
            "&line_items[0][price_data][unit_amount]=5&line_items[0][price_data][product_data][name]=Tea",
            timeout=0.3,
        )
    assert shop.books()["sessions"] == 1


def test_mood_ordered_twice_hits_two_calls_and_is_counted(shop):
    before = shop.books()["counters"].get("mood fail_before", 0)
    shop.gateway.mood_next("GET /v1/refunds", "fail_before", times=2)
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            shop.v1.refunds.list()
    assert shop.v1.refunds.list().data == []
    assert shop.books()["counters"]["mood fail_before"] == before + 2
    assert shop.books()["counters"]["mood fail_before at GET /v1/refunds"] >= 2
    assert shop.gateway.control("GET", "/moods")["next"] == []


def test_same_seed_gives_the_same_bad_days(tmp_path):
    series = []
    for run in range(2):
        args = ("--seed", "7", "--mood", "GET /v1/payouts:fail_before=0.5")
        with GatewayProcess(tmp_path / str(run), args=args) as gateway, Shop(gateway) as shop:
            series.append([_status(shop) for _ in range(20)])
    assert series[0] == series[1]
    assert set(series[0]) == {200, 500}


def _status(shop) -> int:
    return httpx.get(f"{shop.gateway.url}/v1/payouts", headers={"Authorization": f"Bearer {shop.key}"}).status_code


def test_wrong_mood_stops_the_start_with_one_sentence(tmp_path):
    gateway = GatewayProcess(tmp_path, args=("--mood", "merry=1"))
    with pytest.raises(RuntimeError, match="did not start"):
        gateway.start()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files as Linux shows them")
def test_cut_connections_leave_no_open_files_behind(shop):
    """Each cut once left a copy of every file that is no socket, and the next cut copied the copies."""
    files = Path(f"/proc/{shop.gateway.process.pid}/fd")
    before = len(list(files.iterdir()))
    for number in range(8):
        faulty(shop, "reset_after", stripe.APIConnectionError, key=f"cut-{number}")
    assert len(list(files.iterdir())) <= before + 8  # as many connections may still be closing
