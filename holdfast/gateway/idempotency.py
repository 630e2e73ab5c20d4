"""Idempotency keys as Stripe keeps them: https://docs.stripe.com/api/idempotent_requests.

The first status and body are kept once execution has begun, a 402 or 500 as well. Not kept: 401, 409, 429 and 400s
of parameter validation, so the same key may be tried again after those. The kept answer is committed together with
what was done, so a killed process leaves either both or neither.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from holdfast.gateway.errors import ApiError, invalid
from holdfast.gateway.tx import Tx

LONGEST_KEY = 255
MISMATCH = (
    "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a "
    "key other than '{}' if you meant to execute a different request."
)
IN_USE = (
    "There is currently another in-progress request using this Idempotent Key (that probably means you submitted "
    "twice, and the other request is still going through): {}. Please try again later."
)


@dataclass
class Answer:
    status: int
    body: dict
    request_id: str
    replayed: bool = False
    original: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


def fingerprint(method: str, path: str, raw: bytes) -> str:
    pairs = b"&".join(sorted(raw.split(b"&")))
    return hashlib.sha256(b" ".join([method.encode(), path.encode(), pairs])).hexdigest()


def check_key(key: str) -> None:
    if len(key) > LONGEST_KEY:
        raise invalid(f"Idempotency keys may have at most {LONGEST_KEY} characters.")


class Running:
    """Keys whose first request has not been executed yet. In memory: a process that died is running nothing."""

    def __init__(self):
        self._keys: set[tuple[str, str]] = set()

    def enter(self, account: str, key: str) -> None:
        if (account, key) in self._keys:
            raise ApiError(409, "idempotency_error", IN_USE.format(key), code="idempotency_key_in_use", kept=False)
        self._keys.add((account, key))

    def leave(self, account: str, key: str) -> None:
        self._keys.discard((account, key))


def once(tx: Tx, *, account: str, key: str | None, print_: str, request_id: str, work: Callable[[Tx], Answer]) -> Answer:
    """Answer from memory, or do the work and remember its answer. Raises 400 if the key meant something else."""
    if key is None:
        return work(tx)
    row = tx.execute("SELECT * FROM idempotency_keys WHERE account = ? AND key = ?", [account, key]).fetchone()
    if row is not None:
        if row["fingerprint"] != print_:
            raise ApiError(400, "idempotency_error", MISMATCH.format(key), kept=False)
        return Answer(row["status"], json.loads(row["body"]), request_id, True, row["request_id"])
    answer = work(tx)
    answer.original = request_id
    tx.execute(
        "INSERT INTO idempotency_keys VALUES (?, ?, ?, ?, ?, ?, ?)",
        [account, key, print_, request_id, answer.status, json.dumps(answer.body), tx.now],
    )
    return answer
