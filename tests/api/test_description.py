"""What the API says about itself."""

import importlib
import pkgutil
import re
from pathlib import Path
from typing import Any

from django.test import Client
from openapi_spec_validator import validate

import holdfast.api
import holdfast.flows
import holdfast.providers
from tests.api.scene import Scene


def modules(*packages: Any) -> list[Any]:
    """Every module of these packages, loaded."""
    found = [each.name for package in packages for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    return [importlib.import_module(name) for name in found]


def described() -> dict[str, Any]:
    answer: dict[str, Any] = Client(SERVER_NAME="localhost").get("/v1/openapi.json").json()
    return answer


def operations() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in described()["paths"].items()
        for method, operation in methods.items()
    ]


def test_description_is_valid_openapi_3_1() -> None:
    found = described()
    assert found["openapi"] == "3.1.0"
    validate(found)
    assert len(operations()) == 40


def test_every_operation_says_who_may_call_and_what_it_may_refuse() -> None:
    for name, operation in operations():
        assert "Who may call: " in operation["description"], name
        assert len(operation["tags"]) == 1, name
        if operation["tags"] == ["Health"]:
            assert "security" not in operation
            continue
        schemes = [scheme for one in operation["security"] for scheme in one]
        secret = "Who may call: a secret key." in operation["description"]
        assert schemes == (["SecretKey"] if secret else ["ApiKey"]), name
        assert ("403" in operation["responses"]) == secret, name
        assert {"400", "401", "404", "422", "503"} <= operation["responses"].keys(), name
        refusals = [told for status, told in operation["responses"].items() if status.startswith("4")]
        assert all(list(told["content"]) == ["application/problem+json"] for told in refusals), name


def test_every_change_that_needs_a_key_says_so() -> None:
    keyed = {
        name
        for name, operation in operations()
        if any(each["name"] == "Idempotency-Key" and each["required"] for each in operation["parameters"])
    }
    assert keyed == {
        "POST /v1/carts/{cart_id}/checkout",
        "POST /v1/orders/{order_id}/payments",
        "POST /v1/orders/{order_id}/cancellation",
        "POST /v1/orders/{order_id}/shipments",
        "POST /v1/orders/{order_id}/refunds",
        "POST /v1/orders/{order_id}/payments/{payment_id}/capture",
        "POST /v1/transfers",
        "POST /v1/transfers/statements",
        "POST /v1/transfers/{transfer_id}/confirmation",
        "POST /v1/transfers/{transfer_id}/allocation",
        "POST /v1/transfers/{transfer_id}/return",
        "POST /v1/transfers/{transfer_id}/dismissal",
        "POST /v1/orders/{order_id}/refunds/{refund_id}/payout",
    }


def test_no_two_shapes_share_a_name() -> None:
    """The framework keeps shapes by name: a second one of the same name would silently replace the first."""
    from pydantic import BaseModel

    names = [
        each.__name__
        for module in modules(holdfast.api)
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, BaseModel) and each.__module__ == module.__name__
    ]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def test_page_works_without_the_internet(scene: Scene) -> None:
    page = Client(SERVER_NAME="localhost").get("/v1/docs")
    assert page.status_code == 200
    text = page.content.decode()
    assert "://" not in text
    assert page["Content-Security-Policy"].startswith("default-src 'self'")
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-init.js", "favicon.svg"):
        assert f"/v1/docs/assets/{name}" in text
        asset = Client(SERVER_NAME="localhost").get(f"/v1/docs/assets/{name}")
        assert asset.status_code == 200
        assert len(b"".join(asset.streaming_content)) > 100  # type: ignore[arg-type]
    assert Client(SERVER_NAME="localhost").get("/v1/docs/assets/redoc.standalone.js").status_code == 404
    assert Client(SERVER_NAME="localhost").get("/v1/docs/assets/..%2f..%2fmain.py").status_code == 404


#: Errors that no client of the API can meet: the families themselves, the door's words to the worker, a merchant's own settings.
WITHIN = {
    *("unauthorized", "forbidden", "conflict", "refused", "illegal_move", "overtaken", "no_such_payment", "not_ours"),
    *("unproven", "early"),
    *("bad_line", "bad_price", "bad_quantity", "too_many_lines", "bad_shipping", "bad_tax_rate", "bad_fee", "bad_promotion"),
    "bad_code",  # a merchant's own Pix key
    *("no_encryption_key", "not_opened", "not_sent", "unknown", "dies_on_it"),  # told as `broken`
}


def test_every_code_that_a_client_can_meet_is_in_the_docs() -> None:
    from holdfast.kernel.errors import HoldfastError

    def below(parent: type[HoldfastError]) -> list[type[HoldfastError]]:
        return [each for child in parent.__subclasses__() for each in (child, *below(child))]

    modules(holdfast.api, holdfast.flows, holdfast.providers)
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    codes = {
        error.code
        for error in below(HoldfastError)
        if error.__module__.startswith("holdfast.") and not {"receiver", "storefront"} & set(error.__module__.split("."))
    }
    assert sorted(code for code in codes - WITHIN if f"`{code}`" not in text) == []
    table = text.partition("| code | status | when |")[2].split("\n\n")[0]
    rows = [row.split("|") for row in table.splitlines() if row.startswith("| `")]
    said = {(code, int(row[2])) for row in rows for code in re.findall(r"`([a-z_]+)`", re.sub(r"\(.*\)", "", row[1]))}
    known = {(error.code, error.status) for error in below(HoldfastError) if ".receiver." not in error.__module__}
    assert {code for code, _ in said - known} == {
        *("bad_json", "bad_request", "idempotency_key_missing", "bad_idempotency_key", "method_not_allowed", "body_too_large"),
        *("unsupported_media_type", "unacceptable_values", "internal_error"),
    }
