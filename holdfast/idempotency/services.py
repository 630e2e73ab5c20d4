"""Claim a client's key, and answer it once. Safe to repeat: that is what it is for."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from holdfast.db import due, payloads, writes
from holdfast.db.statements import run
from holdfast.idempotency.models import Key
from holdfast.kernel import limits
from holdfast.kernel.errors import Conflict, Refused
from holdfast.kernel.ids import new_id

CLAIM = """
  INSERT INTO idempotency_key (id, merchant_id, scope, key, fingerprint, subject, subject_id, leased_until, answer_sha256,
    created_at, expires_at)
  VALUES (%s, %s, %s, %s, %s, %s, %s, holdfast_now() + make_interval(secs => %s), '', %s,
    holdfast_now() + make_interval(secs => %s))
  ON CONFLICT (merchant_id, scope, key) DO NOTHING
"""
#: The body is kept only if a key waits for it.
ANSWER = """
  WITH waiting AS (SELECT id FROM idempotency_key WHERE subject_id = %s AND status IS NULL FOR UPDATE),
       kept AS (INSERT INTO db_payload (id, merchant_id, kind, headers, body)
                SELECT %s, %s, 'answer', '{}', %s FROM waiting LIMIT 1 RETURNING id)
  UPDATE idempotency_key k SET status = %s, answer_id = kept.id, answer_sha256 = %s FROM waiting, kept WHERE k.id = waiting.id
"""


class KeyReused(Refused):
    """This Idempotency-Key was used for another request. Use a new key for a new request."""


class InProgress(Conflict):
    """A request with this Idempotency-Key is being worked on. Repeat it in a moment to get its answer."""

    retry_after_s = 2


@dataclass(frozen=True, kw_only=True)
class Use:
    """A key as it came with a request: who may see the answer, and what the request was."""

    scope: str
    key: str
    fingerprint: str
    #: Of the row that a first use becomes.
    id: UUID = field(default_factory=new_id, compare=False)


@dataclass(frozen=True)
class Answer:
    """A stored answer, byte for byte."""

    status: int
    body: bytes


@dataclass(frozen=True)
class Claimed:
    """`fresh`: the work is ours to do. Otherwise `subject_id` is what the first request made, to be resumed or shown."""

    fresh: bool
    subject_id: UUID
    answer: Answer | None = None


def claim(use: Use, *, merchant_id: UUID, subject: str, subject_id: UUID, now: datetime) -> Claimed:
    """Claim a key in the transaction of the change it protects.

    Returns fresh for the first; the stored answer once there is one; not fresh and no answer when the first request
    died: the caller resumes its subject. Raises KeyReused, InProgress.
    """
    if _insert(use, merchant_id, subject, subject_id, now) or _renew(use, merchant_id, subject, subject_id, now):
        return Claimed(True, subject_id)
    row = Key.objects.select_for_update().get(scope=use.scope, key=use.key)
    if row.fingerprint != use.fingerprint:
        raise KeyReused
    if row.status is not None:
        body = payloads.load(row.answer_id)
        return Claimed(False, row.subject_id, Answer(row.status, body) if body is not None else None)
    lease = due.after(limits.KEY_LEASE)
    took_over = Key.objects.filter(pk=row.pk, leased_until__lt=due.DatabaseNow()).update(leased_until=lease)
    if not took_over:
        raise InProgress
    return Claimed(False, row.subject_id)


def let_go(*, subject_id: UUID) -> None:
    """The outcome is unknown: nothing to store, and a retry may ask again at once."""
    Key.objects.filter(subject_id=subject_id, status__isnull=True).update(leased_until=due.DatabaseNow())


def answered(subject_id: UUID) -> Answer | None:
    """The stored answer of a subject, None while there is none."""
    row = Key.objects.filter(subject_id=subject_id, status__isnull=False).first()
    body = payloads.load(row.answer_id) if row else None
    return Answer(row.status, body) if row and row.status and body is not None else None


def answer(*, merchant_id: UUID, subject_id: UUID, status: int, body: bytes) -> None:
    """Store the final answer for every key of a subject that has none yet."""
    writes.say(ANSWER, subject_id, new_id(), merchant_id, body, status, hashlib.sha256(body).hexdigest())


def _renew(use: Use, merchant_id: UUID, subject: str, subject_id: UUID, now: datetime) -> bool:
    """A key whose time is over is as good as none."""
    gone, _ = Key.objects.filter(scope=use.scope, key=use.key, expires_at__lt=due.DatabaseNow()).delete()
    return bool(gone) and _insert(use, merchant_id, subject, subject_id, now)


def _insert(use: Use, merchant_id: UUID, subject: str, subject_id: UUID, now: datetime) -> bool:
    """Waits for a transaction that is inserting the same key, up to the lock timeout."""
    writes.send()
    said = (use.id, merchant_id, use.scope, use.key, use.fingerprint, subject, subject_id)
    return run(CLAIM, [*said, limits.KEY_LEASE.total_seconds(), now, limits.KEY_TTL.total_seconds()]).touched == 1
