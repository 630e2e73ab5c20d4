"""Small sweeps: carts that nobody came back to, keys whose time is over, the partitions of the coming months."""

from collections.abc import Callable

from django.db import connection

from holdfast.carts import services as carts
from holdfast.db import due
from holdfast.db.due import Claim
from holdfast.db.moves import Cause
from holdfast.db.tenancy import unscoped, writing

#: Keys deleted by one sweep: a short transaction that an idle loop repeats.
SWEEP = 1_000
#: Partitions made ahead, in months.
MONTHS_AHEAD = 2


def work(*, stopping: Callable[[], bool] = due.never) -> int:
    """Abandon carts past their time, then sweep keys and make partitions. Returns how many rows were touched."""
    return due.each("carts", _abandon, stopping=stopping) + _sweep()


def _abandon(claim: Claim) -> None:
    with writing(claim.merchant_id, step="housekeeping.cart"):
        carts.abandon(claim.id, cause=Cause("nobody came back"))


def _sweep() -> int:
    with unscoped(), connection.cursor() as cursor:
        cursor.execute("SELECT holdfast_sweep_keys(%s), holdfast_payload_months(%s)", [SWEEP, MONTHS_AHEAD])
        keys, months = cursor.fetchone()
        return int(keys) + int(months)
