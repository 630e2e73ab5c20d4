"""A charge of the direct gateway as a report."""

from collections.abc import Mapping
from datetime import UTC, datetime

from holdfast.kernel import clock
from holdfast.kernel.errors import Refused
from holdfast.kernel.money import to_minor
from holdfast.providers.contract import AccountHandle, Kind, ProviderReport, Source


def of_charge(charge: object, *, account: AccountHandle, source: Source) -> ProviderReport:
    """`{"id", "status", "amount": "12.50", "currency", "key", "created"}`. Never raises: what is odd is UNREADABLE.

    The money is play money, whatever the account says of itself: `live` is always false.
    """
    said = charge if isinstance(charge, Mapping) else {}
    id_, key, status, created = said.get("id"), said.get("key"), said.get("status"), said.get("created")
    minor, currency = amount(said)
    readable = status == "succeeded" and isinstance(id_, str) and isinstance(key, str) and minor is not None
    return ProviderReport(
        provider="sandbox",
        account_id=account.id,
        live=False,
        kind=Kind.CAPTURED if readable else Kind.UNREADABLE,
        source=source,
        reference=key.partition(":")[0] if isinstance(key, str) else None,
        provider_id=id_ if isinstance(id_, str) else None,
        object_id=id_ if isinstance(id_, str) else None,
        amount_minor=minor if readable else None,
        currency=currency if readable else None,
        occurred_at=datetime.fromtimestamp(created, UTC) if type(created) is int and 0 < created < 10**11 else clock.now(),
        raw_status=status[:80] if isinstance(status, str) else "",
    )


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
