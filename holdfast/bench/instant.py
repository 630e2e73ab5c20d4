"""A provider that answers at once: Stripe's adapter without a network, so that a measurement shows our own work."""

from collections.abc import Mapping
from typing import Any

from holdfast.kernel import clock
from holdfast.providers.contract import AccountHandle, Kind, ProviderReport, Source
from holdfast.providers.stripe.adapter import StripeAdapter


class InstantStripe(StripeAdapter):
    """Opens every session by saying so."""

    def open(self, *, request: Mapping[str, Any], key: str, account: AccountHandle) -> ProviderReport:
        reference = str(request["metadata"]["holdfast_payment"])
        return ProviderReport(
            provider="stripe",
            account_id=account.id,
            live=account.live,
            kind=Kind.OPENED,
            source=Source.REPLY,
            reference=reference,
            provider_id=f"cs_test_{reference}",
            occurred_at=clock.now(),
            raw_status="open/unpaid",
            pay_url=f"http://pay.test/{reference}",
        )
