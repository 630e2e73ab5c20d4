"""Where a receiver wants to hear of its Pix, and what goes over the wire.

`POST {webhookUrl}/pix` with `{"pix": [Pix, …]}`: whatever is due for one address at one moment goes together. No signature and no
id; the bank proves itself by its certificate, where the address is an https one.
"""

import json
from collections.abc import Iterable, Iterator

from holdfast.gateway import endpoints, ids
from holdfast.gateway.events import queue
from holdfast.gateway.pix import asked, clients, words
from holdfast.gateway.pix.api import Call, Operation
from holdfast.gateway.pix.problems import invalid, missing
from holdfast.gateway.tx import Tx, encode

WEBHOOK, NOTIFICATION = "pix.webhook", "pix.notification"
WHAT = "WebhookOperacaoInvalida"
#: What moods operations of webhooks call it.
TYPE = "pix"
#: The moods that have a meaning here: there is no signature to be skewed, no id and no type.
MOODS = frozenset(["webhook_drop", "webhook_duplicate", "webhook_delay", "webhook_reorder", "webhook_forge"])
#: Pix in one callback.
MOST = 20
FORGED_EXTRA_MINOR = 100_000


def emit(tx: Tx, *, account: str, pix: dict) -> None:
    """Put the Pix as it is now on its way to the address of its key, if there is one."""
    hook = find(tx, account, pix["chave"])
    if hook is None:
        return
    told: dict = {"id": ids.new("pixn"), "object": NOTIFICATION, "created": int(tx.now), "pix": pix}
    tx.add(told, account=account)
    moods = {mood.name: mood for mood in tx.world.moods.for_webhook(TYPE) if mood.name in MOODS}
    for name in moods:
        tx.world.count_mood(name, TYPE)
    if "webhook_drop" in moods:
        return
    after_s = moods["webhook_delay"].seconds if "webhook_delay" in moods else 0
    if "webhook_reorder" in moods:
        after_s += tx.world.moods.somewhere_within(moods["webhook_reorder"].seconds)
    for _ in range(2 if "webhook_duplicate" in moods else 1):
        queue(tx, told["id"], hook["id"], after_s=after_s)
    if "webhook_forge" in moods:
        queue(tx, told["id"], hook["id"], after_s=after_s, variant="forged")
    tx.world.wake_deliveries()


def find(tx: Tx, account: str, chave: str) -> dict | None:
    return next((hook for hook in tx.find(WEBHOOK, account=account) if hook["chave"] == chave), None)


def listen(tx: Tx, *, account: str, chave: str, url: str) -> dict:
    """One address per key; again moves it, and what is on its way to it."""
    address = {"webhookUrl": url, "url": url.rstrip("/") + "/pix", "criacao": words.written(tx.now)}
    hook = find(tx, account, chave)
    if hook is not None:
        return tx.save(hook | address)
    hook = {"id": ids.new("pixw"), "object": WEBHOOK, "created": int(tx.now), "chave": chave, **address}
    return tx.add(hook, account=account)


# -- On the wire ------------------------------------------------------------------------------------------------------


def batches(parcels: Iterable[dict]) -> Iterator[list[dict]]:
    """Parcels that travel together: a Pix callback's with the others for its address, everything else alone."""
    together: dict[tuple, list[dict]] = {}
    for parcel in parcels:
        if parcel["kind"] != WEBHOOK:
            yield [parcel]
            continue
        batch = together.setdefault((parcel["endpoint"], parcel["variant"]), [])
        batch.append(parcel)
        if len(batch) == MOST:
            yield together.pop((parcel["endpoint"], parcel["variant"]))
    yield from together.values()


def wrap(batch: list[dict]) -> tuple[str, bytes, dict[str, str]]:
    """Address, body and headers."""
    told = [json.loads(parcel["body"])["pix"] for parcel in batch]
    url = batch[0]["url"]
    if batch[0]["variant"] == "forged":
        told, url = [forged(pix) for pix in told], guessed(url)
    return url, encode({"pix": told}).encode(), {"Content-Type": "application/json", "User-Agent": "Holdfast sandbox bank"}


def forged(pix: dict) -> dict:
    """The same Pix with more money in it, as a thief would tell it."""
    more = words.value((words.minor(pix["valor"]) or 0) + FORGED_EXTRA_MINOR)
    return {**pix, "endToEndId": words.new_id("E", words.PAYER_ISPB, words.time_of(pix["horario"]) or 0), "valor": more}


def guessed(url: str) -> str:
    """A thief knows neither the bank's certificate nor the secret end of the address."""
    return f"{url.removesuffix('/pix').rsplit('/', 1)[0]}/{'0' * 32}/pix"


# -- The API ----------------------------------------------------------------------------------------------------------


def put(tx: Tx, call: Call) -> tuple[int, dict | None]:
    chave, url = call.path["chave"], call.body.get("webhookUrl")
    if len(chave) > asked.LONGEST_KEY or not clients.owns(tx, account=call.account, chave=chave):
        reason = "O parâmetro {chave} não corresponde a uma chave DICT pertencente a este usuário recebedor."
        raise invalid(WHAT, reason, "chave", chave)
    if not isinstance(url, str) or not url.startswith(("http://", "https://")) or len(url) > 2000 or " " in url:
        raise invalid(WHAT, "Campo webhook.webhookUrl não respeita o schema.", "webhook.webhookUrl", url)
    listen(tx, account=call.account, chave=chave, url=url)
    return 200, None


def get(tx: Tx, call: Call) -> tuple[int, dict]:
    hook = _named(tx, call)
    return 200, {name: hook[name] for name in ("webhookUrl", "chave", "criacao")}


def delete(tx: Tx, call: Call) -> tuple[int, None]:
    endpoints.remove(tx, _named(tx, call)["id"])
    return 204, None


def _named(tx: Tx, call: Call) -> dict:
    hook = find(tx, call.account, call.path["chave"])
    if hook is None:
        raise missing("WebhookNaoEncontrado")
    return hook


OPERATIONS = [
    Operation("PUT", "/webhook/{chave}", "webhook.write", put),
    Operation("GET", "/webhook/{chave}", "webhook.read", get),
    Operation("DELETE", "/webhook/{chave}", "webhook.write", delete),
]
