"""Orders over HTTP: what a customer sees, what a merchant sees, and what nobody else sees."""

from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from holdfast.orders.models import Order
from holdfast.orders.queries import public_status
from holdfast.orders.states import ORDER
from tests import build
from tests.api.scene import Caller, Scene


def paid(scene: Scene, gateway: Any, **quantities: int) -> tuple[str, Caller, dict[str, Any]]:
    """An order that its customer has paid; the provider was asked, no webhook came."""
    path, shopper, placed = scene.order(**quantities)
    gateway.pay(placed["payment"]["url"])
    shopper.get(f"{path}/payments/{placed['payment']['id']}")
    build.work()
    return path, shopper, placed


def test_order_page_shows_three_machines_lines_and_what_to_do_next(scene: Scene) -> None:
    path, shopper, placed = scene.order(MUG=1, TOUR_CHILD=2)
    order = shopper.get(path).json
    assert (order["status"], order["state"], order["total_minor"]) == ("pending", "payment_pending", 4740)
    assert order["machines"] == {"order": "payment_pending", "payment": "open", "fulfilment": []}
    assert [(row["name"].split(",")[0], row["quantity"], row["total_minor"]) for row in order["lines"]] == [
        ("Mug", 1, 1250),
        ("Tour – Child", 2, 3000),
    ]
    assert order["lines"][0]["tax_basis"]["basis_points"] == 1900
    assert (order["shipping_minor"], order["tax_minor"]) == (490, 757)
    assert (order["promotions"], order["discount_minor"], order["fees"]) == ([], 0, [])
    assert (order["region"], order["prices_include_tax"]) == ("DE", True)
    assert order["shipping_method"] == {"key": "standard", "name": "Shipping"}
    assert order["payments"] == [placed["payment"]]
    assert order["handovers"] == []
    assert order["next"] == {"action": "pay", "detail": "Pay on the provider's page.", "url": placed["payment"]["url"]}
    assert "token" not in order


def test_looking_at_a_payment_makes_the_worker_ask_and_the_order_paid(scene: Scene, gateway: Any) -> None:
    path, shopper, placed = scene.order(BOOK=2)
    payment = f"{path}/payments/{placed['payment']['id']}"
    gateway.pay(placed["payment"]["url"])
    first = shopper.get(payment).json
    assert (first["status"], first["state"]) == ("pending", "open")
    build.work()
    assert shopper.get(payment).json["status"] == "paid"
    order = shopper.get(path).json
    assert (order["status"], order["state"]) == ("paid", "fulfilled")
    assert order["machines"] == {
        "order": "fulfilled",
        "payment": "captured",
        "fulfilment": [{"way": "download", "state": "done"}],
    }
    assert [(row["way"], row["quantity"], len(row["code"])) for row in order["handovers"]] == [("download", 1, 16)] * 2
    assert order["next"] == {"action": "none", "detail": "", "url": ""}


def test_page_takes_nine_statements_however_much_is_in_the_order(scene: Scene, gateway: Any) -> None:
    small, small_shopper, _ = paid(scene, gateway, BOOK=1)
    large, large_shopper, _ = paid(scene, gateway, BOOK=9, MUG=3, CUP=2, TOUR_ADULT=2, TOUR_CHILD=3)
    with CaptureQueriesContext(connection) as few:
        small_shopper.get(small)
    with CaptureQueriesContext(connection) as many:
        assert len(large_shopper.get(large).json["handovers"]) == 14
    assert (len(few), len(many)) == (9, 9), [row["sql"][:90] for row in many.captured_queries]


def test_merchant_reads_every_order_without_a_token(scene: Scene) -> None:
    path, shopper, _ = scene.order(MUG=1)
    assert scene.merchant.get(path).json == shopper.get(path).json


def test_wrong_token_is_answered_as_if_there_were_no_order(scene: Scene, database: Any) -> None:
    path, _, placed = scene.order(MUG=1)
    attempt = {name: value for name, value in scene.wish().items() if name not in ("name", "address")}
    for token in ("", "wrong", "0" * 64):
        stranger = scene.shopper.having(order_token=token) if token else scene.shopper
        for told in (
            stranger.get(path),
            stranger.get(f"{path}/payments/{placed['payment']['id']}"),
            stranger.post(f"{path}/cancellation", idempotency_key="k"),
            stranger.post(f"{path}/payments", attempt, idempotency_key="k"),
        ):
            assert told.refusal == (404, "not_found"), token
    assert database.count("payments_payment") == 1
    assert database.value("SELECT state FROM orders_order") == "payment_pending"


