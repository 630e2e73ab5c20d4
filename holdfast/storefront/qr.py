"""A QR code as an inline picture: no script, no style attribute, so that the content security policy stays as strict as it is."""

import io

import segno

#: Pixels of one module as drawn; a style sheet may show it in any size, because it is vectors.
SCALE = 4
#: Recovers from 15 % of damage: enough for a screen, and the modules stay large.
ERROR_CORRECTION = "m"


def qr_svg(text: str) -> str:
    """`<svg class="qr" …>` for any text of up to about 2,300 characters. Raises segno.DataOverflowError for longer ones.

    Dark on white whatever the page's colours are: many readers take nothing else.
    """
    code = segno.make(text, error=ERROR_CORRECTION, micro=False)
    drawn = io.BytesIO()
    # Without a size of its own it has a viewBox instead, so that a style sheet can show it in any size.
    paint = {"dark": "#000", "light": "#fff", "svgclass": "qr", "lineclass": None}
    code.save(drawn, kind="svg", scale=SCALE, border=4, xmldecl=False, omitsize=True, **paint)
    return drawn.getvalue().decode().strip()
