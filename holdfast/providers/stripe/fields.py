"""Fields of Stripe's objects, read with suspicion: what is not of the documented type is Puzzling, and a person must look."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from holdfast.kernel import clock
from holdfast.kernel.limits import MAX_AMOUNT_MINOR
from holdfast.providers.contract import AccountHandle, Kind, ProviderReport, Source
from holdfast.providers.stripe.amounts import from_stripe

REFERENCE = re.compile(r"[0-9a-f]{32}")
MAX_STATUS = 80
#: Objects about money that some PaymentIntent took, which they name.
ABOUT_MONEY = frozenset(["refund", "dispute", "charge"])


class Puzzling(Exception):
    """A field is missing, or not of the type that Stripe documents."""


def mapping(body: object) -> Mapping[str, Any]:
    return body if isinstance(body, Mapping) else {}


def text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Puzzling(f"{name} is not a text")
    return value


def id_of(body: Mapping[str, Any], name: str) -> str:
    """The id of an object that stands there as its id or expanded."""
    value = body.get(name)
    return text(value, "id") if isinstance(value, Mapping) else text(body, name)


def amount(body: Mapping[str, Any], name: str) -> int:
    """In Stripe's units, above zero."""
    value = body.get(name)
    if type(value) is not int or not 0 < value <= MAX_AMOUNT_MINOR:
        raise Puzzling(f"{name} is not an amount")
    return value


def signed(body: Mapping[str, Any], name: str) -> int:
    """A movement in Stripe's units, which may be zero or below."""
    value = body.get(name)
    if type(value) is not int or abs(value) > MAX_AMOUNT_MINOR:
        raise Puzzling(f"{name} is not a movement")
    return value


def currency(body: Mapping[str, Any]) -> str:
    return text(body, "currency").upper()


def money(body: Mapping[str, Any], name: str = "amount") -> tuple[int, str]:
    """An amount in our minor units and its currency. Raises Puzzling, AmountNotPossible, UnknownCurrency."""
    spoken = currency(body)
    return from_stripe(amount(body, name), spoken), spoken


def moment(value: object) -> datetime | None:
    """Unix seconds → a time; None for anything else."""
    if type(value) is not int or not 0 < value < 10**11:
        return None
    return datetime.fromtimestamp(value, UTC)


def string(value: object) -> str:
    return value if isinstance(value, str) else ""


def words(**said: object) -> dict[str, str]:
    """What was said, for people."""
    return {name: value for name, value in said.items() if isinstance(value, str) and value}


def ours(body: Mapping[str, Any], name: str = "holdfast_payment") -> str | None:
    """An id of ours in hex, as we gave it in the metadata; None when it is not there."""
    said = mapping(body.get("metadata")).get(name)
    return said if isinstance(said, str) and REFERENCE.fullmatch(said) else None


def reference(body: Mapping[str, Any]) -> str | None:
    """Our payment's id in hex, as we gave it; None when the object is not ours or does not tell."""
    said = body.get("client_reference_id")
    return ours(body) or (said if isinstance(said, str) and REFERENCE.fullmatch(said) else None)


def unreadable(
    body: Mapping[str, Any],
    why: Exception,
    *,
    account: AccountHandle,
    source: Source,
    told_at: datetime | None,
    live: bool | None = None,
) -> ProviderReport:
    """A report that moves nothing and calls a person, as well bound to its payment as can be read.

    `live` is what the event or the account says, for objects that do not tell.
    """
    said = body.get("livemode")
    if type(said) is not bool:
        said = account.live if live is None else live
    id_ = string(body.get("id")) or None
    is_session = body.get("object") == "checkout.session"
    intent = body.get("payment_intent") if string(body.get("object")) in ABOUT_MONEY else None
    return ProviderReport(
        provider="stripe",
        account_id=account.id,
        live=said,
        kind=Kind.UNREADABLE,
        source=source,
        reference=reference(body),
        provider_id=id_ if is_session else None,
        object_id=None if is_session else id_,
        occurred_at=told_at or clock.now(),
        raw_status=string(body.get("status"))[:MAX_STATUS],
        money_id=(string(mapping(intent).get("id")) or string(intent)) or None,
        refund_reference=ours(body, "holdfast_refund"),
        detail={"unreadable": str(why)},
    )
