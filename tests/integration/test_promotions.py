"""A code from the cart to the ledger: reserved at checkout, redeemed at paid, released when it is not, each once per order."""

import json
from datetime import timedelta
from typing import Any

import pytest

from holdfast.db.tenancy import reading
from holdfast.flows import coupons, quotes, setup, shopping
from holdfast.flows.offers import CodeNotUsable, UnknownCode
from holdfast.flows.quotes import PriceChanged
from holdfast.flows.setup import Offer
from holdfast.kernel import ids, limits
from holdfast.pricing.shipping import NoSuchMethod
from holdfast.promotions.services import TooManyTries, UsedUp
from tests import build
from tests.crash.world import World
from tests.integration import driving
from tests.integration.moneyback import take_late

TEN = {"kind": "percent", "basis_points": 1000}


def announce(world: World, code: str = "", rules: Any = TEN, **more: Any) -> Any:
    offer = Offer(name=code or "By itself", rules=rules, code=code, **more)
    return setup.announce(merchant_id=world.shop.id, offer=offer, now=build.now()).pk


def type_in(world: World, code: str, *, address: str = "", cart: Any = None) -> None:
    cart = cart or world.cart
    coupons.set_code(
        merchant_id=world.shop.id, cart_id=cart.id, token_sha256=cart.hash, code=code, address=address, now=build.now()
    )


def quote(world: World) -> Any:
    from holdfast.carts import queries as carts
    from holdfast.merchants import queries as merchants

    with reading(world.shop.id):
        cart = carts.owned(world.cart.id, world.cart.hash)
        return quotes.of_cart(cart, merchants.current(world.shop.id), now=build.now())


def counters(world: World) -> tuple[int, int]:
    """(reserved, redeemed) over all promotions of the shop."""
    ((reserved, redeemed),) = world.rows(
        "SELECT coalesce(sum(reserved), 0), coalesce(sum(redeemed), 0) FROM promotions_promotion"
    )
    return reserved, redeemed


def redemptions(world: World) -> list[str]:
    return sorted(row[0] for row in world.rows("SELECT state FROM promotions_redemption"))


def place(world: World, code: str = "TEN", **wishes: Any) -> Any:
    world.cart = build.basket(world.shop, MUG=1)
    if code:
        type_in(world, code)
    told = build.check_out(world.shop, world.cart, **wishes)
    world.remember(told)
    return json.loads(told.body)


# -- The life of a redemption -----------------------------------------------------------------------------------------


def test_a_code_is_reserved_at_checkout_and_redeemed_by_the_payment(world: World) -> None:
    announce(world, "TEN", total_limit=5, customer_limit=1)
    place(world)
    assert (counters(world), redemptions(world)) == ((1, 0), ["reserved"])
    world.pay()
    world.hear()
    world.recover()
    assert (counters(world), redemptions(world)) == ((0, 1), ["redeemed"])
    order = build.order(world.shop, world.order_id)
    assert (order.total_minor, order.snapshot["discount_minor"]) == (1125 + 490, 125)
    assert [(it["code"], it["gave_minor"]) for it in order.snapshot["promotions"]] == [("TEN", 125)]
    end = driving.picture(world.database, order.pk)
    assert end.payments == [("captured", 1615)]
    assert end.ledger == {"receivable:stripe": 1615, "sales": -945, "shipping_income": -412, "tax_payable": -258}


def test_the_second_word_about_the_same_money_redeems_nothing_more(world: World) -> None:
    announce(world, "TEN", total_limit=5)
    place(world)
    world.pay()
    for _ in range(2):
        world.hear()
        world.recover()
    assert (counters(world), redemptions(world)) == ((0, 1), ["redeemed"])


def test_a_failed_attempt_releases_and_another_attempt_reserves_again(world: World) -> None:
    announce(world, "TEN", total_limit=1)
    place(world)
    expire(world)
    assert (counters(world), redemptions(world), world.state) == ((0, 0), ["released"], "expired")
    world.pay_again()
    assert (counters(world), redemptions(world)) == ((1, 0), ["reserved"])
    world.pay()
    world.hear()
    world.recover()
    assert (counters(world), redemptions(world)) == ((0, 1), ["redeemed"])


