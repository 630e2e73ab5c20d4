"""What an operation is and what it is told."""

from collections.abc import Callable
from dataclasses import dataclass, field

from holdfast.gateway.params import Field
from holdfast.gateway.tx import Tx

API_VERSION = "2026-10-28.endive"


@dataclass
class Call:
    """One authenticated call: whose, by which request, with which checked values."""

    account: str
    livemode: bool
    request_id: str
    key: str | None = None
    id: str = ""
    values: dict = field(default_factory=dict)
    base_url: str = ""
    path: str = ""

    @property
    def origin(self) -> dict:
        """The `request` of every event that this call causes."""
        return {"id": self.request_id, "idempotency_key": self.key}


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    run: Callable[[Tx, Call], dict]
    fields: dict[str, Field] = field(default_factory=dict)
    required: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


NOBODY = {"id": None, "idempotency_key": None}  # Things that happen of their own accord, or on a page.
