"""The reference that a customer writes into a transfer: an ISO 11649 creditor reference, `RF18BCDFGHJKMNPQ`.

`RF`, two check digits, and twelve consonants without look-alikes (no I, L, O, no vowels, so no words either). The consonants are
the payment's id, hashed: about 52 bits, so that a million transfers of one account collide once in eight thousand such accounts.

The check digits are those of ISO 7064 MOD 97-10: letters count 10 to 35, the reference without its first four characters and with
them behind has to be 1 modulo 97. Because the check digits are digits only and the rest letters only, every character keeps the
number of its digits when it is mistyped: one wrong character changes the sum by less than 97 times a power of ten, and two
swapped neighbours by 99 or by 9 times their difference, none of which 97 divides. A digit for a letter is no reference at all.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from uuid import UUID

#: Consonants that nobody takes for a digit or for each other.
LETTERS = "BCDFGHJKMNPQRSTVWXYZ"
LENGTH = 12
#: Where one may begin; several may overlap in a text without blanks.
SHAPE = re.compile(rf"(?=RF(\d\d)([{LETTERS}]{{{LENGTH}}}))", re.ASCII)


def of(payment_id: UUID) -> str:
    """The reference of a payment: always the same."""
    number = int.from_bytes(hashlib.sha256(b"transfer:" + payment_id.bytes).digest())
    body = ""
    for _ in range(LENGTH):
        number, place = divmod(number, len(LETTERS))
        body += LETTERS[place]
    return f"RF{98 - _number(f'{body}RF00') % 97:02d}{body}"


def grouped(reference: str) -> str:
    """`RF18 BCDF GHJK MNPQ`: as people read and write it (ISO 11649 prints groups of four)."""
    return " ".join(reference[at : at + 4] for at in range(0, len(reference), 4))


def found_in(text: str) -> list[str]:
    """Every reference whose check digits hold, anywhere in a text, in the order in which they stand there, each once.

    Banks cut lines, add blanks and marks and fold letters, so only letters and digits are looked at.
    """
    return list(dict.fromkeys(_found(plain(text))))


def plain(text: str) -> str:
    """Letters and digits of a text, upper-case."""
    return "".join(letter for letter in unicodedata.normalize("NFKC", text).upper() if letter.isalnum())


def is_iban(text: str) -> bool:
    """Do an account number's own check digits hold (ISO 13616, the same sum)?"""
    iban = text.replace(" ", "").upper()
    return bool(re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", iban, re.ASCII)) and _number(iban[4:] + iban[:4]) % 97 == 1


def _found(text: str) -> Iterator[str]:
    for match in SHAPE.finditer(text):
        check, body = match.groups()
        # 00, 01 and 99 are the same as 97, 98 and 02 modulo 97 and are never given.
        if 2 <= int(check) <= 98 and _number(f"{body}RF{check}") % 97 == 1:
            yield f"RF{check}{body}"


def _number(text: str) -> int:
    """Letters as 10 to 35, digits as they are."""
    return int("".join(str(int(letter, 36)) for letter in text))
