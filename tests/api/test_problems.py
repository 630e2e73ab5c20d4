"""Whatever is sent, the answer is a problem with a stable code, and never a 500."""

import json
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from structlog.testing import capture_logs

from holdfast.kernel import limits
from tests.api.scene import Caller, Scene


def test_keys_that_are_missing_wrong_or_revoked_are_unauthorized(scene: Scene, database: Any) -> None:
    for key in ("", "pk_wrong", "sk_" + "x" * 5000, "é", " "):
        told = Caller(key).get("/v1/products")
        assert told.refusal == (401, "unknown_key"), key
        assert told.headers["WWW-Authenticate"] == "Bearer"
    assert Caller("", {"Authorization": f"Basic {scene.shop.pk}"}).get("/v1/products").refusal == (401, "unknown_key")
    assert Caller("", {"Authorization": f"bearer {scene.shop.pk}"}).get("/v1/products").status == 200
    with database.as_owner() as raw:
        raw.execute("UPDATE merchants_apikey SET revoked_at = now() WHERE kind = 'publishable'")
    assert scene.shopper.get("/v1/products").refusal == (401, "unknown_key")


def test_bodies_that_are_no_json_are_bad_requests(scene: Scene, database: Any) -> None:
    for body in (
        b"{",
        b"nonsense",
        b"\xff\xfe",
        b'{"region": "\xff"}',
        '{"region": "DE"}'.encode("utf-16"),
        b'{"region": "DE", "region": "FR"}',
        b"[" * 30_000,
        b'{"region":' * 6_000,
        b"9" * 5_000,
    ):
        assert scene.shopper.post("/v1/carts", body).refusal == (400, "bad_json"), body[:40]
    assert database.count("carts_cart") == 0


def test_bodies_of_the_wrong_shape_are_refused_without_repeating_them(scene: Scene) -> None:
    for body in (b"[]", b'"x"', b"1", b"true", b'{"region": {"a": 1}}', b'{"region": "\\u0000"}', b'{"region": "\\ud800"}'):
        assert scene.shopper.post("/v1/carts", body).refusal == (422, "unacceptable_values"), body
    told = scene.shopper.post("/v1/carts", b'{"\\ud800secret": "4242424242424242"}')
    assert told.status == 422
    assert b"4242" not in told.body


def test_too_large_body_is_not_read(scene: Scene) -> None:
    told = scene.shopper.post("/v1/carts", b" " * limits.MAX_BODY_BYTES + b"{}")
    assert told.refusal == (413, "body_too_large")
    assert told.json["limit_bytes"] == 65536


def test_other_media_types_are_refused(scene: Scene) -> None:
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        told = scene.shopper.ask("POST", "/v1/carts", b"region=DE", content_type=media_type)
        assert told.refusal == (415, "unsupported_media_type"), media_type
    assert scene.shopper.ask("POST", "/v1/carts", b"{}", content_type="application/json; charset=utf-8").status == 201


def test_unknown_paths_and_methods_are_problems(scene: Scene) -> None:
    for path in ("/v1/nothing", "/v1/", "/v1/products/", "/payments/", "/v1/products/%2e%2e"):
        assert scene.shopper.get(path).refusal == (404, "not_found"), path
    told = scene.shopper.ask("DELETE", "/v1/products")
    assert told.refusal == (405, "method_not_allowed")
    assert told.headers["Allow"] == "GET"
    assert scene.shopper.get("/payments/start/").refusal == (405, "method_not_allowed")


def test_too_many_query_parameters_are_a_bad_request(scene: Scene) -> None:
    assert scene.shopper.get("/v1/products?" + "&".join(f"a{n}=1" for n in range(2000))).refusal == (400, "bad_request")


def test_unknown_host_is_a_bad_request(scene: Scene) -> None:
    response = Client(SERVER_NAME="evil.test", raise_request_exception=False).get("/v1/products")
    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")


def test_defect_is_told_without_details_and_logged(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("holdfast.catalog.queries.products", broken)
    with capture_logs() as logged:
        told = scene.shopper.get("/v1/products", x_request_id="request-1234")
    assert told.refusal == (500, "internal_error")
    assert told.json["request_id"] == "request-1234"
    assert b"secret detail" not in told.body
    assert [(row["event"], str(row["exc_info"])) for row in logged] == [("api.defect", "secret detail")]


def test_database_that_is_away_is_503_with_retry_after(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr("holdfast.catalog.queries.products", away)
    told = scene.shopper.get("/v1/products")
    assert (told.refusal, told.headers["Retry-After"]) == ((503, "database_away"), "2")


def test_request_has_an_id_of_the_caller_or_of_ours(scene: Scene) -> None:
    assert scene.shopper.get("/v1/products", x_request_id="my-request.1").headers["X-Request-Id"] == "my-request.1"
    for bad in ("short", "x" * 65, "a b c d e f g", "<script>1"):
        assert len(scene.shopper.get("/v1/products", x_request_id=bad).headers["X-Request-Id"]) == 32
    problem = scene.shopper.get("/v1/nothing")
    assert problem.json["request_id"] == problem.headers["X-Request-Id"]


def test_answers_are_kept_by_no_cache(scene: Scene) -> None:
    assert scene.shopper.get("/v1/products").headers["Cache-Control"] == "no-store"
    assert scene.shopper.get("/v1/nothing").headers["Cache-Control"] == "no-store"


def test_any_frontends_page_may_call_with_its_keys_but_not_the_direct_api(scene: Scene) -> None:
    asked = {"Origin": "https://shop.test", "Access-Control-Request-Method": "POST"}
    preflight = Caller("", asked).ask("OPTIONS", "/v1/carts")
    assert (preflight.status, preflight.headers["Access-Control-Allow-Origin"]) == (204, "*")
    assert "Idempotency-Key, Cart-Token, Order-Token" in preflight.headers["Access-Control-Allow-Headers"]
    assert scene.shopper.get("/v1/products").headers["Access-Control-Allow-Origin"] == "*"
    direct = Caller("", asked).ask("OPTIONS", "/payments/start/")
    assert (direct.status, "Access-Control-Allow-Origin" in direct.headers) == (405, False)


def test_health_needs_no_key_and_ready_needs_the_database(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (Caller("").get("/health/live").json, Caller("").get("/health/ready").json) == ({"status": "ok"}, {"status": "ok"})

    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr("django.db.backends.utils.CursorWrapper.execute", away)
    assert Caller("").get("/health/ready").refusal == (503, "database_away")
    assert Caller("").get("/health/live").status == 200


def test_every_code_is_told_apart() -> None:
    """Two errors with one code would be one to a client."""
    from holdfast.kernel.errors import HoldfastError

    def below(parent: type[HoldfastError]) -> list[type[HoldfastError]]:
        return [each for child in parent.__subclasses__() for each in (child, *below(child))]

    codes = [
        error.code
        for error in below(HoldfastError)
        if error.__module__.startswith("holdfast.") and ".receiver." not in error.__module__
    ]
    assert sorted(code for code in set(codes) if codes.count(code) > 1) == []
    assert json.dumps(codes).isascii()
