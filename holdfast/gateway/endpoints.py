"""Webhook endpoints. https://docs.stripe.com/api/webhook_endpoints"""

from holdfast.gateway import ids
from holdfast.gateway.call import Call, Operation
from holdfast.gateway.lists import page
from holdfast.gateway.params import PAGE, boolean, many, metadata, text, url
from holdfast.gateway.tx import Tx

FIELDS = {
    "api_version": text(),
    "description": text(),
    "enabled_events": many(text(), most=500),
    "metadata": metadata,
    "url": url,
}


def create(tx: Tx, call: Call) -> dict:
    """The secret is shown in this answer and never again."""
    given = call.values
    secret = f"whsec_{ids.new('x', 32)[2:]}"
    endpoint = add(tx, account=call.account, url_=given["url"], secret=secret, events=given["enabled_events"])
    endpoint |= {name: given[name] for name in ("api_version", "description", "metadata") if name in given}
    tx.save(endpoint)
    return {**endpoint, "secret": secret}


def add(tx: Tx, *, account: str, url_: str, secret: str, events: list[str]) -> dict:
    endpoint: dict = {
        "id": ids.new("we"),
        "object": "webhook_endpoint",
        "api_version": None,
        "application": None,
        "created": int(tx.now),
        "description": None,
        "enabled_events": events,
        "livemode": tx.livemode(account),
        "metadata": {},
        "status": "enabled",
        "url": url_,
    }
    return tx.add(endpoint, account=account, private={"secret": secret})


def retrieve(tx: Tx, call: Call) -> dict:
    return tx.get("webhook_endpoint", call.id, account=call.account)


def list_(tx: Tx, call: Call) -> dict:
    return page(tx, call, "webhook_endpoint")


def update(tx: Tx, call: Call) -> dict:
    endpoint = retrieve(tx, call)
    given = dict(call.values)
    if "disabled" in given:
        endpoint["status"] = "disabled" if given.pop("disabled") else "enabled"
    return tx.save(endpoint | given)


def delete(tx: Tx, call: Call) -> dict:
    """What is still on its way to the endpoint stays there: nobody is left to receive it."""
    endpoint = retrieve(tx, call)
    remove(tx, endpoint["id"])
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


def remove(tx: Tx, id_: str) -> None:
    tx.execute("UPDATE deliveries SET state = 'dropped' WHERE endpoint = ? AND state = 'due'", [id_])
    tx.execute("DELETE FROM objects WHERE id = ?", [id_])


OPERATIONS = [
    Operation("POST", "/v1/webhook_endpoints", create, FIELDS, required=("url", "enabled_events")),
    Operation("GET", "/v1/webhook_endpoints", list_, PAGE),
    Operation("GET", "/v1/webhook_endpoints/{id}", retrieve),
    Operation("POST", "/v1/webhook_endpoints/{id}", update, {**FIELDS, "disabled": boolean}),
    Operation("DELETE", "/v1/webhook_endpoints/{id}", delete),
]
