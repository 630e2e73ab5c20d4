"""A bank's statement as lines: OFX 1 and 2, and CSV with named columns. Pure: text in, lines out, or one clear refusal.

Of OFX only what a line needs is read, element by element: banks' files are rarely whole, and a missing signon is no reason to
leave money unseen. A file is taken as a whole or refused as a whole, with the number of the first line that cannot be read.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from xml.etree.ElementTree import Element
from xml.sax.saxutils import unescape

from ofxtools.Parser import ParseError, TreeBuilder

from holdfast.kernel import limits
from holdfast.kernel.errors import Refused
from holdfast.kernel.money import BadAmount, UnknownCurrency, to_minor

#: How long what the bank says of a line may be; more is cut. An id is never cut: it is what a line is known by.
MAX_ID, MAX_PAYER, MAX_TEXT = 255, 140, 500
AMOUNT = re.compile(r"[+-]?\d{1,15}([.]\d{1,3})?", re.ASCII)
FORMATS = ("ofx", "csv")
#: Aggregates of OFX that are closed as often as they are opened, in whichever version.
WHOLE = ("STMTRS", "CCSTMTRS", "BANKTRANLIST", "STMTTRN")
#: Elements that some banks write and leave empty, which OFX 1 cannot tell from aggregates that were never closed.
EMPTY = re.compile(r"<(MEMO|NAME|CHECKNUM|REFNUM|PAYEEID|EXTDNAME)>\s*(?=<(?!/\1>))")


class BadStatement(Refused):
    """This is no bank statement that Holdfast can read. Nothing of it was taken."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """Money that came in, as the bank tells it. `number` is the line of the file where it begins; `amount_minor` above zero."""

    number: int
    bank_id: str
    amount_minor: int
    currency: str
    paid_on: date
    payer: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Statement:
    """`outgoing`: how many lines were no money that came in; `account`: what the file calls the account, where it does."""

    lines: Sequence[Line]
    outgoing: int
    account: str = ""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a bank's CSV is written. `columns`: its name for each of ours; `currency` and those that are not there may be left out.

    `date_format` is strptime's; `decimal` the mark before the cents, every other mark in an amount is dropped.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    delimiter: str = ","
    decimal: str = "."
    date_format: str = "%Y-%m-%d"
    currency: str = ""

    @staticmethod
    def of(credentials: Mapping[str, Any]) -> "Layout":
        """The account's own, from `credentials["csv"]`. Raises BadStatement for one that cannot be."""
        said = credentials.get("csv") or {}
        try:
            found = Layout(**{"currency": credentials.get("currency") or "", **said})
            usable = len(found.delimiter) == 1 and found.decimal in (".", ",") and set(found.columns) <= set(COLUMNS)
        except TypeError:
            usable = False
        if not usable:
            raise BadStatement("The account's layout of a CSV (`csv` in its credentials) is none: see docs/transfers.md.")
        return found


#: Our names of a CSV's columns.
COLUMNS = ("id", "date", "amount", "currency", "payer", "text")
NEEDED = ("id", "date", "amount", "text")


def read(content: str | bytes, *, format: str, layout: Layout) -> Statement:
    """The lines of a file in the order in which they stand. Raises BadStatement."""
    if format not in FORMATS:
        raise BadStatement(f"There is no format {format!r}; there are {', '.join(FORMATS)}.")
    if len(content) > limits.MAX_STATEMENT_BYTES:
        raise BadStatement(f"A statement has up to {limits.MAX_STATEMENT_BYTES} bytes: split it.")
    text = _decoded(content) if isinstance(content, bytes) else content.removeprefix("\ufeff")
    return _ofx(text) if format == "ofx" else _csv(text, layout)


