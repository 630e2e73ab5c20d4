"""The demo merchant of a first run: goods, a digital product and a tour with slots, sold through the sandbox gateway."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from holdfast.flows import setup
from holdfast.flows.setup import Goods

#: Departures of the demo tour: each of the next days at these hours (UTC).
TOUR_DAYS, TOUR_HOURS, TOUR_PLACES = 14, (9, 14), 12

VAT = [
    {"region": "DE", "tax_class": "standard", "basis_points": 1900, "from": "2020-01-01"},
    {"region": "AT", "tax_class": "standard", "basis_points": 2000, "from": "2020-01-01"},
    {"region": "FR", "tax_class": "standard", "basis_points": 2000, "from": "2020-01-01"},
]


def found(secrets: Mapping[str, Any], *, now: datetime) -> None:
    """Found the demo shop with the keys it was given. Safe to repeat: what is there stays."""
    merchant = setup.found_merchant(
        slug="harbour",
        name="Harbour & Co.",
        country="DE",
        currency="EUR",
        email_from="hello@harbour.example",
        tax_rates=VAT,
        shipping_minor={"DE": 490, "*": 1290},
        brand={"colour": "#0b5d66"},
    )
    setup.issue_key(merchant_id=merchant.pk, kind="publishable", name="demo shop", now=now, token=secrets["publishable_key"])
    setup.issue_key(merchant_id=merchant.pk, kind="secret", name="demo server", now=now, token=secrets["secret_key"])
    gateway = {
        "secret_key": secrets["gateway_key"],
        "webhook_secrets": [secrets["webhook_secret"]],
        "api_base": secrets["gateway_url"],
    }
    ids = {"stripe": UUID(secrets["stripe_account"]), "sandbox": UUID(secrets["sandbox_account"])}
    for provider, account_id in ids.items():
        setup.open_account(merchant_id=merchant.pk, provider=provider, mode="test", credentials=gateway, now=now, id=account_id)
    for goods in _goods(now):
        setup.stock_up(merchant_id=merchant.pk, goods=goods, currency="EUR", now=now)


def _goods(now: datetime) -> list[Goods]:
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC)
    starts = [midnight + timedelta(days=day, hours=hour) for day in range(1, TOUR_DAYS + 1) for hour in TOUR_HOURS]
    return [
        Goods("good", "enamel-mug", "Enamel mug", [("MUG-BLUE", "Blue", 1250), ("MUG-RED", "Red", 1250)], stock=5000),
        Goods("good", "rain-jacket", "Rain jacket", [("JACKET", "", 8900)], stock=60),
        Goods("digital", "harbour-guide", "Harbour guide (PDF)", [("GUIDE", "", 900)]),
        Goods(
            "booking",
            "harbour-tour",
            "Harbour tour by boat",
            [("TOUR-ADULT", "Adult", 3000), ("TOUR-CHILD", "Child", 1500)],
            slots=[(start, start + timedelta(hours=2), TOUR_PLACES) for start in starts],
        ),
    ]
