"""Notifications: what is said, to whom, and how it is signed.

https://www.mercadopago.com.br/developers/en/docs/your-integrations/notifications/webhooks
"""

import hashlib
import hmac
import json
import uuid
from urllib.parse import urlencode

from holdfast.gateway import ids
from holdfast.gateway.events import queue
from holdfast.gateway.mercadopago import words
from holdfast.gateway.tx import Tx, encode

WEBHOOK, NOTIFICATION = "mp.webhook", "mp.notification"
PAYMENT, CHARGEBACK = "payment", "topic_chargebacks_wh"
#: Of the future, for receivers that must stay calm.
UNKNOWN_TYPE = "topic_of_the_future_wh"
#: A URL of a payment's own gets the older, unsigned kind as well unless it says this.
WEBHOOKS_ONLY = "source_news=webhooks"
FORGED_SECRET = "a secret that nobody gave out"
#: The moods that have a meaning here: a notification carries no status.
MOODS = frozenset(
    [
        "webhook_drop",
        "webhook_duplicate",
        "webhook_delay",
        "webhook_reorder",
        "webhook_forge",
        "webhook_duplicate_other_id",
        "clock_skew",
        "unknown_event",
    ]
)


def of_payment(tx: Tx, payment: dict, *, account: str, action: str, mute: bool = False) -> None:
    """Say that a payment was `created` or `updated`. `mute` records it but tells nobody."""
    body = {"action": f"payment.{action}", "data": {"id": str(payment["id"])}, "type": PAYMENT}
    _emit(tx, body, account=account, url=payment["notification_url"], mute=mute)


def of_chargeback(tx: Tx, chargeback: dict, payment: dict, *, account: str, action: str, mute: bool = False) -> None:
    site = words.SITES[payment["currency_id"]]
    data = {"id": chargeback["id"], "payment_id": payment["id"], "site_id": site, "checkout": "PRO"}
    _emit(tx, {"actions": [action], "data": data, "type": CHARGEBACK}, account=account, url=None, mute=mute)


def hook(tx: Tx, account: str) -> dict:
    """The account's panel: its address for notifications and its secret, made up at first."""
    found = tx.find(WEBHOOK, account=account)
    if found:
        return found[0]
    made = {"id": ids.new("mpw"), "object": WEBHOOK, "created": int(tx.now), "url": None}
    return tx.add(made, account=account, private={"secret": ids.new("x", 48)[2:]})


def listen(tx: Tx, *, account: str, url: str | None, secret: str) -> dict:
    """Saying it again moves the address and what is on its way to it."""
    panel = tx.save(hook(tx, account) | {"url": url})
    tx.keep_private(panel["id"], secret=secret)
    return {"account": account, "endpoint": panel["id"]}


def _emit(tx: Tx, body: dict, *, account: str, url: str | None, mute: bool) -> None:
    panel = hook(tx, account)
    heard = (url or panel["url"]) and not mute
    notice = _record(tx, body, account=account, url=url)
    what = body.get("action", body["type"])
    moods = {mood.name: mood for mood in tx.world.moods.for_webhook(what) if mood.name in MOODS} if heard else {}
    for name in moods:
        tx.world.count_mood(name, what)
    if not heard:
        return
    if "webhook_drop" not in moods:
        _send(tx, notice, panel, moods)
    if "webhook_duplicate_other_id" in moods:
        queue(tx, _record(tx, body, account=account, url=url)["id"], panel["id"])
    if "unknown_event" in moods:
        queue(tx, _record(tx, body | {"type": UNKNOWN_TYPE}, account=account, url=url)["id"], panel["id"])
    tx.world.wake_deliveries()


def _record(tx: Tx, body: dict, *, account: str, url: str | None) -> dict:
    said = {
        **body,
        "api_version": "v1",
        "date_created": words.written(tx.now),
        "id": words.new_number(),
        "live_mode": tx.livemode(account),
        "user_id": str(words.user_id(account)),
    }
    notice = {"id": f"mpn_{said['id']}", "object": NOTIFICATION, "created": int(tx.now), "url": url, "said": said}
    return tx.add(notice, account=account)


def _send(tx: Tx, notice: dict, panel: dict, moods: dict) -> None:
    after_s = moods["webhook_delay"].seconds if "webhook_delay" in moods else 0
    if "webhook_reorder" in moods:
        after_s += tx.world.moods.somewhere_within(moods["webhook_reorder"].seconds)
    skew_s = moods["clock_skew"].seconds if "clock_skew" in moods else 0
    for _ in range(2 if "webhook_duplicate" in moods else 1):
        queue(tx, notice["id"], panel["id"], after_s=after_s, skew_s=skew_s)
    if "webhook_forge" in moods:
        queue(tx, notice["id"], panel["id"], after_s=after_s, variant="forged")
    if notice["url"] and WEBHOOKS_ONLY not in notice["url"]:
        queue(tx, notice["id"], panel["id"], after_s=after_s, variant="ipn")


# -- On the wire ------------------------------------------------------------------------------------------------------


def wrap(parcel: dict, *, now: float, in_ms: bool) -> tuple[str, bytes, dict[str, str]]:
    """The address with its query, body and headers of one delivery, signed as of now.

    Only the id in the query is signed, with the request's own id and the time; nothing of the body is.
    """
    notice = json.loads(parcel["body"])
    said, secret = notice["said"], parcel["secret"]
    url = notice["url"] or parcel["url"]
    headers = {"Content-Type": "application/json", "User-Agent": "MercadoPago WebHook v1.0 (Holdfast sandbox gateway)"}
    if parcel["variant"] == "ipn":
        query = urlencode({"id": said["data"]["id"], "topic": said["type"]})
        return _with(url, query), encode({"resource": said["data"]["id"], "topic": said["type"]}).encode(), headers
    if parcel["variant"] == "forged":
        said, secret = said | {"id": words.new_number(), "data": {"id": str(words.new_number())}}, FORGED_SECRET
    ts = str((int(now) + parcel["skew_s"]) * (1000 if in_ms else 1))
    request_id = str(uuid.uuid4())
    query = urlencode({"data.id": said["data"]["id"], "type": said["type"]})
    signature = sign(secret, data_id=str(said["data"]["id"]), request_id=request_id, ts=ts)
    headers |= {"x-request-id": request_id, "x-signature": f"ts={ts},v1={signature}"}
    return _with(url, query), encode(said).encode(), headers


def sign(secret: str, *, data_id: str, request_id: str, ts: str) -> str:
    manifest = f"id:{data_id};request-id:{request_id};ts:{ts};"
    return hmac.new(secret.encode(), manifest.encode(), hashlib.sha256).hexdigest()


def _with(url: str, query: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{query}"
