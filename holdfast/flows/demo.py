"""The demo merchants of a first run, sold through the sandbox gateway: a shop in euros with goods, a download and tours, paid by
card or bank transfer; and a small one in reais (`demo_brazil`), paid by card and Pix."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from holdfast.flows import demo_brazil, setup
from holdfast.flows.setup import Goods, Offer
from holdfast.providers import registry

#: Departures of the demo tours: each of the next days at these hours on the merchant's clocks.
TOUR_DAYS, TOUR_HOURS, TOUR_PLACES = 21, (10, 15), 12
SAIL_HOURS, SAIL_PLACES = (17,), 6
ZONE = ZoneInfo("Europe/Berlin")
#: Names under which a browser on this machine finds the demo shop.
HOSTS = ("127.0.0.1", "localhost")
#: Where a transfer to the demo shop would go: an account number of the kind that banks publish as an example.
BANK = {"holder": "Harbour & Co.", "iban": "DE89370400440532013000", "bic": "COBADEFF", "bank": "Example bank"}
BRAND = {
    "colour": "#0b5d66",
    "mark": "H",
    "tagline": "Good things for days by the water",
    "locales": ["en", "de", "es", "pt-BR"],
}
MUG = "Steel with two coats of enamel. Holds 350 ml, sits well in a cold hand, and does not mind falling down."
JACKET = "Three layers, taped seams, a hood that turns with your head. Made for the ferry in November."
GUIDE = "48 pages: where the seals are, when the bridges open, and the three best places for fish soup."
TOUR = "Two hours on a small open boat: the old warehouses, the container port, the seals on the sandbank. Blankets are on board."
BLANKET = "Woven in the north from new wool. Warm when damp, and it only needs airing."
LANTERN = "Brass and thick glass, for candles or oil. Burns through a windy evening."
COMPASS = "In a box of walnut. Made one at a time, so there are waiting weeks."
SAIL = "Three hours under sail with a crew of two. You may steer, or just sit at the bow and watch the sun go down."

VAT = [
    {"region": "DE", "tax_class": "standard", "basis_points": 1900, "from": "2020-01-01"},
    {"region": "AT", "tax_class": "standard", "basis_points": 2000, "from": "2020-01-01"},
    {"region": "FR", "tax_class": "standard", "basis_points": 2000, "from": "2020-01-01"},
]

SHIPPING = [
    {"key": "parcel", "name": "Parcel", "by": "flat", "prices": {"DE": 490, "*": 1290}},
    {"key": "express", "name": "Express courier", "by": "flat", "prices": {"DE": 1190, "*": 2990}},
]
OFFERS = [
    Offer(
        name="Free parcel from 120 euros",
        rules={"kind": "free_shipping", "minimum_minor": 12000, "currency": "EUR"},
    ),
    Offer(name="Welcome aboard", code="WELCOME10", rules={"kind": "percent", "basis_points": 1000}, customer_limit=1),
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
        shipping_methods=SHIPPING,
        brand=BRAND,
    )
    for host in HOSTS:
        setup.answer_to(merchant_id=merchant.pk, host=host)
    setup.issue_key(merchant_id=merchant.pk, kind="publishable", name="demo shop", now=now, token=secrets["publishable_key"])
    setup.issue_key(merchant_id=merchant.pk, kind="secret", name="demo server", now=now, token=secrets["secret_key"])
    setup.hire(merchant_id=merchant.pk, email=secrets["staff_email"], password=secrets["staff_password"], role="admin", now=now)
    gateway = {
        "secret_key": secrets["gateway_key"],
        "webhook_secrets": [secrets["webhook_secret"]],
        "api_base": secrets["gateway_url"],
    }
    ids = {"stripe": UUID(secrets["stripe_account"]), "sandbox": UUID(secrets["sandbox_account"])}
    for provider, account_id in ids.items():
        setup.open_account(merchant_id=merchant.pk, provider=provider, mode="test", credentials=gateway, now=now, id=account_id)
    if "transfer" in registry.ADAPTERS:
        setup.open_account(merchant_id=merchant.pk, provider="transfer", mode="test", credentials=BANK, now=now)
    for offer in OFFERS:
        setup.announce(merchant_id=merchant.pk, offer=offer, now=now)
    for goods in _goods(now):
        setup.stock_up(merchant_id=merchant.pk, goods=goods, currency="EUR", now=now)
    demo_brazil.found(secrets, now=now)


def _goods(now: datetime) -> list[Goods]:
    return [
        Goods(
            "good",
            "enamel-mug",
            "Enamel mug",
            [("MUG-BLUE", "Blue", 1250), ("MUG-RED", "Red", 1250)],
            stock=5000,
            description=MUG,
        ),
        Goods("good", "rain-jacket", "Rain jacket", [("JACKET", "", 8900)], stock=60, description=JACKET),
        Goods("digital", "harbour-guide", "Harbour guide (PDF)", [("GUIDE", "", 900)], description=GUIDE),
        Goods(
            "booking",
            "harbour-tour",
            "Harbour tour by boat",
            [("TOUR-ADULT", "Adult", 3000), ("TOUR-CHILD", "Child", 1500)],
            description=TOUR,
            meeting_point="Pier 3, below the clock tower",
            slots=_departures(now, hours=TOUR_HOURS, lasts=timedelta(hours=2), places=TOUR_PLACES),
        ),
        Goods(
            "good",
            "wool-blanket",
            "Wool blanket",
            [("BLANKET-SAND", "Sand", 6900), ("BLANKET-SEA", "Sea", 6900), ("BLANKET-KING", "Sea, king size", 9900)],
            stock=40,
            description=BLANKET,
        ),
        Goods("good", "deck-lantern", "Deck lantern", [("LANTERN", "", 4450)], stock=4, description=LANTERN),
        Goods("good", "brass-compass", "Brass compass", [("COMPASS", "", 5900)], stock=0, description=COMPASS),
        Goods(
            "booking",
            "sunset-sail",
            "Sunset sail",
            [("SAIL-ADULT", "Adult", 5400), ("SAIL-CHILD", "Child", 2700)],
            description=SAIL,
            meeting_point="Marina, gate B",
            slots=_departures(now, hours=SAIL_HOURS, lasts=timedelta(hours=3), places=SAIL_PLACES),
        ),
    ]


def _departures(now: datetime, *, hours: tuple[int, ...], lasts: timedelta, places: int) -> list[tuple[datetime, datetime, int]]:
    """On each of the next days, at these hours on the clocks where the merchant is: also after they were changed."""
    today = now.astimezone(ZONE)
    starts = [
        datetime(today.year, today.month, today.day, hour, tzinfo=ZONE) + timedelta(days=day)
        for day in range(1, TOUR_DAYS + 1)
        for hour in hours
    ]
    return [(start.astimezone(UTC), start.astimezone(UTC) + lasts, places) for start in starts]
