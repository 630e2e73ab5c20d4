"""Money goes back: asked for by the merchant, by amount or by line, once per key, and never more than is left."""

import dataclasses
from typing import Any

import pytest

from holdfast.flows import fulfil, questions, setup, webhooks
from holdfast.flows.refunds import MoreThanLeft, NoSuchLine, NothingLeft, NotRefundable
from holdfast.kernel.errors import Refused
from tests import build
from tests.crash.world import LEDGER, TOTAL, World
from tests.integration import driving
from tests.integration.moneyback import (
    REFUND,
    apply,
    at_the_dashboard,
    back,
    hear,
    line,
    money,
    paid,
    picture,
    refund,
    returned,
    settle_refund,
    sold,
    told,
)

#: What 6.40 of the 26.40 stand for: 4.38 of sales, 1.00 of shipping, 1.02 of tax.
WITHOUT_640 = {"receivable:stripe": 2000, "sales": -1368, "shipping_income": -312, "tax_payable": -320}


def states(world: World, id_: Any = None) -> list[str]:
    """The history of the order, or of one refund."""
    sql = "SELECT target FROM db_transition WHERE subject_id = %s ORDER BY id"
    return [row[0] for row in world.database.rows(sql, id_ or world.order_id)]


def only_refund(world: World) -> Any:
    ((id_,),) = world.rows("SELECT id FROM payments_refund")
    return id_


# -- How much ---------------------------------------------------------------------------------------------------------


def test_a_full_refund_undoes_the_sale_and_hands_nothing_over(world: World) -> None:
    """R-J1."""
    paid(world)
    answer = refund(world, reason="changed their mind")
    assert told(answer) == (201, "succeeded", TOTAL)
    end = driving.Picture(
        order="refunded",
        payments=[("captured", TOTAL)],
        facts=[("capture", TOTAL), ("refund", TOTAL)],
        ledger={},
        stock=[(9, 0)],
        reservations=["committed"],
        messages=["order_paid", "refunded"],
        fulfilments=["download cancelled", "shipment cancelled"],
        cases=[],
        refunds=[("requested", "succeeded", TOTAL)],
    )
    assert picture(world) == end
    assert returned(world) == [(TOTAL, "succeeded")]
    hear(world)
    world.recover()
    assert (picture(world), refund(world, reason="changed their mind")) == (end, answer)
    assert states(world) == ["payment_pending", "paid", "refunded"]
    assert world.count("ledger_entry") == 3


def test_a_part_goes_back_and_the_rest_is_handed_over(world: World) -> None:
    """R-C2: paid → partially_refunded → fulfillment_pending → … → fulfilled."""
    paid(world)
    assert told(refund(world, amount_minor=640)) == (201, "succeeded", 640)
    assert (world.state, money(world)) == ("partially_refunded", (TOTAL, 640, 0))
    world.recover()
    world.ship()
    end = picture(world)
    assert (end.order, end.ledger, end.refunds) == ("fulfilled", WITHOUT_640, [("requested", "succeeded", 640)])
    assert (end.fulfilments, end.revoked) == (["download done", "shipment done"], 0)
    assert states(world) == [
        "payment_pending", "paid", "partially_refunded", "fulfillment_pending", "partially_fulfilled", "fulfilled",
    ]  # fmt: skip


@pytest.mark.parametrize(("restock", "left"), [(False, 8), (True, 9)])
def test_a_line_goes_back_with_the_choice_to_sell_it_again(world: World, restock: bool, left: int) -> None:
    """R-H5: one of two mugs; the other is sent, and no more than that."""
    paid(world, MUG=2)
    assert told(refund(world, lines=[back(world, "MUG", restock=restock)])) == (201, "succeeded", 1250)
    world.recover()
    assert build.stock(world.shop) == (left, 0)
    with pytest.raises(NoSuchLine):
        refund(world, "r2", lines=[back(world, "MUG", 2)])
    assert fulfil_all(world) == "fulfilled"
    assert world.rows("SELECT quantity FROM fulfilment_handover") == [(1,)]
    assert world.rows("SELECT quantity FROM fulfilment_withdrawal") == [(1,)]
    sql = "SELECT delta FROM inventory_movement WHERE reservation_id IS NOT NULL AND merchant_id = %s ORDER BY delta"
    moved = [row[0] for row in world.database.rows(sql, world.shop.id)]
    assert moved == [-2, *([1] if restock else [])]


