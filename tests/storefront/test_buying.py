"""R-A3, R-D7, R-E1: what the shop's forms do, and what looking at an order does not do."""

import re
from datetime import timedelta
from typing import Any

import httpx

from holdfast.flows import expiry, questions, setup
from holdfast.flows.setup import Offer
from holdfast.kernel import limits
from holdfast.kernel.clock import now
from tests import build
from tests.integration import driving
from tests.storefront.conftest import Visitor, hidden, text

DOUBTFUL = "failed|declined|not paid|Nothing was taken"


def order_path(visitor: Visitor) -> str:
    return re.findall(r'href="(/orders/[0-9a-f]{64})"', visitor.get("/orders").content.decode())[0]


def test_the_shelf_is_searched_by_the_beginning_of_a_name(visitor: Visitor) -> None:
    assert "Mug" in text(visitor.get("/?q=mu"))
    assert "Cup" not in text(visitor.get("/?q=mu"))
    assert "Nothing here begins with “zebra”." in text(visitor.get("/?q=zebra"))
    assert "Tour" in text(visitor.get("/?kind=booking"))
    assert "Mug" not in text(visitor.get("/?kind=booking"))


def test_a_number_that_is_too_long_is_told_to_be_too_large(visitor: Visitor, shop: Any) -> None:
    visitor.put_in(shop.variants["MUG"])
    line = re.findall(r"/cart/lines/(line_\w+)", visitor.get("/cart").content.decode())[0]
    for typed in ("1000", "10000", "9" * 5000):
        page = visitor.post("/cart/lines", variant=f"var_{shop.variants['MUG'].hex}", quantity=typed)
        assert "That is more than we sell at once." in text(page)
        assert visitor.post(f"/cart/lines/{line}", quantity=typed)["Location"] == "/cart?said=quantity_too_large"
    for typed in ("", "-1", "1.5", "½", "\x00"):
        assert visitor.post(f"/cart/lines/{line}", quantity=typed)["Location"] == "/cart?said=nothing_chosen"
    assert "Subtotal 12,50 €" in text(visitor.get("/cart"))


def test_what_is_gone_says_so_and_cannot_be_put_in(visitor: Visitor, shop: Any, database: Any) -> None:
    with database.as_owner() as owner:
        owner.execute("UPDATE catalog_product SET active = false WHERE slug = 'cup'")
    assert visitor.get("/p/cup").status_code == 404
    answer = visitor.post("/cart/lines", variant=f"var_{shop.variants['CUP'].hex}", quantity="1")
    assert answer.status_code == 422
    assert "not sold any more" in text(answer)


def test_participants_of_several_types_come_in_at_once(visitor: Visitor, shop: Any) -> None:
    adult, child = (f"quantity-var_{shop.variants[name].hex}" for name in ("TOUR-ADULT", "TOUR-CHILD"))
    answer = visitor.post("/cart/lines", **{"slot": f"slot_{shop.slot_id.hex}", adult: "2", child: "1"})
    assert answer.status_code == 303
    page = text(visitor.get("/cart"))
    assert "75,00 €" in page


def test_a_tour_without_a_time_asks_for_one_and_keeps_what_was_typed(visitor: Visitor, shop: Any) -> None:
    adult = f"quantity-var_{shop.variants['TOUR-ADULT'].hex}"
    page = visitor.post("/cart/lines", **{adult: "7"})
    assert page.status_code == 422
    assert "Choose a date and a time first." in text(page)
    assert f'name="{adult}" type="number" inputmode="numeric" min="0"' in page.content.decode()
    assert 'value="7"' in page.content.decode()


def test_a_slot_is_told_in_the_merchants_time(visitor: Visitor, shop: Any) -> None:
    """09:00 UTC is 10:00 in Berlin in winter, 11:00 in summer."""
    page = text(visitor.get("/p/tour"))
    assert "10:00 – 12:00" in page or "11:00 – 13:00" in page
    assert "Times are local (Europe/Berlin)." in page


