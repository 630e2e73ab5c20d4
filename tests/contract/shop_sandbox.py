"""A shop with the direct gateway."""

from dataclasses import dataclass
from typing import Any

from shops import Day, Money, Shop

from holdfast.kernel.money import to_minor
from holdfast.providers import http
from holdfast.providers.contract import Kind


@dataclass
class SandboxShop(Shop):
    name = "sandbox"
    opened = Kind.CAPTURED
    closed = Kind.CAPTURED
    operation = "POST /fake-gateway/start/"
    refund_operation = "POST /fake-gateway/refunds/"
    #: Every doubt is looked up by `open` itself; a 500 always means that nothing was charged.
    bad_days = (
        Day("timeout_before", 1, "Unknown", "nothing"),
        Day("timeout_after", 1, "captured", "captured"),
        Day("reset_after", 1, "captured", "captured"),
        Day("truncate", 1, "captured", "captured"),
        Day("fail_before", 3, "Declined", "nothing"),
        Day("fail_before", 2, "captured", "captured"),
    )
    refund_bad_days = (
        Day("timeout_before", 1, "Unknown", "nothing"),
        Day("timeout_after", 1, "refunded", "refunded"),
        Day("reset_after", 1, "refunded", "refunded"),
        Day("truncate", 1, "refunded", "refunded"),
        Day("fail_before", 3, "Declined", "nothing"),
        Day("fail_before", 2, "refunded", "refunded"),
    )
    bad_credentials = tuple({"secret_key": key} for key in ("sk_test_bad", "not a key", "", None))
    some_id = "fake_1"
    quiet = {
        "probabilities": {"POST /fake-gateway/start/": {"fail_before": 0}, "POST /fake-gateway/refunds/": {"fail_before": 0}},
        "settings": {"direct_latency_s": 0},
    }

    def credentials(self) -> dict[str, Any]:
        return {"secret_key": self.secret_key, "api_base": self.api_base or self.gateway.url}

    def attempts_at_the_provider(self) -> int:
        return len(self.gateway.books(self.secret_key)["direct_payments"])

    def refunds_at_the_provider(self, money: Money) -> list[int]:
        refunds = self.gateway.books(self.secret_key)["direct_refunds"]
        key = f"{money.attempt.reference}:open"
        return sorted(to_minor(each["amount"], each["currency"].upper()) for each in refunds if each["payment"] == key)

    @staticmethod
    def forget_clients() -> None:
        http.client.cache_clear()
