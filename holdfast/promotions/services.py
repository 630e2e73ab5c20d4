"""Writes of promotions. Every caller holds a transaction; counters are locked in the order of their ids, before stock.

A redemption is reserved at checkout, redeemed by payment, released by failure or expiry, and can be reserved again for another
attempt or for late money. What is not counted is only told.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from holdfast.db import writes
from holdfast.db.moves import Cause, move
from holdfast.db.statements import run
from holdfast.kernel import limits
from holdfast.kernel.errors import Conflict
from holdfast.kernel.ids import new_id
from holdfast.promotions.models import Promotion, Redemption
from holdfast.promotions.states import REDEMPTION

#: First the rows in the order of their ids: the statement after it sees what the others had done who held them.
LOCK = "SELECT 1 FROM promotions_promotion WHERE id = ANY(%s::uuid[]) ORDER BY id FOR NO KEY UPDATE"
#: If each has one left, for all and for each customer, take one of all of them, else of none. Every row is locked already.
TAKE = """
  WITH wanted AS (
    SELECT p.id, (p.total_limit IS NULL OR p.reserved + p.redeemed < p.total_limit)
       AND (p.customer_limit IS NULL OR p.customer_limit > (
             SELECT count(*) FROM promotions_redemption r WHERE r.promotion_id = p.id AND r.customer_key = w.customer_key
                AND r.state <> 'released' AND r.order_id <> w.order_id
           )) AS free
      FROM unnest(%s::uuid[], %s::text[], %s::uuid[]) AS w (id, customer_key, order_id) JOIN promotions_promotion p USING (id))
  UPDATE promotions_promotion p SET reserved = p.reserved + 1 FROM wanted
   WHERE p.id = wanted.id AND (SELECT count(*) FILTER (WHERE free) = %s FROM wanted)
"""
#: Count a try; a window that is over begins anew. By the database's clock.
TRIED = """
  INSERT INTO promotions_tries AS t (id, merchant_id, who, began_at, count)
  SELECT v.id, v.merchant_id, v.who, holdfast_now(), 1 FROM unnest(%s::uuid[], %s::uuid[], %s::text[]) AS v (id, merchant_id, who)
  ON CONFLICT (merchant_id, who) DO UPDATE SET
    count = CASE WHEN t.began_at + make_interval(secs => %s) <= holdfast_now() THEN 1 ELSE least(t.count, 1000000) + 1 END,
    began_at = CASE WHEN t.began_at + make_interval(secs => %s) <= holdfast_now() THEN holdfast_now() ELSE t.began_at END
  RETURNING t.who, t.count, ceil(extract(epoch FROM t.began_at - holdfast_now()) + %s)::int
"""
#: Windows that were over for long.
SWEEP = """
  DELETE FROM promotions_tries WHERE id IN (
    SELECT id FROM promotions_tries WHERE began_at < holdfast_now() - make_interval(secs => %s)
     ORDER BY began_at LIMIT %s FOR UPDATE SKIP LOCKED)
"""


class UsedUp(Conflict):
    """An offer of this cart was used up a moment ago. Look at the new total and try again."""


class TooManyTries(Conflict):
    """Too many codes were tried. Wait a while."""

    status = 429

    def __init__(self, *, retry_after_s: int) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class Wanted:
    """A promotion that an order uses, with what it gives."""

    promotion_id: UUID
    gave_minor: int
    counted: bool


def announce(
    *,
    merchant_id: UUID,
    name: str,
    rules: dict[str, Any],
    now: datetime,
    code: str = "",
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    total_limit: int | None = None,
    customer_limit: int | None = None,
) -> Promotion:
    """A new promotion; the caller has checked its rules. One with a limit is counted."""
    row = Promotion(
        merchant_id=merchant_id,
        name=name,
        code=code,
        rules=rules,
        starts_at=starts_at,
        ends_at=ends_at,
        counted=total_limit is not None or customer_limit is not None,
        total_limit=total_limit,
        customer_limit=customer_limit,
        created_at=now,
    )
    writes.insert(row)
    return row


def reserve(
    *, merchant_id: UUID, order_id: UUID, wanted: Sequence[Wanted], customer_key: str, cause: Cause, now: datetime
) -> None:
    """Reserve one use of each for an order, all or none. Raises UsedUp when it is sent."""
    rows = [
        Redemption(
            merchant_id=merchant_id,
            order_id=order_id,
            promotion_id=each.promotion_id,
            customer_key=customer_key,
            gave_minor=each.gave_minor,
            counted=each.counted,
            moved=cause.as_json(),
            created_at=now,
        )
        for each in sorted(wanted, key=lambda each: each.promotion_id)
    ]
    _take(rows)
    writes.insert_all(rows)


def reserve_again(redemptions: Iterable[Redemption], *, cause: Cause) -> None:
    """Reserve what an order let go of, all or none (another attempt, or late money). Raises UsedUp."""
    rows = [row for row in redemptions if row.state == "released"]
    if rows:
        _take(rows)
        writes.send()  # the caller decides on the refusal
    for row in rows:
        move(row, "reserved", machine=REDEMPTION, cause=cause)


def redeem(redemptions: Iterable[Redemption], *, cause: Cause) -> None:
    """The order is paid. Safe to repeat."""
    for row in [row for row in redemptions if row.state == "reserved"]:
        move(row, "redeemed", machine=REDEMPTION, cause=cause)
        _count(row, reserved=-1, redeemed=1)


def release(redemptions: Iterable[Redemption], *, cause: Cause) -> None:
    """Let go of what an order reserved. Safe to repeat."""
    for row in [row for row in redemptions if row.state == "reserved"]:
        move(row, "released", machine=REDEMPTION, cause=cause)
        _count(row, reserved=-1, redeemed=0)


def count_try(*, merchant_id: UUID, cart_id: UUID, address: str) -> Callable[[], None]:
    """Count that somebody tries a code, by cart and by address. What is returned raises TooManyTries: after the commit."""
    allowed = {_who("cart", cart_id.hex): limits.CODE_TRIES}
    if address:
        allowed[_who("address", f"{merchant_id.hex}:{address}")] = limits.CODE_TRIES_OF_ADDRESS
    window_s = limits.CODE_WINDOW.total_seconds()
    who = sorted(allowed)  # two who wait for each other's row wait in one order
    run(SWEEP, [2 * window_s, limits.CODE_SWEEP])
    told = run(TRIED, [[new_id() for _ in who], [merchant_id] * len(who), who, window_s, window_s, window_s])
    waits = [int(wait) for name, count, wait in told.rows if count > allowed[name]]

    def judge() -> None:
        if waits:
            raise TooManyTries(retry_after_s=max(1, *waits))

    return judge


def _take(rows: Iterable[Redemption]) -> None:
    counted = [row for row in rows if row.counted]
    if counted:
        ids = [row.promotion_id for row in counted]
        writes.say(LOCK, ids)
        writes.say(
            TAKE,
            ids,
            [row.customer_key for row in counted],
            [row.order_id for row in counted],
            len(counted),
            refused=UsedUp,
        )


def _count(row: Redemption, **deltas: int) -> None:
    if row.counted:
        writes.add(Promotion, row.promotion_id, **deltas)


def _who(kind: str, value: str) -> str:
    return hashlib.sha256(f"{kind}:{value}".encode()).hexdigest()
