"""Mercado Pago behind our contract: Checkout Pro for cards, the Payments API for Pix.

https://www.mercadopago.com.br/developers/en/docs/checkout-pro/overview
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from holdfast.kernel import clock
from holdfast.providers.contract import (
    MONEY,
    AccountHandle,
    Declined,
    Incoming,
    Kind,
    Pointer,
    ProviderReport,
    Purchase,
    Return,
    Source,
    Taken,
    Unknown,
)
from holdfast.providers.mercadopago import attempts, books, closing, fields, proof, reading, refunds, request, searching
from holdfast.providers.mercadopago.asking import MEANT, Refusal, ask, or_unknown

#: The kinds of our pointers, and the notifications that make them. Others (orders, claims, fraud alerts) move no money.
PAYMENT, CHARGEBACK = "payment", "chargeback"
POINTS_TO = {"payment": PAYMENT, "topic_chargebacks_wh": CHARGEBACK}


class MercadoPagoAdapter:
    """Credentials: `{"access_token": "TEST-…" or "APP_USR-…", "webhook_secrets": [secrets of the panel], "notification_url":
    where notifications go, if not where the panel says (optional), "api_base": another address than Mercado Pago's}`.

    `provider_id` is the preference's id for a card, the payment's number for a Pix.
    """

    name = "mercadopago"
    methods = ("card", "pix")
    #: An account takes the money of its own country; Pix is Brazil's.
    currencies: tuple[str, ...] = ("ARS", "BRL", "CLP", "COP", "MXN", "PEN", "UYU")
    captures_later = False

    def compose(self, purchase: Purchase, account: AccountHandle) -> dict[str, Any]:
        return request.compose(purchase, account)

    def open(self, *, request: Mapping[str, Any], key: str, account: AccountHandle) -> ProviderReport:
        """Raises NotSent, Unknown, Declined (FAILED: there is nothing to pay, and this request makes nothing).

        Keys are promised for payments, not for preferences. A preference that was made twice harms nobody: of the first, whose
        answer was lost, no customer knows the address, and `close` ends all.
        """
        wanted = request.get("payment") or request["preference"]
        ours = wanted["external_reference"]
        try:
            if "payment" in request:
                made = ask(account, lambda sdk, options: sdk.payment().create(dict(wanted), options), key=key)
                report = or_unknown(lambda: searching.report(fields.mapping(made), account=account, source=Source.REPLY))
            else:
                made = ask(account, lambda sdk, options: sdk.preference().create(dict(wanted), options), key=key)
                report = attempts.of_preference(made, [], account=account, source=Source.REPLY)
        except Refusal as refusal:
            return self._after_refusal(refusal, ours=ours, account=account)
        if report.reference != ours or report.provider_id is None:
            raise Unknown("Mercado Pago's answer is not what was asked for.")
        return report

    def _after_refusal(self, refusal: Refusal, *, ours: str, account: AccountHandle) -> ProviderReport:
        """A no is final only if nothing with our reference exists; right after a try that may have been heard nothing is."""
        found = or_unknown(lambda: attempts.by_reference(ours, account=account, source=Source.REPLY))
        if found is not None:
            return found
        if not refusal.certain or refusal.status not in MEANT or refusal.status == 404:
            raise Unknown(f"Mercado Pago refuses, and it may be about another try or another address: {refusal}") from refusal
        raise Declined(
            ProviderReport(
                provider=self.name,
                account_id=account.id,
                live=account.live,
                kind=Kind.FAILED,
                source=Source.REPLY,
                reference=ours,
                occurred_at=clock.now(),
                raw_status=refusal.code[: fields.MAX_STATUS],
                detail=fields.words(message=refusal.message),
            )
        )

    def close(self, *, provider_id: str, key: str, account: AccountHandle) -> ProviderReport:
        """Raises NotSent, Unknown; an attempt that was paid first is reported as what it is."""
        if fields.NUMBER.fullmatch(provider_id):
            return closing.pix(provider_id, account=account)
        return closing.page(provider_id, account=account)

    def capture(self, *, money: Taken, amount_minor: int, key: str, account: AccountHandle) -> ProviderReport:
        """Checkout Pro takes money at once: tells how the attempt stands. Raises NotSent, Unknown, Declined."""
        found = self.fetch(reference=money.reference, provider_id=money.provider_id, account=account)
        if found is None:
            raise Unknown("Mercado Pago knows no such attempt.")
        if found.kind is not Kind.CAPTURED:
            raise Declined(found)
        return found

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
        """Raises NotSent, Unknown. None only after searches for a payment and for a preference with our reference."""
        if provider_id is None:
            return attempts.by_reference(reference, account=account, source=Source.POLL)
        if not fields.NUMBER.fullmatch(provider_id):
            return attempts.by_id(provider_id, account=account, source=Source.POLL)
        body = searching.payment(provider_id, account)
        if body is None:
            raise Unknown(f"Mercado Pago does not show payment {provider_id} to this access token.")
        return searching.report(body, account=account, source=Source.POLL)

    def look(self, *, pointer: Pointer, account: AccountHandle) -> ProviderReport | None:
        """The attempt of a payment, or of the payment of a chargeback. Raises NotSent, Unknown."""
        id_: str | None = pointer.id
        if pointer.kind == CHARGEBACK:
            id_ = searching.payment_of_chargeback(pointer.id, account)
        elif pointer.kind not in (PAYMENT, MONEY):
            return None
        if id_ is None or not fields.NUMBER.fullmatch(id_):
            return None
        body = searching.payment(id_, account)
        ours = fields.reference(body) if body else None
        if body is None or ours is None:
            return None
        if reading.is_own_pix(body):
            return searching.report(body, account=account, source=Source.POLL)
        return attempts.by_reference(ours, account=account, source=Source.POLL, seen=body)

    def statement(self, *, since: datetime, until: datetime, account: AccountHandle) -> Iterator[ProviderReport]:
        return books.statement(since=since, until=until, account=account)

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
        return [proof.verify(headers=headers, query=query, body=body, secrets=secrets, now=now)]

    def read(self, *, body: bytes, type: str, account: AccountHandle) -> ProviderReport | Pointer | None:
        """Only where to look: nothing that the body says is believed. Never raises."""
        if type not in POINTS_TO:
            return None
        try:
            said = fields.mapping(json.loads(body))
            return Pointer(kind=POINTS_TO[type], id=fields.number(fields.mapping(said.get("data"))))
        except (ValueError, RecursionError, fields.Puzzling) as why:
            return fields.unreadable({}, why, account=account, source=Source.WEBHOOK)