def test_another_attempt_is_refused_when_somebody_else_took_the_last_use(world: World) -> None:
    announce(world, "TEN", total_limit=1)
    place(world)
    expire(world)
    first = world.order_id
    place(world, email="bob@example.com")
    world.order_id = first
    with pytest.raises(UsedUp):
        world.pay_again()
    assert (counters(world), redemptions(world), world.state) == ((1, 0), ["released", "reserved"], "expired")


def test_late_money_takes_the_code_again_or_goes_back(world: World) -> None:
    announce(world, "TEN", total_limit=1)
    place(world)
    expire(world, closing=False)
    late, payment = world.order_id, world.payment_id
    place(world, email="bob@example.com")
    world.order_id, world.payment_id = late, payment
    take_late(world)
    world.recover()
    end = driving.picture(world.database, late)
    assert (end.order, end.cases, end.ledger) == ("expired", ["late_money"], {})
    assert end.refunds == [("requested", "succeeded", 1125 + 490)]
    assert (counters(world), redemptions(world)) == ((1, 0), ["released", "reserved"])


def test_late_money_is_honoured_while_the_code_can_be_had(world: World) -> None:
    announce(world, "TEN", total_limit=1)
    place(world)
    expire(world, closing=False)
    driving.receive(world.database, world.shop, driving.paid_event(world))
    build.work()
    assert (world.count("cases_case"), redemptions(world), counters(world)) == (0, ["redeemed"], (0, 1))


def test_late_money_whose_goods_are_gone_lets_go_of_the_code(world: World) -> None:
    announce(world, "TEN", total_limit=1)
    place(world)
    expire(world, closing=False)
    build.check_out(world.shop, build.basket(world.shop, MUG=10))
    take_late(world)
    world.recover()
    end = driving.picture(world.database, world.order_id)
    assert (end.cases, end.ledger, end.refunds) == (["late_money"], {}, [("requested", "succeeded", 1125 + 490)])
    assert (counters(world), redemptions(world)) == ((0, 0), ["released"])


def expire(world: World, *, closing: bool = True) -> None:
    """The window passes; the provider closes the page, or says nothing until the grace is over."""
    with world.database.as_owner() as connection:
        past = "holdfast_now() - interval '20 minutes'" if not closing else "holdfast_now() - interval '1 s'"
        connection.execute(f"UPDATE orders_order SET expires_at = {past}, due_at = {past} WHERE id = %s", [world.order_id])
    build.work()
    driving.all_due(world.database, world.shop, "operations", "payments")
    build.work()
    assert world.state == "expired"


# -- What a shopper is told -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"ends_at": build.now() - timedelta(days=1)}, "over"),
        ({"starts_at": build.now() + timedelta(days=1)}, "not_yet"),
        ({"total_limit": 0}, "used_up"),
        ({"rules": {**TEN, "minimum_minor": 1251, "currency": "EUR"}}, "minimum_not_reached"),
        ({"rules": {**TEN, "excluded": ["mug"]}}, "nothing_in_it"),
    ],
)
def test_a_code_that_does_not_work_is_refused_with_its_reason_and_stays_out(world: World, more: Any, reason: str) -> None:
    announce(world, "TEN", **more)
    world.cart = build.basket(world.shop, MUG=1)
    with pytest.raises(CodeNotUsable) as refused:
        type_in(world, " ten ")
    assert refused.value.extra == {"reason": reason}
    with pytest.raises(UnknownCode):
        type_in(world, "ELEVEN")
    assert world.rows("SELECT coupon FROM carts_cart") == [("",)]


