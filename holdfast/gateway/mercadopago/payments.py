"""Payments: asked for, looked at, captured, cancelled.

https://www.mercadopago.com.br/developers/en/reference/online-payments/checkout-api-payments/create-payment/post
"""

from holdfast.gateway import cards, shapes
from holdfast.gateway.mercadopago import brcode, notices, outcomes, store, words
from holdfast.gateway.mercadopago.api import Call, Operation
from holdfast.gateway.mercadopago.problems import invalid, wrong_state
from holdfast.gateway.tx import Tx

NULLS = shapes.nulls(
    "accounts_info authorization_code brand_id call_for_authorize_id callback_url corporation_id counter_currency "
    "deduction_schema differential_pricing_id integrator_id marketplace_owner merchant_account_id merchant_number "
    "money_release_status pos_id platform_id sponsor_id store_id tags"
)
#: Pix: between these from now. https://www.mercadopago.com.br/developers/en/docs/checkout-api/integration-configuration/integrate-with-pix
SHORTEST_S, LONGEST_S, USUAL_S = 30 * 60, 30 * 24 * 60 * 60, 24 * 60 * 60
FIELDS = frozenset(
    shapes.words(
        "transaction_amount payment_method_id token installments description external_reference date_of_expiration"
        " notification_url payer metadata additional_info capture binary_mode statement_descriptor issuer_id callback_url"
    )
)


def create(tx: Tx, call: Call) -> dict:
    """A Pix, or a card: its token is the number of one of the magic cards."""
    given = call.body
    for name in given:
        if name not in FIELDS:
            raise invalid(f"The parameter {name} is not known to the sandbox", 8)
    email = given.get("payer", {}).get("email") if isinstance(given.get("payer"), dict) else None
    if not isinstance(email, str) or "@" not in email:
        raise invalid("payer.email must be a valid email", 4050)
    minor = words.minor(given.get("transaction_amount"), "BRL")
    if minor is None or minor <= 0:
        raise invalid("Invalid transaction_amount", 4037)
    if given.get("payment_method_id") == "pix":
        return _pix(tx, call, minor)
    card = cards.read(str(given.get("token", "")))
    if card is None:
        raise invalid("Card Token not found", 2006)
    payment = add(tx, given, account=call.account, minor=minor, currency="BRL", method="card", live=call.live)
    return outcomes.present(tx, payment, card, account=call.account, capture=given.get("capture", True))


def _pix(tx: Tx, call: Call, minor: int) -> dict:
    ends_at = tx.now + USUAL_S
    if "date_of_expiration" in call.body:
        asked = words.time_of(call.body["date_of_expiration"])
        if asked is None or not SHORTEST_S <= asked - tx.now <= LONGEST_S:
            name = "date_of_expiration"
            raise invalid(f"The following parameters must be valid date and format (yyyy-MM-dd'T'HH:mm:ssz) {name}", 23)
        ends_at = asked
    payment = add(tx, call.body, account=call.account, minor=minor, currency="BRL", method="pix", live=call.live)
    code = brcode.code(amount=f"{minor / 100:.2f}", payment_id=payment["id"])
    ticket = f"{call.base_url}/mercadopago/payments/{payment['id']}/ticket"
    payment |= {
        "status": "pending",
        "status_detail": "pending_waiting_transfer",
        "date_of_expiration": words.written(ends_at),
        "point_of_interaction": payment["point_of_interaction"]
        | {
            "type": "OPENPLATFORM",
            "transaction_data": {
                "qr_code": code,
                "qr_code_base64": brcode.picture(code),
                "ticket_url": ticket,
                "bank_transfer_id": None,
                "transaction_id": None,
                "financial_institution": None,
            },
        },
    }
    store.touch(tx, payment)
    tx.set_alarm(f"{store.ALARM}{payment['id']}", "expire", ends_at - tx.now)
    notices.of_payment(tx, payment, account=call.account, action="created")
    return payment


