"""What a merchant's shop looks like, read from the `brand` of its row. Whatever stands there, the text stays readable.

    {"colour": "#0b5d66", "paper": "#ffffff", "ink": "#1c2326", "font": "sans", "corners": "round", "mark": "H",
     "logo": "https://…/logo.svg", "tagline": "…", "locales": ["en", "de"]}

Every entry may be missing or wrong: then a safe default stands in for it.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from holdfast.merchants.models import Merchant

COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
#: An https address without anything that could end a header or an attribute.
LOGO = re.compile(r"https://[A-Za-z0-9.-]+(:\d{1,5})?/[A-Za-z0-9._~/%+-]*")
#: WCAG 2.2 AA for text.
READABLE = 4.5
#: The body's text should be easier to read than that.
EASY = 7.0

DEFAULT_COLOUR, DEFAULT_PAPER, DEFAULT_INK = "#1f5f8b", "#ffffff", "#1b2430"
WHITE, BLACK = "#ffffff", "#000000"
FONTS = {
    "sans": 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif',
    "serif": 'Charter, "Bitstream Charter", Georgia, "Noto Serif", "DejaVu Serif", serif',
    "mono": 'ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", monospace',
}
CORNERS = {"round": "0.75rem", "soft": "0.375rem", "square": "0"}


@dataclass(frozen=True, kw_only=True)
class Brand:
    """A brand that is safe to show. Colours are `#rrggbb`."""

    name: str
    tagline: str
    mark: str
    logo: str
    colour: str
    #: Text on `colour`, and text in the colour's hue on `paper`.
    on_colour: str
    colour_text: str
    paper: str
    ink: str
    font: str
    corners: str
    locales: tuple[str, ...]

    @property
    def css(self) -> str:
        """The design tokens that the style sheet builds on."""
        tokens = {
            "brand": self.colour,
            "on-brand": self.on_colour,
            "brand-text": self.colour_text,
            "paper": self.paper,
            "ink": self.ink,
            "soft-ink": _towards(self.ink, self.paper, READABLE + 0.5),
            "font": self.font,
            "corner": self.corners,
        }
        return ":root {" + " ".join(f"--{name}: {value};" for name, value in tokens.items()) + "}\n"

    @property
    def version(self) -> str:
        """Changes with the tokens: part of the address of the style sheet, so that browsers may keep it."""
        return hashlib.sha256(self.css.encode()).hexdigest()[:12]

    @property
    def logo_origin(self) -> str:
        """Where the logo comes from, for the content security policy; empty without one."""
        return f"https://{urlsplit(self.logo).netloc}" if self.logo else ""


def read(merchant: Merchant) -> Brand:
    """A merchant's brand."""
    said: Mapping[str, Any] = merchant.brand if isinstance(merchant.brand, Mapping) else {}
    paper = _colour(said, "paper", DEFAULT_PAPER)
    ink = _colour(said, "ink", DEFAULT_INK)
    if contrast(ink, paper) < EASY:
        ink = DEFAULT_INK if contrast(DEFAULT_INK, paper) >= EASY else _strongest(paper)
    colour = _colour(said, "colour", DEFAULT_COLOUR)
    logo = said.get("logo")
    return Brand(
        name=merchant.name,
        tagline=_text(said, "tagline", 120),
        mark=_text(said, "mark", 3) or merchant.name[:1].upper(),
        logo=logo if isinstance(logo, str) and LOGO.fullmatch(logo) else "",
        colour=colour,
        on_colour=_strongest(colour),
        colour_text=_readable(colour, paper),
        paper=paper,
        ink=ink,
        font=FONTS.get(_text(said, "font", 10), FONTS["sans"]),
        corners=CORNERS.get(_text(said, "corners", 10), CORNERS["round"]),
        locales=_locales(said.get("locales"), merchant.locale),
    )


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG, from 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    def linear(channel: int) -> float:
        share = channel / 255
        return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)

    red, green, blue = (linear(channel) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _mixed(colour: str, other: str, share: float) -> str:
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _strongest(ground: str) -> str:
    """White or black, whichever reads better; one of them always reaches 4.5."""
    return max((WHITE, BLACK), key=lambda text: contrast(text, ground))


def _readable(colour: str, paper: str) -> str:
    """The colour, made darker (on dark paper: lighter) until it can be read on the paper."""
    pole = _strongest(paper)
    return next(mixed for step in range(21) if contrast(mixed := _mixed(colour, pole, step / 20), paper) >= READABLE)


def _towards(ink: str, paper: str, wanted: float) -> str:
    """The ink, softened as far as it may be."""
    softer = [mixed for step in range(20) if contrast(mixed := _mixed(ink, paper, step / 20), paper) >= wanted]
    return softer[-1] if softer else ink


def _colour(said: Mapping[str, Any], name: str, default: str) -> str:
    value = said.get(name)
    return value.lower() if isinstance(value, str) and COLOUR.fullmatch(value) else default


def _text(said: Mapping[str, Any], name: str, length: int) -> str:
    value = said.get(name)
    return " ".join(value.split())[:length] if isinstance(value, str) else ""


def _locales(value: Any, own: str) -> tuple[str, ...]:
    listed = [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
    return tuple(dict.fromkeys([own, *listed]))
