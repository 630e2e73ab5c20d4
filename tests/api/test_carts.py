"""Carts over HTTP."""

from datetime import timedelta
from typing import Any

from tests import build
from tests.api.scene import Caller, Scene
from tests.conftest import in_parallel

NOWHERE = "0" * 32


def test_cart_is_opened_with_a_token_that_is_told_once(scene: Scene) -> None:
    told = scene.shopper.post("/v1/carts", {"region": "FR"})
    assert told.status == 201
    cart = told.json
    assert (cart["state"], cart["region"], cart["currency"], cart["lines"], cart["quote"]) == ("active", "FR", "EUR", [], None)
    assert cart["unquoted"] == {"code": "cart_empty", "detail": "There is nothing in this cart."}
    assert len(cart["token"]) == 64
    seen = scene.shopper.having(cart_token=cart["token"]).get(f"/v1/carts/{cart['id']}")
    assert seen.json == {name: value for name, value in cart.items() if name != "token"}


def test_region_is_the_merchants_unless_said(scene: Scene) -> None:
    for body in (None, {}, {"region": None}):
        assert scene.shopper.post("/v1/carts", body).json["region"] == "DE"


def test_lines_are_added_changed_and_removed_and_the_server_computes_every_amount(scene: Scene) -> None:
    cart = scene.shopper.post("/v1/carts", {}).json
    shopper, path = scene.shopper.having(cart_token=cart["token"]), f"/v1/carts/{cart['id']}"
    told = shopper.post(f"{path}/lines", {"variant": f"var_{scene.shop.variants['MUG'].hex}", "quantity": 2})
    assert told.status == 201
    line = told.json["lines"][0]
    assert (line["name"], line["quantity"], line["unit_price_minor"], line["price_now_minor"]) == ("Mug", 2, 1250, 1250)
    quote = told.json["quote"]
    assert {name: quote[name] for name in ("subtotal_minor", "shipping_minor", "tax_minor", "total_minor")} == {
        "subtotal_minor": 2500,
        "shipping_minor": 490,
        "tax_minor": 477,
        "total_minor": 2990,
    }
    assert (quote["lines"][0]["line"], quote["lines"][0]["total_minor"]) == (line["id"], 2500)
    again = shopper.post(f"{path}/lines", {"variant": line["variant"], "quantity": 1})
    assert [row["quantity"] for row in again.json["lines"]] == [3]
    changed = shopper.ask("PATCH", f"{path}/lines/{line['id']}", {"quantity": 5})
    assert (changed.status, changed.json["quote"]["total_minor"]) == (200, 6740)
    slot = {"variant": f"var_{scene.shop.variants['TOUR-ADULT'].hex}", "slot": f"slot_{scene.shop.slot_id.hex}", "quantity": 1}
    booked = shopper.post(f"{path}/lines", slot)
    assert [row["name"] for row in booked.json["lines"]] == ["Mug", "Tour – Adult"]
    moved = shopper.ask("PUT", f"{path}/region", {"region": "FR"})
    assert (moved.json["region"], moved.json["quote"]["shipping_minor"]) == ("FR", 990)
    removed = shopper.ask("DELETE", f"{path}/lines/{line['id']}")
    assert (removed.status, [row["name"] for row in removed.json["lines"]]) == (200, ["Tour – Adult"])
    emptied = shopper.ask("PATCH", f"{path}/lines/{booked.json['lines'][1]['id']}", {"quantity": 0})
    assert (emptied.json["lines"], emptied.json["unquoted"]["code"]) == ([], "cart_empty")


NONSENSE: list[tuple[dict[str, Any], tuple[int, str]]] = [
    ({"quantity": 1}, (422, "unacceptable_values")),
    ({"variant": "mug", "quantity": 1}, (422, "unacceptable_values")),
    ({"variant": f"var_{NOWHERE}", "quantity": 1}, (422, "not_for_sale")),
    ({"variant": "MUG", "quantity": 0}, (422, "unacceptable_values")),
    ({"variant": "MUG", "quantity": 1000}, (422, "unacceptable_values")),
    ({"variant": "MUG", "quantity": "1"}, (422, "unacceptable_values")),
    ({"variant": "MUG", "quantity": True}, (422, "unacceptable_values")),
    ({"variant": "MUG", "quantity": 1.5}, (422, "unacceptable_values")),
    ({"variant": "MUG", "quantity": 1, "unit_price_minor": 1}, (422, "unacceptable_values")),
    ({"variant": "TOUR-ADULT", "quantity": 1}, (422, "slot_needed")),
    ({"variant": "MUG", "quantity": 1, "slot": "SLOT"}, (422, "slot_misplaced")),
    ({"variant": "TOUR-ADULT", "quantity": 1, "slot": f"slot_{NOWHERE}"}, (422, "slot_closed")),
]