def test_checkout_leads_to_the_providers_page_and_twice_to_the_same(visitor: Visitor, shop: Any, database: Any) -> None:
    visitor.put_in(shop.variants["MUG"])
    key = visitor.key()
    first, second = visitor.check_out(key=key), visitor.check_out(key=key)
    assert first.status_code == second.status_code == 303
    assert "/pay/cs_test_" in first["Location"]
    assert first["Location"] == second["Location"]
    assert database.count("orders_order") == database.count("payments_payment") == 1


def test_another_form_for_an_ordered_cart_leads_to_the_order(visitor: Visitor, shop: Any, database: Any) -> None:
    visitor.put_in(shop.variants["MUG"])
    visitor.check_out()
    answer = visitor.check_out(key="f" * 32)
    assert (answer.status_code, answer["Location"]) == (303, order_path(visitor))
    assert database.count("orders_order") == 1


def test_wrong_fields_are_told_and_no_order_is_placed(visitor: Visitor, shop: Any, database: Any) -> None:
    visitor.put_in(shop.variants["MUG"])
    page = visitor.check_out(email="ada", city="")
    assert page.status_code == 422
    assert "Write an e-mail address" in text(page)
    assert "Write the city." in text(page)
    assert 'value="20457"' in page.content.decode()
    assert database.count("orders_order") == 0


def test_a_moved_price_is_shown_with_both_and_accepted(visitor: Visitor, shop: Any, database: Any) -> None:
    """R-A3: the snapshot is too old to be honoured."""
    visitor.put_in(shop.variants["MUG"])
    with database.as_owner() as owner:
        owner.execute("UPDATE catalog_variant SET price_minor = 1500 WHERE sku = 'MUG'")
        owner.execute("UPDATE carts_cartline SET priced_at = %s", [now() - timedelta(hours=2)])
    page = visitor.check_out()
    assert page.status_code == 409
    said = text(page)
    assert "12,50 €" in said
    assert "15,00 €" in said
    assert "Accept 19,90 € and pay" in said
    assert database.count("orders_order") == 0
    accepted = visitor.check_out(key=hidden(page, "key"), accept_quote=hidden(page, "accept_quote"))
    assert accepted.status_code == 303
    assert database.value("SELECT total_minor FROM orders_order") == 1990


def test_a_cart_that_another_tab_emptied_has_nothing_to_pay(visitor: Visitor, shop: Any, database: Any) -> None:
    visitor.put_in(shop.variants["MUG"])
    form = visitor.get("/checkout")
    line = re.findall(r"/cart/lines/(line_\w+)", visitor.get("/cart").content.decode())[0]
    visitor.post(f"/cart/lines/{line}", remove="1")
    page = visitor.check_out(key=hidden(form, "key"), accept_quote=hidden(form, "accept_quote"))
    assert page.status_code == 422
    assert "Your cart is empty." in text(page)
    assert re.findall(r'<button class="main">([^<]*)', page.content.decode()) == []
    assert database.count("orders_order") == 0


def test_what_somebody_else_took_is_told_with_a_way_on(visitor: Visitor, shop: Any, database: Any) -> None:
    visitor.put_in(shop.variants["MUG"], 10)
    build.buy(shop, MUG=1)
    page = visitor.check_out()
    assert page.status_code == 409
    assert "Somebody was faster" in text(page)
    assert 'href="/cart"' in page.content.decode()
    assert database.count("orders_order") == 1


