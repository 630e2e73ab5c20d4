"""One database and one receiver for a module: most tests only add their own events."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest

from holdfast.kernel.ids import shown
from tests.conftest import Database, clone, drop, point_django_at
from tests.receiver.process import ReceiverProcess, signed

SECRET = "whsec_mine"


@dataclass
class House:
    """A merchant's account, its database, and a receiver in front."""

    database: Database
    receiver: ReceiverProcess
    merchant_id: UUID
    account_id: UUID

    @property
    def path(self) -> str:
        return address(self.account_id)

    def send(self, body: bytes, secret: str = SECRET, **options: float) -> int:
        return self.receiver.post(self.path, body, signed(body, secret, **options)).status_code

    def rows(self) -> tuple[int, int, int]:
        """Events, deliveries and payloads."""
        return tuple(self.database.count(table) for table in ("inbox_event", "inbox_delivery", "db_payload"))


def address(account_id: UUID, provider: str = "stripe") -> str:
    return f"/webhooks/{provider}/{shown('acc', account_id)}"


def found(database: Database, slug: str, *secrets: str) -> tuple[UUID, UUID]:
    """A merchant with a Stripe account: their ids. Points Django there: a test between may have had a database of its own."""
    from holdfast.flows import setup
    from holdfast.kernel.clock import now

    point_django_at(database.name)
    merchant = setup.found_merchant(slug=slug, name=slug, currency="EUR", country="DE", tax_rates=[], shipping_minor={})
    credentials = {"secret_key": "sk_test_x", "webhook_secrets": list(secrets)}
    account = setup.open_account(merchant_id=merchant.pk, provider="stripe", mode="test", credentials=credentials, now=now())
    return merchant.pk, account.pk


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    database = clone()
    try:
        merchant_id, account_id = found(database, "mine", SECRET)
        with ReceiverProcess(database.environment) as receiver:
            yield House(database, receiver, merchant_id, account_id)
    finally:
        drop(database)
