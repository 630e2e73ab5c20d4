"""Pages of a list, newest first, by cursor."""

import json

from holdfast.gateway.call import Call
from holdfast.gateway.tx import TITLES, Tx, missing

USUAL_LIMIT = 10
COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def page(tx: Tx, call: Call, kind: str, *, where: str = "", values: list | None = None, **columns) -> dict:
    """`{"object": "list", …}` of one kind. `columns` that are None do not filter."""
    conditions = ["account = ?", "kind = ?"]
    bound: list = [call.account, kind]
    for name, value in columns.items():
        if value is not None:
            conditions.append(f"{name} = ?")
            bound.append(value)
    for name, value in (call.values.get("created") or {}).items():
        conditions.append(f"created {COMPARISONS[name]} ?")
        bound.append(value)
    if where:
        conditions.append(where)
        bound += values or []
    order = "DESC"
    if after := call.values.get("starting_after"):
        conditions.append("seq < ?")
        bound.append(_seq(tx, call, kind, after, "starting_after"))
    if before := call.values.get("ending_before"):
        conditions.append("seq > ?")
        bound.append(_seq(tx, call, kind, before, "ending_before"))
        order = "ASC"
    limit = call.values.get("limit", USUAL_LIMIT)
    rows = tx.execute(
        f"SELECT body FROM objects WHERE {' AND '.join(conditions)} ORDER BY seq {order} LIMIT ?",
        [*bound, limit + 1],
    ).fetchall()
    data = [json.loads(row["body"]) for row in rows[:limit]]
    if order == "ASC":
        data.reverse()
    return listed(data, has_more=len(rows) > limit, url=call.path)


def listed(data: list[dict], *, url: str, has_more: bool = False) -> dict:
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def _seq(tx: Tx, call: Call, kind: str, id_: str, param: str) -> int:
    sql = "SELECT seq FROM objects WHERE id = ? AND account = ? AND kind = ?"
    row = tx.execute(sql, [id_, call.account, kind]).fetchone()
    if row is None:
        raise missing(TITLES[kind], id_, param)
    return row["seq"]