def add(
    tx: Tx,
    given: dict,
    *,
    account: str,
    minor: int,
    currency: str,
    method: str,
    live: bool,
    preference: dict | None = None,
) -> dict:
    """In the books, not decided yet, and nobody is told."""
    now = words.written(tx.now)
    amount, nothing = words.amount(minor, currency), words.amount(0, currency)
    payment: dict = NULLS | {
        "id": words.new_number(),
        "additional_info": given.get("additional_info") or {},
        "acquirer_reconciliation": [],
        "binary_mode": bool(given.get("binary_mode", False)),
        "build_version": "3.100.0",
        "captured": True,
        "card": {},
        "charges_details": [],
        "collector_id": words.user_id(account),
        "coupon_amount": nothing,
        "currency_id": currency,
        "date_approved": None,
        "date_created": now,
        "date_last_updated": now,
        "date_of_expiration": None,
        "description": given.get("description"),
        "external_reference": given.get("external_reference"),
        "fee_details": [],
        "installments": given.get("installments", 1),
        "issuer_id": None if method == "pix" else "24",
        "live_mode": live,
        "metadata": given.get("metadata", {}),
        "money_release_date": None,
        "money_release_schema": None,
        "notification_url": given.get("notification_url"),
        "operation_type": "regular_payment",
        "order": {"id": preference["order"], "type": "mercadopago"} if preference else {},
        "payer": _payer(given.get("payer") or {}),
        "payment_method": {"id": method, "type": "bank_transfer" if method == "pix" else "credit_card"},
        "payment_method_id": "pix" if method == "pix" else "visa",
        "payment_type_id": "bank_transfer" if method == "pix" else "credit_card",
        "point_of_interaction": {"type": "CHECKOUT", "business_info": {"unit": "online_payments", "sub_unit": "sdk"}},
        "processing_mode": "aggregator",
        "refunds": [],
        "shipping_amount": nothing,
        "statement_descriptor": given.get("statement_descriptor"),
        "status": "in_process",
        "status_detail": "pending_contingency",
        "taxes_amount": nothing,
        "transaction_amount": amount,
        "transaction_amount_refunded": nothing,
        "transaction_details": {
            "acquirer_reference": None,
            "external_resource_url": None,
            "financial_institution": None,
            "installment_amount": amount,
            "net_received_amount": nothing,
            "overpaid_amount": nothing,
            "payable_deferral_period": None,
            "payment_method_reference_id": None,
            "total_paid_amount": amount,
        },
    }
    owner = preference["id"] if preference else None
    return store.add(tx, store.PAYMENT, payment, account=account, owner=owner)


def _payer(given: dict) -> dict:
    return {
        "id": str(words.new_number(10)),
        "email": given.get("email"),
        "first_name": given.get("first_name") or given.get("name"),
        "last_name": given.get("last_name") or given.get("surname"),
        "identification": given.get("identification") or {"number": None, "type": None},
        "phone": {"area_code": None, "number": None, "extension": None},
        "type": None,
        "entity_type": None,
        "operator_id": None,
    }


def retrieve(tx: Tx, call: Call) -> dict:
    return store.get(tx, store.PAYMENT, call.path["id"], account=call.account)


def update(tx: Tx, call: Call) -> dict:
    """Cancel, capture, or alter what does not concern money."""
    payment, given = retrieve(tx, call), call.body
    if given.get("status") in ("cancelled", "canceled"):
        return outcomes.cancel(tx, payment, detail="by_collector")
    if given.get("capture") is True:
        return capture(tx, payment, given.get("transaction_amount"))
    if not given or set(given) - {"metadata", "external_reference", "description"}:
        raise invalid("Invalid parameters for payment update", 8)
    return store.touch(tx, payment | given)


def capture(tx: Tx, payment: dict, amount: object) -> dict:
    """All or a part; what is not taken is let go of. Raises Problem."""
    if payment["status"] != "authorized":
        raise wrong_state()
    if amount is not None:
        wanted, held = (words.minor(each, payment["currency_id"]) for each in (amount, payment["transaction_amount"]))
        if wanted is None or held is None or not 0 < wanted <= held:
            raise invalid("Invalid transaction_amount", 4037)
        payment["transaction_amount"] = words.amount(wanted, payment["currency_id"])
    outcomes.take(tx, payment)
    store.touch(tx, payment)
    outcomes.tell(tx, payment)
    return payment


OPERATIONS = [
    Operation("POST", "/v1/payments", create, makes=store.PAYMENT, needs_key=True),
    Operation("GET", "/v1/payments/{id:int}", retrieve),
    Operation("PUT", "/v1/payments/{id:int}", update),
]
