"""Every text exists in every language, every refusal has a sentence, amounts and times are written as people write them."""

import io
import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from holdfast.flows import cancelling, checkout, expiry, quotes, shopping
from holdfast.kernel.errors import Conflict, HoldfastError, Refused
from holdfast.storefront import languages, sentences
from tests.storefront.texts import STOREFRONT, texts

CATALOGUES = sorted((STOREFRONT / "locale").glob("*/LC_MESSAGES/django.po"))
PLACES = re.compile(r"%\(\w+\)s|\{\w+\}")
#: What a shopper's requests can meet comes from these rooms and flows.
MODULES = ("holdfast.carts", "holdfast.catalog", "holdfast.inventory", "holdfast.pricing", "holdfast.idempotency",
           "holdfast.storefront", checkout.__name__, quotes.__name__, shopping.__name__, expiry.__name__,
           cancelling.__name__)  # fmt: skip
#: A merchant's own data is wrong, or a program of ours: nothing that a shopper could do about it.
NOT_THE_SHOPPERS = {
    "bad_tax_rate", "bad_shipping", "bad_quantity", "bad_price", "bad_line", "too_many_lines", "wrong_method",
    "bad_fee", "bad_promotion",
}  # fmt: skip


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_every_text_is_in_every_language(path: Path) -> None:
    said = {(item.id if isinstance(item.id, str) else item.id[0]): item for item in read(path) if item.id}
    assert texts() - said.keys() == set(), "add them to the .po files and compile those (docs/storefront.md)"
    assert said.keys() - texts() == set(), "these are said nowhere"
    for source, item in said.items():
        words = [item.string] if isinstance(item.string, str) else list(item.string)
        for word in words:
            assert word.strip(), source
            assert set(PLACES.findall(word)) == set(PLACES.findall(source)), source


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_compiled_texts_are_those_of_their_source(path: Path) -> None:
    fresh = io.BytesIO()
    write_mo(fresh, read(path))
    assert path.with_suffix(".mo").read_bytes() == fresh.getvalue()


def test_there_is_a_catalogue_for_every_language_but_the_source() -> None:
    assert {path.parts[-3].lower().replace("_", "-") for path in CATALOGUES} == set(languages.LANGUAGES) - {"en"}


def test_every_refusal_that_a_shopper_can_meet_has_a_sentence() -> None:
    def all_of(family: type[HoldfastError]) -> set[type[HoldfastError]]:
        return {family}.union(*(all_of(child) for child in family.__subclasses__()))

    met = {error.code for error in all_of(Refused) | all_of(Conflict) if error.__module__.startswith(MODULES)}
    assert len(met) >= 20
    assert met - NOT_THE_SHOPPERS - sentences.SENTENCES.keys() == set()


@pytest.mark.parametrize(
    ("minor", "currency", "language", "country", "text"),
    [
        (125000, "EUR", "de", "DE", "1.250,00 €"),
        (125000, "EUR", "en", "US", "€1,250.00"),
        (1250, "JPY", "en", "US", "¥1,250"),
        (12500, "KWD", "en", "US", "KWD12.500"),
        (990, "ISK", "de", "DE", "990 ISK"),
        (199, "BRL", "pt-br", "BR", "R$ 1,99"),
        (5, "USD", "es", "ES", "0,05 US$"),
    ],
)
def test_amounts_have_their_currencys_decimals(minor: int, currency: str, language: str, country: str, text: str) -> None:
    told = languages.amount(minor, currency, languages.locale_of(language, country))
    assert told.replace("\u00a0", " ") == text


def test_times_are_local_also_around_the_change_of_clocks() -> None:
    berlin, english = ZoneInfo("Europe/Berlin"), languages.locale_of("en", "DE")
    assert languages.time(datetime(2026, 7, 1, 8, tzinfo=UTC), berlin, english) == "10:00"
    assert languages.time(datetime(2026, 12, 1, 9, tzinfo=UTC), berlin, english) == "10:00"
    assert languages.time(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), berlin, english) == "02:30 CEST"
    assert languages.time(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), berlin, english) == "02:30 CET"


@pytest.mark.parametrize(
    ("locales", "cookie", "header", "language"),
    [
        (["en", "de"], "", "", "en"),
        (["en", "de"], "", "de-AT,de;q=0.9,en;q=0.8", "de"),
        (["en", "de"], "", "fr,es;q=0.9", "en"),
        (["en", "de"], "de", "en", "de"),
        (["en", "de"], "es", "en", "en"),
        (["pt-BR"], "", "en", "pt-br"),
        (["xx", "tlh"], "", "de", "en"),
        (["en", "de"], "", "*;q=0.5,;;;de" * 90, "en"),
    ],
)
def test_the_language_is_one_that_the_merchant_lists(locales: list[str], cookie: str, header: str, language: str) -> None:
    assert languages.choose(locales, cookie=cookie, header=header) == language
