"""What Mercado Pago knows: payments, preferences and cases, by number or by our reference. Raises NotSent, Unknown.

A search tells less of a payment than the payment itself, and its index may be behind: what may have money is asked for by its
number.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mercadopago import SDK
from mercadopago.config import RequestOptions

from holdfast.providers.contract import AccountHandle, ProviderReport, Source, Unknown
from holdfast.providers.mercadopago.asking import Answer, Refusal, ask
from holdfast.providers.mercadopago.fields import Puzzling, mapping, number, reference, string
from holdfast.providers.mercadopago.reading import DEAD, of_payment

#: Rows of a page, and of a whole search before we give up rather than claim to have seen everything.
PAGE = 100
MOST = 1_000

Question = Callable[[SDK, RequestOptions], Answer]


def payment(id_: str, account: AccountHandle) -> Mapping[str, Any] | None:
    """None where this token is shown no such payment."""
    try:
        return mapping(ask(account, lambda sdk, options: sdk.payment().get(id_, options)))
    except Refusal as refusal:
        if refusal.status == 404:
            return None
        raise Unknown(f"Mercado Pago does not show payment {id_}: {refusal}") from refusal


def payment_of_chargeback(id_: str, account: AccountHandle) -> str | None:
    """The number of the payment that a case is about. None where this token is shown no such case."""
    try:
        case = mapping(ask(account, lambda sdk, options: sdk.chargeback().get(id_, options)))
    except Refusal as refusal:
        if refusal.status == 404:
            return None
        raise Unknown(f"Mercado Pago does not show chargeback {id_}: {refusal}") from refusal
    payments = case.get("payments")
    if not isinstance(payments, list) or not payments:
        raise Unknown(f"Chargeback {id_} names no payment.")
    return str(payments[0])


def preference(id_: str, account: AccountHandle) -> Mapping[str, Any]:
    """Mercado Pago forgets none. One that it does not know belongs to another token, and may be paid there."""
    try:
        return mapping(ask(account, lambda sdk, options: sdk.preference().get(id_, options)))
    except Refusal as refusal:
        raise Unknown(f"Mercado Pago does not show preference {id_} to this access token: {refusal}") from refusal


def payments_of(ours: str, account: AccountHandle) -> list[Mapping[str, Any]]:
    """All payments with our reference, as a search tells them."""
    filters = {"external_reference": ours, "sort": "date_created", "criteria": "asc"}
    found = every(account, lambda sdk, options, page: sdk.payment().search({**filters, **page}, options), "results")
    return [each for each in found if reference(each) == ours]


def preferences_of(ours: str, account: AccountHandle) -> list[str]:
    """The ids of all preferences with our reference, the newest first. Usually one: several where a repeated `open` made more."""
    filters = {"external_reference": ours}
    found = every(account, lambda sdk, options, page: sdk.preference().search({**filters, **page}, options), "elements")
    same = [each for each in found if reference(each) == ours and string(each.get("id"))]
    return [str(each["id"]) for each in sorted(same, key=lambda each: string(each.get("date_created")), reverse=True)]


def every(
    account: AccountHandle, question: Callable[[SDK, RequestOptions, dict[str, int]], Answer], name: str
) -> list[Mapping[str, Any]]:
    """All rows of a search, page by page. A page may be shorter than we ask for, so that only the total tells the end."""
    rows: list[Mapping[str, Any]] = []
    while len(rows) < MOST:
        offset = {"limit": PAGE, "offset": len(rows)}
        more = page(account, lambda sdk, options, offset=offset: question(sdk, options, offset), name)  # type: ignore[misc]
        rows += more.rows
        if more.is_last(offset=offset["offset"]):
            return rows
    raise Unknown(f"There are more than {MOST} of them to search through.")


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some rows of a search, and how many there are in all where it says so."""

    rows: list[Mapping[str, Any]]
    total: int | None

    def is_last(self, *, offset: int) -> bool:
        return not self.rows or (self.total is not None and offset + len(self.rows) >= self.total)


def page(account: AccountHandle, question: Question, name: str) -> Page:
    try:
        body = ask(account, question)
    except Refusal as refusal:
        raise Unknown(f"Mercado Pago refused the search: {refusal}") from refusal
    rows = mapping(body).get(name)
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise Unknown("Mercado Pago's answer is not a page of a search.")
    total = mapping(mapping(body).get("paging")).get("total", mapping(body).get("total"))
    return Page(rows=rows, total=total if type(total) is int else None)


def number_of(row: Mapping[str, Any]) -> str:
    """Of a payment in a search. Raises Unknown: without it the payment cannot be asked for."""
    try:
        return number(row)
    except Puzzling as odd:
        raise Unknown("Mercado Pago told of a payment without a number.") from odd


def report(body: Mapping[str, Any], *, account: AccountHandle, source: Source) -> ProviderReport:
    """The report in a payment, after its case was looked for where it was charged back."""
    return of_payment(body, account=account, source=source, chargebacks=cases_of(body, account))


def cases_of(body: Mapping[str, Any], account: AccountHandle) -> Sequence[object]:
    """The chargebacks of a payment: there is one, or a few."""
    if body.get("status") != "charged_back" or body.get("id") is None:
        return ()
    return page(account, lambda sdk, options: sdk.chargeback().search({"payment_id": body["id"]}, options), "results").rows


def told(rows: Sequence[Mapping[str, Any]], *, account: AccountHandle, source: Source) -> list[tuple[str, ProviderReport]]:
    """Each payment of a search with its status and its report; those that may have money are asked for by their number."""
    found = []
    for row in rows:
        body = row if row.get("status") in DEAD else shown(row, account)
        found.append((string(body.get("status")), report(body, account=account, source=source)))
    return found


def shown(row: Mapping[str, Any], account: AccountHandle) -> Mapping[str, Any]:
    """The payment itself, of which a search told."""
    body = payment(number_of(row), account)
    if not body:
        raise Unknown("Mercado Pago found a payment and does not show it.")
    return body