def fulfil_all(world: World) -> str:
    world.ship()
    return world.state


def test_pieces_of_a_line_never_sum_to_more_than_the_line(world: World) -> None:
    """R-J1: 37.50 less 11.09 % of three mugs goes back in three pieces that sum to the cent."""
    offer = setup.Offer(name="Odd", rules={"kind": "percent", "basis_points": 1109})
    setup.announce(merchant_id=world.shop.id, offer=offer, now=build.now())
    paid(world, MUG=3)
    total = world.database.value("SELECT total_minor FROM orders_orderline WHERE order_id = %s", world.order_id)
    assert total == 3334
    assert sorted(told(refund(world, f"r{n}", lines=[back(world, "MUG")]))[2] for n in range(3)) == [1111, 1111, 1112]
    assert told(refund(world, "shipping", shipping=True)) == (201, "succeeded", 490)
    assert (world.state, picture(world).ledger) == ("refunded", {})


def test_shipping_goes_back_alone_or_with_a_line(world: World) -> None:
    paid(world, MUG=1, CUP=1)
    assert told(refund(world, lines=[back(world, "CUP")], shipping=True)) == (201, "succeeded", 800 + 490)
    with pytest.raises(MoreThanLeft):
        refund(world, "r2", lines=[back(world, "MUG")], shipping=True)
    assert money(world) == (2540, 1290, 0)
    assert told(refund(world, "r2", lines=[back(world, "MUG")])) == (201, "succeeded", 1250)
    assert (world.state, picture(world).ledger) == ("refunded", {})


def test_a_line_that_is_not_there_or_gone_is_refused(world: World) -> None:
    paid(world, MUG=1, BOOK=1)
    mug, other = back(world, "MUG"), line(world, "BOOK")
    for lines in (
        [mug, mug],
        [dataclasses.replace(mug, quantity=0)],
        [dataclasses.replace(mug, quantity=-1)],
        [dataclasses.replace(mug, line_id=world.order_id)],
        [back(world, "BOOK", 2)],
    ):
        with pytest.raises(NoSuchLine):
            refund(world, lines=lines)
    nothing_moved(world)
    assert told(refund(world, lines=[dataclasses.replace(mug, line_id=other)])) == (201, "succeeded", 900)


def test_two_equal_partial_refunds_are_two(world: World) -> None:
    """S-05, R-E3."""
    paid(world)
    first, second = refund(world, "one", amount_minor=1000), refund(world, "two", amount_minor=1000)
    assert (told(first), told(second)) == ((201, "succeeded", 1000),) * 2
    assert returned(world) == [(1000, "succeeded"), (1000, "succeeded")]
    hear(world)
    assert picture(world).refunds == [("requested", "succeeded", 1000)] * 2
    assert (money(world), picture(world).ledger) == ((TOTAL, 2000, 0), sold(640))
    assert picture(world).messages == ["order_paid", "refunded", "refunded"]


def test_however_it_goes_back_in_pieces_the_ledger_ends_empty(world: World) -> None:
    """R-S1: rounding is of the whole that went back, so that no cent of tax or sales remains."""
    paid(world)
    pieces = [1, 333, 7, 1299, 500, 500]
    assert sum(pieces) == TOTAL
    for number, piece in enumerate(pieces):
        refund(world, f"r{number}", amount_minor=piece)
    assert (world.state, picture(world).ledger, money(world)) == ("refunded", {}, (TOTAL, TOTAL, 0))


# -- What is refused --------------------------------------------------------------------------------------------------


