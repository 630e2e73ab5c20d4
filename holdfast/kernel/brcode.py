"""BR Code: the text in a Pix's QR code, which is also its copy-and-paste code.

EMV's merchant-presented mode as the central bank fills it (Manual de Padrões para Iniciação do Pix): fields of two digits of id,
two digits of length and the value, counted in characters of ASCII text, with a checksum at the end. A static code names the key
and says everything itself; a dynamic one names the place at the bank where the charge can be read.
"""

import binascii
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from holdfast.kernel.errors import Refused
from holdfast.kernel.money import to_decimal

#: What field 26 calls itself.
DOMAIN = "br.gov.bcb.pix"
#: Reais, in ISO 4217's numbers.
REAIS = "986"
#: The code belongs to no charge that the receiver has named.
NO_TXID = "***"
MAX_NAME, MAX_CITY, MAX_KEY, MAX_LOCATION = 25, 15, 77, 77
#: One field's value; its length has two digits.
MAX_VALUE = 99
STATIC_TXID = re.compile(r"[a-zA-Z0-9]{1,25}")
#: What a location may consist of: an address without its scheme.
LOCATION = re.compile(r"[a-zA-Z0-9.-]+(:[0-9]{1,5})?/[a-zA-Z0-9./_~%-]+")
#: Fields that hold fields: accounts (26 to 51), additional data, and templates of others (80 to 99, Pix Automático's is one).
NESTED = frozenset([*range(26, 52), 62, *range(80, 100)])


class BadCode(Refused):
    """This cannot be said in a BR Code, or is none."""


def static(*, key: str, name: str, city: str, amount_minor: int | None = None, txid: str = "", info: str = "") -> str:
    """A code to pay to a key: any number of times, and for any amount where none is given.

    `amount_minor` is in centavos; `txid` has at most 25 letters and digits; `info` is what the customer's bank shows, cut to the
    room that the key leaves. Raises BadCode.
    """
    if not _is_printable(key) or len(key) > MAX_KEY:
        raise BadCode(f"A Pix key has up to {MAX_KEY} characters of ASCII.")
    if txid and not STATIC_TXID.fullmatch(txid):
        raise BadCode("The txid of a static code has up to 25 letters and digits.")
    account = _field(0, DOMAIN) + _field(1, key)
    said = plain(info)[: MAX_VALUE - len(account) - 4]
    return _code(account + (_field(2, said) if said else ""), name=name, city=city, amount_minor=amount_minor, txid=txid)


def dynamic(*, location: str, name: str, city: str, amount_minor: int | None = None) -> str:
    """A code for one charge, which is read at `location` (an address without `https://`) and paid once.

    The amount that counts is the one that stands there. Raises BadCode.
    """
    if not LOCATION.fullmatch(location) or len(location) > MAX_LOCATION:
        raise BadCode(f"A location is an address without its scheme, of up to {MAX_LOCATION} characters.")
    account = _field(0, DOMAIN) + _field(25, location)
    return _code(account, name=name, city=city, amount_minor=amount_minor, once=True)


def parse(code: str) -> dict[str, Any]:
    """`{"00": "01", "26": {"00": "br.gov.bcb.pix", …}, …}`: every field by its id. Raises BadCode, also where the checksum is
    off.
    """
    if len(code) < 8 or code[-8:-4] != "6304" or code[-4:] != checksum(code[:-4]):
        raise BadCode("This is no BR Code, or it was damaged on its way.")
    return _fields(code)


def checksum(text: str) -> str:
    """CRC-16/CCITT-FALSE in four hexadecimal digits, over everything before it, its own `6304` included."""
    return f"{binascii.crc_hqx(text.encode('utf-8'), 0xFFFF):04X}"


def plain(text: str) -> str:
    """Text as ASCII: accents fall away, what has no letter of its own there too, and blanks are single."""
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return " ".join("".join(letter if letter.isprintable() else " " for letter in letters).split())


def _code(account: str, *, name: str, city: str, amount_minor: int | None, txid: str = "", once: bool = False) -> str:
    receiver, town = plain(name)[:MAX_NAME].strip(), plain(city)[:MAX_CITY].strip()
    if not receiver or not town:
        raise BadCode("A BR Code names its receiver and the receiver's city in letters of ASCII.")
    if amount_minor is not None and amount_minor <= 0:
        raise BadCode("A BR Code is for an amount above zero, or for none.")
    parts = [
        _field(0, "01"),
        _field(1, "12") if once else "",
        _field(26, account),
        _field(52, "0000"),
        _field(53, REAIS),
        _field(54, f"{to_decimal(amount_minor, 'BRL'):f}") if amount_minor is not None else "",
        _field(58, "BR"),
        _field(59, receiver),
        _field(60, town),
        _field(62, _field(5, txid or NO_TXID)),
        "6304",
    ]
    text = "".join(parts)
    return text + checksum(text)


def _field(id_: int, value: str) -> str:
    if len(value) > MAX_VALUE:
        raise BadCode(f"Field {id_:02d} of a BR Code has room for {MAX_VALUE} characters, not for {len(value)}.")
    return f"{id_:02d}{len(value):02d}{value}"


def _fields(text: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    at = 0
    while at < len(text):
        id_, length = text[at : at + 2], text[at + 2 : at + 4]
        if not (id_ + length).isascii() or not (id_ + length).isdecimal() or len(length) < 2:
            raise BadCode("A field of the BR Code has no id and length.")
        value = text[at + 4 : at + 4 + int(length)]
        if len(value) != int(length) or id_ in fields:
            raise BadCode("A field of the BR Code is cut off, or is there twice.")
        fields[id_] = value
        at += 4 + int(length)
    return {id_: _fields(value) if int(id_) in NESTED else value for id_, value in fields.items()}


def location_of(fields: Mapping[str, Any]) -> str:
    """Where the charge of a dynamic code is read; empty for a static one."""
    account = fields.get("26")
    return str(account.get("25", "")) if isinstance(account, Mapping) else ""


def _is_printable(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable() and " " not in text
