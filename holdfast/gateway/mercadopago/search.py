"""Searches. A search tells less of each thing than the thing itself, and its index may be a little behind.

https://www.mercadopago.com.br/developers/en/reference/online-payments/checkout-api-payments/search-payments/get
"""

import json

from holdfast.gateway import shapes
from holdfast.gateway.mercadopago import store, words
from holdfast.gateway.mercadopago.api import Call, Operation
from holdfast.gateway.mercadopago.problems import invalid
from holdfast.gateway.tx import Tx

USUAL, MOST = 30, 1000
DATES = ("date_created", "date_last_updated", "date_approved", "money_release_date")
#: What is told of a payment only when it is asked for by its id.
NOT_TOLD = ("refunds", "fee_details", "charges_details", "point_of_interaction", "accounts_info", "order")
#: What is told of a preference where others are found with it.
TOLD = shapes.words(
    "id client_id collector_id date_created expiration_date_from expiration_date_to expires external_reference last_updated"
    " marketplace operation_type site_id"
)


def payments(tx: Tx, call: Call) -> dict:
    query = call.query
    found = [row for row in _rows(tx, store.PAYMENT, call) if _matches(row, query)]
    order = query.get("sort", "date_created")
    if order not in DATES or query.get("criteria", "desc") not in ("asc", "desc"):
        raise invalid("Invalid sort or criteria", 8)
    found.sort(key=lambda each: words.time_of(each[order]) or 0, reverse=query.get("criteria", "desc") == "desc")
    limit, offset = _page(query)
    shown = [{name: value for name, value in each.items() if name not in NOT_TOLD} for each in found[offset : offset + limit]]
    return {"paging": {"total": len(found), "limit": limit, "offset": offset}, "results": shown}


def _matches(payment: dict, query: dict) -> bool:
    if any(str(payment[name]) != query[name] for name in ("id", "status", "external_reference") if name in query):
        return False
    if "range" not in query:
        return True
    if query["range"] not in DATES:
        raise invalid("Invalid range", 8)
    begin, end = (words.time_of(query.get(name)) for name in ("begin_date", "end_date"))
    if begin is None or end is None:
        raise invalid("Invalid begin_date or end_date", 8)
    at = words.time_of(payment[query["range"]])
    return at is not None and begin <= at <= end


def preferences(tx: Tx, call: Call) -> dict:
    reference = call.query.get("external_reference")
    found = [each for each in _rows(tx, store.PREFERENCE, call) if reference in (None, each["external_reference"])]
    limit, offset = _page(call.query)
    shown = [{name: each[name] for name in TOLD} for each in found[offset : offset + limit]]
    return {"elements": shown, "total": len(found), "next_offset": offset + len(shown)}


def chargebacks(tx: Tx, call: Call) -> dict:
    found = _rows(tx, store.CHARGEBACK, call)
    if "payment_id" in call.query:
        found = [each for each in found if call.query["payment_id"] in map(str, each["payments"])]
    limit, offset = _page(call.query)
    paging = {"total": len(found), "limit": limit, "offset": offset}
    return {"paging": paging, "results": found[offset : offset + limit]}


def _rows(tx: Tx, kind: str, call: Call) -> list[dict]:
    """By the account, newest first, as far as the index has come; of one external reference, where that is asked for."""
    where, values = "account = ? AND kind = ? AND created <= ?", [call.account, kind]
    values.append(tx.now - tx.world.moods.settings["mp_search_lag_s"])
    if "external_reference" in call.query:
        where, values = f"{where} AND reference = ?", [*values, call.query["external_reference"]]
    rows = tx.execute(f"SELECT body FROM mp_objects WHERE {where} ORDER BY seq DESC", values)
    return [json.loads(row["body"]) for row in rows]


def _page(query: dict) -> tuple[int, int]:
    limit, offset = str(query.get("limit", USUAL)), str(query.get("offset", 0))
    if not limit.isdecimal() or not offset.isdecimal() or int(limit) > MOST:
        raise invalid("Invalid limit or offset", 8)
    return int(limit), int(offset)


OPERATIONS = [
    Operation("GET", "/v1/payments/search", payments),
    Operation("GET", "/checkout/preferences/search", preferences),
    Operation("GET", "/v1/chargebacks/search", chargebacks),
]
