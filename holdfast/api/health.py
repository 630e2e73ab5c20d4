"""Is the process alive, and can it serve?"""

from typing import Literal

from django.db import connection
from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel

from holdfast.api.problems import Problem
from holdfast.db.tenancy import unscoped

router = Router(tags=["Health"], auth=None)


class Health(BaseModel):
    status: Literal["ok"]


@router.get("/live", response={200: Health}, operation_id="live", summary="Alive")
def live(request: HttpRequest) -> dict[str, str]:
    """The process answers. Who may call: anybody."""
    return {"status": "ok"}


@router.get("/ready", response={200: Health, 503: Problem}, operation_id="ready", summary="Ready")
def ready(request: HttpRequest) -> dict[str, str]:
    """The database answers and has our schema; otherwise 503. Who may call: anybody."""
    with unscoped(), connection.cursor() as cursor:
        cursor.execute("SELECT holdfast_now()")
    return {"status": "ok"}
