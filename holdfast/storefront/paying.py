"""What paying for the first time and paying again share: the wait of a second press, and the way to the provider's page."""

import json
import time
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from holdfast.db.tenancy import reading
from holdfast.idempotency import services as idempotency
from holdfast.idempotency.services import Answer
from holdfast.merchants import queries as merchants
from holdfast.storefront import addresses
from holdfast.storefront.shop import Shop

#: Pauses before asking again while the first of two presses is at work: a shopper waits this long at most.
PATIENCE_S = (0.2, 0.4, 0.8, 1.6)


def patiently(ask: Callable[[], Answer]) -> Answer:
    """The second of two presses waits for the answer of the first. Raises InProgress when it takes too long."""
    for pause in PATIENCE_S:
        try:
            return ask()
        except idempotency.InProgress:
            time.sleep(pause)
    return ask()


def lead(request: HttpRequest, answer: Answer, *, key: str) -> HttpResponse:
    """303 to the provider's page, or to the order while nobody knows; the order is remembered in this browser."""
    told: dict[str, Any] = json.loads(answer.body)
    token, payment = told["order"]["token"], told.get("payment") or {}
    path = payment.get("url") or addresses.path_of(token, checking=answer.status == 202)
    return addresses.remember(request, addresses.see(path), key=key, token=token)


def providers(here: Shop) -> list[str]:
    """Ways to pay that the merchant offers to shoppers."""
    with reading(here.id):
        return merchants.providers_offered()


def chosen(request: HttpRequest, here: Shop) -> str:
    """The way that the form says, or the first."""
    offered = providers(here)
    wanted = request.POST.get("provider", "")
    return wanted if wanted in offered or not offered else offered[0]