def _decoded(content: bytes) -> str:
    """UTF-8, else Windows-1252, as banks write."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


# -- OFX --------------------------------------------------------------------------------------------------------------


def _ofx(text: str) -> Statement:
    root = _tree(text)
    places = [1 + text.count("\n", 0, match.start()) for match in re.finditer(r"<STMTTRN>", text)]
    numbers = iter(places)
    lines: list[Line] = []
    outgoing, accounts = 0, set()
    for statement in [*root.iter("STMTRS"), *root.iter("CCSTMTRS")]:
        accounts |= {_told(each, "ACCTID") for each in statement.iter("BANKACCTFROM")} - {""}
        for transaction in statement.iter("STMTTRN"):
            line = _transaction(transaction, _told(statement, "CURDEF"), next(numbers, 0))
            outgoing += line is None
            lines += [line] if line else []
    if not lines and not outgoing and root.find(".//STMTRS") is None and root.find(".//CCSTMTRS") is None:
        raise BadStatement("This OFX has no statement of an account in it.")
    if len(accounts) > 1:
        raise BadStatement("This OFX has statements of several accounts: bring one at a time.")
    return Statement(lines=lines, outgoing=outgoing, account=next(iter(accounts), ""))


def _tree(text: str) -> Element:
    begin = text.find("<OFX>")
    if begin < 0:
        raise BadStatement("This is no OFX: there is no <OFX> in it.")
    body = text[begin:].strip()
    if not body.endswith("</OFX>") or any(body.count(f"<{name}>") != body.count(f"</{name}>") for name in WHOLE):
        raise BadStatement("This OFX is cut off, or a part of it is not closed.")
    builder = TreeBuilder()
    try:
        builder.feed(EMPTY.sub("", body))
        root: Element = builder.close()
    except (ParseError, AssertionError, IndexError) as error:
        # The parser's own words repeat what stands in the file.
        raise BadStatement("This OFX is broken: its elements are not nested, or text stands between them.") from error
    return root


def _transaction(said: Element, currency: str, number: int) -> Line | None:
    """None for money that went out, or for none."""
    own = said.find("CURRENCY")
    currency = _told(own, "CURSYM") if own is not None else currency
    amount = _told(said, "TRNAMT").replace(" ", "")
    name = _told(said, "NAME") or next((_told(payee, "NAME") for payee in said.iter("PAYEE")), "")
    words = [_told(said, each) for each in ("MEMO", "REFNUM", "CHECKNUM", "EXTDNAME")]
    return _line(
        number,
        bank_id=_told(said, "FITID"),
        amount=amount.replace(",", ".") if amount.count(",") == 1 and "." not in amount else amount,
        currency=currency,
        paid_on=_day(_told(said, "DTPOSTED")[:8], "%Y%m%d", number),
        payer=name,
        # Some banks write the purpose where the name belongs.
        text=" ".join(filter(None, [*words, name])),
    )


def _told(element: Element, name: str) -> str:
    return unescape(element.findtext(name) or "", {"&nbsp;": " "}).strip()


# -- CSV --------------------------------------------------------------------------------------------------------------


def _csv(text: str, layout: Layout) -> Statement:
    rows = csv.reader(text.splitlines(keepends=True), delimiter=layout.delimiter, strict=True)
    names = {ours: layout.columns.get(ours, ours) for ours in COLUMNS}
    lines: list[Line] = []
    outgoing = 0
    try:
        head = [cell.strip() for cell in next(rows, [])]
        missing = [names[ours] for ours in NEEDED if names[ours] not in head]
        if missing or len(set(head)) != len(head):
            raise BadStatement(f"Line 1 has to name each column once. Missing: {', '.join(missing) or 'none'}.", line=1)
        for number, row in _numbered(rows):
            if len(row) != len(head):
                raise _bad(number, f"it has {len(row)} columns and not {len(head)}")
            line = _row(number, dict(zip(head, row, strict=True)), names, layout)
            outgoing += line is None
            lines += [line] if line else []
    except csv.Error as error:
        raise _bad(rows.line_num, str(error)) from error
    return Statement(lines=lines, outgoing=outgoing)


def _numbered(rows: Any) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line on which they begin: a quoted cell may hold line breaks. Empty lines are none."""
    begins = rows.line_num + 1
    for row in rows:
        if any(cell.strip() for cell in row):
            yield begins, row
        begins = rows.line_num + 1


def _row(number: int, said: Mapping[str, str], names: Mapping[str, str], layout: Layout) -> Line | None:
    told = {ours: said.get(theirs, "").strip() for ours, theirs in names.items()}
    amount = re.sub(r"[\s\u00a0'’]", "", told["amount"])
    amount = amount.replace(".", "").replace(",", ".") if layout.decimal == "," else amount.replace(",", "")
    return _line(
        number,
        bank_id=told["id"],
        amount=amount,
        currency=told["currency"] or layout.currency,
        paid_on=_day(told["date"], layout.date_format, number),
        payer=told["payer"],
        text=told["text"],
    )


# -- Both -------------------------------------------------------------------------------------------------------------


def _line(number: int, *, bank_id: str, amount: str, currency: str, paid_on: date, payer: str, text: str) -> Line | None:
    """One line; None for money that went out, or for none. Raises BadStatement."""
    if not bank_id or len(bank_id) > MAX_ID or not bank_id.isprintable():
        raise _bad(number, f"it has no id of the bank's, or one longer than {MAX_ID} characters")
    if not AMOUNT.fullmatch(amount):
        raise _bad(number, "its amount is not a number")
    if amount.startswith("-") or not amount.strip("+0."):
        return None
    try:
        minor = to_minor(amount.lstrip("+"), currency.upper())
    except (BadAmount, UnknownCurrency) as error:
        raise _bad(number, error.detail) from error
    if minor > limits.MAX_AMOUNT_MINOR:
        raise _bad(number, "its amount is beyond any that Holdfast takes")
    return Line(
        number=number,
        bank_id=bank_id,
        amount_minor=minor,
        currency=currency.upper(),
        paid_on=paid_on,
        payer=_clean(payer, MAX_PAYER),
        text=_clean(text, MAX_TEXT),
    )


def _day(text: str, form: str, number: int) -> date:
    try:
        found = datetime.strptime(text, form).date()
    except ValueError as error:
        raise _bad(number, f"its date is not of the form {form}") from error
    if not date(2000, 1, 1) <= found <= date(2100, 1, 1):
        raise _bad(number, "its date is not of this century")
    return found


def _clean(text: str, most: int) -> str:
    """Text and nothing else: what cannot be printed is a blank. A formula stays the text that it is."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:most]


def _bad(number: int, what: str) -> BadStatement:
    return BadStatement(f"Line {number} cannot be read: {what}. Nothing of the file was taken.", line=number)
