"""Payments: what a payer's try to pay becomes, over its whole life.

https://www.mercadopago.com.br/developers/en/reference/online-payments/checkout-api-payments/create-payment/post
"""

from holdfast.gateway import cards, shapes
from holdfast.gateway.mercadopago import brcode, notices, store, words
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
RELEASED_AFTER_S = 14 * 24 * 60 * 60
#: In hundredths of a per cent.
FEES = {"pix": 99, "card": 499}
REJECTIONS = {
    "insufficient_funds": "cc_rejected_insufficient_amount",
    "expired_card": "cc_rejected_bad_filled_date",
}
#: States in which nothing is decided, and those in which money was taken (whatever became of it later).
OPEN = ("pending", "in_process", "authorized")
TAKEN = ("approved", "in_mediation", "charged_back", "refunded")
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
    return present(tx, payment, card, account=call.account, capture=given.get("capture", True))


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
        "additional_info": given.get("additional_info", {}),
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


# -- What becomes of it -----------------------------------------------------------------------------------------------


def present(tx: Tx, payment: dict, card: cards.Card, *, account: str, capture: bool = True, review: bool = False) -> dict:
    """A payer presents a card. `review`: Mercado Pago wants to look at it first, as it may even in binary mode."""
    mute = card.muted or card.does == "silence"
    store.keep_private(tx, store.PAYMENT, payment["id"], card=card.number, mute=mute)
    payment["card"] = {"first_six_digits": card.number[:6], "last_four_digits": card.last4, "cardholder": {"name": "APRO"}}
    slow = card.does in ("settle", "fail_later", "silence")
    if card.does in ("decline", "challenge") or (slow and payment["binary_mode"] and not review):
        payment |= {"status": "rejected", "status_detail": _rejection(card)}
    elif slow or review:
        _hold(tx, payment, card)
    elif not capture:
        payment |= {"status": "authorized", "status_detail": "pending_capture", "captured": False}
    else:
        _take(tx, payment)
    store.touch(tx, payment)
    notices.of_payment(tx, payment, account=account, action="created", mute=mute)
    if payment["status"] == "approved":
        _what_comes_later(tx, payment, card)
    return payment


def _rejection(card: cards.Card) -> str:
    if card.does == "challenge":  # There is nobody here to answer the bank.
        return "cc_rejected_3ds_challenge"
    return REJECTIONS.get(card.decline_code or card.code, "cc_rejected_other_reason")


def _hold(tx: Tx, payment: dict, card: cards.Card) -> None:
    payment |= {"status": "in_process", "status_detail": "pending_review_manual"}
    if card.does in ("settle", "fail_later"):
        action = "settle" if card.does == "settle" else "fail"
        tx.set_alarm(f"{store.ALARM}{payment['id']}", action, tx.world.moods.settings["async_after_s"])


def _take(tx: Tx, payment: dict) -> None:
    """The money is the account's, less the fee."""
    currency = payment["currency_id"]
    minor = words.minor(payment["transaction_amount"], currency) or 0
    fee = fee_of(minor, payment["payment_method_id"])
    payment |= {
        "status": "approved",
        "status_detail": "accredited",
        "captured": True,
        "date_approved": words.written(tx.now),
        "money_release_date": words.written(tx.now + RELEASED_AFTER_S),
        "fee_details": [{"type": "mercadopago_fee", "amount": words.amount(fee, currency), "fee_payer": "collector"}],
    }
    payment["transaction_details"]["net_received_amount"] = words.amount(minor - fee, currency)


def fee_of(minor: int, method: str) -> int:
    """Half up."""
    return (minor * FEES["pix" if method == "pix" else "card"] + 5000) // 10_000


def _what_comes_later(tx: Tx, payment: dict, card: cards.Card | None) -> None:
    later = (card.after if card else "") or tx.world.moods.for_money("payment")
    if later in ("dispute", "dashboard_refund"):
        tx.world.count_mood(later, "payment")
        tx.set_alarm(f"{store.ALARM}{payment['id']}", later, tx.world.moods.settings["async_after_s"])


def settle(tx: Tx, payment: dict, *, succeeded: bool) -> dict:
    """The end of a review, or a Pix that is paid; heard even where nothing was before. Raises Problem."""
    if payment["status"] not in ("pending", "in_process"):
        raise wrong_state()
    return _decide(tx, payment, succeeded=succeeded)


def pay_late(tx: Tx, payment: dict) -> dict:
    """A Pix whose time was over is paid all the same: the payer's bank had it on its way. Raises Problem."""
    if payment["payment_method_id"] != "pix" or payment["status"] not in (*OPEN, "cancelled"):
        raise wrong_state()
    tx.world.count("mercadopago pix paid late")
    return _decide(tx, payment, succeeded=True)


def _decide(tx: Tx, payment: dict, *, succeeded: bool) -> dict:
    account = store.account_of(tx, store.PAYMENT, payment["id"])
    _stop_alarms(tx, payment)
    store.keep_private(tx, store.PAYMENT, payment["id"], mute=False)
    if succeeded:
        _take(tx, payment)
    else:
        payment |= {"status": "rejected", "status_detail": "cc_rejected_other_reason"}
    store.touch(tx, payment)
    notices.of_payment(tx, payment, account=account, action="updated")
    if succeeded:
        _what_comes_later(tx, payment, None)
    return payment


def cancel(tx: Tx, payment: dict, *, detail: str) -> dict:
    """`by_collector`, `by_payer` or `expired`. Raises Problem."""
    if payment["status"] not in OPEN:
        raise wrong_state()
    _stop_alarms(tx, payment)
    payment |= {"status": "cancelled", "status_detail": detail}
    store.touch(tx, payment)
    tell(tx, payment)
    return payment


def tell(tx: Tx, payment: dict) -> None:
    """That it was updated."""
    account = store.account_of(tx, store.PAYMENT, payment["id"])
    mute = store.private(tx, store.PAYMENT, payment["id"]).get("mute", False)
    notices.of_payment(tx, payment, account=account, action="updated", mute=mute)


def _stop_alarms(tx: Tx, payment: dict) -> None:
    for action in ("expire", "settle", "fail"):
        tx.stop_alarm(f"{store.ALARM}{payment['id']}", action)


# -- The API ----------------------------------------------------------------------------------------------------------


def retrieve(tx: Tx, call: Call) -> dict:
    return store.get(tx, store.PAYMENT, call.path["id"], account=call.account)


def update(tx: Tx, call: Call) -> dict:
    """Cancel, capture, or alter what does not concern money."""
    payment, given = retrieve(tx, call), call.body
    if given.get("status") in ("cancelled", "canceled"):
        return cancel(tx, payment, detail="by_collector")
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
    _take(tx, payment)
    store.touch(tx, payment)
    tell(tx, payment)
    return payment


OPERATIONS = [
    Operation("POST", "/v1/payments", create, makes=store.PAYMENT, needs_key=True),
    Operation("GET", "/v1/payments/{id:int}", retrieve),
    Operation("PUT", "/v1/payments/{id:int}", update),
]
