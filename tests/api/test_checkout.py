"""Checkout over HTTP: keys, tokens, stored answers, and amounts that only the server computes."""

from datetime import timedelta
from typing import Any

import pytest

from holdfast.idempotency.services import InProgress
from holdfast.kernel import limits
from tests import build
from tests.api.scene import Scene


def test_a_cart_becomes_an_order_that_can_be_paid(scene: Scene, database: Any) -> None:
    path, shopper = scene.cart(MUG=2)
    told = shopper.post(f"{path}/checkout", scene.wish(), idempotency_key="k1")
    assert told.status == 201
    order, payment = told.json["order"], told.json["payment"]
    assert (order["total_minor"], order["currency"], order["status"], order["state"]) == (
        2990,
        "EUR",
        "pending",
        "payment_pending",
    )
    assert (payment["state"], payment["amount_minor"], payment["provider"]) == ("open", 2990, "stripe")
    assert payment["url"].startswith("http")
    assert told.headers["Location"] == f"/v1/orders/{order['id']}"
    assert database.count("orders_order") == 1


@pytest.mark.parametrize("again", ["k1", '"k1"'])
def test_same_key_and_request_get_the_same_bytes_and_one_order(scene: Scene, database: Any, again: str) -> None:
    path, shopper = scene.cart()
    first = shopper.post(f"{path}/checkout", scene.wish(), idempotency_key="k1")
    second = shopper.post(f"{path}/checkout", scene.wish(), idempotency_key=again)
    assert (first.status, second.status) == (201, 201)
    assert first.body == second.body
    assert first.headers["Location"] == second.headers["Location"]
    assert (database.count("orders_order"), database.count("payments_payment"), database.count("idempotency_key")) == (1, 1, 1)


def test_same_key_with_another_body_is_refused(scene: Scene, database: Any) -> None:
    path, shopper = scene.cart()
    shopper.post(f"{path}/checkout", scene.wish(), idempotency_key="k1")
    told = shopper.post(f"{path}/checkout", scene.wish(email="eve@example.com"), idempotency_key="k1")
    assert told.refusal == (422, "key_reused")
    assert database.count("orders_order") == 1


