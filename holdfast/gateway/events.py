"""Events: stored with the change that they tell of, then put on their way to the account's endpoints."""

import copy

from holdfast.gateway import ids
from holdfast.gateway.call import API_VERSION, NOBODY, Call, Operation
from holdfast.gateway.lists import page
from holdfast.gateway.params import LISTED, boolean, many, text
from holdfast.gateway.tx import Tx

# Of the future, for receivers that must stay calm.
UNKNOWN_TYPE = "payment_intent.settlement_rerouted"
UNKNOWN_STATUS = "rerouted"


def emit(
    tx: Tx,
    *,
    account: str,
    type_: str,
    obj: dict,
    request: dict = NOBODY,
    previous: dict | None = None,
    mute: bool = False,
) -> dict:
    """Record that something happened and queue its deliveries. `mute` records it but tells nobody."""
    endpoints = [] if mute else _listeners(tx, account, type_)
    event = tx.add(_event(tx, account, type_, obj, request, previous, len(endpoints)), account=account)
    moods = tx.world.moods.for_webhook(type_) if endpoints else []
    for endpoint in endpoints:
        _send(tx, event, endpoint, moods)
    for mood in moods:
        tx.world.count_mood(mood.name, type_)
        if mood.name == "webhook_duplicate_other_id":
            _emit_twin(tx, account, {**event, "id": ids.new("evt")}, endpoints)
        if mood.name == "unknown_event":
            twin = {**event, "id": ids.new("evt"), "type": UNKNOWN_TYPE}
            _emit_twin(tx, account, twin, endpoints)
        if mood.name == "unknown_status":
            data = {"object": {**obj, "status": UNKNOWN_STATUS}}
            twin = {**event, "id": ids.new("evt"), "type": f"{obj['object']}.updated", "data": data}
            _emit_twin(tx, account, twin, endpoints)
    tx.world.wake_deliveries()
    return event


def queue(tx: Tx, event: str, endpoint: str, *, after_s: float = 0, variant: str = "genuine", skew_s: float = 0):
    tx.execute(
        "INSERT INTO deliveries (event, endpoint, variant, skew_s, due_at) VALUES (?, ?, ?, ?, ?)",
        [event, endpoint, variant, int(skew_s), tx.now + after_s],
    )


def _send(tx: Tx, event: dict, endpoint: str, moods: list) -> None:
    told = {mood.name: mood for mood in moods}
    if "webhook_drop" in told:
        return
    after_s = told["webhook_delay"].seconds if "webhook_delay" in told else 0
    if "webhook_reorder" in told:
        after_s += tx.world.moods.somewhere_within(told["webhook_reorder"].seconds)
    skew_s = told["clock_skew"].seconds if "clock_skew" in told else 0
    copies = 2 if "webhook_duplicate" in told else 1
    for _ in range(copies):
        queue(tx, event["id"], endpoint, after_s=after_s, skew_s=skew_s)
    if "webhook_forge" in told:
        queue(tx, event["id"], endpoint, after_s=after_s, variant="forged")


def _emit_twin(tx: Tx, account: str, event: dict, endpoints: list[str]) -> None:
    tx.add(event, account=account)
    for endpoint in endpoints:
        queue(tx, event["id"], endpoint)


def _listeners(tx: Tx, account: str, type_: str) -> list[str]:
    endpoints = tx.find("webhook_endpoint", account=account)
    return [
        endpoint["id"]
        for endpoint in endpoints
        if endpoint["status"] == "enabled" and {"*", type_} & set(endpoint["enabled_events"])
    ]


def _event(tx: Tx, account: str, type_: str, obj: dict, request: dict, previous: dict | None, endpoints: int) -> dict:
    data = {"object": copy.deepcopy(obj)}
    if previous is not None:
        data["previous_attributes"] = previous
    return {
        "id": ids.new("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": int(tx.now),
        "data": data,
        "livemode": tx.livemode(account),
        "pending_webhooks": endpoints,
        "request": request,
        "type": type_,
    }


def retrieve(tx: Tx, call: Call) -> dict:
    return tx.get("event", call.id, account=call.account)


def list_(tx: Tx, call: Call) -> dict:
    types = [*call.values.get("types", []), *([call.values["type"]] if call.values.get("type") else [])]
    where, values = "", []
    if types:
        where, values = "(" + " OR ".join("type GLOB ?" for _ in types) + ")", types
    if "delivery_success" in call.values:
        wanted = "NOT EXISTS" if call.values["delivery_success"] else "EXISTS"
        undelivered = f"{wanted} (SELECT 1 FROM deliveries WHERE event = objects.id AND state != 'delivered')"
        where = f"{where} AND {undelivered}" if where else undelivered
    return page(tx, call, "event", where=where, values=values)


OPERATIONS = [
    Operation(
        "GET", "/v1/events", list_, {**LISTED, "type": text(), "types": many(text(), most=20), "delivery_success": boolean}
    ),
    Operation("GET", "/v1/events/{id}", retrieve),
]
