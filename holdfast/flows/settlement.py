"""An order that costs nothing (B7): nobody is asked for money. A settlement of zero goes through the door like any report, so
that stock, fulfilment and messages follow as they always do.
"""

from datetime import datetime
from uuid import UUID

from holdfast.db import payloads
from holdfast.db.moves import Cause
from holdfast.flows import reports
from holdfast.merchants.models import Account
from holdfast.orders.models import Order
from holdfast.payments import services as payments
from holdfast.payments.models import NOTHING
from holdfast.providers.contract import Kind, ProviderReport, Source


def settle_nothing(order: Order, account: Account, *, payment_id: UUID, cause: Cause, now: datetime) -> None:
    """Pay an order of zero in the caller's transaction, once its stock is reserved; the client's key is answered with it.

    The payment is of provider `none`, beside the account that the shopper had chosen: that account is never asked.
    """
    payments.start(
        id=payment_id,
        merchant_id=order.merchant_id,
        order_id=order.pk,
        account_id=account.pk,
        provider=NOTHING,
        amount_minor=0,
        currency=order.currency,
        capture="automatic",
        expires_at=order.expires_at,
        metadata_sha256=payloads.fingerprint({}),
        cause=cause,
        now=now,
    )
    report = ProviderReport(
        provider=NOTHING,
        account_id=account.pk,
        live=account.live,
        kind=Kind.SETTLED,
        source=Source.OWN,
        reference=payment_id.hex,
        amount_minor=0,
        currency=order.currency,
        occurred_at=now,
        raw_status="nothing to pay",
    )
    (told,) = reports.record_all([reports.Arrival(report=report)], now=now, accounts={account.pk: account})
    if isinstance(told, Exception):
        raise told
