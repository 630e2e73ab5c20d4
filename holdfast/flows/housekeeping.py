"""Small sweeps: carts that nobody came back to, keys whose time is over, the partitions of the coming months."""

from datetime import datetime

from django.db import connection

from holdfast.carts import services as carts
from holdfast.db import due
from holdfast.db.moves import Cause
from holdfast.db.tenancy import unscoped, writing

#: Keys deleted by one sweep: a short transaction that an idle loop repeats.
SWEEP = 1_000
#: Partitions made ahead, in months.
MONTHS_AHEAD = 2


def work(*, now: datetime | None = None) -> int:
    """Abandon carts past their time, then sweep keys. Returns how many rows were touched."""
    claims = due.claim("carts")
    for claim in claims:
        with writing(claim.merchant_id, step="housekeeping.cart"):
            try:
                cart = carts.lock_active(claim.id)
            except carts.CartLocked:
                continue
            carts.abandon(cart, cause=Cause("nobody came back"))
    return len(claims) + _sweep()


def _sweep() -> int:
    with unscoped(), connection.cursor() as cursor:
        cursor.execute("SELECT holdfast_sweep_keys(%s), holdfast_payload_months(%s)", [SWEEP, MONTHS_AHEAD])
        keys, months = cursor.fetchone()
        return int(keys) + int(months)
