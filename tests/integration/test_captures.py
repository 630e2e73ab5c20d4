"""Money that is held first: taken whole or in part, declined, lapsed or let go of; once, whatever the provider says and when."""

import dataclasses
import json
from typing import Any

import pytest

from holdfast.flows import cancelling, questions, webhooks
from holdfast.flows.captures import MoreThanHeld, NotHeld
from holdfast.flows.expiry import NotCancellable
from holdfast.kernel.errors import Conflict, NotFound
from holdfast.providers import registry
from holdfast.providers.contract import Declined, Source
from tests import build
from tests.crash.world import LEDGER, TOTAL, World
from tests.integration import driving
from tests.integration.moneyback import CAPTURE, capture, hear, held, intent, money, outcome, picture, refund, told

#: Memorandum: held for us, and not ours.
HELD = {"authorized": TOTAL, "authorized_contra": -TOTAL}
#: 20.00 of the 26.40 were taken: every part of the sale is less in proportion.
PARTLY = {"receivable:stripe": 2000, "sales": -1368, "shipping_income": -312, "tax_payable": -320}


def taken(world: World) -> list[tuple[str, int]]:
    """What the gateway's books say: (how the PaymentIntent stands, captured)."""
    books = world.gateway.books(world.shop.secret_key)
    return [(each["status"], each["captured_minor"]) for each in books["payments"]]


def stands(world: World) -> tuple[str, str, dict[str, int]]:
    end = picture(world)
    return end.order, world.payment.state, end.ledger


def cancel(world: World, actor: str) -> Any:
    assert world.order_id is not None
    use = build.use("cancel", scope="order")
    return cancelling.cancel(merchant_id=world.shop.id, order_id=world.order_id, actor=actor, use=use, now=build.now())


def test_money_that_is_held_sells_nothing_yet(world: World) -> None:
    """R-D3: the account says that its money is taken later. Nothing is sold, and the stock is kept."""
    held(world)
    world.recover()
    end = picture(world)
    assert (end.order, end.payments, end.ledger) == ("payment_authorized", [("authorized", 0)], HELD)
    assert (end.facts, end.reservations, end.fulfilments, end.messages) == ([("authorization", TOTAL)], ["held"], [], [])
    assert (build.stock(world.shop), taken(world)) == ((10, 1), [("requires_capture", 0)])


def test_a_whole_capture_is_a_sale_like_any_other(world: World) -> None:
    """R-D3."""
    held(world)
    answer = capture(world)
    assert outcome(answer) == (201, "captured")
    assert json.loads(answer.body)["order"]["state"] == "paid"
    assert stands(world) == ("paid", "captured", LEDGER)
    hear(world)
    assert (capture(world), taken(world)) == (answer, [("succeeded", TOTAL)])
    assert picture(world).facts == [("authorization", TOTAL), ("capture", TOTAL)]
    world.recover()
    world.ship()
    assert world.state == "fulfilled"


@pytest.mark.parametrize("again", ["refunded whole", "refunded in two"])
def test_a_partial_capture_adjusts_the_order_and_sells_in_proportion(world: World, again: str) -> None:
    """R-D3, R-D5: what was not taken is let go of, and only what was taken can be refunded."""
    held(world)
    assert outcome(capture(world, 2000)) == (201, "captured")
    assert stands(world) == ("paid", "captured", PARTLY)
    assert world.rows("SELECT amount_minor FROM orders_adjustment") == [(-640,)]
    assert (money(world), taken(world)) == ((2000, 0, 0), [("succeeded", 2000)])
    hear(world)
    assert stands(world) == ("paid", "captured", PARTLY)
    if again == "refunded whole":
        assert told(refund(world)) == (201, "succeeded", 2000)
    else:
        assert told(refund(world, "one", amount_minor=777)) == (201, "succeeded", 777)
        assert world.state == "partially_refunded"
        assert told(refund(world, "two")) == (201, "succeeded", 1223)
    assert stands(world) == ("refunded", "captured", {})


def test_more_than_is_held_or_what_is_not_held_is_refused(world: World) -> None:
    """R-D3, S-47."""
    held(world)
    with pytest.raises(MoreThanHeld) as no:
        capture(world, TOTAL + 1)
    assert no.value.extra == {"held_minor": TOTAL, "currency": "EUR"}
    mine, world.payment_id = world.payment_id, world.order_id
    with pytest.raises(NotFound):
        capture(world)
    world.payment_id = mine
    assert (stands(world), taken(world)) == (("payment_authorized", "authorized", HELD), [("requires_capture", 0)])
    capture(world, 2000)
    with pytest.raises(NotHeld):
        capture(world, 640, key="the rest")
    assert taken(world) == [("succeeded", 2000)]


def test_a_capture_of_an_order_that_nobody_paid_is_refused(world: World) -> None:
    world.place()
    with pytest.raises(NotHeld):
        capture(world)
    assert world.count("payments_operation", "kind = 'capture'") == 0


# -- No ---------------------------------------------------------------------------------------------------------------


def decline_once(world: World) -> None:
    """The provider holds the money, and does not take it this time."""
    adapter = registry.provider("stripe")
    real, noes = adapter.capture, ["card_declined"]

    def capture_(**asked: Any) -> Any:
        if not noes:
            return real(**asked)
        money = asked["money"]
        stands = adapter.fetch(reference=money.reference, provider_id=money.provider_id, account=asked["account"])
        assert stands is not None
        raise Declined(dataclasses.replace(stands, source=Source.REPLY, raw_status=noes.pop()))

    world.patch.setattr(adapter, "capture", capture_)


