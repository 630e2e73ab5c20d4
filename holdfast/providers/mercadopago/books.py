"""Mercado Pago's payments of a span of time, with their fees, refunds and disputes as they stand now.

https://www.mercadopago.com.br/developers/en/reference/online-payments/checkout-api-payments/search-payments/get
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from holdfast.providers.contract import AccountHandle, Kind, ProviderReport, Unknown
from holdfast.providers.mercadopago import reading, searching
from holdfast.providers.mercadopago.fields import moment, reference, string
from holdfast.providers.mercadopago.request import written

#: Of one payment: what says something of money. How an attempt without money stands is not in the books.
OF_MONEY = frozenset([Kind.CAPTURED, Kind.AUTHORIZED, Kind.UNREADABLE])


def statement(*, since: datetime, until: datetime, account: AccountHandle) -> Iterator[ProviderReport]:
    """Every payment of ours that changed in the span, oldest change first. Raises NotSent, Unknown."""
    for row in changed(account, since=since, until=until):
        if reference(row) is None:
            continue
        body = searching.shown(row, account)
        reports = reading.of_books(body, account=account, chargebacks=searching.cases_of(body, account))
        if reports[0].kind in OF_MONEY:
            yield from reports


def changed(account: AccountHandle, *, since: datetime, until: datetime) -> Iterator[Mapping[str, Any]]:
    """The rows of a search by the time of the last change.

    A payment that changes meanwhile moves to the end and shifts the others, so pages are not counted: each begins at the last
    row's time, and what was seen is left out.
    """
    begin, offset = written(since), 0
    seen: set[str] = set()
    while True:
        page = _page(account, begin=begin, end=written(until), offset=offset)
        fresh = [row for row in page.rows if str(row.get("id")) not in seen]
        seen.update(str(row.get("id")) for row in fresh)
        yield from fresh
        if page.is_last(offset=offset):
            return
        last = string(page.rows[-1].get("date_last_updated"))
        if moment(last) is None:
            raise Unknown("The next page of Mercado Pago's payments cannot be asked for: its last row has no time.")
        begin, offset = (begin, offset + len(page.rows)) if last == begin else (last, 0)


def _page(account: AccountHandle, *, begin: str, end: str, offset: int) -> searching.Page:
    filters = {
        "range": "date_last_updated",
        "begin_date": begin,
        "end_date": end,
        "sort": "date_last_updated",
        "criteria": "asc",
        "limit": searching.PAGE,
        "offset": offset,
    }
    return searching.page(account, lambda sdk, options: sdk.payment().search(filters, options), "results")