def test_merchants_wrong_token_is_not_forgiven(scene: Scene) -> None:
    path, _, _ = scene.order(MUG=1)
    assert scene.merchant.having(order_token="wrong").get(path).refusal == (404, "not_found")


def test_second_merchants_keys_see_nothing(scene: Scene) -> None:
    path, shopper, placed = scene.order(MUG=1)
    other = build.shop("http://127.0.0.1:1", "sk_test_other", slug="other")
    for stranger in (Caller(other.sk), Caller(other.sk, shopper.headers), Caller(other.pk, shopper.headers)):
        assert stranger.get(path).refusal == (404, "not_found")
        assert stranger.get(f"{path}/payments/{placed['payment']['id']}").refusal == (404, "not_found")
        assert stranger.post(f"{path}/cancellation", idempotency_key="k").refusal == (404, "not_found")
    assert Caller(other.sk).post(f"{path}/shipments", {}, idempotency_key="k").refusal == (404, "not_found")
    assert Caller(other.sk).get("/v1/orders").json == {"orders": [], "next": None}
    assert Caller(other.sk).get(f"/payments/{placed['payment']['id']}/").refusal == (404, "not_found")


def test_payment_of_another_order_is_not_shown(scene: Scene) -> None:
    _, _, other = scene.order(MUG=1)
    path, shopper, _ = scene.order(MUG=1)
    assert shopper.get(f"{path}/payments/{other['payment']['id']}").refusal == (404, "not_found")


def test_list_is_the_merchants_alone_and_newest_first(scene: Scene) -> None:
    placed = [scene.order(CUP=1)[2]["order"]["id"] for _ in range(3)]
    assert scene.shopper.get("/v1/orders").refusal == (403, "secret_key_needed")
    first = scene.merchant.get("/v1/orders?limit=2").json
    assert [row["id"] for row in first["orders"]] == [placed[2], placed[1]]
    second = scene.merchant.get(f"/v1/orders?limit=2&after={first['next']}").json
    assert ([row["id"] for row in second["orders"]], second["next"]) == ([placed[0]], None)
    assert second["orders"][0]["status"] == "pending"


def test_list_takes_six_statements_however_many_orders(scene: Scene, gateway: Any) -> None:
    paid(scene, gateway, BOOK=1)
    for _ in range(3):
        scene.order(CUP=1)
    with CaptureQueriesContext(connection) as queries:
        told = scene.merchant.get("/v1/orders").json
    assert [row["status"] for row in told["orders"]] == ["pending"] * 3 + ["paid"]
    assert len(queries) == 6, [row["sql"][:90] for row in queries.captured_queries]


def test_cancelling_asks_the_provider_to_close_and_keeps_its_answer(scene: Scene, database: Any) -> None:
    path, shopper, _ = scene.order(MUG=3)
    assert build.stock(scene.shop) == (10, 3)
    told = shopper.post(f"{path}/cancellation", idempotency_key="c1")
    assert (told.status, told.json["order"]["status"], told.json["order"]["state"]) == (200, "cancelled", "cancelled")
    assert shopper.post(f"{path}/cancellation", idempotency_key="c1").body == told.body
    assert shopper.get(path).json["machines"] == {"order": "cancelled", "payment": "expired", "fulfilment": []}
    assert build.stock(scene.shop) == (10, 0)
    assert database.value("SELECT moved->>'actor' FROM orders_order") == "shopper"


def test_cancelling_needs_a_key(scene: Scene, database: Any) -> None:
    path, shopper, _ = scene.order(MUG=1)
    assert shopper.post(f"{path}/cancellation").refusal == (400, "idempotency_key_missing")
    assert database.value("SELECT state FROM orders_order") == "payment_pending"


