"""Business time. The edges read it and pass it down; tests and drills move it with an offset."""

import os
from datetime import UTC, datetime, timedelta

#: Seconds added to this process's idea of now, and to the database's `holdfast_now()`. Only tests and drills set it.
OFFSET_S = float(os.environ.get("HOLDFAST_CLOCK_OFFSET_S", "0") or 0)


def now() -> datetime:
    """The current time in UTC, with the offset of this process."""
    return datetime.now(UTC) + timedelta(seconds=OFFSET_S)
