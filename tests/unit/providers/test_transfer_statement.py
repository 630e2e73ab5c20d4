"""Banks' statements: OFX as banks write it, CSV by named columns, and every way of being broken."""

from datetime import date

import pytest

from holdfast.kernel import limits
from holdfast.providers.transfer.statement import BadStatement, Layout, Line, read

SGML = """OFXHEADER:100
DATA:OFXSGML
VERSION:102
SECURITY:NONE
ENCODING:USASCII
CHARSET:1252

<OFX>
<BANKMSGSRSV1><STMTTRNRS><TRNUID>1<STMTRS><CURDEF>BRL
<BANKACCTFROM><BANKID>341<ACCTID>12345-6<ACCTTYPE>CHECKING</BANKACCTFROM>
<BANKTRANLIST><DTSTART>20261101<DTEND>20261130
<STMTTRN>
<TRNTYPE>CREDIT<DTPOSTED>20261127230000[-3:BRT]<TRNAMT>26,40
<FITID>A1
<CHECKNUM>
<MEMO>PIX RF36GGYRNJKGNSXK &amp; obrigado
<NAME>JOSÉ & FILHOS
</STMTTRN>
<STMTTRN>
<TRNTYPE>DEBIT<DTPOSTED>20261128<TRNAMT>-10.00<FITID>A2<MEMO>Tarifa
</STMTTRN>
</BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1>
</OFX>
"""
XML = """<?xml version="1.0" encoding="UTF-8"?>
<?OFX OFXHEADER="200" VERSION="220" SECURITY="NONE" OLDFILEUID="NONE" NEWFILEUID="NONE"?>
<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>EUR</CURDEF>
<BANKACCTFROM><BANKID>37040044</BANKID><ACCTID>0532013000</ACCTID><ACCTTYPE>CHECKING</ACCTTYPE></BANKACCTFROM>
<BANKTRANLIST>
<STMTTRN><TRNTYPE>CREDIT</TRNTYPE><DTPOSTED>20261128120000</DTPOSTED><TRNAMT>26.40</TRNAMT><FITID>B1</FITID><PAYEE><NAME>Ada</NAME></PAYEE><MEMO>=1+1</MEMO></STMTTRN>
<STMTTRN><TRNTYPE>CREDIT</TRNTYPE><DTPOSTED>20261128120000</DTPOSTED><TRNAMT>5.00</TRNAMT><FITID>B2</FITID><CURRENCY><CURRATE>1.1</CURRATE><CURSYM>USD</CURSYM></CURRENCY></STMTTRN>
</BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>
"""
PLAIN = """id,date,amount,currency,payer,text
T1,2026-11-28,26.40,EUR,Ada,RF36 GGYR
T2,2026-11-28,-3.00,EUR,Bank,fee
T3,2026-11-28,"1,000.00",EUR,"=cmd|' /C calc'!A0","two
lines"
"""


def taken(text, form="csv", layout=None):
    return read(text, format=form, layout=layout or Layout())


def test_an_old_ofx_as_banks_write_it():
    told = taken(SGML, "ofx")
    assert (told.outgoing, told.account) == (1, "12345-6")
    assert told.lines == [
        Line(
            number=12,
            bank_id="A1",
            amount_minor=2640,
            currency="BRL",
            paid_on=date(2026, 11, 27),
            payer="JOSÉ & FILHOS",
            text="PIX RF36GGYRNJKGNSXK & obrigado JOSÉ & FILHOS",
        )
    ]


def test_the_same_in_the_encoding_that_it_names():
    assert taken(SGML.encode("cp1252"), "ofx").lines == taken(SGML.encode(), "ofx").lines == taken(SGML, "ofx").lines