def test_line_that_makes_no_sense_is_refused(scene: Scene, database: Any) -> None:
    known = {sku: f"var_{variant.hex}" for sku, variant in scene.shop.variants.items()}
    known["SLOT"] = f"slot_{scene.shop.slot_id.hex}"
    cart = scene.shopper.post("/v1/carts", {}).json
    shopper = scene.shopper.having(cart_token=cart["token"])
    for body, refusal in NONSENSE:
        said = {name: known.get(value, value) if isinstance(value, str) else value for name, value in body.items()}
        assert shopper.post(f"/v1/carts/{cart['id']}/lines", said).refusal == refusal, body
    assert database.count("carts_cartline") == 0


def test_line_holds_at_most_999(scene: Scene) -> None:
    path, shopper = scene.cart(MUG=999)
    variant = f"var_{scene.shop.variants['MUG'].hex}"
    assert shopper.post(f"{path}/lines", {"variant": variant, "quantity": 1}).refusal == (422, "quantity_too_large")


def test_moved_price_is_shown_beside_the_one_that_is_honoured(scene: Scene, database: Any) -> None:
    path, shopper = scene.cart(MUG=1)
    with database.as_owner() as raw:
        raw.execute("UPDATE catalog_variant SET price_minor = 1500 WHERE sku = 'MUG'")
    line = shopper.get(path).json["lines"][0]
    assert (line["unit_price_minor"], line["price_now_minor"]) == (1250, 1500)
    priced_at = database.value("SELECT priced_at FROM carts_cartline")
    assert line["price_honoured_until"] == (priced_at + timedelta(hours=1)).isoformat()


def test_thing_that_is_not_for_sale_any_more_is_shown_with_the_reason(scene: Scene, database: Any) -> None:
    path, shopper = scene.cart(MUG=1)
    with database.as_owner() as raw:
        raw.execute("UPDATE catalog_product SET active = false WHERE slug = 'mug'")
    cart = shopper.get(path).json
    assert (cart["quote"], cart["unquoted"]["code"]) == (None, "not_for_sale")
    assert (cart["lines"][0]["name"], cart["lines"][0]["price_now_minor"]) == ("Mug", None)


def test_cart_in_checkout_is_locked_and_its_copy_is_not(scene: Scene) -> None:
    path, shopper = scene.cart(MUG=2)
    shopper.post(f"{path}/checkout", scene.wish(), idempotency_key="k1")
    frozen = shopper.get(path).json
    assert frozen["state"] == "locked"
    line = frozen["lines"][0]
    for told in (
        shopper.post(f"{path}/lines", {"variant": line["variant"], "quantity": 1}),
        shopper.ask("PATCH", f"{path}/lines/{line['id']}", {"quantity": 1}),
        shopper.ask("DELETE", f"{path}/lines/{line['id']}"),
        shopper.ask("PUT", f"{path}/region", {"region": "FR"}),
    ):
        assert told.refusal == (409, "cart_locked")
    assert shopper.get(path).json == frozen
    copy = shopper.post(f"{path}/copies")
    assert copy.status == 201
    assert copy.json["token"] != shopper.headers["Cart-Token"]
    assert (copy.json["state"], [row["quantity"] for row in copy.json["lines"]]) == ("active", [2])


def _every_use(path: str, line: str) -> list[tuple[str, str, Any]]:
    variant = {"variant": f"var_{NOWHERE}", "quantity": 1}
    return [
        ("GET", path, None),
        ("POST", f"{path}/lines", variant),
        ("PATCH", f"{path}/lines/{line}", {"quantity": 1}),
        ("DELETE", f"{path}/lines/{line}", None),
        ("PUT", f"{path}/region", {"region": "FR"}),
        ("POST", f"{path}/copies", None),
    ]


