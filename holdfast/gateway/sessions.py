"""Checkout Sessions. https://docs.stripe.com/api/checkout/sessions"""

from holdfast.gateway import ids, intents
from holdfast.gateway.call import NOBODY, Call, Operation
from holdfast.gateway.errors import invalid, refused
from holdfast.gateway.events import emit
from holdfast.gateway.line_items import LINE_ITEM, line_item, total
from holdfast.gateway.lists import listed, page
from holdfast.gateway.params import (
    LISTED,
    PAGE,
    boolean,
    currency,
    group,
    integer,
    many,
    metadata,
    one_of,
    text,
    url,
)
from holdfast.gateway.shapes import nulls
from holdfast.gateway.tx import Tx

SHORTEST_S, LONGEST_S = 30 * 60, 24 * 60 * 60
LARGEST_AMOUNT = 99_999_999

PAYMENT_INTENT_DATA = {
    "capture_method": one_of("automatic", "automatic_async", "manual"),
    "description": text(1000),
    "metadata": metadata,
    "receipt_email": text(800),
    "statement_descriptor": text(22),
    "statement_descriptor_suffix": text(22),
    "transfer_group": text(),
}
CREATE = {
    "adaptive_pricing": group({"enabled": boolean}),
    "billing_address_collection": one_of("auto", "required"),
    "cancel_url": url,
    "client_reference_id": text(200),
    "currency": currency,
    "customer_creation": one_of("always", "if_required"),
    "customer_email": text(800),
    "expires_at": integer(),
    "line_items": many(LINE_ITEM),
    "locale": text(10),
    "metadata": metadata,
    "mode": one_of("payment"),
    "payment_intent_data": group(PAYMENT_INTENT_DATA),
    "payment_method_options": group(
        {
            "boleto": group({"expires_after_days": integer(0, 60)}),
            "card": group({"request_three_d_secure": one_of("any", "automatic", "challenge")}),
            "pix": group({"expires_after_seconds": integer(60, 1_209_600)}),
        }
    ),
    "payment_method_types": many(text(50)),
    "submit_type": one_of("auto", "book", "donate", "pay"),
    "success_url": url,
    "ui_mode": one_of("hosted_page"),
}
NULLS = nulls(
    "after_expiration allow_promotion_codes branding_settings client_secret collected_information consent "
    "consent_collection currency_conversion customer customer_account invoice origin_context "
    "payment_intent payment_link payment_method_configuration_details permissions presentment_details "
    "recovered_from redirect_on_completion return_url saved_payment_method_options setup_intent "
    "shipping_address_collection shipping_cost subscription wallet_options"
)


def create(tx: Tx, call: Call) -> dict:
    """Open a session. The PaymentIntent does not exist before the payer confirms (API 2022-08-01)."""
    given = call.values
    now = int(tx.now)
    items = [line_item(item, now=now, livemode=call.livemode) for item in given["line_items"]]
    amount = total(items)
    currency_ = items[0]["currency"]
    if any(item["currency"] != currency_ for item in items) or given.get("currency", currency_) != currency_:
        raise invalid("All line items must have the same currency.", param="line_items")
    if not 1 <= amount <= LARGEST_AMOUNT:
        message = f"The Checkout Session's total amount must be between 1 and {LARGEST_AMOUNT}."
        raise invalid(message, param="line_items", code="amount_too_small" if amount < 1 else "amount_too_large")
    session = _session(call, given, amount=amount, currency_=currency_, now=now)
    intent_data = given.get("payment_intent_data", {})
    tx.add(session, account=call.account, private={"line_items": items, "payment_intent_data": intent_data})
    tx.set_alarm(session["id"], "expire", session["expires_at"] - tx.now)
    return session


