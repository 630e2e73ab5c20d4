"""Payloads lie in the partition of their month, so that retention drops whole months (R-N4)."""

from datetime import UTC, datetime

import pytest

from holdfast.kernel.clock import now
from holdfast.kernel.ids import floor_id, new_id
from tests.laws.rows import Rows

WHERE = "SELECT tableoid::regclass::text FROM db_payload WHERE id = %s"


def month(moment: datetime, ahead: int = 0) -> datetime:
    index = moment.year * 12 + moment.month - 1 + ahead
    return datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC)


def partition(moment: datetime) -> str:
    return f"db_payload_{moment:%Y_%m}"


def test_a_payload_lies_in_the_partition_of_its_month(owner: Rows) -> None:
    payload_id = new_id()
    owner.insert("db_payload", id=payload_id)
    assert owner.value(WHERE, payload_id) == partition(now())


@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_a_month_begins_with_its_first_instant_in_utc(owner: Rows, ahead: int) -> None:
    first = floor_id(month(now(), ahead))
    owner.insert("db_payload", id=first)
    assert owner.value(WHERE, first) == partition(month(now(), ahead))


@pytest.mark.parametrize("moment", [datetime(2019, 5, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)])
def test_a_month_without_a_partition_lands_in_the_rest(owner: Rows, moment: datetime) -> None:
    owner.insert("db_payload", id=floor_id(moment))
    assert owner.value(WHERE, floor_id(moment)) == "db_payload_rest"


def test_the_application_makes_the_months_ahead_and_only_once(app: Rows) -> None:
    assert app.value("SELECT holdfast_payload_months(2)") == 0
    assert app.value("SELECT holdfast_payload_months(4)") == 2
    assert app.value("SELECT holdfast_payload_months(4)") == 0
    app.insert("db_payload", id=floor_id(month(now(), 4)))
    assert app.value(WHERE, floor_id(month(now(), 4))) == partition(month(now(), 4))


def test_a_month_that_the_rest_holds_already_stays_there(owner: Rows) -> None:
    """A worker that slept: nothing is lost and nothing breaks, the rows stay in the default partition."""
    owner.insert("db_payload", id=floor_id(month(now(), 3)))
    assert owner.value("SELECT holdfast_payload_months(3)") == 0
    assert owner.value(WHERE, floor_id(month(now(), 3))) == "db_payload_rest"


def test_a_payloads_partition_is_walled_when_it_is_new(owner: Rows) -> None:
    owner.execute("SELECT holdfast_payload_months(3)")
    name = partition(month(now(), 3))
    assert owner.value("SELECT has_table_privilege('holdfast_app', %s, 'SELECT')", name) is False