def test_a_new_ofx_with_a_line_in_another_currency():
    told = taken(XML, "ofx")
    assert [(each.bank_id, each.amount_minor, each.currency, each.payer, each.text) for each in told.lines] == [
        ("B1", 2640, "EUR", "Ada", "=1+1 Ada"),
        ("B2", 500, "USD", "", ""),
    ]
    assert [each.number for each in told.lines] == [6, 7]


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "no ofx at all",
        "<OFX>",
        "<OFX></OFX>",
        SGML[:-10],
        SGML.replace("</STMTTRN>", "", 1),
        SGML.replace("<FITID>A1\n", ""),
        SGML.replace("26,40", "26,4O"),
        SGML.replace("26,40", "NaN"),
        SGML.replace("26,40", "1e5"),
        SGML.replace("26,40", "26.405"),
        SGML.replace("BRL\n", "XX\n", 1),
        SGML.replace("20261127230000", "20261327"),
        SGML.replace("20261127230000", "today"),
        XML.replace("</BANKTRANLIST>", ""),
        XML.replace("<STMTTRN><TRNTYPE>", "<STMTTRN>stray<TRNTYPE>", 1).replace("</TRNTYPE>", "</TRNTYPE>stray", 1),
        SGML.replace("12345-6", "12345-6</BANKACCTFROM><BANKACCTFROM><ACCTID>9"),
    ],
)
def test_a_broken_ofx_is_refused_as_a_whole(broken):
    with pytest.raises(BadStatement):
        taken(broken, "ofx")


def test_a_bad_line_of_an_ofx_is_told_by_its_number():
    with pytest.raises(BadStatement) as refused:
        taken(XML.replace("<TRNAMT>5.00", "<TRNAMT>five"), "ofx")
    assert (refused.value.extra["line"], "Line 7" in refused.value.detail) == (7, True)


def test_a_plain_csv_and_a_formula_is_only_text():
    told = taken(PLAIN)
    assert told.outgoing == 1
    assert [(each.number, each.bank_id, each.amount_minor, each.payer, each.text) for each in told.lines] == [
        (2, "T1", 2640, "Ada", "RF36 GGYR"),
        (4, "T3", 100_000, "=cmd|' /C calc'!A0", "two lines"),
    ]


def test_a_banks_own_csv_by_the_accounts_layout():
    layout = Layout.of(
        {
            "currency": "EUR",
            "csv": {
                "columns": {"id": "Umsatz-ID", "date": "Valuta", "amount": "Betrag", "payer": "Name", "text": "Zweck"},
                "delimiter": ";",
                "decimal": ",",
                "date_format": "%d.%m.%Y",
            },
        }
    )
    text = "\ufeffValuta;Name;Zweck;Betrag;Umsatz-ID\n28.11.2026;Ada;RF36;1.026,40;4711\n"
    (line,) = taken(text.encode(), layout=layout).lines
    assert (line.amount_minor, line.currency, line.paid_on, line.bank_id) == (102_640, "EUR", date(2026, 11, 28), "4711")


@pytest.mark.parametrize(
    ("broken", "line"),
    [
        ("", 1),
        ("a,b\n1,2\n", 1),
        ("id,date,amount,text,id\n", 1),
        (PLAIN.replace("T1,", ","), 2),
        (PLAIN.replace("T1,", f"{'x' * 256},"), 2),
        (PLAIN.replace("26.40", "26.4.0"), 2),
        (PLAIN.replace("26.40", "0x10"), 2),
        (PLAIN.replace("26.40", "٢٦"), 2),
        (PLAIN.replace("26.40", "26.405"), 2),
        (PLAIN.replace("26.40", "9999999999999"), 2),
        (PLAIN.replace("2026-11-28", "28.11.2026", 1), 2),
        (PLAIN.replace("2026-11-28", "0001-01-01", 1), 2),
        (PLAIN.replace("EUR,Ada", "EURO,Ada"), 2),
        (PLAIN.replace("EUR,Ada", ",Ada"), 2),
        (PLAIN.replace(",Ada", ""), 2),
        (PLAIN.replace('lines"', "lines"), 5),
    ],
)
def test_a_broken_csv_is_refused_with_the_number_of_its_line(broken, line):
    with pytest.raises(BadStatement) as refused:
        taken(broken)
    assert refused.value.extra["line"] == line


def test_what_cannot_be_printed_is_a_blank():
    (line, *_) = taken(PLAIN.replace("Ada", "A\x00d\x1b[31ma\ud800")).lines
    assert line.payer == "A d [31ma"


def test_too_large_or_of_no_known_format():
    with pytest.raises(BadStatement):
        taken("x" * (limits.MAX_STATEMENT_BYTES + 1))
    with pytest.raises(BadStatement):
        taken(PLAIN, "xlsx")


@pytest.mark.parametrize("bad", [{"delimiter": ";;"}, {"decimal": "x"}, {"columns": {"iban": "x"}}, {"colour": "red"}])
def test_a_layout_that_cannot_be_is_refused(bad):
    with pytest.raises(BadStatement):
        Layout.of({"csv": bad})
