"""The shop that a request is for: a merchant, its brand, and the language of this shopper."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from uuid import UUID
from zoneinfo import ZoneInfo

from babel import Locale
from django.http import HttpRequest

from holdfast.db.tenancy import reading
from holdfast.merchants import queries as merchants
from holdfast.merchants.models import Merchant
from holdfast.storefront import brand, languages
from holdfast.storefront.brand import Brand

LANGUAGE_COOKIE = "holdfast_language"


@dataclass(frozen=True)
class Shop:
    """Everything that a page needs besides its subject."""

    merchant: Merchant
    brand: Brand
    language: str

    @property
    def id(self) -> UUID:
        return self.merchant.pk

    @property
    def currency(self) -> str:
        return self.merchant.currency

    @cached_property
    def locale(self) -> Locale:
        return languages.locale_of(self.language, self.merchant.country)

    @cached_property
    def zone(self) -> ZoneInfo:
        return languages.zone_of(self.merchant.time_zone)

    @property
    def languages(self) -> list[tuple[str, str]]:
        """(code, name) of what the footer offers."""
        return [(code, languages.LANGUAGES[code]) for code in languages.offered(self.brand.locales)]

    def money(self, minor: int, currency: str = "") -> str:
        return languages.amount(minor, currency or self.currency, self.locale)

    def day(self, at: datetime) -> str:
        return languages.day(at, self.zone, self.locale)

    def short_day(self, at: datetime) -> str:
        return languages.short_day(at, self.zone, self.locale)

    def time(self, at: datetime) -> str:
        return languages.time(at, self.zone, self.locale)

    def moment(self, at: datetime) -> str:
        return languages.moment(at, self.zone, self.locale)

    def country(self, code: str) -> str:
        return str(self.locale.territories.get(code, code))


def find(request: HttpRequest) -> Shop | None:
    """The shop of this Host header, None for a name that leads to none. Raises DisallowedHost."""
    host = request.get_host()
    name = host[: host.rindex(":")] if ":" in host and not host.endswith("]") else host
    merchant_id = merchants.of_host(name.rstrip("."))
    if merchant_id is None:
        return None
    with reading(merchant_id):
        merchant = merchants.current(merchant_id)
    own = brand.read(merchant)
    language = languages.choose(
        own.locales,
        cookie=request.COOKIES.get(LANGUAGE_COOKIE, ""),
        header=request.headers.get("Accept-Language", ""),
    )
    return Shop(merchant, own, language)


def of(request: HttpRequest) -> Shop:
    """The shop that the door has found for this request."""
    found: Shop = request.shop  # type: ignore[attr-defined]
    return found