def test_wrong_token_is_answered_as_if_there_were_no_cart(scene: Scene) -> None:
    path, shopper = scene.cart(MUG=2)
    before = shopper.get(path).json
    for token in ("", "wrong", "x" * 5000, "é"):
        stranger = scene.shopper.having(cart_token=token) if token else scene.shopper
        for method, address, body in _every_use(path, before["lines"][0]["id"]):
            assert stranger.ask(method, address, body).refusal == (404, "not_found"), (token, method, address)
        assert stranger.post(f"{path}/checkout", scene.wish(), idempotency_key="k").refusal == (404, "not_found")
    assert shopper.get(path).json == before


def test_another_merchants_key_sees_nothing_even_with_the_token(scene: Scene) -> None:
    path, shopper = scene.cart(MUG=2)
    before = shopper.get(path).json
    other = build.shop("http://127.0.0.1:1", "sk_test_other", slug="other")
    for key in (other.pk, other.sk):
        stranger = Caller(key, shopper.headers)
        for method, address, body in _every_use(path, before["lines"][0]["id"]):
            assert stranger.ask(method, address, body).refusal == (404, "not_found"), (method, address)
        assert stranger.post(f"{path}/checkout", scene.wish(), idempotency_key="k").refusal == (404, "not_found")
    assert shopper.get(path).json == before


def test_secret_key_alone_opens_no_cart(scene: Scene) -> None:
    path, _ = scene.cart(MUG=2)
    assert scene.merchant.get(path).refusal == (404, "not_found")


def test_adding_a_line_again_with_its_key_adds_nothing(scene: Scene, database: Any) -> None:
    path, shopper = scene.cart(BOOK=1)
    mug = {"variant": f"var_{scene.shop.variants['MUG'].hex}", "quantity": 2}
    told = [shopper.post(f"{path}/lines", mug, idempotency_key=key) for key in ("k1", "k1", '"k1"')]
    assert [one.status for one in told] == [201, 201, 201]
    assert [[row["quantity"] for row in one.json["lines"]] for one in told] == [[1, 2]] * 3
    assert shopper.post(f"{path}/lines", mug, idempotency_key="k2").json["lines"][1]["quantity"] == 4
    assert shopper.post(f"{path}/lines", mug).json["lines"][1]["quantity"] == 6
    assert database.value("SELECT version FROM carts_cart") == 5


def test_the_key_of_a_line_is_for_one_request_and_one_cart(scene: Scene, database: Any) -> None:
    path, shopper = scene.cart(BOOK=1)
    mug = {"variant": f"var_{scene.shop.variants['MUG'].hex}", "quantity": 1}
    shopper.post(f"{path}/lines", mug, idempotency_key="k1")
    assert shopper.post(f"{path}/lines", {**mug, "quantity": 3}, idempotency_key="k1").refusal == (422, "key_reused")
    _, stranger = scene.cart()
    assert stranger.post(f"{path}/lines", mug, idempotency_key="k1").refusal == (404, "not_found")
    assert shopper.post(f"{path}/lines", mug, idempotency_key="tab\there").refusal == (400, "bad_idempotency_key")
    assert [row["quantity"] for row in shopper.get(path).json["lines"]] == [1, 1]


def test_a_refused_line_lets_go_of_its_key(scene: Scene, database: Any) -> None:
    path, shopper = scene.cart(BOOK=1)
    tour = {"variant": f"var_{scene.shop.variants['TOUR-ADULT'].hex}", "quantity": 1}
    assert shopper.post(f"{path}/lines", tour, idempotency_key="k1").refusal == (422, "slot_needed")
    booked = {**tour, "slot": f"slot_{scene.shop.slot_id.hex}"}
    assert shopper.post(f"{path}/lines", tour | booked, idempotency_key="k1").status == 201
    assert database.count("idempotency_key") == 1


def test_pressed_many_times_at_once_it_is_added_once(scene: Scene, database: Any) -> None:
    path, shopper = scene.cart(BOOK=1)
    mug = {"variant": f"var_{scene.shop.variants['MUG'].hex}", "quantity": 1}
    told = in_parallel(4, lambda _: shopper.post(f"{path}/lines", mug, idempotency_key="k1").status)
    assert set(told) == {201}
    assert [row["quantity"] for row in shopper.get(path).json["lines"]] == [1, 1]
