"""Customers and claimed carts over HTTP: the shop's server speaks for them."""

from typing import Any

from tests.api.scene import Scene

ADA = {"reference": "4711", "email": "ada@example.com", "name": "Ada"}
NOBODY = f"cus_{'0' * 32}"


def test_a_customer_is_made_once_and_found_again(scene: Scene, database: Any) -> None:
    made = scene.merchant.post("/v1/customers", ADA)
    found = scene.merchant.post("/v1/customers", {"reference": "4711", "email": "else@example.com"})
    assert (made.status, found.status) == (201, 200)
    assert made.json == found.json
    assert (made.json["reference"], made.json["email"], made.json["name"]) == ("4711", "ada@example.com", "Ada")
    assert database.count("customers_customer") == database.count("customers_contact") == 1


def test_only_a_secret_key_speaks_for_customers(scene: Scene) -> None:
    path, shopper = scene.cart()
    assert scene.shopper.post("/v1/customers", ADA).refusal == (403, "secret_key_needed")
    assert shopper.post(f"{path}/claim", {"customer": NOBODY}).refusal == (403, "secret_key_needed")


def test_bad_references_are_refused(scene: Scene) -> None:
    for bad in ({}, {"reference": ""}, {"reference": "x" * 121}, {"reference": "a\nb"}, {**ADA, "email": "x"}, {**ADA, "vip": 1}):
        assert scene.merchant.post("/v1/customers", bad).refusal == (422, "unacceptable_values"), bad


def test_a_login_on_a_second_device_finds_everything_in_one_cart(scene: Scene) -> None:
    ada = scene.merchant.post("/v1/customers", ADA).json["id"]
    laptop, one = scene.cart(MUG=1)
    phone, two = scene.cart(MUG=2, BOOK=1)
    first = scene.merchant.having(cart_token=one.headers["Cart-Token"]).post(f"{laptop}/claim", {"customer": ada})
    second = scene.merchant.having(cart_token=two.headers["Cart-Token"]).post(f"{phone}/claim", {"customer": ada})
    assert (first.status, second.status) == (200, 200)
    assert second.json["id"] == first.json["id"] == laptop.rsplit("/", 1)[-1]
    assert [(row["name"], row["quantity"]) for row in second.json["lines"]] == [("Mug", 3), ("Book", 1)]
    # The phone goes on with the cart and the token that it was told.
    theirs = scene.shopper.having(cart_token=second.json["token"])
    assert theirs.get(laptop).json["lines"] == second.json["lines"]
    told = two.get(phone).json
    assert (told["state"], told["lines"]) == ("merged", [])
    line = {"variant": second.json["lines"][0]["variant"], "quantity": 1}
    assert two.post(f"{phone}/lines", line).refusal == (409, "cart_merged")


def test_claiming_needs_the_token_and_a_customer_that_is_there(scene: Scene) -> None:
    ada = scene.merchant.post("/v1/customers", ADA).json["id"]
    path, shopper = scene.cart()
    assert scene.merchant.post(f"{path}/claim", {"customer": ada}).refusal == (404, "not_found")
    assert scene.merchant.having(cart_token="wrong").post(f"{path}/claim", {"customer": ada}).refusal == (404, "not_found")
    owner = scene.merchant.having(cart_token=shopper.headers["Cart-Token"])
    assert owner.post(f"{path}/claim", {"customer": NOBODY}).refusal == (404, "not_found")
    eve = scene.merchant.post("/v1/customers", {"reference": "666"}).json["id"]
    assert owner.post(f"{path}/claim", {"customer": ada}).status == 200
    assert owner.post(f"{path}/claim", {"customer": eve}).refusal == (409, "cart_taken")
