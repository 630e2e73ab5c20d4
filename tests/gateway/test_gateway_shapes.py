"""Our objects against what the official SDK says of theirs: no unknown names, right types, nothing required missing."""

import inspect
import typing
from decimal import Decimal

import httpx
import pytest
import stripe
from gateway_shop import wait_until
from stripe._list_object import ListObject
from stripe._stripe_object import StripeObject, UntypedStripeObject


def problems(value, annotation, path: str) -> list[str]:
    """Where `value`, as it came over the wire, is not what the annotation allows."""
    if isinstance(annotation, typing.ForwardRef):
        name = annotation.__forward_arg__.removesuffix("Resource")
        annotation = getattr(stripe, name, None)
        if annotation is None:  # Of a product that the gateway does not have, such as Issuing.
            return [f"{path} is no {name}"]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Union:
        tried = [problems(value, each, path) for each in arguments]
        return [] if [] in tried else max(tried, key=len)
    if annotation is type(None):
        return [] if value is None else [f"{path} is not null"]
    if origin is typing.Literal:
        return [] if value in arguments else [f"{path} is {value!r}"]
    if origin in (list, ListObject):
        items = value if origin is list else isinstance(value, dict) and value.get("data")
        if not isinstance(items, list):
            return [f"{path} is no list"]
        return [found for n, item in enumerate(items) for found in problems(item, arguments[0], f"{path}[{n}]")]
    if origin is UntypedStripeObject or annotation is UntypedStripeObject:
        return [] if isinstance(value, dict) else [f"{path} is no hash"]
    if inspect.isclass(annotation) and issubclass(annotation, StripeObject):
        return object_problems(value, annotation, path)
    wire = {Decimal: str, float: (int, float)}.get(annotation, annotation)
    right = isinstance(value, wire) and (annotation is bool or not isinstance(value, bool))
    return [] if right else [f"{path} is {value!r}, not {annotation.__name__}"]


def object_problems(value, cls, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path} is no {cls.__name__}"]
    fields = {name: each for name, each in cls.__annotations__.items() if typing.get_origin(each) is not typing.ClassVar}
    found = [f"{path}.{name} is unknown to the SDK" for name in value if name not in fields]
    for name, annotation in fields.items():
        if name in value:
            found += problems(value[name], annotation, f"{path}.{name}")
        elif type(None) not in typing.get_args(annotation):
            found.append(f"{path}.{name} is missing")
    return found


CLASSES = {
    "checkout/sessions": stripe.checkout.Session,
    "payment_intents": stripe.PaymentIntent,
    "charges": stripe.Charge,
    "refunds": stripe.Refund,
    "disputes": stripe.Dispute,
    "events": stripe.Event,
    "balance_transactions": stripe.BalanceTransaction,
    "payouts": stripe.Payout,
    "webhook_endpoints": stripe.WebhookEndpoint,
}


@pytest.fixture
def busy(shop):
    """A shop in which everything has happened once."""
    shop.order(customer_email="a@example.com", locale="auto", submit_type="pay", payment_method_types=["card"])
    shop.v1.checkout.sessions.expire(shop.order().id)
    for card in ("4000000000000002", "4000009900000020", "4000009900000038", "4000009900000046"):
        shop.paid(card=card)
    shop.gateway.pay(shop.order().id, "4000002760003184", approve=None)
    manual = {"payment_intent_data": {"capture_method": "manual"}}
    shop.v1.payment_intents.capture(shop.paid(**manual).payment_intent)
    shop.v1.payment_intents.cancel(shop.paid(**manual).payment_intent)
    refund = shop.v1.refunds.create({"payment_intent": shop.paid().payment_intent, "amount": 5, "reason": "duplicate"})
    shop.gateway.control("POST", f"/refunds/{refund.id}/settle", outcome="failed")
    shop.gateway.control("POST", f"/payments/{shop.paid().payment_intent}/dispute")
    shop.gateway.control("POST", "/payouts", account=shop.key)
    wait_until(lambda: "checkout.session.async_payment_failed" in shop.recorded())
    return shop


def fetch(shop, path: str) -> dict:
    headers = {"Authorization": f"Bearer {shop.key}"}
    return httpx.get(f"{shop.gateway.url}/v1/{path}?limit=100", headers=headers).json()


def test_objects_have_the_fields_and_types_that_the_sdk_documents(busy):
    for path, cls in CLASSES.items():
        listed = fetch(busy, path)
        assert listed["data"], path
        for obj in listed["data"]:
            assert object_problems(obj, cls, cls.__name__) == []


def test_snapshots_in_events_have_them_too(busy):
    classes = {cls.OBJECT_NAME: cls for cls in CLASSES.values()}
    snapshots = [event["data"]["object"] for event in fetch(busy, "events")["data"]]
    assert {each["object"] for each in snapshots} >= {"checkout.session", "payment_intent", "charge", "refund", "dispute"}
    for each in snapshots:
        assert object_problems(each, classes[each["object"]], each["object"]) == []


def test_line_items_have_them_too(busy):
    session = fetch(busy, "checkout/sessions")["data"][0]
    for item in fetch(busy, f"checkout/sessions/{session['id']}/line_items")["data"]:
        assert object_problems(item, stripe.LineItem, "item") == []


def test_the_comparison_itself_finds_what_is_wrong():
    good = {"id": "re_1", "object": "refund", "amount": 5, "created": 1, "currency": "usd"}
    assert object_problems(good, stripe.Refund, "refund") == []
    assert object_problems(good | {"colour": 1}, stripe.Refund, "refund") == ["refund.colour is unknown to the SDK"]
    assert object_problems(good | {"amount": "5"}, stripe.Refund, "refund") == ["refund.amount is '5', not int"]
    assert object_problems({k: v for k, v in good.items() if k != "currency"}, stripe.Refund, "refund") == [
        "refund.currency is missing"
    ]


def test_expansion_goes_four_levels_deep_and_no_further(busy):
    session = next(each for each in fetch(busy, "checkout/sessions")["data"] if each["payment_status"] == "paid")
    paths = ["payment_intent.latest_charge.balance_transaction.source"]
    deep = busy.v1.checkout.sessions.retrieve(session["id"], {"expand": paths})
    assert deep.payment_intent.latest_charge.balance_transaction.source.object == "charge"
    for path in ("colour", "metadata.order", "a.b.c.d.e"):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            busy.v1.checkout.sessions.retrieve(session["id"], {"expand": [path]})
        assert refused.value.http_status == 400
