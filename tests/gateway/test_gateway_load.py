"""Many bad days at once: the books stay whole, and what the counters say agrees with what the callers saw."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import stripe
from gateway_process import GatewayProcess
from gateway_shop import Shop

FAULTS = ("fail_before", "fail_during", "error_after", "reset_after", "truncate")
CREATE = "POST /v1/checkout/sessions"


def test_faults_at_random_are_counted_as_they_were_seen(tmp_path):
    args = [part for name in FAULTS for part in ("--mood", f"{CREATE}:{name}=0.1")]
    with GatewayProcess(tmp_path, args=("--seed", "3", *args)) as gateway, Shop(gateway) as shop:
        with ThreadPoolExecutor(8) as pool:
            seen = Counter(pool.map(lambda n: _try(shop, f"k{n}"), range(200)))
        books = shop.books()
        happened = {name: books["counters"].get(f"mood {name} at {CREATE}", 0) for name in FAULTS}
    assert min(happened.values()) > 0
    assert seen["500"] == happened["fail_before"] + happened["fail_during"] + happened["error_after"]
    assert seen["lost"] == happened["reset_after"] + happened["truncate"]
    assert books["sessions"] == 200 - happened["fail_before"] - happened["fail_during"]
    assert books["counters"][f"request {CREATE}"] == 200


def _try(shop, key: str) -> str:
    try:
        shop.order(key=key)
    except stripe.APIConnectionError:
        return "lost"
    except stripe.APIError as error:
        return str(error.http_status)
    return "200"
