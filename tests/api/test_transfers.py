"""Transfers over HTTP: what a merchant's server brings, enters, confirms and decides."""

from typing import Any

import pytest

from holdfast.flows import setup
from holdfast.kernel import ids, limits
from holdfast.providers.transfer import reference
from tests import build
from tests.api.scene import Scene
from tests.integration.bank import BANK

#: A mug and its shipping.
TOTAL = 1740


@pytest.fixture
def order(scene: Scene) -> dict[str, Any]:
    """An order that is to be paid by transfer."""
    setup.open_account(merchant_id=scene.shop.id, provider="transfer", mode="test", credentials=BANK, now=build.now())
    path, shopper = scene.cart(MUG=1)
    told = shopper.post(f"{path}/checkout", scene.wish(provider="transfer"), idempotency_key="order")
    assert told.status == 201, told.body
    made: dict[str, Any] = told.json
    return made


def entry(order: dict[str, Any], **changes: Any) -> dict[str, Any]:
    said = {"amount_minor": TOTAL, "currency": "EUR", "paid_on": build.now().date().isoformat(), "by": "ada"}
    return {**said, "payment": order["payment"]["id"], **changes}


def file(order: dict[str, Any], *, amount: str = "17.40", bank_id: str = "T1") -> dict[str, Any]:
    text = reference.of(ids.parsed("pay", order["payment"]["id"]))
    content = f"id,date,amount,currency,payer,text\n{bank_id},{build.now().date()},{amount},EUR,=1+1,{text}\n"
    return {"format": "csv", "content": content, "by": "ada"}


def state(scene: Scene, order: dict[str, Any]) -> str:
    return str(scene.merchant.get(f"/v1/orders/{order['order']['id']}").json["state"])


def test_a_customer_is_shown_where_to_transfer_to(order: dict[str, Any]) -> None:
    shown = order["payment"]["show"]["transfer"]
    assert (order["payment"]["url"], shown["iban"], shown["amount"]) == ("", BANK["iban"], "17.40 EUR")
    assert reference.found_in(shown["reference"]) == [reference.of(ids.parsed("pay", order["payment"]["id"]))]


def test_a_statement_is_brought_and_its_answer_kept(scene: Scene, order: dict[str, Any]) -> None:
    told = scene.merchant.post("/v1/transfers/statements", file(order), idempotency_key="file")
    assert told.status == 200
    (line,) = told.json["lines"]
    assert (line["outcome"], line["payer"], line["amount_minor"], told.json["outgoing"]) == ("allocated", "=1+1", TOTAL, 0)
    assert state(scene, order) == "paid"
    assert scene.merchant.post("/v1/transfers/statements", file(order), idempotency_key="file").body == told.body
    again = scene.merchant.post("/v1/transfers/statements", file(order), idempotency_key="another")
    assert [each["outcome"] for each in again.json["lines"]] == ["known"]
    other = scene.merchant.post("/v1/transfers/statements", file(order, amount="1.00"), idempotency_key="file")
    assert other.refusal == (422, "key_reused")
    build.work()


def test_a_file_that_cannot_be_read_is_refused_with_its_line(scene: Scene, order: dict[str, Any]) -> None:
    for _ in range(2):  # a refusal keeps no key
        told = scene.merchant.post("/v1/transfers/statements", file(order, amount="a lot"), idempotency_key="file")
        assert (told.refusal, told.json["line"]) == ((422, "bad_statement"), 2)
    assert scene.merchant.get("/v1/transfers").json == {"transfers": [], "next": None}


