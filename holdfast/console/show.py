"""How things look to people: labels with a tone, money in its currency's form, times in the merchant's zone, ids."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency
from django.urls import reverse

from holdfast.kernel import ids
from holdfast.kernel.money import UnknownCurrency, to_decimal

#: How a state feels, whatever it is the state of.
TONES = {
    **dict.fromkeys(("paid", "captured", "done", "fulfilled", "sent", "succeeded", "committed", "resolved", "active",
                     "won"), "good"),
    **dict.fromkeys(("payment_failed", "failed", "parked", "declined", "capture_failed", "lost"), "bad"),
    **dict.fromkeys(("unknown", "waiting", "not_sent", "expired", "cancelled_with_refund", "refunded"), "warn"),
    **dict.fromkeys(("payment_pending", "payment_authorized", "pending", "open", "created", "authorized", "held", "received",
                     "intended", "fulfillment_pending", "partially_fulfilled", "partially_done", "partially_refunded",
                     "reviewed"), "busy"),
}  # fmt: skip
#: Prefixes of our ids with the page that shows the thing.
PAGES = {
    "ord": "order",
    "pay": "payment",
    "evt": "event",
    "case": "case",
    "msg": "message",
    "ent": "entry",
    "stk": "stock_row",
}


@dataclass(frozen=True)
class Cell:
    """A value on a page: perhaps a link, a label with a tone, an id to copy, with a quiet second line."""

    text: str
    href: str = ""
    tone: str = ""
    hint: str = ""
    sub: str = ""
    mono: bool = False
    number: bool = False


NOTHING = Cell("–")


@dataclass(frozen=True)
class Shown:
    """Formats of one merchant."""

    zone: ZoneInfo
    locale: str = "en"

    def money(self, minor: int, currency: str) -> str:
        """1250, "EUR" → "€12.50"; a currency that nobody knows is shown in minor units and says so."""
        try:
            return format_currency(to_decimal(minor, currency), currency, locale=self._locale)
        except UnknownCurrency:
            return f"{minor} {currency} (minor units)"

    def amount(self, minor: int, currency: str, *, sub: str = "") -> Cell:
        return Cell(self.money(minor, currency), number=True, sub=sub)

    def time(self, at: datetime | None) -> Cell:
        """In the merchant's zone; exact, with its offset, as hint."""
        if at is None:
            return NOTHING
        local = at.astimezone(self.zone)
        return Cell(f"{local:%d %b %Y, %H:%M:%S}", hint=local.isoformat())

    @property
    def _locale(self) -> Locale:
        try:
            return Locale.parse(self.locale, sep="-" if "-" in self.locale else "_")
        except (UnknownLocaleError, ValueError):
            return Locale("en")


def label(state: str | None, *, hint: str = "", tone: str = "") -> Cell:
    """`payment_pending` → "payment pending", in the tone of its state."""
    if not state:
        return NOTHING
    return Cell(state.replace("_", " "), tone=tone or TONES.get(state, "plain"), hint=hint)


def case_label(state: str) -> Cell:
    """A case that is open waits for a person."""
    return label(state, tone="warn" if state == "open" else "")


def link(prefix: str, key: UUID | None, *, text: str = "") -> Cell:
    """A thing by its id, leading to its page."""
    if key is None:
        return NOTHING
    return Cell(text or ids.shown(prefix, key), href=address(prefix, key), mono=not text)


def address(prefix: str, key: UUID) -> str:
    """The page of a thing."""
    return reverse(f"console:{PAGES[prefix]}", kwargs={"key": ids.shown(prefix, key)})


def code(text: str | None) -> Cell:
    """An id to copy."""
    return Cell(text, mono=True) if text else NOTHING


def listing(name: str, **query: str) -> str:
    """The address of a list with a filter."""
    return reverse(f"console:{name}") + (f"?{urlencode(query)}" if query else "")
