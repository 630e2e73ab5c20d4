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
from holdfast.db.tenancy import writing
from holdfast.flows import setup
from holdfast.flows.setup import Offer
from holdfast.kernel import limits
from holdfast.kernel.ids import shown
from holdfast.merchants.models import Account
from tests import build
from tests.api.scene import Caller, Scene
from tests.integration.bank import BANK

CASES = int(os.environ.get("HOLDFAST_API_CASES") or (300 if os.environ.get("CI") else 30))
STARTS = "POST /payments/start/"

#: Fitting data may be refused for what it means (422) and a missing token is a thing that is not there (404).
CHECKS = {
    # What is longer than a whole body may be is told as that.
    "negative_data_rejection": {
        "expected-statuses": ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429", "5xx"]
    },
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

    @cached_property
    def held(self) -> dict[str, Any]:
        """An order whose money the provider holds."""
        account = self.scene.shop.account_id
        with writing(self.scene.shop.id, step="test.hold"):
            Account.objects.filter(pk=account).update(capture="manual")
        path, shopper, placed = self.scene.order(CUP=1)
        self.gateway.pay(placed["payment"]["url"])
        shopper.get(f"{path}/payments/{placed['payment']['id']}")
        build.work()
        with writing(self.scene.shop.id, step="test.take"):
            Account.objects.filter(pk=account).update(capture="automatic")
        return placed

    @cached_property
    def refunded(self) -> dict[str, Any]:
        """A refund of the paid order."""
        asked = self.scene.merchant.post(f"/v1/orders/{self.paid}/refunds", {"amount_minor": 1}, idempotency_key="refunded")
        refund: dict[str, Any] = asked.json["refund"]
        return refund

    @cached_property
    def by_transfer(self) -> dict[str, Any]:
        """An order that a transfer has paid."""
        placed = self._to_transfer()
        self.enter(payment=placed["payment"]["id"], amount_minor=placed["payment"]["amount_minor"])
        build.work()
        return placed

    @cached_property
    def to_be_paid_out(self) -> dict[str, Any]:
        """A refund of it, which a person has to pay out."""
        path = f"/v1/orders/{self.by_transfer['order']['id']}/refunds"
        refund: dict[str, Any] = self.scene.merchant.post(path, {"amount_minor": 1}, idempotency_key="by-hand").json["refund"]
        return refund

    def _to_transfer(self) -> dict[str, Any]:
        shop = self.scene.shop
        setup.open_account(merchant_id=shop.id, provider="transfer", mode="test", credentials=BANK, now=build.now())
        path, shopper = self.scene.cart(BOOK=1)
        wish = self.scene.wish(provider="transfer")
        placed: dict[str, Any] = shopper.post(f"{path}/checkout", wish, idempotency_key=f"transfer-{next(self.numbers)}").json
        return placed

    def entry(self, **changes: Any) -> dict[str, Any]:
        """What a person says of a transfer into the account that there has to be."""
        _, today = self.waits_for_a_transfer, build.now().date().isoformat()
        text = f"number {next(self.numbers)}"  # the same transfer is not entered twice
        said = {
            "amount_minor": 500,
            "currency": "EUR",
            "paid_on": today,
            "payer": "Ada",
            "text": text,
            "payment": None,
            "by": "ada",
        }
        return {**said, **changes}

    def enter(self, **changes: Any) -> str:
        """A transfer that came in; its id."""
        said, key = self.entry(**changes), f"entry-{next(self.numbers)}"
        return str(self.scene.merchant.post("/v1/transfers", said, idempotency_key=key).json["transfer"]["id"])

    @cached_property
    def waits_for_a_transfer(self) -> dict[str, Any]:
        return self._to_transfer()

    @cached_property
    def stray(self) -> str:
        """A transfer that nothing is known of, to each decision in turn."""
        return self.enter()

    @cached_property
    def large(self) -> str:
        """One that a second person has to confirm."""
        return self.enter(amount_minor=limits.ENTERED_ALONE_MINOR + 1)

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
        if operation.endswith("/capture"):
            return {"order_id": self.held["order"]["id"], "payment_id": self.held["payment"]["id"]}, {}
        if operation.endswith("/payout"):
            return {"order_id": self.by_transfer["order"]["id"], "refund_id": self.to_be_paid_out["id"]}, {}
        if "/refunds" in operation:
            return {"order_id": self.paid, "refund_id": self.refunded["id"]}, {}
        if "{transfer_id}" in operation:
            return {"transfer_id": self.large if operation.endswith("/confirmation") else self.stray}, {}
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
        if operation.endswith("/refunds"):
            return {"amount_minor": 1, "currency": "", "lines": [], "shipping": False, "payment": None}
        if operation.endswith("/capture"):
            return {"amount_minor": None}
        if operation.endswith("/payout"):
            return {"paid": True, "paid_on": build.now().date().isoformat(), "by": "ada"}
        if operation == "POST /v1/transfers":
            _ = self.waits_for_a_transfer
            return self.entry()
        if operation.endswith("/statements"):
            return {"format": "csv", "content": self.statement(), "by": "ada"}
        if operation.endswith("/confirmation"):
            return {"came_in": True, "by": "bob"}
        if operation.endswith("/allocation"):
            return {"payment": self.waits_for_a_transfer["payment"]["id"], "by": "ada"}
        if operation.endswith(("/return", "/dismissal")):
            return {"by": "ada"}
        if operation.endswith("/claim"):
            return {"customer": self.customer}
        if operation.endswith("/coupon"):
            return {"code": self.code}
        if operation.endswith("/shipping-method"):
            return {"method": "standard"}
        if operation.endswith("/lines"):
            return {"variant": shown("var", self.scene.shop.variants["BOOK"]), "slot": None, "quantity": 1}
        return {"lines": None} if operation.endswith("/shipments") else {}

    def statement(self) -> str:
        _ = self.waits_for_a_transfer
        return f"id,date,amount,currency,payer,text\nT{next(self.numbers)},{build.now().date()},5.00,EUR,Ada,hello\n"

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
        if operation == "GET /v1/statements" and not case.meta.is_negative_at(ParameterLocation.QUERY):
            case.query = {"day": build.now().date().isoformat()}
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
