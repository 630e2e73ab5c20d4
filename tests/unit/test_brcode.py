"""BR Codes, against the central bank's own examples (Manual de Padrões, openapi.yaml) and against themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.kernel import brcode
from holdfast.kernel.brcode import BadCode

KEY = "123e4567-e12b-12d1-a456-426655440000"
#: The manual's example of a static code.
STATIC = (
    "00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-4266554400005204000053039865802BR5913Fulano de Tal6008BRASILIA"
    "62070503***63041D3D"
)
#: The three `pixCopiaECola` of the API's specification.
PUBLISHED = [
    "00020126180014br.gov.bcb.pix5204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***80800014br.gov.bcb.pix2558"
    "pix.example.com/qr/v2/rec/2353c790eefb11eaadc10242ac120002630462C9",
    "00020101021226760014br.gov.bcb.pix2554pix.example.com/qr/v2/8b3da2f39a4140d1a91abd93113bd4415204000053039865802BR5913"
    "Fulano de Tal6008BRASILIA62070503***80800014br.gov.bcb.pix2558"
    "pix.example.com/qr/v2/rec/94ed2badcbc04c15b0bb7fa35319489063047741",
    "00020101021226810014br.gov.bcb.pix2559pix.example.com/qr/v2/cobv/1e6c54d3ec9449b7a7fc53b6b0f998e75204000053039865802BR5913"
    "Fulano de Tal6008BRASILIA62070503***80800014br.gov.bcb.pix2558"
    "pix.example.com/qr/v2/rec/3ffa640fa4f14080adccb949fa2dc0d06304A441",
]
PERSON = {"name": "Fulano de Tal", "city": "BRASILIA"}


def test_the_checksum_has_its_check_value():
    assert brcode.checksum("123456789") == "29B1"


def test_the_manuals_static_code_is_made_to_the_letter():
    assert brcode.static(key=KEY, **PERSON) == STATIC


@pytest.mark.parametrize("code", [STATIC, *PUBLISHED])
def test_published_codes_are_read(code):
    fields = brcode.parse(code)
    assert (fields["00"], fields["53"], fields["58"], fields["59"]) == ("01", "986", "BR", "Fulano de Tal")
    assert fields["26"]["00"] == "br.gov.bcb.pix"
    assert fields["62"] == {"05": "***"}


def test_a_dynamic_code_names_its_location_and_is_for_once():
    location = "pix.example.com/qr/v2/8b3da2f39a4140d1a91abd93113bd441"
    code = brcode.dynamic(location=location, **PERSON)
    assert code.startswith(PUBLISHED[1][: 76 + 18])
    assert (brcode.parse(code)["01"], brcode.location_of(brcode.parse(code))) == ("12", location)
    assert brcode.location_of(brcode.parse(STATIC)) == ""


def test_amount_txid_and_words_stand_in_their_fields():
    code = brcode.static(
        key="loja@example.com", name="Padaria São João", city="São Paulo", amount_minor=123456, txid="A1", info="Pão"
    )
    fields = brcode.parse(code)
    assert (fields["54"], fields["62"]) == ("1234.56", {"05": "A1"})
    assert (fields["59"], fields["60"]) == ("Padaria Sao Joao", "Sao Paulo")
    assert fields["26"] == {"00": "br.gov.bcb.pix", "01": "loja@example.com", "02": "Pao"}


@pytest.mark.parametrize(("minor", "written"), [(1, "0.01"), (100, "1.00"), (999_999_999_999, "9999999999.99")])
def test_amounts_have_two_decimals(minor, written):
    assert brcode.parse(brcode.static(key=KEY, amount_minor=minor, **PERSON))["54"] == written


def test_names_and_cities_are_cut_to_their_room():
    fields = brcode.parse(brcode.static(key=KEY, name="Panificadora e Confeitaria Ção", city="São José dos Campos"))
    assert (fields["59"], fields["60"]) == ("Panificadora e Confeitari", "Sao Jose dos Ca")


def test_a_long_key_leaves_less_room_for_words():
    fields = brcode.parse(brcode.static(key="k" * 73, info="a word or two", **PERSON))
    assert fields["26"] == {"00": "br.gov.bcb.pix", "01": "k" * 73}
    assert brcode.parse(brcode.static(key="k" * 70, info="abcdef", **PERSON))["26"]["02"] == "abc"


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": ""},
        {"key": "k" * 78},
        {"key": "ção"},
        {"key": "two words"},
        {"txid": "x" * 26},
        {"txid": "a-b"},
        {"name": "  "},
        {"name": "日本"},
        {"city": ""},
        {"amount_minor": 0},
        {"amount_minor": -1},
    ],
)
def test_what_cannot_be_said_is_refused(wrong):
    with pytest.raises(BadCode):
        brcode.static(**{"key": KEY, **PERSON, **wrong})


@pytest.mark.parametrize("location", ["", "https://", "a b", "x" * 78, "/path", "evil\n"])
def test_a_location_is_an_address_without_scheme(location):
    with pytest.raises(BadCode):
        brcode.dynamic(location=location, **PERSON)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "6304",
        "63041D0F",
        STATIC[:-1] + "C",
        STATIC[:-4] + "1d3d",
        STATIC.replace("Fulano", "Beltra"),
        "ção63040000",
        "x" * 50,
    ],
)
def test_what_is_no_code_is_refused(text):
    with pytest.raises(BadCode):
        brcode.parse(text)


@pytest.mark.parametrize("inside", ["0002", "000201000201", "0x0201", "00²01", "26100002"])
def test_fields_that_do_not_add_up_are_refused(inside):
    text = inside + "6304"
    with pytest.raises(BadCode):
        brcode.parse(text + brcode.checksum(text))


@given(st.text(max_size=200))
def test_nothing_crashes_the_reader(text):
    try:
        brcode.parse(text)
        brcode.parse(text + "6304" + brcode.checksum(text + "6304"))
    except BadCode:
        return


@given(
    name=st.text(min_size=1, max_size=60),
    city=st.text(min_size=1, max_size=60),
    info=st.text(max_size=120),
    minor=st.none() | st.integers(1, 999_999_999_999),
)
def test_whatever_is_made_is_read_again(name, city, info, minor):
    try:
        code = brcode.static(key=KEY, name=name, city=city, info=info, amount_minor=minor)
    except BadCode:
        assert not brcode.plain(name)[:25].strip() or not brcode.plain(city)[:15].strip()
        return
    fields = brcode.parse(code)
    assert code.isascii()
    assert (len(fields["59"]) <= 25, len(fields["60"]) <= 15, fields["26"]["01"]) == (True, True, KEY)
