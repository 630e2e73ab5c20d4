"""An order that costs nothing is placed and paid at once, by a settlement of zero that is recorded as such (R-B7)."""

import json
from typing import Any

import psycopg
import pytest

from holdfast.db.tenancy import Busy
from holdfast.flows import checkout, reports, shopping
from holdfast.flows.back import PaidMeanwhile
from holdfast.flows.setup import Goods
from holdfast.idempotency.services import Answer, InProgress
from holdfast.inventory.services import InsufficientStock
from holdfast.kernel import faults, ids
from holdfast.kernel.clock import now
from holdfast.kernel.errors import Conflict
from holdfast.orders import queries as orders
from holdfast.providers.contract import Kind, ProviderReport, Source
from tests import build
from tests.conftest import in_parallel
from tests.integration import driving

PRESSES = 20


@pytest.fixture
def shop(database: Any, gateway: Any, secret_key: str) -> Any:
    """Ten badges and a leaflet, for nothing, sent for nothing."""
    made = build.shop(gateway.url, secret_key)
    build.give_away(made)
    build.give_away(made, Goods("good", "badge", "Badge", [("BADGE", "", 0)], stock=10))
    with database.as_owner() as owner:
        owner.execute("""UPDATE merchants_merchant SET shipping_minor = '{"*": 0}'""")
    return made


def order_of(answer: Any) -> Any:
    return ids.parsed("ord", json.loads(answer.body)["order"]["id"])


def test_it_is_placed_and_paid_at_once_and_nobody_is_asked(shop: Any, database: Any, gateway: Any) -> None:
    answer = build.check_out(shop, build.basket(shop, BADGE=1, LEAFLET=1))
    told = json.loads(answer.body)
    assert (answer.status, told["order"]["status"], told["order"]["total_minor"]) == (201, "paid", 0)
    payment = told["payment"]
    assert (payment["provider"], payment["state"], payment["amount_minor"], payment["url"]) == ("none", "captured", 0, "")
    assert told["order"]["paid_at"] is not None
    assert database.count("payments_operation") == database.count("ledger_entry") == 0
    assert driving.sessions(shop, gateway) == 0
    picture = driving.picture(database, order_of(answer))
    assert (picture.payments, picture.facts, picture.ledger, picture.cases) == ([("captured", 0)], [], {}, [])
    assert (picture.reservations, picture.messages) == (["committed"], ["order_paid"])
    assert build.stock(shop, "BADGE") == (9, 0)


def test_what_was_given_is_handed_over_like_anything_paid(shop: Any, database: Any) -> None:
    answer = build.check_out(shop, build.basket(shop, BADGE=1, LEAFLET=1))
    build.work()
    picture = driving.picture(database, order_of(answer))
    assert picture.order == "partially_fulfilled"
    assert picture.fulfilments == ["download done", "shipment pending"]
    assert picture.messages == ["download_ready", "order_paid"]


def test_a_free_download_is_fulfilled_and_stays_paid_without_an_address(shop: Any, database: Any) -> None:
    """Nothing captured and nothing refunded is not "refunded"."""
    order_id = order_of(build.check_out(shop, build.basket(shop, LEAFLET=1), name="", address={}))
    build.work()
    picture = driving.picture(database, order_id)
    assert (picture.order, picture.fulfilments) == ("fulfilled", ["download done"])
    assert orders.public_status(build.order(shop, order_id), captured_minor=0, refunded_minor=0) == "paid"
    assert database.rows("SELECT due_at FROM payments_payment") == [(None,)], "nobody is asked about it later"


def test_the_history_says_that_it_was_settled_for_nothing(shop: Any, database: Any) -> None:
    build.check_out(shop, build.basket(shop, LEAFLET=1))
    sql = "SELECT target, cause, actor FROM db_transition WHERE subject = 'payment' ORDER BY id"
    assert database.rows(sql) == [("created", "checkout", "shopper"), ("captured", "none own: nothing to pay", "none")]
    sql = "SELECT source, target, cause FROM db_transition WHERE subject = 'order' ORDER BY id OFFSET 1"
    assert database.rows(sql) == [("payment_pending", "paid", "none own: nothing to pay")]


def test_the_same_key_gets_the_same_bytes_and_one_order(shop: Any, database: Any) -> None:
    cart = build.basket(shop, BADGE=1)
    first, second = (build.check_out(shop, cart, key="k") for _ in range(2))
    assert first == second
    assert (database.count("orders_order"), database.count("payments_payment")) == (1, 1)
    assert build.stock(shop, "BADGE") == (9, 0)


def test_twenty_presses_with_one_key_get_the_same_bytes(shop: Any, database: Any) -> None:
    cart = build.basket(shop, BADGE=1)
    told = in_parallel(PRESSES, lambda _: _press(shop, cart, key="k"))
    assert [type(one) for one in told] == [Answer] * PRESSES, told
    assert {(one.status, one.body) for one in told} == {(201, told[0].body)}
    assert (database.count("orders_order"), database.count("payments_payment")) == (1, 1)
    assert build.stock(shop, "BADGE") == (9, 0)