def nothing_moved(world: World) -> None:
    """The order stands as it was paid, nobody was asked, and no key was used up."""
    end = picture(world)
    assert (end.order, end.ledger, end.refunds, money(world)) == ("paid", LEDGER, [], (TOTAL, 0, 0))
    assert returned(world) == []
    assert world.count("payments_operation", "kind = 'refund'") == 0
    assert world.count("idempotency_key", "subject = 'refund'") == 0


def test_more_than_was_captured_is_refused_and_nothing_moves(world: World) -> None:
    """S-47."""
    paid(world)
    with pytest.raises(MoreThanLeft) as no:
        refund(world, amount_minor=TOTAL + 1)
    assert no.value.extra == {"left_minor": TOTAL, "wanted_minor": TOTAL + 1, "currency": "EUR"}
    nothing_moved(world)


def test_another_currency_is_refused(world: World) -> None:
    """S-47."""
    paid(world)
    with pytest.raises(Refused, match="The payment is in EUR"):
        refund(world, amount_minor=100, currency="USD")
    nothing_moved(world)


def test_more_than_is_left_is_refused_and_nothing_left_is_a_conflict(world: World) -> None:
    """S-47, S-06."""
    paid(world)
    refund(world, amount_minor=2000)
    with pytest.raises(MoreThanLeft) as no:
        refund(world, "two", amount_minor=641)
    assert no.value.extra["left_minor"] == 640
    assert told(refund(world, "two")) == (201, "succeeded", 640)
    with pytest.raises(NothingLeft):
        refund(world, "three")
    with pytest.raises(NothingLeft):
        refund(world, "three", amount_minor=1)
    assert returned(world) == [(640, "succeeded"), (2000, "succeeded")]
    assert picture(world).refunds == [("requested", "succeeded", 2000), ("requested", "succeeded", 640)]


def test_an_order_that_was_not_paid_has_nothing_to_refund(world: World) -> None:
    world.place()
    with pytest.raises(NotRefundable):
        refund(world)
    assert (world.count("payments_refund"), world.state) == (0, "payment_pending")


# -- Answers that do not come, come late, or are no -------------------------------------------------------------------


def test_silence_is_not_an_answer_and_the_refund_is_found(world: World) -> None:
    """S-30, S-29: the provider has done it, and we are not told. 202, never a second one, and then what it was."""
    paid(world)
    world.gateway.mood_next(REFUND, "reset_after", times=2)
    assert told(refund(world)) == (202, "unknown", TOTAL)
    assert (world.state, picture(world).ledger, money(world)) == ("paid", LEDGER, (TOTAL, 0, 0))
    with pytest.raises(NothingLeft):
        refund(world, "another")
    world.recover()
    assert (world.state, picture(world).ledger) == ("refunded", {})
    assert told(refund(world)) == (201, "succeeded", TOTAL)
    assert returned(world) == [(TOTAL, "succeeded")]
    assert states(world, only_refund(world)) == ["intended", "unknown", "succeeded"]


@pytest.mark.parametrize("mood", ["timeout_before", "timeout_after", "error_after", "truncate", "fail_before"])
def test_a_bad_day_of_the_provider_is_one_refund(world: World, mood: str) -> None:
    """S-04, S-30, S-71: whatever the answer was, the same key, the same request, one refund."""
    paid(world)
    world.gateway.mood_next(REFUND, mood, times=2)
    assert told(refund(world, amount_minor=640)) in ((202, "unknown", 640), (201, "succeeded", 640))

    def ask_again() -> tuple[int, str, int]:
        world.recover()
        return told(refund(world, amount_minor=640))

    assert driving.until(ask_again, lambda said: said[0] == 201) == (201, "succeeded", 640)
    hear(world)
    assert returned(world) == [(640, "succeeded")]
    assert (picture(world).ledger, picture(world).refunds) == (WITHOUT_640, [("requested", "succeeded", 640)])


def test_a_refund_that_never_left_is_not_sent_and_never_pending(world: World) -> None:
    """S-48: the account's key cannot be used. Once it can, the refund is made."""
    paid(world)
    credentials(world, "sk_live_of_another_mode")
    assert told(refund(world)) == (202, "not_sent", TOTAL)
    assert (world.state, returned(world)) == ("paid", [])
    credentials(world, world.shop.secret_key)
    world.recover()
    assert told(refund(world)) == (201, "succeeded", TOTAL)
    assert states(world, only_refund(world)) == ["intended", "not_sent", "succeeded"]
    assert returned(world) == [(TOTAL, "succeeded")]


