"""The moves of a receipt: money that came into a bank account."""

from holdfast.kernel.machine import Machine, edges

RECEIPT = Machine(
    "receipt",
    initial=("unconfirmed", "unmatched"),  # unconfirmed: a person said so, and a second one has to say so too
    edges=edges(
        ("unconfirmed", "unmatched", "a second person, or the bank's statement, said so too"),
        ("unconfirmed", "rejected", "a second person said that it did not come in"),
        ("unmatched", "matched", "it is for a payment of which more is to come"),
        ("unmatched", "allocated", "it reaches a payment's total"),
        ("unmatched", "excess", "a part of it, or all, is more than its payment wanted"),
        ("unmatched", "ignored", "a person said that it is no customer's money"),
        ("unmatched", "returned", "a person transferred it back"),
        ("matched", "allocated", "with others it reaches its payment's total"),
        ("matched", "excess", "a part of it, or all, is more than its payment wanted"),
        ("matched", "returned", "a person transferred it back"),
        ("excess", "matched|allocated", "a person said which other payment the rest is for"),
        ("excess", "returned", "a person transferred the rest back"),
    ),
)
#: A person has to decide about it: each has an open case.
OPEN = ("unmatched", "matched", "excess")
#: It counts as money that came in.
CAME = (*OPEN, "allocated", "ignored", "returned")
