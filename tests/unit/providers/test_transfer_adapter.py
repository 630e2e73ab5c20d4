"""What a transfer's customer is shown, and that no answer claims more than anybody can know."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from holdfast.kernel import brcode
from holdfast.providers.contract import AccountHandle, Declined, Kind, NotSent, Purchase, Return, Taken, Unproven
from holdfast.providers.transfer.adapter import CurrencyNotTaken, TransferAdapter

PAYMENT = UUID("018f6e5c-9b7a-7c3d-8e1f-2a3b4c5d6e7f")
REFERENCE = "RF97YJFNVMVJFHDP"
ADAPTER = TransferAdapter()
BANK = {"holder": "Ada's Mugs GmbH", "iban": "DE89 3704 0044 0532 0130 00", "bic": "COBADEFFXXX", "bank": "Commerzbank"}
PIX = {
    "holder": "Padaria",
    "bank": "Itaú",
    "pix_key": "a@b.example",
    "merchant_name": "Padaria São João",
    "merchant_city": "São Paulo",
}


def account(**credentials):
    return AccountHandle(id=UUID(int=1), provider="transfer", live=True, credentials=credentials)


def purchase(**changes):
    bought = Purchase(
        payment_id=PAYMENT,
        order_id=UUID(int=2),
        order_number="K7QXM-2RDPA",
        method="transfer",
        amount_minor=2640,
        currency="EUR",
        lines=[("Mug", 2640, 1)],
        email="ada@example.com",
        manual_capture=False,
        expires_at=datetime(2026, 12, 3, tzinfo=UTC),
        success_url="https://shop.example/thanks",
        cancel_url="https://shop.example/cart",
    )
    return replace(bought, **changes)


def opened(at, **changes):
    request = ADAPTER.compose(purchase(**changes), at)
    return ADAPTER.open(request=request, key=f"{PAYMENT.hex}:open", account=at)


def test_the_request_is_exact_and_without_secrets():
    assert ADAPTER.compose(purchase(), account(**BANK)) == {
        "payment": PAYMENT.hex,
        "reference": REFERENCE,
        "amount_minor": 2640,
        "currency": "EUR",
    }


def test_it_opens_at_once_and_shows_where_to_pay():
    report = opened(account(**BANK))
    assert (report.kind, report.reference, report.provider_id, report.pay_url) == (Kind.OPENED, PAYMENT.hex, REFERENCE, "")
    assert (report.amount_minor, report.object_id) == (None, None)
    assert report.show == {"transfer": {**BANK, "reference": "RF97 YJFN VMVJ FHDP", "amount": "26.40 EUR"}}


def test_a_pix_key_makes_a_code_too_with_the_reference_as_its_txid():
    report = opened(account(**PIX), currency="BRL")
    assert report.show["transfer"] == {
        "holder": "Padaria", "bank": "Itaú", "reference": "RF97 YJFN VMVJ FHDP", "amount": "26.40 BRL",
    }  # fmt: skip
    code = brcode.parse(report.show["pix"])
    assert (code["26"]["01"], code["54"], code["59"], code["62"]) == (
        "a@b.example",
        "26.40",
        "Padaria Sao Joao",
        {"05": REFERENCE},
    )


def test_a_pix_code_is_for_reais_only():
    assert "pix" not in opened(account(**{**PIX, **BANK})).show


@pytest.mark.parametrize(
    ("wrong", "blamed"),
    [
        ({**BANK, "iban": "DE88 3704 0044 0532 0130 00"}, "IBAN"),
        ({**BANK, "iban": "not one"}, "IBAN"),
        ({**BANK, "iban": None}, "IBAN"),
        ({**BANK, "holder": ""}, "holder"),
        ({}, "holder"),
    ],
)
def test_credentials_that_say_not_where_to_pay_mean_not_sent(wrong, blamed):
    """S-48: nobody is shown an account to which no money can come."""
    with pytest.raises(NotSent) as refused:
        opened(account(**wrong))
    assert blamed in refused.value.detail
    assert "0130 00" not in refused.value.detail


def test_a_pix_key_that_makes_no_code_means_not_sent():
    with pytest.raises(NotSent):
        opened(account(**{**PIX, "merchant_city": ""}), currency="BRL")


def test_another_currency_than_the_accounts_is_refused():
    with pytest.raises(CurrencyNotTaken):
        opened(account(**BANK, currency="EUR"), currency="USD")


def test_asking_knows_nothing_and_says_so():
    at = account(**BANK)
    found = ADAPTER.fetch(reference=PAYMENT.hex, provider_id=None, account=at)
    assert (found.kind, found.provider_id) == (Kind.OPENED, REFERENCE)
    assert ADAPTER.fetch(reference="of nobody", provider_id=None, account=at).provider_id is None
    closed = ADAPTER.close(provider_id=REFERENCE, key=f"{PAYMENT.hex}:close", account=at)
    assert (closed.kind, closed.reference) == (Kind.CANCELLED, PAYMENT.hex)
    assert list(ADAPTER.statement(since=datetime.min, until=datetime.max, account=at)) == []
    assert ADAPTER.read(body=b"{}", type="x", account=at) is None
    with pytest.raises(Unproven):
        ADAPTER.verify(headers={}, body=b"{}", credentials=BANK, now=datetime.now(UTC))


def test_a_refund_is_pending_until_a_person_has_paid_it_out():
    money = Taken(
        reference=PAYMENT.hex, provider_id=REFERENCE, object_id=f"transfer:{PAYMENT.hex}", amount_minor=2640, currency="EUR"
    )
    wanted = Return(reference="0" * 32, money=money, amount_minor=1000)
    asked = ADAPTER.refund(wanted=wanted, key="k", account=account())
    found = ADAPTER.fetch_refund(wanted=wanted, provider_id=None, account=account())
    for report in (asked, found):
        assert (report.kind, report.object_id, report.amount_minor) == (Kind.REFUND_PENDING, f"payout:{'0' * 32}", 1000)
        assert (report.money_id, report.refund_reference) == (money.object_id, "0" * 32)
    with pytest.raises(Declined):
        ADAPTER.capture(money=money, amount_minor=1, key="k", account=account())