def credentials(world: World, secret_key: str) -> None:
    keys = {"secret_key": secret_key, "webhook_secrets": [build.WEBHOOK_SECRET], "api_base": world.gateway.url}
    setup.open_account(merchant_id=world.shop.id, provider="stripe", mode="test", credentials=keys, now=build.now())


@pytest.mark.parametrize("heard", ["by webhook", "by asking"])
def test_a_slow_refund_is_pending_until_the_provider_says_done(world: World, heard: str) -> None:
    """R-J2: nothing is booked, and nothing can be refunded twice, while it is on its way."""
    paid(world)
    world.gateway.mood_next("refund", "refund_pending")
    answer = refund(world)
    assert told(answer) == (201, "pending", TOTAL)
    assert (world.state, picture(world).ledger, money(world)) == ("paid", LEDGER, (TOTAL, 0, 0))
    with pytest.raises(NothingLeft):
        refund(world, "another")
    settle_refund(world, "succeeded")
    if heard == "by webhook":
        hear(world)
    else:
        world.recover()
    assert (world.state, picture(world).ledger) == ("refunded", {})
    assert refund(world) == answer  # byte for byte, as it was answered first
    assert states(world, only_refund(world)) == ["intended", "pending", "succeeded"]


def test_a_slow_refund_that_fails_gives_the_money_free_again(world: World) -> None:
    """R-J2."""
    paid(world)
    world.gateway.mood_next("refund", "refund_pending")
    refund(world, amount_minor=640)
    settle_refund(world, "failed")
    hear(world)
    end = picture(world)
    assert (end.order, end.ledger, end.refunds, end.cases) == (
        "paid", LEDGER, [("requested", "failed", 640)], ["refund_failed"],
    )  # fmt: skip
    assert told(refund(world, "again", amount_minor=TOTAL)) == (201, "succeeded", TOTAL)


def test_a_refund_that_the_provider_declines_failed_at_once_and_is_a_case(world: World) -> None:
    """S-64: what failed stays failed under its key, also when the money would be there; a new key is a new refund."""
    paid(world)
    at_the_dashboard(world, 2000)  # unheard, so that ours is more than the provider has left
    answer = refund(world, amount_minor=1000)
    assert told(answer) == (201, "failed", 1000)
    end = picture(world)
    assert (end.order, end.ledger, end.cases, end.messages) == ("paid", LEDGER, ["refund_failed"], ["order_paid"])
    ((error,),) = world.rows("SELECT error FROM payments_refund")
    assert "greater than unrefunded amount on charge (640)" in error
    settle_refund(world, "failed")  # the dashboard's bounces: the money is there again
    assert refund(world, amount_minor=1000) == answer
    assert returned(world) == [(2000, "failed")]
    assert told(refund(world, "new", amount_minor=1000)) == (201, "succeeded", 1000)
    assert returned(world) == [(1000, "succeeded"), (2000, "failed")]
    hear(world)
    assert picture(world).refunds == [
        ("requested", "failed", 1000), ("requested", "succeeded", 1000), ("provider", "failed", 2000),
    ]  # fmt: skip
    assert (money(world), picture(world).ledger) == ((TOTAL, 1000, 0), sold(TOTAL - 1000))


