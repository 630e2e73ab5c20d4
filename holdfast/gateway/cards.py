"""The magic cards. Stripe's own numbers where Stripe has one: https://docs.stripe.com/testing"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    number: str
    does: str  # approve, decline, decline_once, challenge, settle, fail_later, silence
    title: str
    code: str = ""  # Of a decline.
    decline_code: str = ""
    message: str = ""
    muted: bool = False  # Its events are recorded but never delivered.
    after: str = ""  # What happens to the money later: dispute, refund_pending, refund_bounce.

    @property
    def last4(self) -> str:
        return self.number[-4:]


def _declines(number: str, title: str, code: str, decline_code: str, message: str) -> Card:
    return Card(number, "decline", title, code, decline_code, message)


DECLINED = ("card_declined", "generic_decline", "Your card was declined.")

ALL = [
    Card("4242424242424242", "approve", "Pays"),
    _declines("4000000000000002", "Is declined", *DECLINED),
    _declines(
        "4000000000009995",
        "Is declined: no funds",
        "card_declined",
        "insufficient_funds",
        "Your card has insufficient funds.",
    ),
    _declines("4000000000000069", "Is declined: expired", "expired_card", "", "Your card has expired."),
    Card("4000009900000012", "decline_once", "Is declined first, pays on the second try", *DECLINED),
    Card("4000002760003184", "challenge", "Asks for 3-D Secure"),
    Card("4000009900000020", "settle", "Slow method: unpaid now, paid a little later"),
    Card("4000009900000038", "fail_later", "Slow method: unpaid now, fails a little later"),
    Card("4000009900000046", "silence", "Bank never answers: processing until someone settles it"),
    Card("4000009900000053", "approve", "Pays, but no webhook ever arrives", muted=True),
    Card("4000000000007726", "approve", "Pays; its refunds stay pending, then succeed", after="refund_pending"),
    Card("4000000000005126", "approve", "Pays; its refunds succeed, then fail", after="refund_bounce"),
    Card("4000000000000259", "approve", "Pays; then the cardholder disputes it", after="dispute"),
]
BY_NUMBER = {card.number: card for card in ALL}


def read(text: str) -> Card | None:
    """The card of this number, spaces and dashes allowed; None for any number that is not on the list."""
    return BY_NUMBER.get(text.replace(" ", "").replace("-", ""))
