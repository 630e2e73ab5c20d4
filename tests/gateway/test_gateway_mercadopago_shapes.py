"""Our objects against the fields and types that the official Node.js SDK (sdk-nodejs, `src/clients/*/commonTypes.ts`) and the
documentation give for Mercado Pago's: no wrong types, and nothing missing that a shop reads."""

import pytest
from mercadopago_shop import MercadoPagoShop

NUMBER, TEXT, FLAG, OBJECT, LIST, ANY = (int, float), (str,), (bool,), (dict,), (list,), (object,)
PAYMENT = {
    "id": NUMBER, "date_created": TEXT, "date_approved": TEXT, "date_last_updated": TEXT, "date_of_expiration": TEXT,
    "money_release_date": TEXT, "money_release_schema": TEXT, "money_release_status": TEXT, "operation_type": TEXT,
    "issuer_id": TEXT, "payment_method_id": TEXT, "payment_type_id": TEXT, "payment_method": OBJECT, "status": TEXT,
    "status_detail": TEXT, "currency_id": TEXT, "description": TEXT, "live_mode": FLAG, "sponsor_id": NUMBER,
    "authorization_code": TEXT, "integrator_id": TEXT, "taxes_amount": NUMBER, "counter_currency": TEXT,
    "shipping_amount": NUMBER, "build_version": TEXT, "pos_id": TEXT, "store_id": TEXT, "platform_id": TEXT,
    "corporation_id": TEXT, "payer": OBJECT, "collector_id": NUMBER, "metadata": ANY, "additional_info": OBJECT,
    "order": OBJECT, "external_reference": TEXT, "transaction_amount": NUMBER, "transaction_amount_refunded": NUMBER,
    "coupon_amount": NUMBER, "differential_pricing_id": TEXT, "deduction_schema": TEXT, "installments": NUMBER,
    "transaction_details": OBJECT, "fee_details": LIST, "charges_details": LIST, "captured": FLAG, "binary_mode": FLAG,
    "call_for_authorize_id": TEXT, "statement_descriptor": TEXT, "card": OBJECT, "notification_url": TEXT, "refunds": LIST,
    "processing_mode": TEXT, "merchant_account_id": TEXT, "merchant_number": TEXT, "point_of_interaction": OBJECT,
    "callback_url": TEXT,
    # In real answers, though not in the SDK.
    "accounts_info": ANY, "acquirer_reconciliation": LIST, "brand_id": TEXT, "marketplace_owner": NUMBER, "tags": ANY,
}  # fmt: skip
DETAILS = {
    "payment_method_reference_id": TEXT, "acquirer_reference": TEXT, "net_received_amount": NUMBER, "total_paid_amount": NUMBER,
    "overpaid_amount": NUMBER, "external_resource_url": TEXT, "installment_amount": NUMBER, "financial_institution": TEXT,
    "payable_deferral_period": ANY,
}  # fmt: skip
QR = {
    "qr_code": TEXT, "qr_code_base64": TEXT, "transaction_id": TEXT, "bank_transfer_id": NUMBER,
    "financial_institution": NUMBER, "ticket_url": TEXT,
}  # fmt: skip
FEE = {"type": TEXT, "amount": NUMBER, "fee_payer": TEXT}
REFUND = {
    "id": NUMBER, "payment_id": NUMBER, "amount": NUMBER, "metadata": ANY, "source": OBJECT, "date_created": TEXT,
    "unique_sequence_number": TEXT, "refund_mode": TEXT, "adjustment_amount": NUMBER, "status": TEXT, "reason": TEXT,
    "amount_refunded_to_payer": NUMBER, "labels": LIST, "partition_details": LIST,
}  # fmt: skip
PREFERENCE = {
    "additional_info": TEXT, "auto_return": TEXT, "back_urls": OBJECT, "binary_mode": FLAG, "client_id": TEXT,
    "collector_id": NUMBER, "date_created": TEXT, "date_of_expiration": TEXT, "expiration_date_from": TEXT,
    "expiration_date_to": TEXT, "expires": FLAG, "external_reference": TEXT, "id": TEXT, "init_point": TEXT, "items": LIST,
    "marketplace": TEXT, "marketplace_fee": NUMBER, "metadata": ANY, "notification_url": TEXT, "operation_type": TEXT,
    "payer": OBJECT, "payment_methods": OBJECT, "processing_modes": LIST, "purpose": TEXT, "sandbox_init_point": TEXT,
    "site_id": TEXT, "statement_descriptor": TEXT, "taxes": LIST, "tracks": LIST,
    # In the answers that the Python SDK is tested with.
    "last_updated": TEXT, "total_amount": NUMBER,
}  # fmt: skip
CHARGEBACK = {
    "id": TEXT, "payments": LIST, "currency": TEXT, "amount": NUMBER, "reason": TEXT, "coverage_applied": FLAG,
    "coverage_elegible": FLAG, "documentation_required": FLAG, "documentation_status": TEXT, "documentation": LIST,
    "date_documentation_deadline": TEXT, "date_created": TEXT, "date_last_updated": TEXT, "live_mode": FLAG,
}  # fmt: skip
NEVER_NULL = frozenset(
    ["id", "status", "status_detail", "currency_id", "transaction_amount", "live_mode", "payment_id", "amount", "init_point"]
)


