"""Nothing of a merchant can be changed here: not by a form, not by an address, not by a page that tried."""

import psycopg
import pytest
from django.db import InternalError

from holdfast.console.desk import at_desk
from holdfast.console.site import PAGES, console
from holdfast.orders.models import Order
from tests import build
from tests.console.staff import LISTS, Office


def everything(office: Office) -> dict[str, int]:
    """Transaction ids of the newest change of every table of a merchant: any write raises one."""
    tables = [row[0] for row in office.database.rows("SELECT relname FROM pg_class WHERE relkind = 'r' AND relrowsecurity")]
    return {name: office.database.value(f"SELECT coalesce(max(xmin::text::bigint), 0) FROM {name}") for name in tables}


def test_every_page_refuses_to_be_posted_to(office: Office) -> None:
    office.bought(MUG=1)
    before = everything(office)
    for path in [*LISTS, *office.things()]:
        for method in ("post", "put", "patch", "delete"):
            answer = getattr(office.client, method)(f"/console/{path}", {"state": "paid"})
            assert answer.status_code == 405, (method, path)
    assert everything(office) == before


@pytest.mark.parametrize("word", ["add/", "change/", "delete/", "history/", "export/"])
def test_there_is_no_address_to_add_change_or_delete(office: Office, word: str) -> None:
    office.bought(MUG=1)
    for path in [*LISTS, *office.things()]:
        assert office.client.get(f"/console/{path}{word}").status_code == 404
        assert office.client.post(f"/console/{path}{word}").status_code in (404, 405)
    assert console._registry == {}


def test_reading_every_page_writes_nothing(office: Office) -> None:
    office.bought(MUG=1, BOOK=1)
    before = everything(office)
    for path in [*LISTS, *office.things()]:
        office.get(path)
    assert everything(office) == before


def test_a_page_that_tried_to_write_would_be_refused_by_the_database(office: Office) -> None:
    order_id, _ = build.buy(office.shop, MUG=1)

    def vandal(desk: object, request: object) -> None:
        Order.objects.filter(pk=order_id).update(paid_at=None)

    request = office.client.get("/console/").wsgi_request
    with pytest.raises(InternalError) as caught:
        at_desk(vandal, context=console.each_context)(request)  # type: ignore[arg-type]
    assert isinstance(caught.value.__cause__, psycopg.errors.ReadOnlySqlTransaction)


def test_every_address_of_the_site_is_a_page_or_the_login(office: Office) -> None:
    names = {pattern.name for pattern in console.get_urls()}
    own = {"login", "logout", "password_change", "password_change_done", "choose_merchant"}
    assert names == own | {name for _, name, _ in PAGES}
