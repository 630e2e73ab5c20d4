"""The reference of a transfer: one mistyped or swapped character is never another reference (R-D5)."""

import random
import string
from uuid import UUID

import pytest

from holdfast.kernel.ids import new_id
from holdfast.providers.transfer import reference

PAYMENT = UUID("018f6e5c-9b7a-7c3d-8e1f-2a3b4c5d6e7f")
REFERENCE = "RF97YJFNVMVJFHDP"
SOME = [reference.of(UUID(int=number)) for number in range(40)]


def test_it_is_always_the_same_and_reads_in_groups_of_four():
    assert reference.of(PAYMENT) == REFERENCE
    assert reference.grouped(REFERENCE) == "RF97 YJFN VMVJ FHDP"


def test_it_is_a_creditor_reference_of_iso_11649():
    """Letters are 10 to 35, the first four characters stand last, and the number is 1 modulo 97."""
    for each in SOME:
        moved = each[4:] + each[:4]
        assert int("".join(str(string.digits.find(c) if c.isdigit() else ord(c) - 55) for c in moved)) % 97 == 1


def test_the_standards_own_example_and_an_iban_hold():
    assert reference._number("539007547034RF18") % 97 == 1
    assert reference.is_iban("DE89 3704 0044 0532 0130 00")
    assert not reference.is_iban("DE88 3704 0044 0532 0130 00")
    assert not reference.is_iban("")


def test_many_payments_have_many_references():
    assert len({reference.of(new_id()) for _ in range(20_000)}) == 20_000


@pytest.mark.parametrize("given", SOME)
def test_every_single_substitution_is_detected(given):
    for at in range(len(given)):
        for letter in set(string.ascii_uppercase + string.digits) - {given[at]}:
            assert reference.found_in(given[:at] + letter + given[at + 1 :]) == []


@pytest.mark.parametrize("given", SOME)
def test_every_swap_of_neighbours_is_detected(given):
    for at in range(len(given) - 1):
        one, other = given[at], given[at + 1]
        if one != other:
            assert reference.found_in(given[:at] + other + one + given[at + 2 :]) == []


@pytest.mark.parametrize(
    "text",
    [
        REFERENCE,
        "rf97yjfnvmvjfhdp",
        "RF97 YJFN VMVJ FHDP",
        "Rechnung/RF97-YJFN-VMVJ-FHDP/danke",
        "SVWZ+ORDER RF97YJFN\nVMVJFHDP EREF+NOTPROVIDED",
        "MYRF97YJFNVMVJFHDPTHANKS",
        "ＲＦ９７ＹＪＦＮＶＭＶＪＦＨＤＰ",
        "RFRF97YJFNVMVJFHDP",
    ],
)
def test_it_is_found_anywhere_in_what_a_customer_wrote(text):
    assert reference.found_in(text) == [REFERENCE]


def test_several_are_told_in_their_order_and_each_once():
    other = reference.of(UUID(int=7))
    assert reference.found_in(f"{other} and {REFERENCE}, {other}") == [other, REFERENCE]


@pytest.mark.parametrize("text", ["", "RF", "RF97", "RF97YJFNVMVJFHD", "=HYPERLINK(1)", "\x00", "RF00BBBBBBBBBBBB", "😀" * 50])
def test_what_is_none_is_not_found(text):
    assert reference.found_in(text) == []


def test_check_digits_that_are_never_given_are_none():
    """97 and 00 are the same modulo 97: only one of them is a reference."""
    for number in range(3000):
        given = reference.of(UUID(int=number))
        twin = {"97": "00", "98": "01", "02": "99"}.get(given[2:4])
        if twin:
            assert reference.found_in(f"RF{twin}{given[4:]}") == []


def test_noise_names_nothing():
    dice = random.Random(7)
    noise = "".join(dice.choices(string.ascii_letters + string.digits + " ", k=200_000))
    assert reference.found_in(noise) == []
