"""The database's clock in statements: leases, `due_at` and expiry compare with nothing else, because machines' clocks differ."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Func
from django.db.models.fields import DateTimeField


class DatabaseNow(Func):
    """The database's clock plus the test offset, and plus a pause."""

    output_field = DateTimeField()
    arity = 0

    def __init__(self, pause: timedelta = timedelta(0)) -> None:
        super().__init__()
        self.pause_s = pause.total_seconds()

    def as_sql(self, *_: Any, **__: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        return "(holdfast_now() + make_interval(secs => %s))", [self.pause_s]


def after(pause: timedelta) -> DatabaseNow:
    """`due_at` at this pause from the database's now."""
    return DatabaseNow(pause)


def database_now() -> datetime:
    """The database's clock, for comparing with a time that the database keeps: this machine's may differ."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT holdfast_now()")
        moment: datetime = cursor.fetchone()[0]
        return moment