def test_in_doubt_nobody_is_told_that_it_failed(visitor: Visitor, shop: Any, gateway: Any, database: Any) -> None:
    """R-D7: the provider made the page and fell silent."""
    visitor.put_in(shop.variants["MUG"])
    gateway.control("POST", "/moods/next", operation="POST /v1/checkout/sessions", mood="reset_after", times=2)
    answer = visitor.check_out()
    assert answer["Location"].endswith("/return")
    page = visitor.get(answer["Location"])
    assert "We are checking with your bank" in text(page)
    assert re.search(DOUBTFUL, text(page)) is None
    assert visitor.get(answer["Location"].removesuffix("return") + "part").status_code == 200
    with database.as_owner() as owner:
        owner.execute("UPDATE payments_payment SET due_at = now(); UPDATE payments_operation SET due_at = now()")
    build.work()


def test_while_a_page_can_still_be_paid_nobody_is_told_that_nothing_was_taken(
    visitor: Visitor, shop: Any, gateway: Any, database: Any
) -> None:
    """R-D7: the time to pay and the grace are over, and the provider never said that it closed."""
    visitor.put_in(shop.variants["MUG"])
    visitor.check_out()
    gateway.mood_next("POST /v1/checkout/sessions/{id}/expire", "fail_before", times=2)
    for seconds in (25 * 3600, limits.CLOSE_GRACE.total_seconds() + 1):
        driving.travel(database, seconds=seconds)
        driving.all_due(database, shop, "orders")
        expiry.work()
    states = "SELECT o.state || ' ' || p.state FROM orders_order o JOIN payments_payment p ON p.order_id = o.id"
    assert database.value(states) == "expired open"
    for address in (order_path(visitor), f"{order_path(visitor)}/return"):
        page = text(visitor.get(address))
        assert "We are still checking with your bank" in page
        assert re.search(DOUBTFUL, page) is None
    headers = {"Authorization": f"Bearer {shop.sk}"}
    order_id = database.value("SELECT id FROM orders_order")
    told = visitor.client.get(f"/v1/orders/ord_{order_id.hex}", headers=headers).json()
    assert "Your bank has not answered yet" in told["next"]["detail"]
    assert "not paid" not in told["next"]["detail"]
    build.work()


def test_looking_at_an_order_changes_nothing(visitor: Visitor, shop: Any, database: Any) -> None:
    """R-D7: the browser's return proves nothing, however often it is called."""
    visitor.put_in(shop.variants["MUG"])
    visitor.check_out()
    path, before = order_path(visitor), database.count("db_transition")
    for _ in range(3):
        assert "Your payment is not finished" in text(visitor.get(path))
        assert "We are checking with your bank" in text(visitor.get(f"{path}/return"))
        assert visitor.get(f"{path}/part").status_code == 200
    assert database.count("db_transition") == before
    assert database.value("SELECT state FROM orders_order") == "payment_pending"


def test_a_paid_order_shows_what_was_handed_over_and_empties_the_cart(visitor: Visitor, shop: Any, database: Any) -> None:
    visitor.put_in(shop.variants["BOOK"])
    pay_page = visitor.check_out()["Location"]
    httpx.post(pay_page, data={"card": "4242424242424242"}, timeout=30, trust_env=False)
    path = order_path(visitor)
    payment_id = database.value("SELECT id FROM payments_payment")
    assert questions.look_up(merchant_id=shop.id, payment_id=payment_id, now=now()) == "applied"
    build.work()
    assert visitor.get(f"{path}/part").status_code == 205
    page = visitor.get(path)
    assert "Your order is complete." in text(page)
    assert re.search(r"Your download code ([2-9A-HJ-NP-Z]{4} ){4}", text(page))
    assert "ada@example.com" in text(page)
    assert visitor.client.cookies["holdfast_cart"].value == ""
    assert "Your cart is empty." in text(visitor.get("/cart"))


def test_going_back_cancels_first_and_keeps_the_content(visitor: Visitor, shop: Any, database: Any) -> None:
    visitor.put_in(shop.variants["MUG"], 2)
    first = visitor.check_out()["Location"]
    assert "Your order waits for its payment" in text(visitor.get("/cart"))
    assert visitor.post("/cart/reopen").status_code == 303
    assert "Your cart" in text(visitor.get("/cart"))
    assert database.value("SELECT state FROM orders_order") == "cancelled"
    assert build.stock(shop)[1] == 0
    late = httpx.post(first, data={"card": "4242424242424242"}, timeout=30, trust_env=False, follow_redirects=False)
    assert late.status_code == 410
    assert visitor.check_out()["Location"] != first


