"""The API against its own description: thousands of requests that fit it or do not, in process over WSGI.

Every operation is called with at least HOLDFAST_API_CASES requests (300 in CI), on a shop of its own; two thirds of those that
fit the description are pointed at things that are really there, so that not only refusals are tried.
"""

import itertools
import os
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import TestPhase

from config.wsgi import application
from holdfast.flows import setup
from holdfast.flows.setup import Offer
from holdfast.kernel.ids import shown
from tests import build
from tests.api.scene import Caller, Scene

CASES = int(os.environ.get("HOLDFAST_API_CASES") or (300 if os.environ.get("CI") else 30))
STARTS = "POST /payments/start/"

#: Fitting data may be refused for what it means (422) and a missing token is a thing that is not there (404).
CHECKS = {
    "positive_data_acceptance": {"expected-statuses": ["2xx", "401", "403", "404", "409", "422", "502"]},
    "missing_required_header": {"expected-statuses": ["400", "404"]},
    # It would call everything three times; tests/api/test_problems.py tries the keys.
    "ignored_auth": {"enabled": False},
}


def _schema() -> Any:
    config = SchemathesisConfig.from_dict({"checks": CHECKS})
    return schemathesis.openapi.from_wsgi("/v1/openapi.json", application, config=config)


schema = _schema()


class World:
    """One of everything, made when it is first wanted."""

    def __init__(self, scene: Scene, gateway: Any) -> None:
        self.scene, self.gateway = scene, gateway
        self.numbers = itertools.count()
        self.statuses: Counter[int] = Counter()
        #: Without parameters there is nothing to vary, and a handful of requests is all there are.
        self.varies = False

    @cached_property
    def product(self) -> str:
        return str(self.scene.shopper.get("/v1/products?kind=booking").json["products"][0]["id"])

    @cached_property
    def placed(self) -> tuple[str, Caller, dict[str, Any]]:
        return self.scene.order(BOOK=1)

    @cached_property
    def unpaid(self) -> str:
        """An order whose attempt has expired."""
        path, shopper, placed = self.scene.order(BOOK=1)
        self.gateway.ring(placed["payment"]["url"].rstrip("/").rsplit("/", 1)[-1])
        shopper.get(f"{path}/payments/{placed['payment']['id']}")
        build.work()
        return path.rsplit("/", 1)[-1]

    @cached_property
    def paid(self) -> str:
        path, shopper, placed = self.scene.order(MUG=1)
        self.gateway.pay(placed["payment"]["url"])
        shopper.get(f"{path}/payments/{placed['payment']['id']}")
        build.work()
        return path.rsplit("/", 1)[-1]

    @cached_property
    def customer(self) -> str:
        return str(self.scene.merchant.post("/v1/customers", {"reference": "4711"}).json["id"])

    @cached_property
    def code(self) -> str:
        offer = Offer(name="Ten", code="TEN", rules={"kind": "percent", "basis_points": 1000})
        setup.announce(merchant_id=self.scene.shop.id, offer=offer, now=build.now())
        return "TEN"

    @cached_property
    def direct(self) -> str:
        told = self.scene.merchant.post("/payments/start/", {"order_id": "first", "amount": 1})
        return str(told.json["payment_id"])

    def real(self, operation: str) -> tuple[dict[str, str], dict[str, str]]:
        """Path parameters and headers that name something which is there."""
        if "{cart_id}" in operation:
            path, shopper = self.scene.cart(BOOK=1)
            line = shopper.get(path).json["lines"][0]["id"]
            if operation.endswith("/copies"):
                shopper.post(f"{path}/checkout", self.scene.wish(), idempotency_key="placed")
            return {"cart_id": path.rsplit("/", 1)[-1], "line_id": line}, shopper.headers
        if "{product_id}" in operation:
            return {"product_id": self.product}, {}
        if operation == "POST /v1/orders/{order_id}/payments":
            return {"order_id": self.unpaid}, {}
        if operation == "POST /v1/orders/{order_id}/shipments":
            return {"order_id": self.paid}, {}
        if "{order_id}" in operation:
            path, shopper, placed = self.placed
            return {"order_id": path.rsplit("/", 1)[-1], "payment_id": placed["payment"]["id"]}, shopper.headers
        return {"payment_id": self.direct}, {}

    def body(self, operation: str) -> dict[str, Any]:
        """Values that mean something: which provider, which variant."""
        if operation.endswith(("/checkout", "/payments")):
            return {"provider": "stripe", "accept_quote": ""} if operation.endswith("/checkout") else {"provider": "stripe"}
        if operation.endswith("/claim"):
            return {"customer": self.customer}
        if operation.endswith("/coupon"):
            return {"code": self.code}
        if operation.endswith("/shipping-method"):
            return {"method": "standard"}
        if operation.endswith("/lines"):
            return {"variant": shown("var", self.scene.shop.variants["BOOK"]), "slot": None, "quantity": 1}
        return {"lines": None} if operation.endswith("/shipments") else {}

    def furnish(self, case: Any) -> None:
        """Two of three fitting parts get what is really there; what was generated not to fit stays as it is."""
        number = next(self.numbers)
        if number % 3 == 2 or case.meta is None:
            return
        operation = case.operation.label
        path, headers = self.real(operation)
        if not case.meta.is_negative_at(ParameterLocation.PATH):
            case.path_parameters = {name: path.get(name, value) for name, value in (case.path_parameters or {}).items()}
        if not case.meta.is_negative_at(ParameterLocation.HEADER) and case.meta.generation.mode.is_positive:
            fresh = {"Idempotency-Key": f"case-{number}"} if "Idempotency-Key" in case.headers else {}
            case.headers.update({**headers, **fresh})
        if not case.meta.is_negative_at(ParameterLocation.BODY) and isinstance(case.body, dict):
            case.body = {**case.body, **self.body(operation)}


@pytest.fixture
def world(scene: Scene, gateway: Any) -> Iterator[World]:
    gateway.moods(probabilities={"POST /fake-gateway/start/": {"fail_before": 0}})
    made = World(scene, gateway)
    yield made
    gateway.moods(probabilities={"POST /fake-gateway/start/": {"fail_before": 0.3}})
    reached = {status for status in made.statuses if 200 <= status < 300}
    assert reached, f"no request was answered with 2xx: {made.statuses}"
    assert sum(made.statuses.values()) >= CASES or not made.varies, made.statuses


@schema.parametrize()
@settings(max_examples=CASES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_operation_keeps_its_word(case: Any, world: World) -> None:
    world.furnish(case)
    world.varies |= bool(case.path_parameters or case.query or case.operation.body)
    # A fuzzed set of headers that does not fit may be wrong by its lack of a key.
    bare = case.meta.phase.name == TestPhase.FUZZING and case.meta.is_negative_at(ParameterLocation.HEADER)
    response = case.call(headers={} if bare else {"Authorization": f"Bearer {world.scene.shop.sk}"})
    world.statuses[response.status_code] += 1
    # Documented: every try at the gateway failed.
    refused_by_gateway = case.operation.label == STARTS and response.status_code == 502
    excluded = [schemathesis.checks.not_a_server_error] if refused_by_gateway else []
    case.validate_response(response, excluded_checks=excluded)
