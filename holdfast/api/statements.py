"""A day's money by provider, from the ledger."""

from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from ninja import Field, Query, Router
from pydantic import BaseModel

from holdfast.api import problems
from holdfast.api.keys import SecretKey, merchant_id
from holdfast.api.problems import Problem
from holdfast.db.tenancy import reading
from holdfast.ledger import queries as ledger
from holdfast.merchants import queries as merchants

router = Router(tags=["Statements"], auth=SecretKey())


OneDay = Annotated[date, Query(ge=date(2000, 1, 1), le=date(2100, 1, 1), description="In the merchant's time zone.")]


class Statement(BaseModel):
    """Minor units of `currency`. `net_minor`: by how much more the provider owes than before."""

    provider: str
    currency: str
    captured_minor: int
    unapplied_minor: int = Field(description="Money that fits nothing that was asked for.")
    refunded_minor: int
    disputed_minor: int = Field(description="Withdrawn by disputes, less what they returned.")
    fees_minor: int
    net_minor: int


class Day(BaseModel):
    """`since` and `until` are the day's bounds where the merchant is. A day that is over does not change any more."""

    day: date
    since: datetime
    until: datetime
    statements: list[Statement]


@router.get(
    "",
    response={200: Day, problems.READ | problems.SECRET: Problem},
    operation_id="getStatements",
    summary="A day's money by provider",
)
def get_statements(request: HttpRequest, day: OneDay) -> dict[str, Any]:
    """What came in, went back and was kept, as it was recorded on that day. Who may call: a secret key."""
    asked = merchant_id(request)
    with reading(asked):
        zone = ZoneInfo(merchants.current(asked).time_zone)
        since, until = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
        rows = ledger.statements(since=since, until=until)
    told = [{**asdict(row), "net_minor": row.net_minor} for row in rows]
    return {"day": day, "since": since, "until": until, "statements": told}


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)