def test_putting_something_in_while_an_order_waits_opens_a_copy(visitor: Visitor, shop: Any, database: Any) -> None:
    visitor.put_in(shop.variants["MUG"])
    visitor.check_out()
    visitor.put_in(shop.variants["BOOK"])
    page = text(visitor.get("/cart"))
    assert "Mug" in page
    assert "Book" in page
    assert database.value("SELECT state FROM orders_order") == "payment_pending"


def test_an_order_is_cancelled_from_its_page(visitor: Visitor, shop: Any, database: Any) -> None:
    visitor.put_in(shop.variants["MUG"])
    visitor.check_out()
    path = order_path(visitor)
    answer = visitor.post(f"{path}/cancellation", key=hidden(visitor.get(path), "key"))
    assert (answer.status_code, answer["Location"]) == (303, path)
    assert "This order was cancelled" in text(visitor.get(path))
    assert database.value("SELECT state FROM orders_order") == "cancelled"


def test_a_country_decides_shipping(visitor: Visitor, shop: Any) -> None:
    visitor.put_in(shop.variants["MUG"])
    assert "Shipping to Germany 4,90 €" in text(visitor.get("/cart"))
    visitor.post("/cart/region", region="FR")
    assert "Shipping to France 9,90 €" in text(visitor.get("/cart"))
    assert visitor.post("/cart/region", region="ZZ")["Location"] == "/cart?said=bad_region"


def test_quantities_are_changed_and_lines_taken_out(visitor: Visitor, shop: Any) -> None:
    visitor.put_in(shop.variants["BOOK"])
    line = re.search(r"/cart/lines/(line_[0-9a-f]{32})", visitor.get("/cart").content.decode()).group()  # type: ignore[union-attr]
    visitor.post(line, quantity="3")
    assert "27,00 €" in text(visitor.get("/cart"))
    assert visitor.post(line, quantity="1000")["Location"] == "/cart?said=quantity_too_large"
    visitor.post(line, remove="1", quantity="3")
    assert "Your cart is empty." in text(visitor.get("/cart"))


def test_what_costs_nothing_leads_straight_to_its_order(visitor: Visitor, shop: Any) -> None:
    build.give_away(shop)
    visitor.put_in(shop.variants["LEAFLET"])
    key = visitor.key()
    first, again = (visitor.check_out(key=key, line1="", postal_code="", city="") for _ in range(2))
    assert (first.status_code, first["Location"]) == (303, order_path(visitor))
    assert again["Location"] == first["Location"]
    assert "Thank you. Your order is paid" in text(visitor.get(first["Location"]))
    build.work()
    page = text(visitor.get(first["Location"]))
    assert "0,00 €" in page or "€0.00" in page
    assert re.search(DOUBTFUL, page) is None


def test_a_code_takes_off_is_named_and_can_be_taken_out(visitor: Visitor, shop: Any) -> None:
    offer = Offer(name="Welcome offer", code="WELCOME10", rules={"kind": "percent", "basis_points": 1000})
    setup.announce(merchant_id=shop.id, offer=offer, now=now())
    visitor.put_in(shop.variants["MUG"])
    assert visitor.post("/cart/coupon", code="nothere")["Location"] == "/cart?said=unknown_code"
    assert visitor.post("/cart/coupon", code=" welcome10")["Location"] == "/cart"
    page = text(visitor.get("/cart"))
    assert "Welcome offer -1,25 €" in page
    assert "Your code: WELCOME10" in page
    visitor.post("/cart/coupon", remove="1")
    assert "Welcome offer" not in text(visitor.get("/cart"))
