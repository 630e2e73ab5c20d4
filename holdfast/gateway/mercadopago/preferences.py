"""Checkout Pro preferences: an address at which payers try to pay, as often as they like, until it expires.

https://www.mercadopago.com.br/developers/en/reference/online-payments/checkout-pro/preferences/create-preference/post
"""

import uuid

from holdfast.gateway import cards
from holdfast.gateway.mercadopago import outcomes, payments, store, words
from holdfast.gateway.mercadopago.api import Call, Operation
from holdfast.gateway.mercadopago.problems import Problem, invalid
from holdfast.gateway.tx import Tx

DATES = ("date_of_expiration", "expiration_date_from", "expiration_date_to")
#: What may be said, and what it is when it is not.
FIELDS: dict = {
    "additional_info": "",
    "auto_return": "",
    "back_urls": {"failure": "", "pending": "", "success": ""},
    "binary_mode": False,
    "date_of_expiration": None,
    "expiration_date_from": None,
    "expiration_date_to": None,
    "expires": False,
    "external_reference": "",
    "items": [],
    "marketplace": "NONE",
    "marketplace_fee": 0,
    "metadata": {},
    "notification_url": None,
    "operation_type": "regular_payment",
    "payer": {"email": "", "name": "", "surname": ""},
    "payment_methods": {"excluded_payment_methods": [], "excluded_payment_types": [], "installments": None},
    "processing_modes": None,
    "purpose": None,
    "statement_descriptor": "",
    "taxes": None,
    "tracks": [],
}


def create(tx: Tx, call: Call) -> dict:
    given = _checked(call.body)
    if not given.get("items"):
        raise invalid("items needed", error="invalid_items")
    user = words.user_id(call.account)
    id_ = f"{user}-{uuid.uuid4()}"
    page = f"{call.base_url}/checkout/v1/redirect?pref_id={id_}"
    now = words.written(tx.now)
    preference = {
        **FIELDS,
        **given,
        "id": id_,
        "client_id": str(user)[:6],
        "collector_id": user,
        "date_created": now,
        "init_point": page,
        "last_updated": now,
        "sandbox_init_point": page,
        "site_id": words.SITES[given["items"][0]["currency_id"]],
        "total_amount": words.amount(*total(given["items"])),
    }
    private = {"order": words.new_number(11), "live": call.live}
    return store.add(tx, store.PREFERENCE, preference, account=call.account, private=private)


def retrieve(tx: Tx, call: Call) -> dict:
    return store.get(tx, store.PREFERENCE, call.path["id"], account=call.account)


def update(tx: Tx, call: Call) -> dict:
    preference = retrieve(tx, call) | _checked(call.body)
    preference |= {"last_updated": words.written(tx.now), "total_amount": words.amount(*total(preference["items"]))}
    return store.save(tx, store.PREFERENCE, preference)


def _checked(given: dict) -> dict:
    """Raises Problem."""
    for name in given:
        if name not in FIELDS:
            raise invalid(f"The name of the following parameter is wrong : [{name}]", error="invalid_parameter")
    for name in DATES:
        if given.get(name) is not None and words.time_of(given[name]) is None:
            raise invalid(f"{name} invalid. should be a date", error=f"invalid_{name}")
    if "items" in given:
        total(given["items"])
    urls = given.get("back_urls", {})
    if given.get("auto_return") and not (isinstance(urls, dict) and urls.get("success", "").startswith("https://")):
        raise invalid("auto_return invalid. back_url.success must be defined", error="invalid_auto_return")
    return given


def total(items: object) -> tuple[int, str]:
    """Minor units and their currency. Raises Problem."""
    if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
        raise invalid("items must be an array", error="invalid_items")
    currencies = {each.get("currency_id") for each in items}
    if len(currencies) != 1 or not currencies <= set(words.CURRENCIES):
        raise invalid("currency_id invalid", error="invalid_items")
    (currency,) = currencies
    minor = 0
    for item in items:
        price, quantity = words.minor(item.get("unit_price"), currency), item.get("quantity")
        if not item.get("title") or price is None or price <= 0 or type(quantity) is not int or quantity < 1:
            raise invalid("unit_price invalid", error="invalid_items")
        minor += price * quantity
    return minor, currency


# -- The page ---------------------------------------------------------------------------------------------------------


def is_over(tx: Tx, preference: dict) -> bool:
    """Its time is over. It has no status of its own."""
    ends_at = words.time_of(preference["expiration_date_to"])
    return bool(preference["expires"]) and ends_at is not None and tx.now >= ends_at


def payments_of(tx: Tx, preference: dict) -> list[dict]:
    return store.find(tx, store.PAYMENT, owner=preference["id"])


def pay(tx: Tx, preference: dict, card: cards.Card, *, review: bool = False) -> dict:
    """One more payment at this address, also where another one was approved. Raises Problem when its time is over."""
    if is_over(tx, preference):
        raise Problem(400, "This preference has expired", error="expired_preference")
    account = store.account_of(tx, store.PREFERENCE, preference["id"])
    private = store.private(tx, store.PREFERENCE, preference["id"])
    earlier = payments_of(tx, preference)
    if any(each["status"] == "approved" for each in earlier):
        tx.world.count("mercadopago preferences paid again")
    minor, currency = total(preference["items"])
    payment = payments.add(
        tx,
        preference | {"description": preference["items"][0]["title"]},
        account=account,
        minor=minor,
        currency=currency,
        method="card",
        live=private["live"],
        preference={"id": preference["id"], "order": private["order"]},
    )
    if card.does == "decline_once":
        declined = cards.Card(card.number, "approve" if earlier else "decline", card.title, *cards.DECLINED)
        return outcomes.present(tx, payment, declined, account=account)
    return outcomes.present(tx, payment, card, account=account, review=review)


OPERATIONS = [
    Operation("POST", "/checkout/preferences", create, makes=store.PREFERENCE),
    Operation("GET", "/checkout/preferences/{id}", retrieve),
    Operation("PUT", "/checkout/preferences/{id}", update),
]
