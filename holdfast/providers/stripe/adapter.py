"""Stripe's Checkout Sessions behind our contract. https://docs.stripe.com/payments/checkout"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import stripe

from holdfast.kernel import clock, limits
from holdfast.providers.contract import (
    MONEY,
    AccountHandle,
    Declined,
    Incoming,
    Kind,
    NotSent,
    Pointer,
    ProviderReport,
    Purchase,
    Return,
    Source,
    Taken,
    Unknown,
)
from holdfast.providers.stripe import books, disputes, events, fields, held, reading, refunds, request, signature
from holdfast.providers.stripe.asking import Refusal, ask, or_unknown

#: Everything of a session that a report may need, in one answer.
EXPANDED = ["payment_intent.latest_charge"]
#: A search looks this much around the time of the attempt: clocks differ.
LOOKUP_MARGIN = timedelta(minutes=10)
#: Sessions that a search reads, a hundred to a page, before it gives up rather than claim that there is none.
LOOKUP_SESSIONS = 10_000


class StripeAdapter:
    """Credentials: `{"secret_key": "sk_…", "webhook_secrets": ["whsec_…", …], "api_base": another address than Stripe's}`."""

    name = "stripe"
    methods = ("card",)
    currencies: tuple[str, ...] = ()
    captures_later = True

    def compose(self, purchase: Purchase, account: AccountHandle) -> dict[str, Any]:
        return request.compose(purchase)

    def open(self, *, request: Mapping[str, Any], key: str, account: AccountHandle) -> ProviderReport:
        """Raises NotSent, Unknown, Declined (FAILED: there is no session, and this key will never make one)."""
        body: Any = dict(request)
        try:
            session = ask(account, lambda client: client.v1.checkout.sessions.create(body, {"idempotency_key": key}).to_dict())
        except Refusal as refusal:
            return self._after_refusal(refusal, request=request, account=account)
        report = reading.of_session(session, account=account, source=Source.REPLY)
        if report.provider_id is None:
            raise Unknown("Stripe's answer is not a Checkout Session.")
        return report

    def _after_refusal(self, refusal: Refusal, *, request: Mapping[str, Any], account: AccountHandle) -> ProviderReport:
        """A no is final only if no session exists. When an earlier try may have made one (S-71), we look.

        A refused `expires_at` means that we ask late, so there was probably an earlier try.
        """
        reference = request["client_reference_id"]
        if not refusal.certain or refusal.param == "expires_at":
            found = or_unknown(lambda: self.fetch(reference=reference, provider_id=None, account=account))
            if found:
                return found
        raise Declined(
            ProviderReport(
                provider=self.name,
                account_id=account.id,
                live=account.live,
                kind=Kind.FAILED,
                source=Source.REPLY,
                reference=reference,
                occurred_at=clock.now(),
                raw_status=refusal.code[: fields.MAX_STATUS],
                detail={"message": refusal.message, "param": refusal.param, "request_id": refusal.request_id},
            )
        )

    def close(self, *, provider_id: str, key: str, account: AccountHandle) -> ProviderReport:
        """Expire the session, or let go of what it holds. Raises NotSent, Unknown; one that was paid is reported as it is."""
        try:
            session = self._expire(provider_id, account, {"idempotency_key": key})
        except Refusal as refusal:
            return self._not_closed(refusal, provider_id=provider_id, key=key, account=account)
        return reading.of_session(session, account=account, source=Source.REPLY)

    def _expire(self, provider_id: str, account: AccountHandle, options: Any) -> dict[str, Any]:
        return ask(account, lambda client: client.v1.checkout.sessions.expire(provider_id, {}, options).to_dict())

    def _not_closed(self, refusal: Refusal, *, provider_id: str, key: str, account: AccountHandle) -> ProviderReport:
        """Stripe expires open sessions only, so it is usually complete or expired already."""
        report = or_unknown(lambda: self._retrieve(provider_id, account))
        if report.kind is Kind.AUTHORIZED and report.object_id:
            return self._let_go(report.object_id, provider_id=provider_id, key=key, account=account)
        if report.kind is not Kind.OPENED:
            return report
        if not refusal.replayed:
            raise Unknown(f"Stripe does not close the open session: {refusal}")
        # The key keeps an old 500 for ever. Expiring moves no money and can be done once only, so here a new key is safe.
        try:
            session = self._expire(provider_id, account, {})
        except (Refusal, NotSent) as again:
            raise Unknown(f"Stripe does not close the open session: {again}") from again
        return reading.of_session(session, account=account, source=Source.REPLY)

    def _let_go(self, intent_id: str, *, provider_id: str, key: str, account: AccountHandle) -> ProviderReport:
        """The session is complete and holds money. It may be captured at the same instant: the session tells who was first."""
        held.let_go(intent_id, key=f"{key}:let_go", account=account)
        report = or_unknown(lambda: self._retrieve(provider_id, account))
        if report.kind is Kind.AUTHORIZED:
            raise Unknown(f"Stripe does not let go of {intent_id}.")
        return report

    def capture(self, *, money: Taken, amount_minor: int, key: str, account: AccountHandle) -> ProviderReport:
        return held.capture(money=money, amount_minor=amount_minor, key=key, account=account)

    def refund(self, *, wanted: Return, key: str, account: AccountHandle) -> ProviderReport:
        return refunds.refund(wanted=wanted, key=key, account=account)

    def fetch_refund(self, *, wanted: Return, provider_id: str | None, account: AccountHandle) -> ProviderReport | None:
        return refunds.fetch_refund(wanted=wanted, provider_id=provider_id, account=account)

    def fetch(
        self,
        *,
        reference: str,
        provider_id: str | None,
        account: AccountHandle,
        since: datetime | None = None,
    ) -> ProviderReport | None:
        """Raises NotSent, Unknown. None only after a search that saw every session of the time in question."""
        try:
            id_ = provider_id or self._find(reference, account=account, since=since)
        except Refusal as refusal:
            raise Unknown(f"Stripe refused the search: {refusal}") from refusal
        return self._whole(self._retrieve(id_, account), account) if id_ else None

    def look(self, *, pointer: Pointer, account: AccountHandle) -> ProviderReport | None:
        """The session of a PaymentIntent. None where Stripe has none of ours. Raises NotSent, Unknown."""
        if pointer.kind != MONEY:
            return None
        filters: Any = {"payment_intent": pointer.id, "limit": 1, "expand": [f"data.{path}" for path in EXPANDED]}
        try:
            found = ask(account, lambda client: client.v1.checkout.sessions.list(filters).to_dict())["data"]
        except Refusal as refusal:
            if refusal.status == 404 or refusal.code == "resource_missing":
                return None
            raise Unknown(f"Stripe refused the search: {refusal}") from refusal
        session = fields.mapping(found[0]) if found else {}
        if not (fields.ours(session) or fields.ours(fields.mapping(session.get("payment_intent")))):
            return None
        return self._whole(reading.of_session(session, account=account, source=Source.POLL), account)

    def _whole(self, report: ProviderReport, account: AccountHandle) -> ProviderReport:
        """With its refunds and disputes. Before money was taken there are none: an open session stays one request."""
        if report.kind is not Kind.CAPTURED or report.object_id is None:
            return report
        returned = refunds.of_money(report.object_id, account=account)
        return replace(report, also=[*returned, *disputes.of_money(report.object_id, account=account)])

    def statement(self, *, since: datetime, until: datetime, account: AccountHandle) -> Iterator[ProviderReport]:
        return books.statement(since=since, until=until, account=account)

    def _retrieve(self, provider_id: str, account: AccountHandle) -> ProviderReport:
        """Stripe forgets no session. One that it does not know belongs to another key, and may be paid there."""
        expand: Any = {"expand": EXPANDED}
        try:
            session = ask(account, lambda client: client.v1.checkout.sessions.retrieve(provider_id, expand).to_dict())
        except Refusal as refusal:
            raise Unknown(f"Stripe does not show session {provider_id} to this secret key: {refusal}") from refusal
        return reading.of_session(session, account=account, source=Source.POLL)

    def _find(self, reference: str, *, account: AccountHandle, since: datetime | None) -> str | None:
        """The id of the session that carries our reference, newest first. Raises Unknown when there are too many to read."""
        filters: Any = {"limit": 100, **created_about(reference, since)}

        def search(client: stripe.StripeClient) -> str | None:
            sessions = client.v1.checkout.sessions.list(filters).auto_paging_iter()
            for number, session in enumerate(sessions):
                if number >= LOOKUP_SESSIONS:
                    raise Unknown(f"There are more than {LOOKUP_SESSIONS} sessions to search through.")
                if fields.reference(session.to_dict()) == reference:
                    return session.id
            return None

        return ask(account, search)

    def verify(
        self,
        *,
        headers: Mapping[str, str],
        body: bytes,
        credentials: Mapping[str, Any],
        now: datetime,
        query: str = "",
        path: str = "",
    ) -> Sequence[Incoming]:
        secrets = credentials.get("webhook_secrets")
        return [signature.verify(header=headers.get("stripe-signature"), body=body, secrets=secrets, now=now)]

    def read(self, *, body: bytes, type: str, account: AccountHandle) -> ProviderReport | Pointer | None:
        return events.read(body=body, type=type, account=account)


def created_about(reference: str, since: datetime | None) -> dict[str, Any]:
    """The filter `created` of a search for our payment: from a little before it was made to the last use of its key.

    Our payment ids are UUIDv7, so they tell in real time when they were made, which `since` (business time, moved by
    drills) may not.
    """
    made = [since] if since else []
    try:
        id_ = UUID(hex=reference)
        if id_.version == 7:
            made.append(datetime.fromtimestamp((id_.int >> 80) / 1000, UTC))
    except (ValueError, OverflowError):
        pass
    if not made:
        return {}
    first, last = min(made) - LOOKUP_MARGIN, max(made) + limits.KEY_SAFE_AGE + LOOKUP_MARGIN
    return {"created": {"gte": int(first.timestamp()), "lte": int(last.timestamp())}}
