"""BR Codes: made for a charge, and read when somebody pays with one."""

import binascii

NAME, CITY = "LOJA DE TESTE HOLDFAST", "SAO PAULO"


def dynamic(location: str) -> str:
    """The code of a charge that is read at `location`."""
    account = field("00", "br.gov.bcb.pix") + field("25", location)
    head = field("00", "01") + field("01", "12") + field("26", account) + field("52", "0000") + field("53", "986")
    text = head + field("58", "BR") + field("59", NAME) + field("60", CITY) + field("62", field("05", "***")) + "6304"
    return text + crc(text)


def field(id_: str, content: str) -> str:
    return f"{id_}{len(content):02d}{content}"


def crc(text: str) -> str:
    """CRC-16/CCITT-FALSE."""
    return f"{binascii.crc_hqx(text.encode(), 0xFFFF):04X}"


def location(code: str) -> str | None:
    """Where the charge of a dynamic code is read; None for any other text."""
    if len(code) < 8 or crc(code[:-4]) != code[-4:]:
        return None
    account = split(code).get("26", "")
    return split(account).get("25")


def split(text: str) -> dict[str, str]:
    """The fields of one level, as far as they can be read."""
    fields: dict[str, str] = {}
    at = 0
    while text[at + 2 : at + 4].isdecimal() and len(text[at + 2 : at + 4]) == 2:
        length = int(text[at + 2 : at + 4])
        fields[text[at : at + 2]] = text[at + 4 : at + 4 + length]
        at += 4 + length
    return fields
