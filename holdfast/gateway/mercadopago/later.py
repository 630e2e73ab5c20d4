"""What happens of its own accord when its time has come."""

from holdfast.gateway.mercadopago import chargebacks, outcomes, refunds, store
from holdfast.gateway.mercadopago.problems import Problem
from holdfast.gateway.tx import Tx


def go_off(tx: Tx, object_id: str, action: str) -> None:
    """`object_id` as alarms have it. What has come to another end meanwhile stays as it is."""
    id_ = object_id.removeprefix(store.ALARM)
    kind = store.REFUND if action in ("refund_succeeds", "refund_fails") else store.PAYMENT
    try:
        _do(tx, store.get(tx, kind, id_), action)
    except Problem:
        tx.world.count(f"mercadopago {action} came too late")


def _do(tx: Tx, obj: dict, action: str) -> None:
    if action == "expire":
        outcomes.cancel(tx, obj, detail="expired")
    elif action in ("settle", "fail"):
        outcomes.settle(tx, obj, succeeded=action == "settle")
    elif action in ("refund_succeeds", "refund_fails"):
        refunds.settle(tx, obj, succeeded=action == "refund_succeeds")
    elif action == "dispute":
        chargebacks.open_(tx, obj)
    elif action == "dashboard_refund" and not obj["refunds"]:
        refunds.add(tx, obj, account=store.account_of(tx, store.PAYMENT, obj["id"]))