def test_a_code_that_lapses_before_checkout_has_to_be_accepted(world: World) -> None:
    """R-A3: the customer sees the new total before they pay it."""
    promotion = announce(world, "TEN", total_limit=3)
    world.cart = build.basket(world.shop, MUG=1)
    type_in(world, "TEN")
    with world.database.as_owner() as connection:
        connection.execute("UPDATE promotions_promotion SET ends_at = now() - interval '1 s' WHERE id = %s", [promotion])
    assert quote(world).coupon_why_not == "over"
    with pytest.raises(PriceChanged) as told:
        world.check_out()
    assert told.value.extra["promotions"] == [{"code": "TEN", "name": "", "reason": "over"}]
    assert (told.value.extra["total_minor"], told.value.extra["changes"]) == (1250 + 490, [])
    assert world.count("orders_order") == 0
    world.remember(build.check_out(world.shop, world.cart, accept_quote=told.value.extra["quote"]))
    assert (build.order(world.shop, world.order_id).total_minor, redemptions(world)) == (1740, [])


def test_a_customer_uses_a_code_once_whatever_the_capitals(world: World) -> None:
    announce(world, "TEN", customer_limit=1)
    place(world, email="Ada@Example.com")
    with pytest.raises(PriceChanged) as told:
        place(world, email=" ada@example.COM")
    assert told.value.extra["promotions"] == [{"code": "TEN", "name": "", "reason": "used_up"}]
    place(world, email="bob@example.com")
    assert counters(world) == (2, 0)


def test_who_names_the_quote_pays_that_one_or_none(world: World) -> None:
    world.cart = build.basket(world.shop, MUG=1)
    seen = quote(world).quote.sha256()
    announce(world)
    with pytest.raises(PriceChanged):
        build.check_out(world.shop, world.cart, accept_quote=seen)
    world.remember(build.check_out(world.shop, world.cart, accept_quote=quote(world).quote.sha256()))
    assert build.order(world.shop, world.order_id).total_minor == 1125 + 490


def test_a_promotion_without_limits_is_told_and_locks_nothing(world: World) -> None:
    announce(world)
    place(world, "")
    assert (counters(world), redemptions(world)) == ((0, 0), ["reserved"])
    world.pay()
    world.hear()
    world.recover()
    assert (counters(world), redemptions(world)) == ((0, 0), ["redeemed"])


def test_a_removed_code_takes_nothing_off(world: World) -> None:
    announce(world, "TEN")
    world.cart = build.basket(world.shop, MUG=1)
    type_in(world, "TEN")
    assert quote(world).quote.discount_minor == 125
    for _ in range(2):
        coupons.remove_code(merchant_id=world.shop.id, cart_id=world.cart.id, token_sha256=world.cart.hash)
    assert quote(world).quote.discount_minor == 0


# -- Trying codes -----------------------------------------------------------------------------------------------------


def test_the_eleventh_try_from_a_cart_waits_also_with_the_right_code(world: World) -> None:
    """R-B3, brute force."""
    announce(world, "TEN")
    world.cart = build.basket(world.shop, MUG=1)
    for n in range(limits.CODE_TRIES):
        with pytest.raises(UnknownCode):
            type_in(world, f"GUESS{n}", address="10.0.0.1")
    with pytest.raises(TooManyTries) as told:
        type_in(world, "TEN", address="10.0.0.1")
    assert told.value.status == 429
    assert 590 <= told.value.retry_after_s <= 600
    fresh = build.basket(world.shop, MUG=1)
    type_in(world, "TEN", address="10.0.0.1", cart=fresh)
    with world.database.as_owner() as connection:
        connection.execute("UPDATE promotions_tries SET began_at = began_at - interval '10 minutes'")
    type_in(world, "TEN", address="10.0.0.1")


def test_new_carts_do_not_help_one_address(world: World) -> None:
    announce(world, "TEN")
    for n in range(limits.CODE_TRIES_OF_ADDRESS):
        if n % 5 == 0:
            cart = build.basket(world.shop, MUG=1)
        with pytest.raises(UnknownCode):
            type_in(world, "GUESS", address="10.0.0.2", cart=cart)
    with pytest.raises(TooManyTries):
        type_in(world, "TEN", address="10.0.0.2", cart=build.basket(world.shop, MUG=1))
    type_in(world, "TEN", address="10.0.0.3", cart=build.basket(world.shop, MUG=1))


