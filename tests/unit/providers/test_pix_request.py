"""The request that makes a charge, to the letter."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from provider_things import ACCOUNT, NOW, ORDER, PAYMENT

from holdfast.kernel import clock
from holdfast.kernel.errors import Refused
from holdfast.providers.contract import AccountHandle, AmountNotPossible, Purchase
from holdfast.providers.pix import request
from holdfast.providers.pix.request import compose, from_wire, to_wire

ACCOUNT_ = AccountHandle(id=ACCOUNT, provider="pix", live=False, credentials={"pix_key": "loja@example.com"})
BOUGHT = Purchase(
    payment_id=PAYMENT,
    order_id=ORDER,
    order_number="A-7",
    method="pix",
    amount_minor=2500,
    currency="BRL",
    lines=[("Café", 2500, 1)],
    email="ada@example.com",
    manual_capture=False,
    expires_at=NOW + timedelta(minutes=31),
    success_url="https://shop.example/thanks",
    cancel_url="https://shop.example/cart",
)


@pytest.fixture(autouse=True)
def noon(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


def test_the_request_is_exactly_this():
    assert compose(BOUGHT, ACCOUNT_) == {
        "txid": "019a0000000070008000000000000001",
        "cob": {
            "calendario": {"expiracao": 36 * 60},
            "valor": {"original": "25.00"},
            "chave": "loja@example.com",
            "solicitacaoPagador": "Pedido A-7",
        },
    }


def test_nothing_of_the_customer_or_the_credentials_is_in_it():
    credentials = {**ACCOUNT_.credentials, "client_secret": "hush", "private_key": "PEM"}
    secret = AccountHandle(id=ACCOUNT, provider="pix", live=False, credentials=credentials)
    text = json.dumps(compose(BOUGHT, secret))
    assert not [word for word in ("ada@", "hush", "PEM", "Café") if word in text]


def test_a_charge_lives_a_little_longer_than_the_window_and_never_less_than_a_minute():
    assert timedelta(minutes=5) == request.GRACE
    late = replace(BOUGHT, expires_at=NOW - timedelta(hours=1))
    assert compose(late, ACCOUNT_)["cob"]["calendario"] == {"expiracao": 60}


@pytest.mark.parametrize("key", [None, "", 7, "k" * 78])
def test_a_key_that_is_none_is_left_empty(key):
    account = AccountHandle(id=ACCOUNT, provider="pix", live=False, credentials={"pix_key": key})
    assert compose(BOUGHT, account)["cob"]["chave"] == ""


@pytest.mark.parametrize("currency", ["EUR", "USD", "JPY", "XXX", "brl"])
def test_pix_moves_reais_only(currency):
    with pytest.raises(AmountNotPossible, match="BRL only"):
        compose(replace(BOUGHT, currency=currency), ACCOUNT_)
    assert issubclass(AmountNotPossible, Refused)


@pytest.mark.parametrize(("minor", "written"), [(1, "0.01"), (10, "0.10"), (100, "1.00"), (999_999_999_999, "9999999999.99")])
def test_amounts_are_written_and_read_exactly(minor, written):
    assert (to_wire(minor, "BRL"), from_wire(written)) == (written, minor)


@pytest.mark.parametrize("minor", [0, -1, 10**12])
def test_amounts_beyond_the_wire_are_refused(minor):
    with pytest.raises(AmountNotPossible):
        to_wire(minor, "BRL")


WRONG_TEXTS = ("", "25", "25.0", "25.000", "0.00", "-1.00", "1,00", "1e2.00", " 1.00", "1.00\n", "٢.٠٠", "12345678901.00")


@pytest.mark.parametrize("value", [None, 25, 25.0, True, [], {}, *WRONG_TEXTS])
def test_what_is_no_amount_is_none(value):
    assert from_wire(value) is None
