"""The picture of a code."""

from xml.etree import ElementTree

import pytest
import segno

from holdfast.storefront.qr import qr_svg

CODE = (
    "00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-4266554400005204000053039865802BR5913Fulano de Tal6008BRASILIA"
    "62070503***63041D3D"
)


def test_it_needs_no_script_and_no_style():
    drawn = qr_svg(CODE)
    root = ElementTree.fromstring(drawn)
    assert (root.tag, root.get("class")) == ("{http://www.w3.org/2000/svg}svg", "qr")
    side = 4 * segno.make(CODE, error="m", micro=False).symbol_size()[0]
    assert (root.get("viewBox"), root.get("width")) == (f"0 0 {side} {side}", None)
    for each in root.iter():
        assert not {"style", "onload", "onclick"} & set(each.attrib)
        assert each.tag.rpartition("}")[2] in ("svg", "g", "path")


def test_nothing_of_the_text_stands_in_it():
    assert "<script>" not in qr_svg("<script>alert(1)</script>")


def test_the_same_text_is_the_same_picture_and_another_another():
    assert qr_svg(CODE) == qr_svg(CODE) != qr_svg(CODE + "0")


def test_a_text_beyond_any_code_is_refused():
    with pytest.raises(segno.DataOverflowError):
        qr_svg("x" * 3000)
