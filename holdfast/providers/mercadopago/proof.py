"""Proof that a notification comes from Mercado Pago.

https://www.mercadopago.com.br/developers/en/docs/your-integrations/notifications/webhooks

`x-signature: ts=…,v1=…` signs `id:{data.id of the query};request-id:{x-request-id};ts:{ts};` and nothing of the body. So all that
is proven is where to look, and the payment is asked for. The SDK's validator knows one secret and one spelling of the id, and its
tolerance is wrong for times in milliseconds; ours is held against it by the tests.
"""

import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from holdfast.kernel.limits import MAX_WEBHOOK_BYTES, WEBHOOK_TOLERANCE
from holdfast.providers.contract import Incoming, Unproven
from holdfast.providers.mercadopago.fields import moment

#: Mercado Pago repeats for some four days (after 15 minutes, then ever later), and does not say whether `ts` is new each time. A
#: signature that is replayed within this only makes us look once more at a payment: what is told does not come from it.
SIGNATURE_LIFE = timedelta(days=5)
#: Later than this in seconds is written in milliseconds: the year 5138.
IN_MS = 10**11
MAX_HEADER = 512
TIME = re.compile(r"[1-9][0-9]{0,15}")
DATA_ID = re.compile(r"[A-Za-z0-9_\-]{1,100}")
EVENT_ID = re.compile(r"[A-Za-z0-9_\-]{1,100}")
EVENT_TYPE = re.compile(r"[A-Za-z0-9_.\-]{1,120}")


def verify(*, headers: Mapping[str, str], query: str, body: bytes, secrets: object, now: datetime) -> Incoming:
    """The event in a request whose signature holds for one of our secrets. Raises Unproven, never anything else."""
    ts, signatures = parse(headers.get("x-signature"))
    if len(body) > MAX_WEBHOOK_BYTES:
        raise Unproven("The notification is larger than any of Mercado Pago's.")
    asked = asked_for(query)
    data_id = asked.get("data.id", "")
    if not DATA_ID.fullmatch(data_id):
        raise Unproven("The notification's address names nothing: it is not one of the signed kind.")
    manifests = [manifest(each, headers.get("x-request-id"), ts) for each in dict.fromkeys([data_id, data_id.lower()])]
    if not matches(manifests, signatures, usable(secrets)):
        raise Unproven("No signature of the notification fits a secret of this account.")
    if not -WEBHOOK_TOLERANCE <= now - signed_at(ts, now) <= SIGNATURE_LIFE:
        raise Unproven("The notification was signed too long ago, or in the future.")
    return event(body, data_id=data_id, type_=asked.get("type"))


def parse(header: object) -> tuple[str, list[bytes]]:
    """`ts=1700000000,v1=ab…` → the time as it stands there and the v1 signatures."""
    if not isinstance(header, str) or not header or not header.isascii() or len(header) > MAX_HEADER:
        raise Unproven("The notification has no usable x-signature header.")
    pairs = [(name.strip().lower(), value.strip()) for name, _, value in (part.partition("=") for part in header.split(","))]
    times = [value for name, value in pairs if name == "ts"]
    signatures = [value.encode() for name, value in pairs if name == "v1" and value]
    if len(times) != 1 or not TIME.fullmatch(times[0]) or not signatures:
        raise Unproven("The x-signature header needs one time and a v1 signature.")
    return times[0], signatures


def asked_for(query: str) -> dict[str, str]:
    """The names of the address's query, each of which may stand there once."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise Unproven("The notification's address cannot be read.") from None
    named = dict(pairs)
    if len(named) != len(pairs):
        raise Unproven("The notification's address says something twice.")
    return named


def manifest(data_id: str, request_id: str | None, ts: str) -> bytes:
    """What is signed. A part that is not there is left out with its name."""
    request = (request_id or "").strip()
    return f"id:{data_id};{f'request-id:{request};' if request else ''}ts:{ts};".encode()


def usable(secrets: object) -> list[bytes]:
    if not isinstance(secrets, Sequence) or isinstance(secrets, (str, bytes)):
        raise Unproven("This account has no list of webhook secrets.")
    keys = [secret.encode() for secret in secrets if isinstance(secret, str) and secret.strip()]
    if not keys:
        raise Unproven("This account has no webhook secret.")
    return keys


def matches(manifests: Sequence[bytes], signatures: Sequence[bytes], secrets: Sequence[bytes]) -> bool:
    """Whether any secret made any of the signatures. Takes the same time whichever it is.

    The id is signed as it was sent, or in lower case: the documentation says the one, the SDKs do the other.
    """
    expected = [hmac.digest(secret, signed, "sha256").hex().encode() for secret in secrets for signed in manifests]
    fits = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in signatures]
    return any(fits)


def signed_at(ts: str, now: datetime) -> datetime:
    """Seconds in the documentation, milliseconds in some of the traffic."""
    seconds = int(ts) / 1000 if int(ts) > IN_MS else int(ts)
    try:
        return datetime.fromtimestamp(seconds, now.tzinfo)
    except (OverflowError, ValueError, OSError):
        raise Unproven("The notification was signed at no time of this world.") from None


def event(body: bytes, *, data_id: str, type_: str | None) -> Incoming:
    """What the inbox needs to know. The body is nobody's word, but it has to speak of what is signed."""
    content = decoded(body)
    id_, said = content.get("id"), content.get("type")
    data = content.get("data")
    about = data.get("id") if isinstance(data, Mapping) else None
    if str(about).lower() != data_id.lower():
        raise Unproven("The notification's body speaks of another object than its address.")
    if not isinstance(said, str) or not EVENT_TYPE.fullmatch(said) or said != (type_ or said):
        raise Unproven("The notification's body has no type, or another one than its address.")
    if type(id_) not in (int, str) or not EVENT_ID.fullmatch(str(id_)):
        raise Unproven("The notification has no id.")
    action = content.get("action")
    name = action if isinstance(action, str) and EVENT_TYPE.fullmatch(action) else said
    return Incoming(event_id=f"{id_}:{name}", type=said, created_at=moment(content.get("date_created")), body=body)


def decoded(body: bytes) -> Mapping[str, Any]:
    """A body as the JSON object it has to be. Raises Unproven."""
    try:
        content = STRICT.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Unproven("The notification is not JSON.") from None
    if not isinstance(content, dict):
        raise Unproven("The notification is not a JSON object.")
    return content


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


#: Made once: `json.loads` makes a decoder for every call that wants something special.
STRICT = json.JSONDecoder(parse_constant=_no_number)
