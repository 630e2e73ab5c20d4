"""The catalogue over HTTP."""

from datetime import timedelta
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from holdfast.flows import setup
from holdfast.flows.setup import Goods
from holdfast.kernel import clock
from tests.api.scene import Scene


def test_products_are_listed_with_variants_prices_and_what_is_left(scene: Scene) -> None:
    told = scene.shopper.get("/v1/products")
    assert told.status == 200
    assert told.json["next"] is None
    assert [row["slug"] for row in told.json["products"]] == ["mug", "cup", "book", "tour"]
    mug = told.json["products"][0]
    assert (mug["kind"], mug["name"], mug["description"]) == ("good", "Mug", "")
    assert mug["variants"] == [
        {
            "id": f"var_{scene.shop.variants['MUG'].hex}",
            "sku": "MUG",
            "name": "",
            "price_minor": 1250,
            "currency": "EUR",
            "places": 1,
            "available": 10,
        }
    ]
    tour = told.json["products"][3]
    assert [(row["name"], row["price_minor"], row["available"]) for row in tour["variants"]] == [
        ("Adult", 3000, None),
        ("Child", 1500, None),
    ]


def test_a_product_is_found_by_its_slug_exactly(scene: Scene) -> None:
    assert [row["slug"] for row in scene.shopper.get("/v1/products?slug=cup").json["products"]] == ["cup"]
    assert scene.shopper.get("/v1/products?slug=cu").json["products"] == []
    assert scene.shopper.get("/v1/products?slug=cup%20").refusal == (422, "unacceptable_values")


def test_a_tour_says_where_to_be(scene: Scene) -> None:
    goods = Goods("booking", "walk", "Walk", [("WALK", "", 500)], meeting_point="Pier 3")
    setup.stock_up(merchant_id=scene.shop.id, goods=goods, currency="EUR", now=clock.now())
    assert scene.shopper.get("/v1/products?slug=walk").json["products"][0]["meeting_point"] == "Pier 3"


def test_pages_follow_one_another_without_gap_or_repetition(scene: Scene) -> None:
    seen, after = [], ""
    for _ in range(4):
        page = scene.shopper.get(f"/v1/products?limit=1{after}").json
        seen += [row["slug"] for row in page["products"]]
        after = f"&after={page['next']}"
    assert seen == ["mug", "cup", "book", "tour"]
    assert page["next"] is None


def test_search_is_a_prefix_in_any_case(scene: Scene) -> None:
    for query, slugs in (
        ("search=CU", ["cup"]),
        ("search=%25", []),
        ("kind=digital", ["book"]),
        ("search=b&kind=digital", ["book"]),
        ("search=b&kind=good", []),
    ):
        found = scene.shopper.get(f"/v1/products?{query}").json["products"]
        assert [row["slug"] for row in found] == slugs, query


def test_queries_out_of_bounds_are_refused(scene: Scene) -> None:
    for query in ("limit=0", "limit=101", "limit=x", "kind=car", "after=prod_1", "search=%00", "search=" + "x" * 81):
        assert scene.shopper.get(f"/v1/products?{query}").refusal == (422, "unacceptable_values"), query


def test_listing_takes_seven_statements_however_many_products(scene: Scene) -> None:
    with CaptureQueriesContext(connection) as few:
        scene.shopper.get("/v1/products?limit=1")
    for number in range(20):
        goods = Goods("good", f"thing-{number}", f"Thing {number}", [(f"T{number}", "", 100), (f"U{number}", "", 200)], stock=5)
        setup.stock_up(merchant_id=scene.shop.id, goods=goods, currency="EUR", now=clock.now())
    with CaptureQueriesContext(connection) as many:
        assert len(scene.shopper.get("/v1/products?limit=100").json["products"]) == 24
    assert (len(few), len(many)) == (7, 7), [row["sql"][:90] for row in many.captured_queries]


def test_one_product_and_what_is_not_for_sale(scene: Scene, database: Any) -> None:
    product = scene.shopper.get("/v1/products").json["products"][0]
    assert scene.shopper.get(f"/v1/products/{product['id']}").json == product
    with database.as_owner() as raw:
        raw.execute("UPDATE catalog_product SET active = false WHERE slug = 'mug'")
    assert scene.shopper.get(f"/v1/products/{product['id']}").refusal == (404, "not_found")
    assert scene.shopper.get(f"/v1/products/{product['id']}/slots").refusal == (404, "not_found")
    assert [row["slug"] for row in scene.shopper.get("/v1/products").json["products"]] == ["cup", "book", "tour"]


def test_id_that_names_nothing_is_not_found(scene: Scene) -> None:
    for wrong in ("prod_" + "0" * 32, "prod_1", "mug", "var_" + "0" * 32, "prod_%00", "prod_" + "g" * 32, "%ff"):
        assert scene.shopper.get(f"/v1/products/{wrong}").refusal == (404, "not_found"), wrong


def test_slots_tell_the_places_left(scene: Scene) -> None:
    path, shopper = scene.cart(TOUR_ADULT=2, TOUR_CHILD=1)
    shopper.post(f"{path}/checkout", scene.wish(), idempotency_key="k1")
    tour = scene.shopper.get("/v1/products?kind=booking").json["products"][0]
    told = scene.shopper.get(f"/v1/products/{tour['id']}/slots")
    assert told.status == 200
    assert [(row["id"], row["places_left"]) for row in told.json["slots"]] == [(f"slot_{scene.shop.slot_id.hex}", 7)]
    assert told.json["next"] is None


def test_slots_come_soonest_first_in_pages_and_closed_ones_not_at_all(scene: Scene) -> None:
    at = clock.now()
    starts = [at + timedelta(hours=hours) for hours in (0.5, 48, 24)]
    slots = [(start, start + timedelta(hours=1), 4) for start in starts]
    goods = Goods("booking", "boat", "Boat", [("BOAT", "", 1000)], slots=slots)
    product = setup.stock_up(merchant_id=scene.shop.id, goods=goods, currency="EUR", now=at)
    path = f"/v1/products/prod_{product.pk.hex}/slots"
    first = scene.shopper.get(f"{path}?limit=1").json
    assert [row["starts_at"] for row in first["slots"]] == [starts[2].isoformat()]
    second = scene.shopper.get(f"{path}?limit=1&after={first['next']}").json
    assert [row["starts_at"] for row in second["slots"]] == [starts[1].isoformat()]
    assert second["next"] is None
