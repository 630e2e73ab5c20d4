"""A charge and a refund of the direct gateway as reports."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from holdfast.kernel import clock
from holdfast.kernel.errors import Refused
from holdfast.kernel.money import to_minor
from holdfast.providers.contract import AccountHandle, Kind, ProviderReport, Source


def of_charge(charge: object, *, account: AccountHandle, source: Source) -> ProviderReport:
    """`{"id", "status", "amount": "12.50", "currency", "key", "created"}`. Never raises: what is odd is UNREADABLE."""
    told = _told(charge, account=account, source=source)
    id_ = told["object_id"]
    kind = Kind.CAPTURED if told.pop("readable") else Kind.UNREADABLE
    reference = _ours(charge, "key")
    return ProviderReport(**told, kind=kind, reference=reference, provider_id=id_)


def of_refund(refund: object, *, money_id: str | None, account: AccountHandle, source: Source) -> ProviderReport:
    """`{"id", "status", "payment", "amount", "currency", "key", "created"}`, where `payment` is the key of the charge, whose
    id is `money_id`. Never raises: what is odd is UNREADABLE.
    """
    told = _told(refund, account=account, source=source)
    payment, refund_reference = _ours(refund, "payment"), _ours(refund, "key")
    kind = Kind.REFUNDED if told.pop("readable") and payment else Kind.UNREADABLE
    if kind is Kind.UNREADABLE:
        told |= {"amount_minor": None, "currency": None}
    return ProviderReport(**told, kind=kind, reference=payment, money_id=money_id, refund_reference=refund_reference)


def _told(thing: object, *, account: AccountHandle, source: Source) -> dict[str, Any]:
    """What charges and refunds say alike, and whether it can be believed.

    The money is play money, whatever the account says of itself: `live` is always false.
    """
    said = thing if isinstance(thing, Mapping) else {}
    id_, status, created = said.get("id"), said.get("status"), said.get("created")
    minor, currency = amount(said)
    readable = status == "succeeded" and isinstance(id_, str) and isinstance(said.get("key"), str) and minor is not None
    return {
        "provider": "sandbox",
        "account_id": account.id,
        "live": False,
        "source": source,
        "object_id": id_ if isinstance(id_, str) else None,
        "amount_minor": minor if readable else None,
        "currency": currency if readable else None,
        "occurred_at": datetime.fromtimestamp(created, UTC) if type(created) is int and 0 < created < 10**11 else clock.now(),
        "raw_status": status[:80] if isinstance(status, str) else "",
        "readable": readable,
    }


def _ours(thing: object, name: str) -> str | None:
    """Our id in hex, with which the key begins."""
    key = thing.get(name) if isinstance(thing, Mapping) else None
    return key.partition(":")[0] if isinstance(key, str) else None


def amount(said: Mapping[str, object]) -> tuple[int | None, str | None]:
    """The amount in minor units, with every digit that was sent; nothing where it does not stand for money."""
    text, currency = said.get("amount"), said.get("currency")
    if not isinstance(text, str) or not isinstance(currency, str):
        return None, None
    try:
        minor = to_minor(text, currency.upper())
    except Refused:
        return None, None
    return (minor, currency.upper()) if minor > 0 else (None, None)