def test_windows_that_are_over_are_swept(world: World) -> None:
    world.cart = build.basket(world.shop, MUG=1)
    with pytest.raises(UnknownCode):
        type_in(world, "GUESS", address="10.0.0.4")
    assert world.count("promotions_tries") == 2
    with world.database.as_owner() as connection:
        connection.execute("UPDATE promotions_tries SET began_at = began_at - interval '1 day'")
    with pytest.raises(UnknownCode):
        type_in(world, "GUESS")
    assert world.count("promotions_tries") == 1


# -- Going back, shipping, fees, one hundred per cent -----------------------------------------------------------------


def test_the_last_use_goes_along_with_who_goes_back(world: World) -> None:
    announce(world, "TEN", total_limit=1, customer_limit=1)
    place(world)
    old = world.cart
    copy, token = shopping.reopen(merchant_id=world.shop.id, cart_id=old.id, token_sha256=old.hash, now=build.now())
    world.cart = build.Basket(copy.pk, token)
    build.put(world.shop, world.cart, "BOOK")
    assert quote(world).coupon_why_not == ""
    world.remember(build.check_out(world.shop, world.cart))
    assert build.order(world.shop, world.order_id).total_minor == 1935 + 490
    assert (counters(world), redemptions(world)) == ((1, 0), ["released", "reserved"])


def test_all_off_is_paid_by_nothing_and_redeemed(world: World) -> None:
    """R-B7."""
    announce(world, "ALL", {"kind": "percent", "basis_points": 10_000}, total_limit=1)
    world.cart = build.basket(world.shop, BOOK=1)
    type_in(world, "ALL")
    told = json.loads(build.check_out(world.shop, world.cart).body)
    world.order_id = ids.parsed("ord", told["order"]["id"])
    assert (world.state, counters(world), redemptions(world)) == ("paid", (0, 1), ["redeemed"])


def merchant_says(world: World, column: str, value: Any) -> None:
    with world.database.as_owner() as connection:
        connection.execute(f"UPDATE merchants_merchant SET {column} = %s WHERE id = %s", [json.dumps(value), world.shop.id])


def choose(world: World, method: str) -> None:
    shopping.choose_shipping(merchant_id=world.shop.id, cart_id=world.cart.id, token_sha256=world.cart.hash, method=method)


def test_the_chosen_way_of_shipping_and_a_fee_reach_provider_ledger_and_snapshot(world: World) -> None:
    ways = [
        {"key": "slow", "name": "By ship", "by": "flat", "prices": {"DE": 490}},
        {"key": "fast", "name": "Courier", "by": "flat", "prices": {"DE": 990}},
    ]
    merchant_says(world, "shipping_methods", ways)
    merchant_says(world, "fees", [{"key": "h", "name": "Handling", "amount_minor": 119, "tax_class": "standard"}])
    world.cart = build.basket(world.shop, MUG=1)
    with pytest.raises(NoSuchMethod):
        choose(world, "drone")
    choose(world, "fast")
    world.remember(build.check_out(world.shop, world.cart))
    world.pay()
    world.hear()
    world.recover()
    kept = build.order(world.shop, world.order_id).snapshot
    assert (kept["shipping_method"], kept["fees_minor"]) == ({"key": "fast", "name": "Courier"}, 119)
    assert quotes.provider_lines(kept) == [("Mug", 1250, 1), ("Handling", 119, 1), ("Courier", 990, 1)]
    end = driving.picture(world.database, world.order_id)
    assert end.payments == [("captured", 1250 + 990 + 119)]
    assert end.ledger == {
        "receivable:stripe": 2359, "sales": -1050, "shipping_income": -832, "fee_income": -100, "tax_payable": -377,
    }  # fmt: skip


def test_no_code_in_the_cart_costs_no_write_and_no_round_trip(world: World) -> None:
    """What promotions add to a checkout of a shop that has none: one question asked ahead, in the round trip of the BEGIN."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    world.cart = build.basket(world.shop, MUG=1)
    with CaptureQueriesContext(connection) as said:
        build.check_out(world.shop, world.cart)
    mine = [query["sql"] for query in said.captured_queries if "promotions_" in query["sql"]]
    assert len(mine) == 1
    assert mine[0].startswith("SELECT")