def _session(call: Call, given: dict, *, amount: int, currency_: str, now: int) -> dict:
    id_ = ids.new("cs_live" if call.livemode else "cs_test", 58)
    types = given.get("payment_method_types") or ["card"]
    return NULLS | {
        "id": id_,
        "object": "checkout.session",
        "adaptive_pricing": given.get("adaptive_pricing", {"enabled": False}),
        "amount_subtotal": amount,
        "amount_total": amount,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": given.get("billing_address_collection"),
        "cancel_url": given.get("cancel_url"),
        "client_reference_id": given.get("client_reference_id"),
        "created": now,
        "currency": currency_,
        "custom_fields": [],
        "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        "customer_creation": given.get("customer_creation", "if_required"),
        "customer_details": customer(given.get("customer_email")),
        "customer_email": given.get("customer_email"),
        "discounts": [],
        "expires_at": _expires_at(given.get("expires_at"), now),
        "invoice_creation": {"enabled": False, "invoice_data": _invoice_data()},
        "livemode": call.livemode,
        "locale": given.get("locale"),
        "metadata": given.get("metadata", {}),
        "mode": "payment",
        "payment_method_collection": "if_required",
        "payment_method_options": given.get("payment_method_options", {}),
        "payment_method_types": types,
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "status": "open",
        "submit_type": given.get("submit_type"),
        "success_url": given["success_url"],
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"{call.base_url}/pay/{id_}",
    }


def _expires_at(asked: int | None, now: int) -> int:
    if asked is None:
        return now + LONGEST_S
    if not now + SHORTEST_S <= asked <= now + LONGEST_S:
        message = "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation."
        raise invalid(message, param="expires_at")
    return asked


def customer(email: str | None) -> dict | None:
    if email is None:
        return None
    nothing = dict.fromkeys(("address", "business_name", "individual_name", "name", "phone"))
    return nothing | {"email": email, "tax_exempt": "none", "tax_ids": None}


def _invoice_data() -> dict:
    nothing = dict.fromkeys(("account_tax_ids", "custom_fields", "description", "footer", "issuer", "rendering_options"))
    return nothing | {"metadata": {}}


def retrieve(tx: Tx, call: Call) -> dict:
    return tx.get("checkout.session", call.id, account=call.account)


def list_(tx: Tx, call: Call) -> dict:
    where, values = "", []
    if status := call.values.get("status"):
        where, values = "json_extract(body, '$.status') = ?", [status]
    intent = call.values.get("payment_intent")
    return page(tx, call, "checkout.session", payment_intent=intent, where=where, values=values)


def items_of(tx: Tx, session: dict, *, url_: str) -> dict:
    return listed(tx.private(session["id"])["line_items"], url=url_)


def line_items(tx: Tx, call: Call) -> dict:
    return items_of(tx, retrieve(tx, call), url_=call.path)


def expire(tx: Tx, call: Call) -> dict:
    """Close an open session. Safe to ask again only in that the second answer is a 400 which says so."""
    session = retrieve(tx, call)
    if session["status"] != "open":
        message = (
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status'
            f" of `{session['status']}`."
        )
        raise refused(message)
    return end(tx, session, account=call.account, request=call.origin)


def end(tx: Tx, session: dict, *, account: str, request: dict = NOBODY) -> dict:
    """The session can no longer be paid, whether it was asked to end or its time ran out."""
    session |= {"status": "expired", "url": None}
    tx.save(session)
    tx.stop_alarm(session["id"], "expire")
    if session["payment_intent"] is not None:
        intent = tx.get("payment_intent", session["payment_intent"])
        intents.abandon(tx, intent, account=account, reason="automatic", request=request)
    muted = tx.private(session["id"]).get("mute", False)
    emit(tx, account=account, type_="checkout.session.expired", obj=session, request=request, mute=muted)
    return session


OPERATIONS = [
    Operation("POST", "/v1/checkout/sessions", create, CREATE, required=("mode", "line_items", "success_url")),
    Operation(
        "GET",
        "/v1/checkout/sessions",
        list_,
        {**LISTED, "payment_intent": text(), "status": one_of("open", "complete", "expired")},
    ),
    Operation("GET", "/v1/checkout/sessions/{id}", retrieve),
    Operation("POST", "/v1/checkout/sessions/{id}/expire", expire),
    Operation("GET", "/v1/checkout/sessions/{id}/line_items", line_items, PAGE),
]
