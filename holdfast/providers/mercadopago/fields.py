"""Fields of Mercado Pago's objects, read with suspicion: what is not of the documented type is Puzzling; a person must look."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from holdfast.kernel import clock
from holdfast.providers.contract import AccountHandle, Kind, ProviderReport, Source
from holdfast.providers.mercadopago.amounts import from_wire

REFERENCE = re.compile(r"[0-9a-f]{32}")
#: The number of a payment, refund or chargeback.
NUMBER = re.compile(r"[1-9][0-9]{0,29}")
MAX_STATUS = 80


class Puzzling(Exception):
    """A field is missing, or not of the type that Mercado Pago documents."""


def mapping(body: object) -> Mapping[str, Any]:
    return body if isinstance(body, Mapping) else {}


def text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Puzzling(f"{name} is not a text")
    return value


def number(body: Mapping[str, Any], name: str = "id") -> str:
    """An id that is a number, written as one or as a text."""
    value = body.get(name)
    said = str(value) if type(value) is int else value
    if not isinstance(said, str) or not NUMBER.fullmatch(said):
        raise Puzzling(f"{name} is not a number")
    return said


def money(body: Mapping[str, Any], name: str, currency: str) -> int:
    """Our minor units, zero or more. Raises Puzzling, BadAmount, UnknownCurrency."""
    value = body.get(name)
    if type(value) not in (int, float):
        raise Puzzling(f"{name} is not an amount")
    minor = from_wire(value, currency)  # type: ignore[arg-type]
    if minor < 0:
        raise Puzzling(f"{name} is below zero")
    return minor


def items(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """A list of objects; empty where there is none."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(each, Mapping) for each in value):
        raise Puzzling(f"{name} is not a list")
    return list(value)


def moment(value: object) -> datetime | None:
    """`2024-01-15T10:30:00.000-03:00` → a time; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else None


def string(value: object) -> str:
    return value if isinstance(value, str) else ""


def words(**said: object) -> dict[str, str]:
    """What was said, for people."""
    return {name: value for name, value in said.items() if isinstance(value, str) and value}


def reference(body: Mapping[str, Any]) -> str | None:
    """Our payment's id in hex, as we gave it; None when the object is not ours."""
    said = body.get("external_reference")
    return said if isinstance(said, str) and REFERENCE.fullmatch(said) else None


def live(body: Mapping[str, Any], account: AccountHandle) -> bool:
    """`live_mode`, or the account's mode for what does not tell: its token was used. Raises Puzzling."""
    said = body.get("live_mode")
    if said is None:
        return account.live
    if type(said) is not bool:
        raise Puzzling("live_mode is neither true nor false")
    return said


def unreadable(
    body: Mapping[str, Any], why: Exception | str, *, account: AccountHandle, source: Source, money_id: str | None = None
) -> ProviderReport:
    """A report that moves nothing and calls a person, as well bound to its payment as can be read."""
    said = body.get("live_mode")
    try:
        id_: str | None = number(body)
    except Puzzling:
        id_ = None
    return ProviderReport(
        provider="mercadopago",
        account_id=account.id,
        live=said if type(said) is bool else account.live,
        kind=Kind.UNREADABLE,
        source=source,
        reference=reference(body),
        object_id=id_,
        occurred_at=clock.now(),
        raw_status=string(body.get("status"))[:MAX_STATUS],
        money_id=money_id,
        detail={"unreadable": str(why)},
    )


def odd(told: ProviderReport, why: Exception | str, *, object_id: str | None = None) -> ProviderReport:
    """Something beside readable money that a person must look at."""
    nothing = replace(told, kind=Kind.UNREADABLE, object_id=object_id, amount_minor=None, currency=None, also=())
    return replace(nothing, money_id=told.object_id, detail={"unreadable": str(why)})