def test_twenty_presses_with_a_key_each_are_one_order(shop: Any, database: Any) -> None:
    cart = build.basket(shop, BADGE=1)
    told = in_parallel(PRESSES, lambda i: _press(shop, cart, key=f"k{i}"))
    tally = driving.tally(one.status if isinstance(one, Answer) else one for one in told)
    assert tally == {"201": 1, "AlreadyInCheckout": PRESSES - 1}
    assert (database.count("orders_order"), database.count("payments_payment")) == (1, 1)
    assert build.stock(shop, "BADGE") == (9, 0)


def _press(shop: Any, cart: Any, *, key: str) -> Any:
    """As a client does: told to come again, it comes again."""
    while True:
        try:
            return build.check_out(shop, cart, key=key)
        except (Busy, InProgress):
            continue


def test_nobody_goes_back_from_it_and_it_takes_no_other_payment(shop: Any, database: Any) -> None:
    cart = build.basket(shop, BADGE=1)
    order_id = order_of(build.check_out(shop, cart))
    copy, token = shopping.reopen(merchant_id=shop.id, cart_id=cart.id, token_sha256=cart.hash, now=now())
    with pytest.raises(PaidMeanwhile):
        build.check_out(shop, build.Basket(copy.pk, token))
    with pytest.raises(checkout.NotPayable):
        checkout.pay_again(merchant_id=shop.id, order_id=order_id, wish=build.wish(), use=build.use(scope="order"), now=now())
    assert (database.count("orders_order"), database.count("payments_payment")) == (1, 1)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_death_at_its_commit_leaves_all_or_nothing(shop: Any, database: Any, moment: str) -> None:
    cart = build.basket(shop, BADGE=1)
    faults.ARMED[f"checkout.place:{moment}"] = "raise"
    with pytest.raises(faults.Crash):
        build.check_out(shop, cart, key="k")
    assert database.count("orders_order") == (moment == "after")
    assert build.stock(shop, "BADGE") == ((9, 0) if moment == "after" else (10, 0))
    assert json.loads(build.check_out(shop, cart, key="k").body)["order"]["status"] == "paid"
    assert database.count("orders_order") == 1
    assert build.stock(shop, "BADGE") == (9, 0)


def test_nothing_is_given_beyond_the_stock(shop: Any, database: Any) -> None:
    """Twelve people want the ten badges at once."""
    carts = [build.basket(shop, BADGE=1) for _ in range(12)]
    told = in_parallel(4, lambda n: [_try(shop, cart) for cart in carts[n::4]])
    assert driving.tally(one for some in told for one in some) == {"201": 10, "InsufficientStock": 2}
    assert build.stock(shop, "BADGE") == (0, 0)
    assert database.count("orders_order") == 10


def _try(shop: Any, cart: Any) -> Any:
    while True:
        try:
            return build.check_out(shop, cart).status
        except InsufficientStock as gone:
            return gone
        except Conflict:
            continue


def test_an_order_that_costs_something_is_not_settled_for_nothing(shop: Any, database: Any) -> None:
    """The word that settles is ours alone: said of another payment it changes nothing, and a person looks."""
    order_id, payment_id = build.buy(shop, MUG=1)
    payment = build.payment(shop, payment_id)
    report = ProviderReport(
        provider="stripe",
        account_id=shop.account_id,
        live=False,
        kind=Kind.SETTLED,
        source=Source.OWN,
        reference=payment_id.hex,
        amount_minor=0,
        currency="EUR",
        occurred_at=now(),
    )
    assert reports.apply(report, merchant_id=shop.id, now=now()).verdict == "refused"
    assert build.order(shop, order_id).state == "payment_pending"
    assert build.payment(shop, payment_id).state == payment.state == "open"
    assert driving.picture(database, order_id).cases == ["unknown_status"]


@pytest.mark.parametrize(
    ("sql", "law"),
    [
        ("UPDATE orders_order SET total_minor = -1", "orders_total_not_negative"),
        ("UPDATE payments_payment SET amount_minor = -1", "payments_amount_positive"),
        ("UPDATE payments_payment SET provider = 'stripe'", "payments_amount_positive"),
    ],
)
def test_the_database_refuses_less_than_nothing_and_nothing_of_a_provider(shop: Any, database: Any, sql: str, law: str) -> None:
    build.check_out(shop, build.basket(shop, LEAFLET=1))
    with database.as_owner() as owner:
        owner.execute("SET session_replication_role = replica")  # triggers rest: the check itself has to refuse
        with pytest.raises(psycopg.errors.CheckViolation) as caught:
            owner.execute(sql)
    assert caught.value.diag.constraint_name == law
