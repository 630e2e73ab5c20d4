"""What Stripe's events say. They are signed and carry their object, so they are believed.

The object is as it was when the event was made; events come in any order. https://docs.stripe.com/api/events/types
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from holdfast.providers.contract import MONEY, AccountHandle, Kind, Pointer, ProviderReport, Source
from holdfast.providers.stripe.disputes import of_dispute
from holdfast.providers.stripe.fields import Puzzling, moment, unreadable
from holdfast.providers.stripe.reading import of_intent, of_session
from holdfast.providers.stripe.refunds import of_refund

SESSION_EVENTS = frozenset(
    [
        "checkout.session.completed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
        "checkout.session.expired",
    ]
)
INTENT_EVENTS = frozenset(
    [
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "payment_intent.canceled",
        "payment_intent.amount_capturable_updated",
    ]
)
#: `charge.refund.updated` is the older twin of `refund.updated`.
REFUND_EVENTS = frozenset(["refund.created", "refund.updated", "refund.failed", "charge.refund.updated"])
#: What happened to the funds, where the event itself says so.
DISPUTE_EVENTS = {
    "charge.dispute.created": None,
    "charge.dispute.updated": None,
    "charge.dispute.closed": None,
    "charge.dispute.funds_withdrawn": Kind.FUNDS_WITHDRAWN,
    "charge.dispute.funds_reinstated": Kind.FUNDS_REINSTATED,
}
#: Their object is a Charge, which shows sums and no refund: a reason to look at its PaymentIntent.
CHARGE_EVENTS = frozenset(["charge.refunded", "charge.expired"])
EVENTS = SESSION_EVENTS | INTENT_EVENTS | REFUND_EVENTS | DISPUTE_EVENTS.keys() | CHARGE_EVENTS


def read(*, body: bytes, type: str, account: AccountHandle) -> ProviderReport | Pointer | None:
    """Never raises: an event of a kind that we act on, but cannot read, is reported as UNREADABLE."""
    if type not in EVENTS:
        return None
    try:
        event = json.loads(body)
        subject, told_at, live = event["data"]["object"], moment(event["created"]), event["livemode"]
        # A Refund does not say its mode.
        same_mode = isinstance(live, bool) if type in REFUND_EVENTS else live is subject["livemode"]
        if not isinstance(subject, Mapping):
            raise TypeError("the event's object is not one")
    except (ValueError, LookupError, TypeError, RecursionError) as why:
        return unreadable({}, why, account=account, source=Source.WEBHOOK, told_at=None)
    if not same_mode:
        odd = Puzzling("the event and its object are not of the same mode")
        return unreadable(subject, odd, account=account, source=Source.WEBHOOK, told_at=told_at)
    return _read(subject, type=type, account=account, told_at=told_at, live=live)


def _read(
    subject: Mapping[str, Any], *, type: str, account: AccountHandle, told_at: datetime | None, live: bool
) -> ProviderReport | Pointer | None:
    if type in SESSION_EVENTS:
        failed = type == "checkout.session.async_payment_failed"
        return of_session(subject, account=account, source=Source.WEBHOOK, told_at=told_at, async_failed=failed)
    if type in INTENT_EVENTS:
        return of_intent(subject, account=account, source=Source.WEBHOOK, told_at=told_at)
    if "payment_intent" in subject and subject["payment_intent"] is None:
        return None  # About a charge that no PaymentIntent made: nothing of ours.
    if type in REFUND_EVENTS:
        return of_refund(subject, account=account, source=Source.WEBHOOK, told_at=told_at, live=live)
    if type in DISPUTE_EVENTS:
        return of_dispute(subject, account=account, source=Source.WEBHOOK, told_at=told_at, moved=DISPUTE_EVENTS[type])
    intent = subject.get("payment_intent")
    if not isinstance(intent, str) or not intent:
        odd = Puzzling("payment_intent is not a text")
        return unreadable(subject, odd, account=account, source=Source.WEBHOOK, told_at=told_at)
    return Pointer(kind=MONEY, id=intent)
