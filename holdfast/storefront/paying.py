"""What paying for the first time and paying again share: the wait of a second press, and the way to the provider's page."""

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from holdfast.db.tenancy import reading
from holdfast.idempotency import services as idempotency
from holdfast.idempotency.services import Answer
from holdfast.merchants import queries as merchants
from holdfast.providers import registry
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
    """303 to the provider's page; to the order where it is paid from there, or while nobody knows. This browser remembers it."""
    told: dict[str, Any] = json.loads(answer.body)
    token, payment = told["order"]["token"], told.get("payment") or {}
    page = "" if payment.get("show") else payment.get("url")
    path = page or addresses.path_of(token, checking=answer.status == 202)
    return addresses.remember(request, addresses.see(path), key=key, token=token)


@dataclass(frozen=True)
class Way:
    """A way to pay: one method of one provider, as a form names it."""

    provider: str
    method: str
    label: str
    hint: str

    @property
    def key(self) -> str:
        return f"{self.provider}:{self.method}"


#: (label, hint) by method.
WORDS: dict[str, tuple[Promise, Promise]] = {
    "card": (gettext_lazy("Card"), gettext_lazy("On the provider's page. Your card's number never reaches us.")),
    "pix": (gettext_lazy("Pix"), gettext_lazy("Scan a code with your bank's app. It arrives within seconds.")),
    "transfer": (gettext_lazy("Bank transfer"), gettext_lazy("You transfer the amount yourself. It takes a day or two.")),
}
#: Providers by the names that people know.
NAMES = {"stripe": "Stripe", "mercadopago": "Mercado Pago", "pix": "", "transfer": ""}


def ways(here: Shop, currency: str) -> list[Way]:
    """Ways to pay that the merchant offers to shoppers in this currency. Two of one kind name their provider too."""
    with reading(here.id):
        offered = merchants.providers_offered()
    adapters = [registry.provider(name) for name in offered]
    pairs = [
        (adapter.name, method)
        for adapter in adapters
        if not adapter.currencies or currency in adapter.currencies
        for method in adapter.methods
    ]
    often = Counter(method for _, method in pairs)
    found = []
    for name, method in pairs:
        label, hint = WORDS.get(method, (method.title(), ""))
        owner = NAMES.get(name, name.title())
        shown = f"{label} ({owner})" if often[method] > 1 and owner else str(label)
        found.append(Way(name, method, shown, str(hint)))
    return sorted(found, key=lambda way: [*WORDS].index(way.method) if way.method in WORDS else len(WORDS))


def chosen(request: HttpRequest, here: Shop, currency: str) -> tuple[str, str]:
    """The provider and method that the form says, or the first that is offered; two empty words where there is none."""
    offered = ways(here, currency)
    wanted = request.POST.get("way", "")
    way = next((each for each in offered if each.key == wanted), offered[0] if offered else None)
    return (way.provider, way.method) if way else ("", "")
