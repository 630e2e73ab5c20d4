"""Proof that a webhook comes from Stripe. https://docs.stripe.com/webhooks#verify-manually

The SDK's own check accepts times of the future, takes one secret only and answers some malformed requests with
TypeError, UnicodeDecodeError or AttributeError: an anonymous caller could cause 500s. So this is ours, and the tests
hold it against the SDK's.
"""

import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

from holdfast.kernel.limits import MAX_WEBHOOK_BYTES, WEBHOOK_TOLERANCE
from holdfast.providers.contract import Incoming, Unproven

#: A signature is 68 bytes and there is one per active secret while a secret is rolled: a dozen is generous.
MAX_HEADER = 1024
TIME = re.compile(r"[1-9][0-9]{0,11}")
#: What the inbox can keep; Stripe's are far shorter. No NUL, no blanks, nothing that needs escaping in a log.
EVENT_ID = re.compile(r"[A-Za-z0-9_\-]{1,255}")
EVENT_TYPE = re.compile(r"[A-Za-z0-9_.\-\[\]]{1,120}")


def verify(*, header: object, body: bytes, secrets: object, now: datetime) -> Incoming:
    """The event in a request whose signature holds for one of our secrets. Raises Unproven, never anything else."""
    signed_at, signatures = parse(header)
    if len(body) > MAX_WEBHOOK_BYTES:
        raise Unproven("The webhook is larger than any event of Stripe's.")
    if not matches(signed_at, body, signatures, usable(secrets)):
        raise Unproven("No signature of the webhook fits a secret of this account.")
    if abs(now.timestamp() - int(signed_at)) > WEBHOOK_TOLERANCE.total_seconds():
        raise Unproven("The webhook was signed too long ago, or in the future.")
    return event(body)


def parse(header: object) -> tuple[str, list[bytes]]:
    """`t=1700000000,v1=ab…,v1=cd…,v0=…` → the time as it stands there and the v1 signatures."""
    if not isinstance(header, str) or not header or not header.isascii() or len(header) > MAX_HEADER:
        raise Unproven("The webhook has no usable Stripe-Signature header.")
    pairs = [item.partition("=") for item in header.split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    signatures = [value.encode() for name, _, value in pairs if name == "v1" and value]
    if len(times) != 1 or not TIME.fullmatch(times[0]) or not signatures:
        raise Unproven("The Stripe-Signature header needs one time and at least one v1 signature.")
    return times[0], signatures


def usable(secrets: object) -> list[bytes]:
    """The account's webhook secrets; the whole string is the key, `whsec_` included."""
    if not isinstance(secrets, Sequence) or isinstance(secrets, (str, bytes)):
        raise Unproven("This account has no list of webhook secrets.")
    keys = [secret.encode() for secret in secrets if isinstance(secret, str) and secret.strip()]
    if not keys:
        raise Unproven("This account has no webhook secret.")
    return keys


def matches(signed_at: str, body: bytes, signatures: Sequence[bytes], secrets: Sequence[bytes]) -> bool:
    """Whether any secret made any of the signatures. Takes the same time whichever it is."""
    signed = signed_at.encode() + b"." + body
    expected = [hmac.digest(secret, signed, "sha256").hex().encode() for secret in secrets]
    fits = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in signatures]
    return any(fits)


def event(body: bytes) -> Incoming:
    """What the inbox needs to know of a signed body."""
    content = decoded(body)
    id_, type_, created = content.get("id"), content.get("type"), content.get("created")
    if content.get("object") != "event":
        raise Unproven("The webhook is not a snapshot event.")
    if not isinstance(id_, str) or not EVENT_ID.fullmatch(id_):
        raise Unproven("The event has no id.")
    if not isinstance(type_, str) or not EVENT_TYPE.fullmatch(type_):
        raise Unproven("The event has no type.")
    if type(created) is not int or not 0 < created < 10**11:
        raise Unproven("The event has no time.")
    return Incoming(event_id=id_, type=type_, created_at=datetime.fromtimestamp(created, UTC), body=body)


def decoded(body: bytes) -> Mapping[str, Any]:
    """A body as the JSON object it has to be. Raises Unproven."""
    try:
        content = STRICT.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Unproven("The webhook is not JSON.") from None
    if not isinstance(content, dict):
        raise Unproven("The webhook is not a JSON object.")
    return content


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


#: Made once: `json.loads` makes a decoder for every call that wants something special.
STRICT = json.JSONDecoder(parse_constant=_no_number)