@pytest.mark.parametrize(("stage", "returns_to"), [("paid", "paid"), ("fulfilled", "fulfilled")])
@pytest.mark.parametrize("amount", [TOTAL, 640])
def test_a_refund_that_bounces_after_success_is_undone_and_is_a_case(
    world: World, stage: str, returns_to: str, amount: int
) -> None:
    """R-J2, R-C2: the ledger, the payment and the order go back to where they were."""
    reach(world, stage)
    refund(world, amount_minor=amount)
    assert world.state == ("refunded" if amount == TOTAL else "partially_refunded")
    settle_refund(world, "failed")
    hear(world)
    end = picture(world)
    assert (end.order, end.ledger, money(world)) == (returns_to, LEDGER, (TOTAL, 0, 0))
    assert (end.refunds, end.cases) == ([("requested", "failed", amount)], ["refund_failed"])
    assert end.facts == [("capture", TOTAL), ("refund", amount), ("refund_failed", amount)]
    assert told(refund(world, "again", amount_minor=amount)) == (201, "succeeded", amount)


def test_one_of_two_refunds_bounces_and_the_other_stands(world: World) -> None:
    """R-C2: refunded → partially_refunded only because a refund failed after success."""
    paid(world)
    refund(world, "one", amount_minor=640)
    first = world.gateway.books(world.shop.secret_key)["refunds"][0]["id"]
    refund(world, "two", amount_minor=2000)
    assert world.state == "refunded"
    world.gateway.control("POST", f"/refunds/{first}/settle", outcome="failed")
    hear(world)
    end = picture(world)
    assert (end.order, end.ledger, money(world)) == ("partially_refunded", sold(640), (TOTAL, 2000, 0))
    assert states(world)[-2:] == ["refunded", "partially_refunded"]


def test_our_refunds_webhook_before_the_reply_is_one_refund(world: World) -> None:
    """S-34."""
    paid(world)
    real, heard = questions._apply, []

    def overtaken(*said: Any, **more: Any) -> Any:
        heard.append(driving.hear(world.database, world.shop, world.gateway, "refund.created"))
        webhooks.work()
        assert picture(world).refunds == [("requested", "succeeded", TOTAL)]
        return real(*said, **more)

    world.patch.setattr(questions, "_apply", overtaken)
    assert told(refund(world)) == (201, "succeeded", TOTAL)
    assert len(heard) == 1
    hear(world)
    end = picture(world)
    assert (end.refunds, end.ledger, end.messages) == (
        [("requested", "succeeded", TOTAL)], {}, ["order_paid", "refunded"],
    )  # fmt: skip
    assert world.count("ledger_entry", "kind = 'refund'") == 1


# -- Refunds that we did not ask for ----------------------------------------------------------------------------------


def test_a_refund_in_the_dashboard_is_recorded_and_leaves_less(world: World) -> None:
    """R-J1, R-J2."""
    paid(world)
    at_the_dashboard(world, 640)
    hear(world)
    end = picture(world)
    assert (end.order, end.refunds, end.ledger, end.cases) == (
        "partially_refunded", [("provider", "succeeded", 640)], WITHOUT_640, [],
    )  # fmt: skip
    assert end.messages == ["order_paid", "refunded"]
    with pytest.raises(MoreThanLeft):
        refund(world, amount_minor=2001)
    assert told(refund(world)) == (201, "succeeded", 2000)
    assert (world.state, picture(world).ledger) == ("refunded", {})


@pytest.mark.parametrize("heard", ["charge.refunded", "refund.created", "charge.refunded, refund.created"])
def test_a_refund_in_the_dashboard_is_one_however_it_is_told(world: World, heard: str) -> None:
    """R-F7: the charge's event only says where to look, the refund's own says all."""
    paid(world)
    at_the_dashboard(world, 640)
    for type_ in heard.split(", "):
        hear(world, type_)
    assert (picture(world).refunds, picture(world).ledger) == ([("provider", "succeeded", 640)], WITHOUT_640)


def test_more_than_came_in_goes_back_in_the_dashboard_and_is_a_case(world: World) -> None:
    """R-J1: the provider's own excess is real: recorded, booked, and a person's to explain."""
    paid(world)
    refund(world)
    (event,) = driving.events(world.shop, world.gateway, "refund.created")
    more = driving.altered(event, id="re_excess", amount=300, metadata={})
    driving.receive(world.database, world.shop, more)
    apply(world)
    end = picture(world)
    assert (end.order, money(world), end.cases) == ("refunded", (TOTAL, TOTAL + 300, 0), ["refund_excess"])
    assert end.refunds == [("requested", "succeeded", TOTAL), ("provider", "succeeded", 300)]
    assert end.ledger == {"customer_deposits": 300, "receivable:stripe": -300}


