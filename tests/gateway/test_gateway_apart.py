"""What needs no process: that the gateway shares nothing with the engine, and its pure parts."""

import ast
from pathlib import Path

import pytest

from holdfast.gateway import cards, forms, markup, signing
from holdfast.gateway.balance import card_fee
from holdfast.gateway.errors import ApiError
from holdfast.gateway.moods import Moods

HOUSE = Path(__file__).parents[2] / "holdfast" / "gateway"


def test_gateway_imports_nothing_of_the_engine():
    for path in HOUSE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.split(".")[0] not in ("django", "stripe"), path
                assert not name.startswith("holdfast") or name.startswith("holdfast.gateway"), path


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("a[b][0][c]=x&a[b][1][c]=y", {"a": {"b": [{"c": "x"}, {"c": "y"}]}}),
        ("types%5B0%5D=x&created%5Bgte%5D=5", {"types": ["x"], "created": {"gte": "5"}}),
        ("expand[]=a&expand[]=b", {"expand": ["a", "b"]}),
        ("metadata[k]=", {"metadata": {"k": ""}}),
        ("name=%C3%A9+%26", {"name": "é &"}),
        ("", {}),
    ],
)
def test_forms_become_trees(text, tree):
    assert forms.decode(text) == tree


@pytest.mark.parametrize("text", ["a[b=1", "[a]=1", "a=1&a[b]=2"])
def test_malformed_forms_are_refused(text):
    with pytest.raises(ApiError) as refused:
        forms.decode(text)
    assert (refused.value.status, refused.value.kept) == (400, False)


def test_magic_numbers_are_real_card_numbers():
    for card in cards.ALL:
        digits = [int(digit) for digit in card.number[::-1]]
        doubled = [sum(divmod(digit * 2, 10)) for digit in digits[1::2]]
        assert (sum(digits[::2]) + sum(doubled)) % 10 == 0, card.number
    assert len(cards.BY_NUMBER) == len(cards.ALL) == 13


@pytest.mark.parametrize(("amount", "fee"), [(1, 30), (1999, 88), (10_000, 320), (50, 31)])
def test_fees(amount, fee):
    assert card_fee(amount) == fee


@pytest.mark.parametrize(
    ("minor", "currency", "shown"), [(5, "usd", "USD 0.05"), (123456, "eur", "EUR 1,234.56"), (1, "kwd", "KWD 0.001")]
)
def test_amounts_are_shown_in_major_units(minor, currency, shown):
    assert markup.amount(minor, currency) == shown


def test_ordered_mood_comes_before_chance_and_only_for_its_operation():
    moods = Moods(1)
    moods.set_probability("fail_before", 1.0, "GET /a")
    moods.order(operation="GET /a", mood="truncate", times=1, seconds=None)
    assert [mood.name for mood in moods.for_request("GET /b")] == []
    assert [mood.name for mood in moods.for_request("GET /a")] == ["truncate"]
    assert [mood.name for mood in moods.for_request("GET /a")] == ["fail_before"]


def test_one_operations_chances_do_not_depend_on_the_others():
    def series(noise: bool) -> list[int]:
        moods = Moods(5)
        moods.set_probability("fail_before", 0.5)
        drawn = []
        for _ in range(30):
            if noise:
                moods.for_request("GET /b")
            drawn.append(len(moods.for_request("GET /a")))
        return drawn

    assert series(noise=False) == series(noise=True)


def test_forgery_raises_every_amount_and_changes_the_id():
    event = {"id": "evt_0123456789", "data": {"object": {"amount": 5, "items": [{"amount_total": 1}], "created": 2}}}
    forged = signing.forged(event)
    assert forged["data"]["object"] == {"amount": 100_005, "items": [{"amount_total": 100_001}], "created": 2}
    assert forged["id"] != event["id"]
