"""Identifiers: ordered, shown with a prefix, and read back without mercy."""

import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.kernel import ids
from holdfast.kernel.errors import NotFound

DAY = datetime(2026, 11, 21, tzinfo=UTC)


def test_an_id_is_a_uuid_of_version_7_and_of_the_rfc_variant():
    made = ids.new_id()
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"


def test_an_id_carries_its_millisecond():
    before = int(time.time() * 1000)
    made = ids.new_id()
    assert before <= made.int >> 80 <= int(time.time() * 1000)


def test_the_floor_of_an_instant_is_the_smallest_id_of_it():
    floor = ids.floor_id(DAY)
    assert floor == UUID("01a1fb67-1800-7000-8000-000000000000")
    assert floor.int >> 80 == int(DAY.timestamp() * 1000)
    assert ids.floor_id(DAY - timedelta(milliseconds=1)) < floor < ids.floor_id(DAY + timedelta(milliseconds=1))


def test_ids_differ():
    assert len({ids.new_id() for _ in range(1000)}) == 1000


@given(st.uuids())
def test_a_shown_id_is_read_back(value):
    assert ids.parsed("ord", ids.shown("ord", value)) == value


def test_an_id_is_shown_with_its_prefix():
    assert ids.shown("ord", UUID("019aa3b8-9000-7000-8000-00000000000a")) == "ord_019aa3b8900070008000" + "0" * 11 + "a"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ord",
        "ord_",
        "ord_1",
        "pay_019aa3b8900070008000000000000000",
        "019aa3b8900070008000000000000000",
        "ord_019aa3b8900070008000000000000000 ",
        "ord_019aa3b890007000800000000000000",
        "ord_019aa3b89000700080000000000000000",
        "ord_019aa3b8-9000-7000-8000-00000000",
        "ord_+19aa3b8900070008000000000000000",
        "ord_g19aa3b8900070008000000000000000",
        "ord_٠19aa3b8900070008000000000000000",
        "ord__19aa3b890007000800000000000000",
    ],
)
def test_anything_else_is_simply_not_there(text):
    with pytest.raises(NotFound):
        ids.parsed("ord", text)


def test_a_token_is_unguessable():
    assert len(ids.new_token()) == 43
    assert ids.new_token() != ids.new_token()


def test_a_readable_code_has_no_look_alikes():
    code = ids.readable_code(500)
    assert len(code) == 500
    assert not set(code) & set("01OILU")
    assert set(code) <= set(ids.READABLE)