def problems(value: dict, shape: dict) -> list[str]:
    found = [f"{name} is unknown" for name in value if name not in shape]
    for name, types in shape.items():
        if name not in value:
            found.append(f"{name} is missing")
        elif value[name] is None:
            found += [f"{name} is null"] if name in NEVER_NULL else []
        elif not isinstance(value[name], types) or (isinstance(value[name], bool) and types == NUMBER):
            found.append(f"{name} is {value[name]!r}")
    return found


@pytest.fixture
def shop(gateway):
    with MercadoPagoShop(gateway) as shop:
        yield shop


def payments_in_every_state(shop) -> dict[str, dict]:
    preference = shop.preference(binary_mode=False)
    waiting, cancelled = shop.pix(), shop.pix()
    shop.sdk.payment().update(cancelled["id"], {"status": "cancelled"})
    partly, wholly, back = shop.paid(), shop.paid(), shop.paid()
    shop.sdk.refund().create(partly["id"], {"amount": 7.0})
    shop.sdk.refund().create(wholly["id"])
    shop.control(f"/payments/{back['id']}/chargeback")
    states = {
        "approved": shop.pay(preference),
        "rejected": shop.pay(preference, "4000000000000002"),
        "in_process": shop.pay(preference, "4000009900000046"),
        "pending": waiting,
        "cancelled": cancelled,
        "partly": partly,
        "refunded": wholly,
        "charged_back": back,
    }
    return {name: shop.payment(each["id"]) for name, each in states.items()}


def test_payments_have_the_documented_shape_in_every_state(shop):
    payments = payments_in_every_state(shop)
    for name, each in payments.items():
        assert (name, problems(each, PAYMENT)) == (name, [])
        assert (name, problems(each["transaction_details"], DETAILS)) == (name, [])
    assert [problems(each, FEE) for each in payments["approved"]["fee_details"]] == [[]]
    assert problems(payments["pending"]["point_of_interaction"]["transaction_data"], QR) == []
    assert [problems(each, REFUND) for each in payments["partly"]["refunds"]] == [[]]
    told = {name: (each["status"], each["status_detail"]) for name, each in payments.items()}
    assert told == {
        "approved": ("approved", "accredited"),
        "rejected": ("rejected", "cc_rejected_other_reason"),
        "in_process": ("in_process", "pending_review_manual"),
        "pending": ("pending", "pending_waiting_transfer"),
        "cancelled": ("cancelled", "by_collector"),
        "partly": ("approved", "partially_refunded"),
        "refunded": ("refunded", "refunded"),
        "charged_back": ("charged_back", "in_process"),
    }


def test_preferences_refunds_and_chargebacks_have_the_documented_shape(shop):
    preference = shop.preference()
    assert problems(preference, PREFERENCE) == []
    assert problems(shop.sdk.preference().get(preference["id"])["response"], PREFERENCE) == []
    payment = shop.paid()
    made = shop.sdk.refund().create(payment["id"], {"amount": 7.0})["response"]
    assert problems(made, REFUND) == []
    assert shop.sdk.refund().get(payment["id"], made["id"])["response"] == made
    assert shop.sdk.refund().list_all(payment["id"])["response"] == [made]
    case = shop.control(f"/payments/{payment['id']}/chargeback")
    assert problems(shop.sdk.chargeback().get(case["id"])["response"], CHARGEBACK) == []


def test_searches_have_the_documented_envelopes(shop):
    payment = shop.paid()
    found = shop.sdk.payment().search({"external_reference": "ord_1", "limit": 5})["response"]
    assert found["paging"] == {"total": 1, "limit": 5, "offset": 0}
    assert found["results"][0]["id"] == payment["id"]
    assert {"refunds", "fee_details", "point_of_interaction"} & set(found["results"][0]) == set()
    preference = shop.preference()
    pages = shop.sdk.preference().search({"external_reference": "ord_1"})["response"]
    assert (pages["total"], pages["next_offset"], pages["elements"][0]["id"]) == (1, 1, preference["id"])
    cases = shop.sdk.chargeback().search({"payment_id": payment["id"]})["response"]
    assert cases == {"paging": {"total": 0, "limit": 30, "offset": 0}, "results": []}


def test_times_and_amounts_are_written_as_mercado_pago_writes_them(shop):
    payment = shop.paid(58.8)
    assert payment["transaction_amount"] == 58.8
    assert payment["date_created"][10] == "T"
    assert payment["date_created"].endswith("-04:00")
    assert len(payment["date_created"]) == len("2026-11-20T12:00:00.000-04:00")
    assert (payment["fee_details"][0]["amount"], payment["transaction_details"]["net_received_amount"]) == (0.58, 58.22)
    pesos = shop.preference(items=[{"title": "Tea", "quantity": 1, "unit_price": 2500, "currency_id": "CLP"}])
    paid = shop.pay(pesos)
    assert (type(paid["transaction_amount"]), paid["transaction_amount"], paid["currency_id"]) == (int, 2500, "CLP")
