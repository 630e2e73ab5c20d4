"""A whole attempt in Checkout Pro: its preference, and the payments that customers tried at it.

A preference has no status. Each try is a payment of its own; what they have in common is our reference. So the attempt is what
the best of them is: money wins, a try that ended without money ends nothing, and only the preference's own end does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from holdfast.kernel import clock
from holdfast.providers.contract import AccountHandle, Kind, ProviderReport, Source
from holdfast.providers.mercadopago import searching
from holdfast.providers.mercadopago.fields import Puzzling, mapping, moment, reference, string, text, unreadable
from holdfast.providers.mercadopago.reading import DEAD
from holdfast.providers.mercadopago.request import MARGIN, real_now, written

#: Kinds that are told first, the strongest at the front; the others of these stand beside it.
RANKS = (Kind.CAPTURED, Kind.AUTHORIZED, Kind.UNREADABLE)

Told = Sequence[tuple[str, ProviderReport]]


def by_id(preference_id: str, *, account: AccountHandle, source: Source) -> ProviderReport:
    """Raises NotSent, Unknown."""
    preference = searching.preference(preference_id, account)
    ours = reference(preference)
    if ours is None:
        return of_preference(preference, [], account=account, source=source)
    rows = searching.payments_of(ours, account)
    return of_preference(preference, searching.told(rows, account=account, source=source), account=account, source=source)


def by_reference(
    ours: str, *, account: AccountHandle, source: Source, seen: Mapping[str, Any] | None = None
) -> ProviderReport | None:
    """The attempt with our reference, be it a Pix or a preference. `seen` is a payment of it that a search may not know yet.

    None: there is neither. Raises NotSent, Unknown.
    """
    rows = searching.payments_of(ours, account)
    if seen is not None:
        rows = [*(row for row in rows if searching.number_of(row) != searching.number_of(seen)), seen]
    found = searching.told(rows, account=account, source=source)
    for _, report in found:
        if report.provider_id is not None:
            return report
    ids = searching.preferences_of(ours, account)
    if not ids:
        return _best(found) or (found[-1][1] if found else None)
    attempt = of_preference(_open_one(ids, account), found, account=account, source=source)
    # Which of several the payment was made at cannot be told.
    return attempt if len(ids) == 1 or seen is None else replace(attempt, provider_id=None)


def _open_one(ids: Sequence[str], account: AccountHandle) -> Mapping[str, Any]:
    """The newest that is not over for certain, else the newest: several are one attempt, which is over when all are."""
    preferences = [searching.preference(id_, account) for id_ in ids]
    return next((each for each in preferences if not _surely_over(each)), preferences[0])


def _surely_over(preference: Mapping[str, Any]) -> bool:
    try:
        return is_over(preference)
    except Puzzling:
        return False


def of_preference(preference: object, found: Told, *, account: AccountHandle, source: Source) -> ProviderReport:
    """The report of a preference and its payments. Never raises: what is odd is UNREADABLE."""
    body = mapping(preference)
    try:
        id_ = text(body, "id")
        best = _best(found)
        if best is not None:
            return replace(best, provider_id=id_)
        over = is_over(body)
        return ProviderReport(
            provider="mercadopago",
            account_id=account.id,
            live=account.live,
            kind=Kind.EXPIRED if over else Kind.OPENED,
            source=source,
            reference=reference(body),
            provider_id=id_,
            occurred_at=(None if over else moment(body.get("date_created"))) or clock.now(),
            raw_status="expired" if over else "open",
            pay_url="" if over else text(body, "init_point"),
            detail=found[-1][1].detail if found else {},
        )
    except Puzzling as why:
        odd = unreadable(body, why, account=account, source=source)
        return replace(odd, provider_id=string(body.get("id")) or None, object_id=None)


def is_over(preference: Mapping[str, Any]) -> bool:
    """Whether its own end has passed for certain: by our clock, with a margin for theirs. Raises Puzzling."""
    expires, ends = preference.get("expires"), preference.get("expiration_date_to")
    if type(expires) is not bool:
        raise Puzzling("expires is neither true nor false")
    if not expires or ends is None:
        return False
    ends_at = moment(ends)
    if ends_at is None:
        raise Puzzling("expiration_date_to is not a time")
    return real_now() > ends_at + MARGIN


def long_over() -> tuple[str, str]:
    """A span that has passed for certain, by any clock: what closes a preference."""
    now = real_now()
    return written(now - timedelta(hours=2)), written(now - timedelta(hours=1))


def _best(found: Told) -> ProviderReport | None:
    """The payment that tells most, with the other money beside it; None where every try ended without money.

    Two approved payments are two facts: the older one is the attempt's, the other stands in `also`.
    """
    for kind in RANKS:
        same = sorted((report for _, report in found if report.kind is kind), key=lambda each: (each.occurred_at, each.object_id))
        if same:
            first = same[0]
            others = [each for _, each in found if each.kind in RANKS and each is not first]
            beside = [line for each in others for line in (replace(each, also=()), *each.also)]
            return replace(first, also=[*first.also, *beside])
    waiting = [report for status, report in found if status not in DEAD]
    return waiting[0] if waiting else None