def test_key_whose_request_is_being_worked_on_says_when_to_repeat(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(**_: Any) -> None:
        raise InProgress

    monkeypatch.setattr("holdfast.flows.checkout.place", busy)
    path, shopper = scene.cart()
    told = shopper.post(f"{path}/checkout", scene.wish(), idempotency_key="k1")
    assert told.refusal == (409, "in_progress")
    assert told.headers["Retry-After"] == "2"


def test_unfinished_request_with_a_fresh_lease_is_in_progress(scene: Scene, database: Any) -> None:
    """The row of a request that took its key a moment ago and has no answer yet."""
    path, shopper = scene.cart()
    shopper.post(f"{path}/checkout", scene.wish(), idempotency_key="k1")
    with database.as_owner() as raw:
        raw.execute("ALTER TABLE idempotency_key DISABLE TRIGGER USER")
        raw.execute("UPDATE idempotency_key SET status = NULL, answer_id = NULL, leased_until = now() + interval '20 s'")
        raw.execute("ALTER TABLE idempotency_key ENABLE TRIGGER USER")
    told = shopper.post(f"{path}/checkout", scene.wish(), idempotency_key="k1")
    assert (told.refusal, told.headers["Retry-After"]) == ((409, "in_progress"), "2")
    with database.as_owner() as raw:
        raw.execute("DELETE FROM idempotency_key")


def test_missing_key_is_a_bad_request_and_nothing_moves(scene: Scene, database: Any) -> None:
    path, shopper = scene.cart()
    assert shopper.post(f"{path}/checkout", scene.wish()).refusal == (400, "idempotency_key_missing")
    assert (database.count("orders_order"), database.count("idempotency_key")) == (0, 0)


BAD_KEYS = ["k" * 256, "ключ".encode().decode("latin-1"), '"open', '"a"b"', '""', "tab\tinside"]


def test_key_that_is_too_long_or_not_printable_is_a_bad_request(scene: Scene, database: Any) -> None:
    path, shopper = scene.cart()
    for key in BAD_KEYS:
        assert shopper.post(f"{path}/checkout", scene.wish(), idempotency_key=key).refusal == (400, "bad_idempotency_key"), key
    assert database.count("orders_order") == 0


@pytest.mark.parametrize("key", ["k" * 255, f'"{"k" * 255}"', r'"a \"quote\" and \\"'])
def test_longest_and_quoted_keys_are_taken(scene: Scene, database: Any, key: str) -> None:
    path, shopper = scene.cart()
    assert shopper.post(f"{path}/checkout", scene.wish(), idempotency_key=key).status == 201
    wanted = 'a "quote" and \\' if "quote" in key else "k" * 255
    assert database.value("SELECT key FROM idempotency_key") == wanted


def test_guest_a_cannot_read_guest_bs_stored_answer(scene: Scene, database: Any) -> None:
    path, bob = scene.cart()
    answer = bob.post(f"{path}/checkout", scene.wish(), idempotency_key="k1")
    _, alice = scene.cart()
    told = alice.post(f"{path}/checkout", scene.wish(), idempotency_key="k1")
    assert told.refusal == (404, "not_found")
    assert answer.json["order"]["id"].encode() not in told.body
    # Even with the same key on a cart of her own she gets an order of her own.
    own_path, alice = scene.cart()
    own = alice.post(f"{own_path}/checkout", scene.wish(), idempotency_key="k1")
    assert own.status == 201
    assert own.json["order"]["id"] != answer.json["order"]["id"]
    assert database.rows("SELECT count(DISTINCT scope), count(*) FROM idempotency_key") == [(2, 2)]


def test_secret_key_is_a_client_of_its_own(scene: Scene, database: Any) -> None:
    path, shopper = scene.cart()
    server = scene.merchant.having(**{"cart_token": shopper.headers["Cart-Token"]})
    assert server.post(f"{path}/checkout", scene.wish(), idempotency_key="k1").status == 201
    assert database.value("SELECT scope FROM idempotency_key") == f"secret:{scene.secret_key_id(database)}"
    assert shopper.post(f"{path}/checkout", scene.wish(), idempotency_key="k1").refusal == (409, "already_in_checkout")


CLIENTS_AMOUNTS: list[dict[str, Any]] = [
    {"total_minor": 1},
    {"amount": "0.01"},
    {"currency": "JPY"},
    {"lines": []},
    {"address": {"price": 1}},
    {"shipping_minor": 0},
]


def test_totals_and_prices_sent_by_a_client_are_refused(scene: Scene, database: Any) -> None:
    path, shopper = scene.cart()
    for extra in CLIENTS_AMOUNTS:
        told = shopper.post(f"{path}/checkout", scene.wish(**extra), idempotency_key="k1")
        assert told.refusal == (422, "unacceptable_values")
        name = next(iter(extra))
        field = "address.price" if name == "address" else name
        assert told.json["errors"] == [{"place": "body", "field": field, "message": "Extra inputs are not permitted"}]
    assert (database.count("orders_order"), database.count("idempotency_key")) == (0, 0)


OUT_OF_BOUNDS: list[dict[str, Any]] = [
    {"success_url": "javascript:alert(1)"},
    {"success_url": "https://"},
    {"cancel_url": "https://shop.test/" + "x" * 2000},
    {"email": "nobody"},
    {"email": "a b@example.com"},
    {"name": "A\u0000da"},
    {"name": "\ud800"},
    {"name": "x" * 121},
    {"phone": "1" * 41},
    {"provider": "Stripe!"},
    {"capture": "later"},
    {"address": {"country": "de"}},
    {"address": {"line1": "x" * 201}},
    {"accept_quote": "yes"},
]


def test_values_out_of_bounds_are_refused(scene: Scene, database: Any) -> None:
    path, shopper = scene.cart()
    for change in OUT_OF_BOUNDS:
        told = shopper.post(f"{path}/checkout", scene.wish(**change), idempotency_key="k1")
        assert told.refusal == (422, "unacceptable_values"), change
        assert len(told.json["errors"]) >= 1
    assert database.count("orders_order") == 0


def test_provider_that_is_not_offered_is_refused_with_its_key_rolled_back(scene: Scene, database: Any) -> None:
    path, shopper = scene.cart()
    told = shopper.post(f"{path}/checkout", scene.wish(provider="paypal"), idempotency_key="k1")
    assert told.refusal == (422, "provider_not_offered")
    assert database.count("idempotency_key") == 0
    assert shopper.post(f"{path}/checkout", scene.wish(), idempotency_key="k1").status == 201


def test_empty_cart_is_refused(scene: Scene) -> None:
    path, shopper = scene.cart(MUG=1)
    line = shopper.get(path).json["lines"][0]["id"]
    shopper.ask("DELETE", f"{path}/lines/{line}")
    assert shopper.post(f"{path}/checkout", scene.wish(), idempotency_key="k1").refusal == (422, "cart_empty")


def test_last_unit_is_sold_once_and_the_second_buyer_is_told_how_many_are_left(scene: Scene, database: Any) -> None:
    first_path, first = scene.cart(MUG=9)
    second_path, second = scene.cart(MUG=2)
    assert first.post(f"{first_path}/checkout", scene.wish(), idempotency_key="k1").status == 201
    told = second.post(f"{second_path}/checkout", scene.wish(), idempotency_key="k1")
    assert told.refusal == (409, "insufficient_stock")
    assert (told.json["available"], told.json["wanted"], told.json["name"]) == (1, 2, "Mug")
    assert database.count("orders_order") == 1


def test_moved_price_has_to_be_accepted(scene: Scene, database: Any) -> None:
    path, shopper = scene.cart(MUG=1)
    with database.as_owner() as raw:
        raw.execute("UPDATE catalog_variant SET price_minor = 1500 WHERE sku = 'MUG'")
        raw.execute("UPDATE carts_cartline SET priced_at = priced_at - %s", [timedelta(hours=2)])
    told = shopper.post(f"{path}/checkout", scene.wish(), idempotency_key="k1")
    assert told.refusal == (409, "price_changed")
    assert told.json["total_minor"] == 1990
    assert told.json["changes"][0] == {
        "line": shopper.get(path).json["lines"][0]["id"],
        "name": "Mug",
        "was_minor": 1250,
        "now_minor": 1500,
    }
    accepted = shopper.post(f"{path}/checkout", scene.wish(accept_quote=told.json["quote"]), idempotency_key="k2")
    assert (accepted.status, accepted.json["order"]["total_minor"]) == (201, 1990)


def test_copying_a_cart_does_not_renew_an_old_price(scene: Scene, database: Any) -> None:
    path, shopper = scene.cart(MUG=1)
    with database.as_owner() as raw:
        raw.execute("UPDATE carts_cartline SET priced_at = priced_at - %s", [timedelta(hours=2)])
    assert shopper.post(f"{path}/checkout", scene.wish(), idempotency_key="k0").status == 201
    with database.as_owner() as raw:
        raw.execute("UPDATE catalog_variant SET price_minor = 1500 WHERE sku = 'MUG'")
    copy = shopper.post(f"{path}/copies").json
    fresh = scene.shopper.having(cart_token=copy["token"])
    told = fresh.post(f"/v1/carts/{copy['id']}/checkout", scene.wish(), idempotency_key="k1")
    assert told.refusal == (409, "price_changed")


def test_second_checkout_of_a_cart_names_its_order(scene: Scene) -> None:
    path, shopper = scene.cart()
    first = shopper.post(f"{path}/checkout", scene.wish(), idempotency_key="k1").json
    told = shopper.post(f"{path}/checkout", scene.wish(), idempotency_key="k2")
    assert told.refusal == (409, "already_in_checkout")
    assert (told.json["order"], told.json["order_token"]) == (first["order"]["id"], first["order"]["token"])


def test_nobody_knows_yet_is_202_with_a_place_to_look(scene: Scene, gateway: Any, database: Any) -> None:
    path, shopper = scene.cart()
    gateway.mood_next("POST /v1/checkout/sessions", "reset_after", times=1 + limits.PROVIDER_RETRIES)
    told = shopper.post(f"{path}/checkout", scene.wish(), idempotency_key="k1")
    assert told.status == 202
    assert (told.json["order"]["status"], told.json["payment"]["state"]) == ("pending", "unknown")
    assert told.headers["Location"] == f"/v1/orders/{told.json['order']['id']}"
    assert told.headers["Retry-After"] == "2"
    looker = scene.shopper.having(order_token=told.json["order"]["token"])
    seen = looker.get(f"{told.headers['Location']}/payments/{told.json['payment']['id']}")
    assert (seen.status, seen.json["status"], seen.json["state"]) == (200, "checking", "unknown")
    assert database.value("SELECT status FROM idempotency_key") is None


INCOMPLETE: list[tuple[dict[str, Any], list[str]]] = [
    ({"name": "", "address": {}}, ["name", "line1", "city", "postal_code", "country"]),
    ({"name": "  "}, ["name"]),
    ({"address": {"line1": "Pier 1", "city": " ", "country": "DE"}}, ["city", "postal_code"]),
    ({"address": {"line1": "Pier 1", "city": "Hamburg", "postal_code": "20457"}}, ["country"]),
]


def test_goods_need_a_name_and_a_whole_address(scene: Scene, database: Any) -> None:
    """A2: what is shipped goes somewhere. Nothing is placed, and the key is free for the whole address."""
    path, shopper = scene.cart(MUG=1, BOOK=1)
    for change, missing in INCOMPLETE:
        told = shopper.post(f"{path}/checkout", scene.wish(**change), idempotency_key="k1")
        assert (told.refusal, told.json["missing"]) == ((422, "address_incomplete"), missing), change
    assert (database.count("orders_order"), database.count("idempotency_key"), build.stock(scene.shop)) == (0, 0, (10, 0))
    assert shopper.post(f"{path}/checkout", scene.wish(), idempotency_key="k1").status == 201


def test_a_country_without_postal_codes_needs_none(scene: Scene) -> None:
    path, shopper = scene.cart(MUG=1)
    shopper.ask("PUT", f"{path}/region", {"region": "HK"})
    hong_kong = {"line1": "1 Pier Road", "city": "Hong Kong", "country": "HK"}
    assert shopper.post(f"{path}/checkout", scene.wish(address=hong_kong), idempotency_key="k1").status == 201


@pytest.mark.parametrize("sku", ["BOOK", "TOUR_ADULT"])
def test_what_is_not_shipped_needs_no_address(scene: Scene, sku: str) -> None:
    path, shopper = scene.cart(**{sku: 1})
    assert shopper.post(f"{path}/checkout", scene.wish(name="", address={}), idempotency_key="k1").status == 201


def test_address_in_another_country_than_was_priced_is_refused(scene: Scene, database: Any) -> None:
    """Tax and shipping follow the cart's region: it must not be one country for the price and another for the parcel."""
    path, shopper = scene.cart(MUG=1)
    lyon = {"line1": "1 quai Rambaud", "city": "Lyon", "postal_code": "69002", "country": "FR"}
    told = shopper.post(f"{path}/checkout", scene.wish(address=lyon), idempotency_key="k1")
    assert (told.refusal, told.json["region"]) == ((422, "address_elsewhere"), "DE")
    assert (database.count("orders_order"), database.count("idempotency_key")) == (0, 0)
    shopper.ask("PUT", f"{path}/region", {"region": "FR"})
    told = shopper.post(f"{path}/checkout", scene.wish(address=lyon), idempotency_key="k1")
    assert (told.status, told.json["order"]["total_minor"]) == (201, 2240)
    assert database.value("SELECT address FROM customers_contact") == lyon


def test_what_costs_nothing_is_paid_with_the_first_answer(scene: Scene, database: Any) -> None:
    """B7: 201 and paid, with nowhere to pay; repeated, the same bytes; looked at, nobody is asked."""
    build.give_away(scene.shop)
    path, shopper = scene.cart(LEAFLET=1)
    first, again = (shopper.post(f"{path}/checkout", scene.wish(name="", address={}), idempotency_key="k1") for _ in range(2))
    assert (again.status, again.body) == (first.status, first.body)
    order, payment = first.json["order"], first.json["payment"]
    assert (first.status, order["status"], order["state"], order["total_minor"]) == (201, "paid", "paid", 0)
    assert (payment["provider"], payment["state"], payment["amount_minor"], payment["url"]) == ("none", "captured", 0, "")
    customer = scene.shopper.having(order_token=order["token"])
    looked = customer.get(f"/v1/orders/{order['id']}/payments/{payment['id']}")
    assert (looked.status, looked.json["status"]) == (200, "paid")
    told = customer.get(f"/v1/orders/{order['id']}").json
    assert (told["status"], told["next"]["action"], len(told["payments"])) == ("paid", "none", 1)
    paid_again = customer.post(f"/v1/orders/{order['id']}/payments", {
        "provider": "stripe", "success_url": "https://shop.test/thanks", "cancel_url": "https://shop.test/cart",
    }, idempotency_key="k2")  # fmt: skip
    assert paid_again.refusal == (409, "not_payable")
    assert customer.post(f"/v1/orders/{order['id']}/cancellation", idempotency_key="k3").refusal == (409, "not_cancellable")
    assert database.count("payments_operation") == 0