def test_paid_order_is_not_cancelled(scene: Scene, gateway: Any) -> None:
    path, shopper, _ = paid(scene, gateway, MUG=1)
    assert shopper.post(f"{path}/cancellation", idempotency_key="c1").refusal == (409, "not_cancellable")
    assert shopper.get(path).json["status"] == "paid"
    # The refusal let go of the key: the same request is refused for its own reason again, not as in progress.
    assert shopper.post(f"{path}/cancellation", idempotency_key="c1").refusal == (409, "not_cancellable")


def test_key_of_a_cancellation_is_not_taken_for_another_order(scene: Scene, database: Any) -> None:
    first, _, _ = scene.order(MUG=1)
    second, _, _ = scene.order(MUG=1)
    assert scene.merchant.post(f"{first}/cancellation", idempotency_key="c1").status == 200
    assert scene.merchant.post(f"{second}/cancellation", idempotency_key="c1").refusal == (422, "key_reused")
    assert database.rows("SELECT state FROM orders_order ORDER BY id") == [("cancelled",), ("payment_pending",)]


def test_failed_order_is_paid_by_another_attempt(scene: Scene, gateway: Any, database: Any) -> None:
    path, shopper, placed = scene.order(MUG=1)
    gateway.ring(placed["payment"]["url"].rstrip("/").rsplit("/", 1)[-1])
    shopper.get(f"{path}/payments/{placed['payment']['id']}")
    build.work()
    order = shopper.get(path).json
    assert (order["status"], order["next"]["action"]) == ("failed", "pay_again")
    attempt = {name: value for name, value in scene.wish().items() if name not in ("name", "address")}
    told = shopper.post(f"{path}/payments", attempt, idempotency_key="p1")
    assert (told.status, told.json["order"]["id"], told.json["payment"]["state"]) == (201, order["id"], "open")
    assert shopper.post(f"{path}/payments", attempt, idempotency_key="p1").body == told.body
    assert database.count("payments_payment") == 2
    assert shopper.post(f"{path}/payments", attempt, idempotency_key="p2").refusal == (409, "not_payable")
    assert [row["state"] for row in shopper.get(path).json["payments"]] == ["expired", "open"]


def test_payment_in_doubt_is_checking_and_never_failed(scene: Scene, gateway: Any, database: Any) -> None:
    path, shopper, placed = scene.order(MUG=1)
    with database.as_owner() as raw:
        raw.execute('UPDATE payments_payment SET state = \'unknown\', moved = moved || \'{"nonce": "t", "cause": "test"}\'')
    seen = shopper.get(f"{path}/payments/{placed['payment']['id']}").json
    assert (seen["status"], seen["url"]) == ("checking", "")
    assert shopper.get(path).json["next"] == {"action": "wait", "detail": "We are checking with your bank.", "url": ""}


#: What a shopper is told by the order's state, before any money came (C5).
TOLD = {
    "draft": "pending", "payment_pending": "pending", "payment_authorized": "pending", "capture_failed": "pending",
    "paid": "paid", "fulfillment_pending": "paid", "partially_fulfilled": "paid", "fulfilled": "paid",
    "partially_refunded": "paid", "closed": "paid", "payment_failed": "failed", "expired": "failed", "cancelled": "cancelled",
    "refunded": "refunded", "cancelled_with_refund": "refunded",
}  # fmt: skip


def test_every_state_of_an_order_has_one_of_the_five_public_words() -> None:
    assert set(ORDER.states) == set(TOLD)
    for state, word in TOLD.items():
        assert public_status(Order(state=state), captured_minor=0, refunded_minor=0) == word
        # Money speaks first: what was given back whole is refunded, whatever the order's state hides.
        assert public_status(Order(state=state), captured_minor=1740, refunded_minor=1740) == "refunded"
    assert public_status(Order(state="closed"), captured_minor=1740, refunded_minor=1739) == "paid"


def test_orders_are_made_by_checkout_only_and_nobody_changes_them(scene: Scene) -> None:
    """C7: there is no way to write an order, also not for its owner or for the merchant."""
    path, owner, _ = scene.order()
    for caller in (owner, scene.merchant):
        assert caller.post("/v1/orders", {}).status == 405
        for method in ("PUT", "PATCH", "DELETE"):
            assert caller.ask(method, path, {"total_minor": 1}).status == 405, method
    assert owner.get(path).json["total_minor"] == 1740
