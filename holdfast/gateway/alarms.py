"""What happens of its own accord when its time has come."""

import asyncio
import logging

from holdfast.gateway import disputes, intents, payments, refunds, sessions
from holdfast.gateway.mercadopago import later
from holdfast.gateway.mercadopago.store import ALARM
from holdfast.gateway.pix import returns as pix_returns
from holdfast.gateway.tx import Tx, kind_of

EVERY_S = 0.1  # Delays are told in seconds; a tenth is exact enough.

log = logging.getLogger(__name__)


async def run(world) -> None:
    """Until cancelled. Due rows that a kill left behind go off at the next start."""
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            if await world.books.read(_due):
                await world.books.write(ring)
            await world.books.flush_counts()
        except Exception:
            log.exception("alarms failed; they stay due")


def _due(tx: Tx) -> list:
    return tx.execute("SELECT * FROM alarms WHERE due_at <= ? ORDER BY due_at LIMIT 100", [tx.now]).fetchall()


def ring(tx: Tx) -> None:
    for row in _due(tx):
        go_off(tx, row["object"], row["action"])


def ring_now(tx: Tx, object_id: str) -> list[str]:
    """All of an object's alarms, as if their time had come."""
    rows = tx.execute("SELECT action FROM alarms WHERE object = ?", [object_id]).fetchall()
    for row in rows:
        go_off(tx, object_id, row["action"])
    return [row["action"] for row in rows]


def go_off(tx: Tx, object_id: str, action: str) -> None:
    tx.stop_alarm(object_id, action)
    if object_id.startswith(ALARM):
        return later.go_off(tx, object_id, action)
    if action.startswith("pix_"):
        return pix_returns.go_off(tx, object_id, action)
    obj = tx.get(kind_of(object_id), object_id)
    account = tx.account_of(object_id)
    if action == "expire" and obj["status"] == "open":
        sessions.end(tx, obj, account=account)
    elif action in ("settle", "fail"):
        payments.settle(tx, obj, account=account, succeeded=action == "settle")
    elif action == "lapse" and obj["status"] == "requires_capture":
        intents.lapse(tx, obj, account=account)
    elif action in ("refund_succeeds", "refund_fails"):
        refunds.settle(tx, obj, account=account, succeeded=action == "refund_succeeds")
    elif action == "dispute":
        disputes.open_(tx, obj, account=account)
    elif action == "dashboard_refund" and not obj["disputed"] and not obj["amount_refunded"]:
        refunds.add(tx, obj, account=account, amount=None)