# -- Where the order goes, and what is taken back ---------------------------------------------------------------------

STAGES = ("paid", "fulfillment_pending", "partially_fulfilled", "fulfilled")


def reach(world: World, stage: str) -> None:
    """A paid order at one stage of being handed over."""
    paid(world, **({"MUG": 1} if stage == "fulfillment_pending" else {}))
    if stage != "paid":
        while fulfil.work():
            pass
    if stage == "fulfilled":
        world.ship()
    assert world.state == stage


@pytest.mark.parametrize(
    ("stage", "ends", "revoked", "fulfilments"),
    [
        ("paid", "refunded", 0, ["download cancelled", "shipment cancelled"]),
        ("fulfillment_pending", "cancelled_with_refund", 0, ["shipment cancelled"]),
        ("partially_fulfilled", "cancelled_with_refund", 1, ["download done", "shipment cancelled"]),
        ("fulfilled", "refunded", 1, ["download done", "shipment done"]),
    ],
)
def test_where_an_order_goes_when_all_of_its_money_went_back(
    world: World, stage: str, ends: str, revoked: int, fulfilments: list[str]
) -> None:
    """R-C2, R-H6: what was handed over as a code loses its validity, what was not never is."""
    reach(world, stage)
    refund(world)
    world.recover()
    end = picture(world)
    assert (end.order, end.revoked, end.fulfilments, end.ledger) == (ends, revoked, fulfilments, {})
    with pytest.raises(fulfil.NotShippable):
        ship_more(world)


def ship_more(world: World) -> None:
    use = build.use("more", scope="merchant")
    assert world.order_id is not None
    fulfil.ship(merchant_id=world.shop.id, order_id=world.order_id, parts=None, tracking={}, use=use, now=build.now())


@pytest.mark.parametrize("stage", STAGES)
def test_where_an_order_goes_when_a_part_of_its_money_went_back(world: World, stage: str) -> None:
    """R-C2: from everywhere to partially_refunded, and on to refunded with the rest."""
    reach(world, stage)
    refund(world, amount_minor=640)
    assert (world.state, picture(world).revoked) == ("partially_refunded", 0)
    refund(world, "rest")
    assert (world.state, picture(world).ledger) == ("refunded", {})
    assert picture(world).revoked == (1 if stage in ("partially_fulfilled", "fulfilled") else 0)


def test_a_refunded_download_is_revoked_and_its_neighbour_is_not(world: World) -> None:
    """R-H6: one of two books, handed over before."""
    paid(world, BOOK=2)
    build.work()
    assert world.state == "fulfilled"
    refund(world, lines=[back(world, "BOOK")])
    end = picture(world)
    assert (end.order, end.revoked, end.refunds) == ("partially_refunded", 1, [("requested", "succeeded", 900)])
    world.recover()
    assert world.count("fulfilment_handover") == 2


def test_a_line_refunded_before_it_is_handed_over_leaves_the_rest_to_be_fulfilled(world: World) -> None:
    """R-C2, R-I2: the mug will never be sent; with the book the order is fulfilled."""
    paid(world)
    refund(world, lines=[back(world, "MUG", restock=True)], shipping=True)
    world.recover()
    end = picture(world)
    assert (end.order, end.fulfilments, end.stock) == ("fulfilled", ["download done", "shipment cancelled"], [(10, 0)])
    assert end.ledger == sold(900)


def test_a_place_on_a_tour_is_given_back_and_can_be_booked_again(world: World) -> None:
    """R-H5, R-K2."""
    paid(world, TOUR_ADULT=2)
    build.work()
    assert build.stock(world.shop, "TOUR-ADULT") == (8, 0)
    refund(world, lines=[back(world, "TOUR-ADULT", restock=True)])
    assert (build.stock(world.shop, "TOUR-ADULT"), picture(world).revoked) == ((9, 0), 1)
