"""The second demo merchant: another brand, currency, language and tax, and the ways in which people pay in Brazil."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from holdfast.flows import setup
from holdfast.flows.setup import Goods

ZONE = ZoneInfo("America/Sao_Paulo")
#: Browsers lead every name under .localhost to this machine.
HOST = "praia.localhost"
BRAND = {
    "colour": "#c2410c",
    "mark": "P",
    "corners": "soft",
    "tagline": "Sol, sal e café",
    "locales": ["pt-BR", "en", "es"],
}
DAYS, HOUR, PLACES = 14, 8, 8
CAFE = "Torra média, notas de chocolate e laranja. Colhido à mão na Mantiqueira."
MAPA = "32 páginas: onde o mar é calmo, quando a maré sobe e as três melhores moquecas."
CAIAQUE = "Duas horas de caiaque até a ilha, com guia. Não é preciso saber remar."


def found(secrets: Mapping[str, Any], *, now: datetime) -> None:
    """Found the shop with the accounts it was given. Safe to repeat: what is there stays."""
    merchant = setup.found_merchant(
        slug="praia",
        name="Praia & Café",
        country="BR",
        time_zone=str(ZONE),
        locale="pt-BR",
        currency="BRL",
        email_from="ola@praia.example",
        shipping_minor={"BR": 1990, "*": 9900},
        brand=BRAND,
    )
    setup.answer_to(merchant_id=merchant.pk, host=HOST)
    setup.hire(merchant_id=merchant.pk, email=secrets["staff_email"], password=secrets["staff_password"], role="admin", now=now)
    for provider, (account_id, credentials) in _accounts(secrets).items():
        setup.open_account(
            merchant_id=merchant.pk, provider=provider, mode="test", credentials=credentials, now=now, id=account_id
        )
    for goods in _goods(now):
        setup.stock_up(merchant_id=merchant.pk, goods=goods, currency="BRL", now=now)


def _accounts(secrets: Mapping[str, Any]) -> dict[str, tuple[UUID, dict[str, Any]]]:
    """Mercado Pago for cards and Pix, and a bank of its own for Pix, both at the sandbox gateway."""
    gateway = secrets["gateway_url"]
    mercadopago = {
        "access_token": secrets["mercadopago_token"],
        "webhook_secrets": [secrets["webhook_secret"]],
        "api_base": gateway,
    }
    pix = {
        "client_id": secrets["pix_client"],
        "client_secret": secrets["pix_secret"],
        "api_base": f"{gateway}/pix/api/v2",
        "token_url": f"{gateway}/pix/oauth/token",
        "pix_key": secrets["pix_key"],
        "merchant_name": "Praia & Café",
        "merchant_city": "Paraty",
        "webhook_path": secrets["pix_path"],
    }
    return {
        "mercadopago": (UUID(secrets["mercadopago_account"]), mercadopago),
        "pix": (UUID(secrets["pix_account"]), pix),
    }


def _goods(now: datetime) -> list[Goods]:
    today = now.astimezone(ZONE)
    starts = [datetime(today.year, today.month, today.day, HOUR, tzinfo=ZONE) + timedelta(days=day) for day in range(1, DAYS + 1)]
    slots = [(start.astimezone(UTC), start.astimezone(UTC) + timedelta(hours=2), PLACES) for start in starts]
    return [
        Goods("good", "cafe-da-serra", "Café da serra 250 g", [("CAFE", "", 4290)], stock=200, description=CAFE),
        Goods("digital", "mapa-das-praias", "Mapa das praias (PDF)", [("MAPA", "", 1500)], description=MAPA),
        Goods(
            "booking",
            "passeio-de-caiaque",
            "Passeio de caiaque",
            [("CAIAQUE", "Pessoa", 12000)],
            description=CAIAQUE,
            meeting_point="Praia do Pontal, barraca 4",
            slots=slots,
        ),
    ]
