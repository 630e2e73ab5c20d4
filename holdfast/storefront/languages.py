"""Which language a page speaks, and how it writes money, days and times."""

from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import parse_pattern
from django.utils.translation.trans_real import parse_accept_lang_header

from holdfast.kernel import money

#: Languages that the texts exist in, by Django's code, each in its own words.
LANGUAGES = {"en": "English", "pt-br": "Português", "es": "Español", "de": "Deutsch"}
#: No header that a browser sends by itself is longer.
LONGEST_HEADER = 200


def known(code: str) -> str:
    """The language of ours that a locale means: `de-AT` → `de`, `pt` → `pt-br`; empty for none."""
    plain = code.strip().lower().replace("_", "-")
    if plain in LANGUAGES:
        return plain
    return next((ours for ours in LANGUAGES if ours.split("-")[0] == plain.split("-")[0]), "")


def offered(locales: Sequence[str]) -> list[str]:
    """The languages of a merchant's list, its own first; English where it names none that we have."""
    return list(dict.fromkeys(filter(None, map(known, locales)))) or ["en"]


def choose(locales: Sequence[str], *, cookie: str, header: str) -> str:
    """What the shopper chose, else what the browser asks for, else the merchant's own; always one that the merchant offers."""
    ours = offered(locales)
    if cookie in ours:
        return cookie
    asked = [known(code) for code, _ in parse_accept_lang_header(header.lower()[:LONGEST_HEADER])]
    return next((code for code in asked if code in ours), ours[0])


def locale_of(language: str, country: str) -> Locale:
    """The formats of a language in the merchant's country, where such are known: English in Germany writes days first."""
    base = language.replace("-", "_")
    for name in (f"{base.split('_')[0]}_{country}", base):
        try:
            return Locale.parse(name)
        except (UnknownLocaleError, ValueError):
            continue
    return Locale("en")


def zone_of(name: str) -> ZoneInfo:
    """The merchant's time zone; UTC where it is written wrongly."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def amount(minor: int, currency: str, locale: Locale) -> str:
    """`1250, "EUR"` → `12,50 €`, with exactly the decimals that Holdfast counts in."""
    places = money.exponent(currency)
    pattern = copy(parse_pattern(locale.currency_formats["standard"]))
    pattern.frac_prec = (places, places)
    text = pattern.apply(money.to_decimal(minor, currency), locale, currency=currency, currency_digits=False)
    return text.replace(" ", "\u00a0")


def day(at: datetime, zone: ZoneInfo, locale: Locale, form: str = "full") -> str:
    """`Saturday, 28 November 2026` where the merchant is."""
    return format_date(at.astimezone(zone).date(), format=form, locale=locale)


def short_day(at: datetime, zone: ZoneInfo, locale: Locale) -> str:
    """`Sat, 28 Nov`."""
    return format_skeleton("MMMEd", at.astimezone(zone), tzinfo=zone, locale=locale)


def time(at: datetime, zone: ZoneInfo, locale: Locale) -> str:
    """`10:00`. In the hour that comes twice when clocks go back, with its offset."""
    text = format_time(at.astimezone(zone), format="short", tzinfo=zone, locale=locale)
    return f"{text} {at.astimezone(zone):%Z}" if _comes_twice(at, zone) else text


def moment(at: datetime, zone: ZoneInfo, locale: Locale) -> str:
    """A day and a time of it, in short."""
    return f"{day(at, zone, locale, form='medium')}, {time(at, zone, locale)}"


def countries(locale: Locale) -> Mapping[str, str]:
    """Names of countries by code, in order of the names."""
    named = {
        code: name for code, name in locale.territories.items() if len(code) == 2 and code.isalpha() and code not in NO_COUNTRY
    }
    return dict(sorted(named.items(), key=lambda pair: pair[1].casefold()))


#: Codes of groups, of outlying waters and of nothing: no parcel goes there.
NO_COUNTRY = frozenset(["EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"])


def _comes_twice(at: datetime, zone: ZoneInfo) -> bool:
    local = at.astimezone(zone)
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
