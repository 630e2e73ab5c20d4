"""One noon, one payment, one account: what the tests of the adapters speak of."""

from datetime import UTC, datetime
from uuid import UUID

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PAYMENT = UUID("019a0000-0000-7000-8000-000000000001")
ORDER = UUID("019a0000-0000-7000-8000-000000000002")
ACCOUNT = UUID("019a0000-0000-7000-8000-000000000003")
