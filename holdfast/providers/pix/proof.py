"""Proof that a callback comes from the bank, and what is in it.

The API signs nothing and gives its callbacks no id. What proves their origin is TLS with the bank's client certificate, which
ends at the merchant's proxy: the proxy then sets a header that only the two of us know. Where a host cannot do that, the bank
calls an address that nobody else knows. Either way the body is a hint only: what it says is asked again.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from holdfast.kernel.limits import MAX_WEBHOOK_BYTES
from holdfast.providers.contract import Incoming, Unproven
from holdfast.providers.pix import reading

#: The bank adds this to the address that it was given.
SUFFIX = "/pix"
#: Shorter secrets could be guessed.
MIN_SECRET = 16
TYPE = "pix"
HEADER_NAME = re.compile(r"[a-z0-9-]{1,60}")


def verify(*, headers: Mapping[str, str], path: str, body: bytes, credentials: Mapping[str, Any]) -> Sequence[Incoming]:
    """The Pix in a callback whose origin holds; none in the bank's test of an address. Raises Unproven, never anything else."""
    prove(headers=headers, path=path, credentials=credentials)
    if len(body) > MAX_WEBHOOK_BYTES:
        raise Unproven("The callback is larger than any bank's.")
    try:
        content = json.loads(body)
        if not isinstance(content, dict):
            raise Unproven("The callback is not a JSON object.")
        return [incoming(item) for item in reading.several(content.get("pix"))]
    except (ValueError, RecursionError):
        raise Unproven("The callback is not JSON.") from None


def prove(*, headers: Mapping[str, str], path: str, credentials: Mapping[str, Any]) -> None:
    """Every proof that the account has agreed with its bank must hold, and there must be one. Raises Unproven."""
    proofs = []
    wanted = credentials.get("proxy_header")
    if wanted:
        name, value = (wanted.get("name"), wanted.get("value")) if isinstance(wanted, Mapping) else (None, None)
        if not isinstance(name, str) or not HEADER_NAME.fullmatch(name.lower()):
            raise Unproven("This account's proxy header has no name.")
        proofs.append(_same(headers.get(name.lower()), value))
    secret = credentials.get("webhook_path")
    if secret:
        told = path.rstrip("/").removesuffix(SUFFIX)
        proofs.append(_same(told, secret.strip("/") if isinstance(secret, str) else None))
    if not proofs:
        raise Unproven("This account has neither a secret address for callbacks nor a proxy that checks the bank's certificate.")
    if not all(proofs):
        raise Unproven("The callback does not come by the proxy or the address that was agreed with the bank.")


def incoming(item: Mapping[str, Any]) -> Incoming:
    """One Pix as an event. It is told again when a return of it was made or has failed: that is another event."""
    e2eid = reading.end_to_end_id(item)
    if e2eid is None:
        id_ = f"odd:{_digest(item)}"
    else:
        returns = sorted((str(each.get("id")), str(each.get("status"))) for each in reading.several(item.get("devolucoes")))
        id_ = f"{e2eid}:{_digest(returns)}" if returns else e2eid
    return Incoming(event_id=id_, type=TYPE, created_at=_told_at(item), body=json.dumps(item).encode())


def _same(told: object, secret: object) -> bool:
    """Whether the two are one secret, in a time that tells nothing of where they differ."""
    if not isinstance(told, str) or not isinstance(secret, str) or len(secret) < MIN_SECRET:
        return False
    return hmac.compare_digest(told.encode("utf-8", "surrogatepass"), secret.encode("utf-8", "surrogatepass"))


def _digest(said: object) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]


def _told_at(item: Mapping[str, Any]) -> datetime | None:
    return reading.moment(item.get("horario"))
