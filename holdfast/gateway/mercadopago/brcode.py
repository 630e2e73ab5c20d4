"""The BR Code of a Pix payment (EMV MPM, with the central bank's account template)."""

import base64
import binascii
import io

import segno

KEY, NAME, CITY = "b76aa9c2-2ec4-4110-954e-ebfe34f05b61", "Loja de teste", "Sao Paulo"


def code(*, amount: str, payment_id: int) -> str:
    """`amount` as `12.50`. The payment's number is the txid, as Mercado Pago writes it."""
    account = field("00", "br.gov.bcb.pix") + field("01", KEY)
    head = field("00", "01") + field("26", account) + field("52", "0000") + field("53", "986") + field("54", amount)
    text = (
        head + field("58", "BR") + field("59", NAME) + field("60", CITY) + field("62", field("05", f"mpqr{payment_id}")) + "6304"
    )
    return text + f"{binascii.crc_hqx(text.encode(), 0xFFFF):04X}"


def field(id_: str, content: str) -> str:
    return f"{id_}{len(content):02d}{content}"


def picture(text: str) -> str:
    """A PNG of the code, in base64."""
    png = io.BytesIO()
    segno.make(text, error="m", micro=False).save(png, kind="png", scale=4)
    return base64.b64encode(png.getvalue()).decode()
