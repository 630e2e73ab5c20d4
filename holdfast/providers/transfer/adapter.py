"""A transfer behind our contract. There is nobody to ask, so every answer is our own, and none claims more than it knows."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from holdfast.kernel import brcode, clock
from holdfast.kernel.errors import Refused
from holdfast.kernel.money import to_decimal
from holdfast.providers.contract import (
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
    Unproven,
)
from holdfast.providers.transfer import reference

#: What a customer needs, in the order in which a bank's form asks.
SHOWN = ("holder", "iban", "bic", "bank")


class CurrencyNotTaken(Refused):
    """The merchant's bank account is in another currency."""


class TransferAdapter:
    """Credentials: `{"holder", "iban", "bic", "bank", "currency": the account's, any where it is not said, "pix_key",
    "merchant_name", "merchant_city": a static Pix code is shown as well}`. Without an IBAN there has to be a Pix key.

    Our id of an attempt (`provider_id`) is its reference, derived from the payment's id (`transfer.reference`).
    """

    name = "transfer"
    methods = ("transfer",)
    currencies: tuple[str, ...] = ()
    captures_later = False

    def compose(self, purchase: Purchase, account: AccountHandle) -> dict[str, Any]:
        """Raises CurrencyNotTaken."""
        taken = account.credentials.get("currency")
        if taken and purchase.currency != taken:
            raise CurrencyNotTaken(currency=str(taken))
        return {
            "payment": purchase.payment_id.hex,
            "reference": reference.of(purchase.payment_id),
            "amount_minor": purchase.amount_minor,
            "currency": purchase.currency,
        }

    def open(self, *, request: Mapping[str, Any], key: str, account: AccountHandle) -> ProviderReport:
        """OPENED at once. Raises NotSent where the account says not where to pay to."""
        show: dict[str, Any] = {"transfer": _bank(request, account)}
        code = _static_code(request, account)
        return _report(
            Kind.OPENED,
            account,
            payment=request["payment"],
            provider_id=request["reference"],
            show={**show, "pix": code} if code else show,
        )

    def close(self, *, provider_id: str, key: str, account: AccountHandle) -> ProviderReport:
        """CANCELLED: we wait for it no more. No bank can be stopped, so what comes all the same is late money (D6)."""
        return _report(Kind.CANCELLED, account, payment=key.partition(":")[0], provider_id=provider_id)

    def capture(self, *, money: Taken, amount_minor: int, key: str, account: AccountHandle) -> ProviderReport:
        """Nothing is ever held. Raises Declined (CANCELLED)."""
        raise Declined(_report(Kind.CANCELLED, account, payment=money.reference, provider_id=money.provider_id))

    def refund(self, *, wanted: Return, key: str, account: AccountHandle) -> ProviderReport:
        """REFUND_PENDING until an operator says that it was paid out (`flows.payouts`): a person transfers it back."""
        return pending(wanted, account, source=Source.REPLY)

    def fetch_refund(self, *, wanted: Return, provider_id: str | None, account: AccountHandle) -> ProviderReport | None:
        """REFUND_PENDING: what was paid out is told by an operator and not by asking."""
        return pending(wanted, account, source=Source.POLL)

    def fetch(
        self, *, reference: str, provider_id: str | None, account: AccountHandle, since: datetime | None = None
    ) -> ProviderReport | None:
        """OPENED: nobody can be asked whether the customer has paid, and a bank takes the money at any time."""
        known = provider_id or _reference_of(reference)
        return _report(Kind.OPENED, account, payment=reference, provider_id=known, source=Source.POLL)

    def look(self, *, pointer: Pointer, account: AccountHandle) -> ProviderReport | None:
        return None

    def statement(self, *, since: datetime, until: datetime, account: AccountHandle) -> Iterator[ProviderReport]:
        """The merchant brings the bank's statement (`flows.statements`); what the bank keeps for itself is not in it as such."""
        return iter(())

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
        raise Unproven("A bank transfer sends no webhooks.")

    def read(self, *, body: bytes, type: str, account: AccountHandle) -> ProviderReport | Pointer | None:
        return None


def money_id(payment_hex: str) -> str:
    """The `object_id` of the money of a transfer: one per attempt, however many transfers it came in."""
    return f"transfer:{payment_hex}"


def payout_id(refund_hex: str) -> str:
    """The `object_id` of a refund: a person pays it out once."""
    return f"payout:{refund_hex}"


def pending(wanted: Return, account: AccountHandle, *, source: Source) -> ProviderReport:
    return ProviderReport(
        provider="transfer",
        account_id=account.id,
        live=account.live,
        kind=Kind.REFUND_PENDING,
        source=source,
        reference=wanted.money.reference,
        provider_id=wanted.money.provider_id,
        object_id=payout_id(wanted.reference),
        amount_minor=wanted.amount_minor,
        currency=wanted.money.currency,
        occurred_at=clock.now(),
        raw_status="to_be_paid_out",
        money_id=wanted.money.object_id,
        refund_reference=wanted.reference,
    )


def _report(
    kind: Kind,
    account: AccountHandle,
    *,
    payment: str,
    provider_id: str | None,
    source: Source = Source.REPLY,
    show: Mapping[str, Any] | None = None,
) -> ProviderReport:
    return ProviderReport(
        provider="transfer",
        account_id=account.id,
        live=account.live,
        kind=kind,
        source=source,
        reference=payment,
        provider_id=provider_id,
        occurred_at=clock.now(),
        raw_status="awaiting_transfer" if kind is Kind.OPENED else "not_awaited",
        show=show or {},
    )


def _bank(request: Mapping[str, Any], account: AccountHandle) -> dict[str, str]:
    """Raises NotSent: what is wrong is told by its name and never by its value."""
    said = {name: str(account.credentials.get(name) or "").strip() for name in SHOWN}
    if not said["holder"]:
        raise NotSent("This account's credentials name no holder of a bank account.")
    if said["iban"] and not reference.is_iban(said["iban"]):
        raise NotSent("The IBAN in this account's credentials is none: its check digits do not hold.")
    if not said["iban"] and not account.credentials.get("pix_key"):
        raise NotSent("This account's credentials name neither an IBAN nor a Pix key to be paid to.")
    amount = to_decimal(request["amount_minor"], request["currency"])
    return {
        **{name: value for name, value in said.items() if value},
        "reference": reference.grouped(request["reference"]),
        "amount": f"{amount:f} {request['currency']}",
    }


def _static_code(request: Mapping[str, Any], account: AccountHandle) -> str:
    """The same account as a Pix code, with the reference as its txid. Raises NotSent."""
    said = account.credentials
    if not said.get("pix_key") or request["currency"] != "BRL":
        return ""
    try:
        return brcode.static(
            key=str(said["pix_key"]),
            name=str(said.get("merchant_name") or said.get("holder") or ""),
            city=str(said.get("merchant_city") or ""),
            amount_minor=request["amount_minor"],
            txid=request["reference"],
        )
    except brcode.BadCode as bad:
        raise NotSent(f"The Pix key, name or city in this account's credentials make no code: {bad.detail}") from bad


def _reference_of(payment: str) -> str | None:
    try:
        return reference.of(UUID(hex=payment))
    except ValueError:
        return None
