"""The gateway's bad days: what goes wrong, how often, and on which calls.

Probabilities are drawn from one seeded generator per operation, so a seed gives each operation the same series of
moods whatever the others do. A mood ordered for the next calls comes before chance.
"""

import random
import threading
from dataclasses import dataclass

BEFORE = ("fail_before", "timeout_before", "fail_during")
AFTER = ("timeout_after", "error_after", "truncate", "reset_after")
REQUEST_MOODS = (*BEFORE, *AFTER)
WEBHOOK_MOODS = (
    "webhook_drop",
    "webhook_duplicate",
    "webhook_delay",
    "webhook_reorder",
    "webhook_forge",
    "webhook_duplicate_other_id",
    "clock_skew",
    "unknown_event",
    "unknown_status",
)
MONEY_MOODS = {  # Drawn when a payment or a refund is made; the operations are called `payment` and `refund`.
    "payment": ("dashboard_refund", "dispute"),
    "refund": ("refund_pending", "refund_bounce"),
}
ALL_MOODS = ("latency", *REQUEST_MOODS, *WEBHOOK_MOODS, *MONEY_MOODS["payment"], *MONEY_MOODS["refund"])

DIRECT = "POST /fake-gateway/start/"
DIRECT_REFUND = "POST /fake-gateway/refunds/"
DIRECTS = (DIRECT, DIRECT_REFUND)
# Their 500 means "nothing moved", always; so the moods that answer 500 after a commit do not exist there.
DIRECT_REFUSES = ("error_after", "fail_during")

SETTINGS = {
    "timeout_s": 10.0,  # How long a timed-out call is held before its connection is cut.
    "latency_s": 0.5,  # The most that a latency mood adds.
    "direct_latency_s": 0.2,  # The direct gateway is always a little slow.
    "async_after_s": 2.0,  # How long a delayed method takes to settle.
    "refund_after_s": 2.0,  # How long a slow refund takes to succeed or bounce.
    "webhook_delay_s": 3.0,  # How late a delayed delivery starts.
    "reorder_within_s": 0.5,  # Reordered deliveries start anywhere within this.
    "clock_skew_s": -900.0,  # Signature timestamps are off by this much.
    "webhook_timeout_s": 10.0,  # A receiver that says nothing for so long has failed.
    "mp_preference_keys": 1.0,  # Whether Mercado Pago's preferences heed idempotency keys; it does not say so.
    "mp_search_lag_s": 0.0,  # How far its searches are behind.
    "mp_ts_ms": 0.0,  # Whether its signatures count milliseconds.
    "pix_token_s": 3600.0,  # How long a token of the bank lives.
    "retry_first_s": 0.2,  # Webhook retries: 0.2, 0.4, 0.8 … seconds,
    "retry_longest_s": 30.0,  # never further apart than this,
    "retry_times": 20.0,  # and this many in all (about seven minutes).
}


@dataclass(frozen=True)
class Mood:
    name: str
    seconds: float


class Moods:
    """Probabilities by operation (`*` is every operation), orders for the next calls, and the numbers behind them."""

    def __init__(self, seed: int):
        self._seed = seed
        self._lock = threading.Lock()  # Requests draw in the event loop, webhooks on the writer thread.
        self._dice: dict[str, random.Random] = {}
        self._orders: list[dict] = []
        self.probabilities: dict[str, dict[str, float]] = {name: {"fail_before": 0.3} for name in DIRECTS}
        self.settings = dict(SETTINGS)

    def set_probability(self, name: str, probability: float, operation: str = "*") -> None:
        """Raises ValueError for a mood that does not exist, here or for this operation."""
        if name not in ALL_MOODS:
            raise ValueError(f"There is no mood {name}; there are {', '.join(ALL_MOODS)}.")
        if operation in DIRECTS and name in DIRECT_REFUSES:
            raise ValueError(f"{name} does not exist for {operation}: its 500 means that nothing moved.")
        if not 0 <= probability <= 1:
            raise ValueError(f"{name}={probability} is not a probability.")
        self.probabilities.setdefault(operation, {})[name] = probability

    def set_setting(self, name: str, value: float) -> None:
        if name not in SETTINGS:
            raise ValueError(f"There is no setting {name}; there are {', '.join(SETTINGS)}.")
        self.settings[name] = float(value)

    def order(self, *, operation: str, mood: str, times: int, seconds: float | None) -> None:
        """The next `times` calls of this operation get this mood, before any chance."""
        if mood not in ALL_MOODS or (operation in DIRECTS and mood in DIRECT_REFUSES):
            raise ValueError(f"There is no mood {mood} for {operation}.")
        with self._lock:
            self._orders.append({"operation": operation, "mood": mood, "times": times, "seconds": seconds})

    def orders(self) -> list[dict]:
        return [dict(order) for order in self._orders]

    def for_request(self, operation: str) -> list[Mood]:
        """At most one fault, and perhaps latency."""
        with self._lock:
            ordered = self._ordered(operation, ("latency", *REQUEST_MOODS))
            if ordered:
                return [ordered]
            drawn = [self._mood("latency")] if self._hit(operation, "latency") else []
            for name in REQUEST_MOODS:
                if operation in DIRECTS and name in DIRECT_REFUSES:
                    continue
                if self._hit(operation, name):
                    return [*drawn, self._mood(name)]
            return drawn

    def for_webhook(self, type_: str) -> list[Mood]:
        """Any mixture, but an ordered mood comes alone."""
        with self._lock:
            ordered = self._ordered(type_, WEBHOOK_MOODS) or self._ordered("webhook", WEBHOOK_MOODS)
            if ordered:
                return [ordered]
            return [self._mood(name) for name in WEBHOOK_MOODS if self._hit(type_, name)]

    def for_money(self, what: str) -> str | None:
        """What will happen later to this payment or refund, if anything."""
        with self._lock:
            if ordered := self._ordered(what, MONEY_MOODS[what]):
                return ordered.name
            return next((name for name in MONEY_MOODS[what] if self._hit(what, name)), None)

    def somewhere_within(self, seconds: float) -> float:
        with self._lock:
            return self._generator("delays").uniform(0, seconds)

    def forget_orders(self) -> None:
        """What was ordered and not used is not wanted any more."""
        with self._lock:
            self._orders.clear()

    def _ordered(self, operation: str, among: tuple[str, ...]) -> Mood | None:
        for order in self._orders:
            if order["operation"] in (operation, "*") and order["mood"] in among:
                order["times"] -= 1
                if order["times"] <= 0:
                    self._orders.remove(order)
                return self._mood(order["mood"], order["seconds"])
        return None

    def _hit(self, operation: str, name: str) -> bool:
        everywhere = self.probabilities.get("*", {}).get(name, 0)
        probability = self.probabilities.get(operation, {}).get(name, everywhere)
        return probability > 0 and self._generator(operation).random() < probability

    def _mood(self, name: str, seconds: float | None = None) -> Mood:
        usual = {
            "latency": "latency_s",
            "webhook_delay": "webhook_delay_s",
            "webhook_reorder": "reorder_within_s",
            "clock_skew": "clock_skew_s",
        }.get(name, "timeout_s")
        return Mood(name, self.settings[usual] if seconds is None else seconds)

    def _generator(self, name: str) -> random.Random:
        if name not in self._dice:
            self._dice[name] = random.Random(f"{self._seed}/{name}")
        return self._dice[name]