def test_a_declined_capture_is_a_case_and_can_be_tried_again_with_another_key(world: World) -> None:
    """R-D3, R-C2: payment_authorized → capture_failed → paid."""
    held(world)
    decline_once(world)
    answer = capture(world)
    assert outcome(answer) == (201, "declined")
    assert stands(world) == ("capture_failed", "authorized", HELD)
    assert (picture(world).cases, build.stock(world.shop)) == (["capture_failed"], (10, 1))
    assert capture(world) == answer  # its key has its answer
    world.recover()
    assert taken(world) == [("requires_capture", 0)]
    assert outcome(capture(world, key="again")) == (201, "captured")
    assert (stands(world), taken(world)) == (("paid", "captured", LEDGER), [("succeeded", TOTAL)])
    assert world.count("payments_operation", "kind = 'capture'") == 2


def test_after_a_declined_capture_the_merchant_may_give_up(world: World) -> None:
    """R-C2: capture_failed → cancelled."""
    held(world)
    decline_once(world)
    capture(world)
    assert cancel(world, "merchant").status == 200
    assert (stands(world), taken(world)) == (("cancelled", "cancelled", {}), [("canceled", 0)])
    assert build.stock(world.shop) == (10, 0)


# -- The hold ends ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("found", ["by webhook", "by asking", "by the capture itself"])
def test_a_hold_that_lapses_ends_the_order(world: World, found: str) -> None:
    """R-C2, R-D3: the alarm of the provider rings after a week."""
    held(world)
    world.gateway.ring(intent(world))
    if found == "by webhook":
        hear(world)
    elif found == "by asking":
        world.recover()
    else:
        assert outcome(capture(world)) == (201, "declined")
    assert stands(world) == ("expired", "expired", {})
    assert (build.stock(world.shop), picture(world).reservations) == ((10, 0), ["expired"])
    assert picture(world).messages == ["payment_problem"]
    with pytest.raises(NotHeld):
        capture(world, key="too late")
    world.pay_again()
    assert world.state == "payment_pending"


def test_the_merchant_lets_go_of_held_money_by_cancelling(world: World) -> None:
    """R-D3, R-C2: a void. The customer's money is free, and the stock is too."""
    held(world)
    assert cancel(world, "merchant").status == 200
    assert (stands(world), taken(world)) == (("cancelled", "cancelled", {}), [("canceled", 0)])
    assert (build.stock(world.shop), picture(world).facts) == ((10, 0), [("authorization", TOTAL)])
    hear(world)
    assert stands(world) == ("cancelled", "cancelled", {})
    with pytest.raises(NotHeld):
        capture(world)


def test_a_shopper_may_not_let_go_of_held_money(world: World) -> None:
    """R-D3: the goods may be on their way."""
    held(world)
    with pytest.raises(NotCancellable):
        cancel(world, "shopper")
    assert (stands(world), taken(world)) == (("payment_authorized", "authorized", HELD), [("requires_capture", 0)])
    assert capture(world).status == 201


def test_what_was_captured_cannot_be_let_go_of(world: World) -> None:
    held(world)
    capture(world)
    with pytest.raises(NotCancellable):
        cancel(world, "merchant")
    assert stands(world) == ("paid", "captured", LEDGER)


# -- Answers that come late, or not at all ----------------------------------------------------------------------------


def test_the_webhook_before_the_reply_is_one_capture(world: World) -> None:
    """S-34's neighbour, S-03."""
    held(world)
    real = questions._apply

    def overtaken(*said: Any, **more: Any) -> Any:
        driving.hear(world.database, world.shop, world.gateway)
        webhooks.work()
        assert stands(world) == ("paid", "captured", PARTLY)
        return real(*said, **more)

    world.patch.setattr(questions, "_apply", overtaken)
    assert outcome(capture(world, 2000)) == (201, "captured")
    assert (stands(world), money(world)) == (("paid", "captured", PARTLY), (2000, 0, 0))
    assert world.count("ledger_entry", "kind IN ('capture', 'sale')") == 2


def test_silence_is_not_an_answer_and_the_capture_is_found(world: World) -> None:
    """S-29."""
    held(world)
    world.gateway.mood_next(CAPTURE, "reset_after", times=2)
    assert outcome(capture(world)) == (202, "pending")
    assert stands(world) == ("payment_authorized", "authorized", HELD)
    with pytest.raises(Conflict, match="under way"):
        capture(world, key="another")
    world.recover()
    assert (stands(world), taken(world)) == (("partially_fulfilled", "captured", LEDGER), [("succeeded", TOTAL)])
    assert outcome(capture(world)) == (201, "captured")


@pytest.mark.parametrize("mood", ["timeout_before", "timeout_after", "error_after", "truncate", "fail_before"])
def test_a_bad_day_of_the_provider_is_one_capture(world: World, mood: str) -> None:
    """S-29, S-71: taken once, and exactly as much as was asked for first."""
    held(world)
    world.gateway.mood_next(CAPTURE, mood, times=2)
    assert outcome(capture(world, 2000)) in ((202, "pending"), (201, "captured"))

    def ask_again() -> tuple[int, str]:
        world.recover()
        return outcome(capture(world, 2000))

    assert driving.until(ask_again, lambda said: said[0] == 201) == (201, "captured")
    hear(world)
    assert (stands(world), taken(world)) == (("partially_fulfilled", "captured", PARTLY), [("succeeded", 2000)])