def test_a_transfer_is_entered_confirmed_and_listed(scene: Scene, order: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ENTERED_ALONE_MINOR", TOTAL - 1)
    told = scene.merchant.post("/v1/transfers", entry(order), idempotency_key="in")
    assert (told.status, told.json["transfer"]["state"]) == (201, "unconfirmed")
    assert scene.merchant.post("/v1/transfers", entry(order), idempotency_key="in").body == told.body
    path = f"/v1/transfers/{told.json['transfer']['id']}"
    listed = scene.merchant.get("/v1/transfers?state=unconfirmed").json["transfers"]
    assert (listed, scene.merchant.get("/v1/transfers?state=allocated").json["transfers"]) == ([told.json["transfer"]], [])
    refused = scene.merchant.post(f"{path}/confirmation", {"by": "ADA"}, idempotency_key="yes")
    assert refused.refusal == (403, "same_person")
    for word in (1, 0, "no", None):  # only true and false say whether money came in
        said = {"by": "bob", "came_in": word}
        assert scene.merchant.post(f"{path}/confirmation", said, idempotency_key="what?").refusal == (422, "unacceptable_values")
    assert scene.merchant.get(path).json["transfer"]["state"] == "unconfirmed"
    confirmed = scene.merchant.post(f"{path}/confirmation", {"by": "bob"}, idempotency_key="yes, bob")
    assert (confirmed.status, confirmed.json["transfer"]["state"], state(scene, order)) == (200, "allocated", "paid")
    assert scene.merchant.get(path).json == confirmed.json
    build.work()


def test_what_fits_nothing_is_allocated_returned_or_dismissed(scene: Scene, order: dict[str, Any]) -> None:
    names = iter("abcdefgh")

    def unmatched() -> str:
        told = scene.merchant.post("/v1/transfers", entry(order, payment=None), idempotency_key=next(names))
        assert told.json["transfer"]["state"] == "unmatched"
        return f"/v1/transfers/{told.json['transfer']['id']}"

    for word, said, ends in (
        ("return", {"by": "bob", "note": "sent back"}, "returned"),
        ("dismissal", {"by": "bob"}, "ignored"),
        ("allocation", {"by": "bob", "payment": order["payment"]["id"]}, "allocated"),
    ):
        path = unmatched()
        told = scene.merchant.post(f"{path}/{word}", said, idempotency_key=next(names))
        assert (told.status, told.json["transfer"]["state"]) == (200, ends)
    assert scene.merchant.post(f"{path}/return", {"by": "bob"}, idempotency_key="late").refusal == (409, "decided")
    build.work()


def test_a_refund_is_paid_out_by_hand(scene: Scene, order: dict[str, Any]) -> None:
    scene.merchant.post("/v1/transfers", entry(order), idempotency_key="in")
    path = f"/v1/orders/{order['order']['id']}/refunds"
    asked = scene.merchant.post(path, {"amount_minor": 500}, idempotency_key="back")
    assert (asked.status, asked.json["refund"]["state"]) == (201, "pending")
    said = {"by": "ada", "paid_on": build.now().date().isoformat()}
    payout = f"{path}/{asked.json['refund']['id']}/payout"
    told = scene.merchant.post(payout, said, idempotency_key="out")
    assert (told.status, told.json["refund"]["state"]) == (200, "succeeded")
    assert scene.merchant.post(payout, said, idempotency_key="out").body == told.body
    assert scene.merchant.post(payout, said, idempotency_key="twice").refusal == (409, "already_paid_out")
    build.work()


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_minor": 0},
        {"amount_minor": -1},
        {"amount_minor": 1.5},
        {"amount_minor": "1740"},
        {"amount_minor": True},
        {"currency": "euro"},
        {"currency": "USD"},
        {"paid_on": "yesterday"},
        {"paid_on": "2099-01-01"},
        {"by": " "},
        {"payment": "pay_1"},
        {"text": "\x00"},
        {"confirmed_by": "bob"},
    ],
)
def test_a_bad_entry_is_refused_and_nothing_is_recorded(scene: Scene, order: dict[str, Any], changes: dict[str, Any]) -> None:
    told = scene.merchant.post("/v1/transfers", entry(order, **changes), idempotency_key="in")
    assert told.status == 422
    assert scene.merchant.get("/v1/transfers").json["transfers"] == []


def test_transfers_are_a_secret_keys_business(scene: Scene, order: dict[str, Any]) -> None:
    refusal = (403, "secret_key_needed")
    assert scene.shopper.get("/v1/transfers").refusal == refusal
    assert scene.shopper.post("/v1/transfers", entry(order), idempotency_key="in").refusal == refusal
    assert scene.shopper.post("/v1/transfers/statements", file(order), idempotency_key="f").refusal == refusal
    assert scene.merchant.post("/v1/transfers", entry(order)).status == 400
    assert scene.merchant.get(f"/v1/transfers/trf_{'0' * 32}").status == 404
