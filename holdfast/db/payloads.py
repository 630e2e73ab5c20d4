"""Store and read payloads: bodies that retention may drop while their sha256 stays."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from holdfast.db import reads, writes
from holdfast.db.models import Payload


@dataclass(frozen=True)
class Stored:
    """What a permanent row keeps of a payload."""

    id: UUID
    sha256: str


def store(merchant_id: UUID, kind: str, body: bytes, headers: dict[str, str] | None = None) -> Stored:
    """Append a payload to this month's partition."""
    row = Payload(merchant_id=merchant_id, kind=kind, body=body, headers=headers or {})
    writes.insert(row)
    return Stored(row.id, hashlib.sha256(body).hexdigest())


def load(payload_id: UUID | None) -> bytes | None:
    """The body, or None when retention has dropped it."""
    if payload_id is None:
        return None
    body = Payload.objects.filter(pk=payload_id).values_list("body", flat=True).first()
    return None if body is None else bytes(body)


def load_all(payload_ids: Iterable[UUID]) -> dict[UUID, bytes]:
    """Bodies by id; what retention has dropped is left out."""
    rows = reads.rows(Payload, "WHERE id = ANY(%s::uuid[])", [*payload_ids])
    return {row.pk: bytes(row.body) for row in rows}


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces: the same value always gives the same bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def fingerprint(value: Any) -> str:
    """sha256 of the canonical form."""
    return hashlib.sha256(canonical(value)).hexdigest()
