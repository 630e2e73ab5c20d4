"""How we hear of a Pix: callbacks that only point, and the bank's own list."""

import json
from datetime import timedelta

import pytest
from pix_things import opened

from holdfast.kernel import clock
from holdfast.providers.contract import MONEY, Kind, Pointer, Unproven


def test_one_callback_of_several_pix_is_several_events(pix_shop):
    first, second = opened(pix_shop), opened(pix_shop)
    pix_shop.paid(first.reference)
    pix_shop.paid(second.reference)
    told = [each["pix"] for each in pix_shop.gateway.control("GET", f"/pix/clients/{pix_shop.client_id}/callbacks")["callbacks"]]
    delivery = pix_shop.delivery(*told)
    events = pix_shop.adapter.verify(
        headers={}, body=delivery.body, credentials=pix_shop.account.credentials, now=clock.now(), path=delivery.path
    )
    assert [each.event_id for each in events] == [each["endToEndId"] for each in told]
    assert [json.loads(each.body)["txid"] for each in events] == [first.reference, second.reference]


def test_a_callback_by_another_address_proves_nothing(pix_shop):
    attempt = opened(pix_shop)
    pix_shop.paid(attempt.reference)
    (delivery,) = pix_shop.deliveries()
    for path in ("", "pix", "0" * 32 + "/pix", delivery.path + "x", "x" + delivery.path):
        with pytest.raises(Unproven):
            pix_shop.adapter.verify(
                headers={}, body=delivery.body, credentials=pix_shop.account.credentials, now=clock.now(), path=path
            )


def test_what_a_callback_says_of_money_is_not_believed(pix_shop):
    """Somebody who knows the address tells of a thousand reais for a charge that nobody paid."""
    attempt, other = opened(pix_shop), opened(pix_shop)
    (e2eid,) = pix_shop.paid(other.reference)
    forged = {"endToEndId": e2eid, "txid": attempt.reference, "valor": "1000.00", "horario": "2026-11-28T12:00:00.000Z"}
    body = json.dumps(forged).encode()
    pointer = pix_shop.adapter.read(body=body, type="pix", account=pix_shop.account)
    report = pix_shop.adapter.look(pointer=pointer, account=pix_shop.account)
    assert (report.reference, report.amount_minor) == (other.reference, 2500)
    assert attempt.fetch().kind is Kind.OPENED


def test_a_pix_that_no_charge_asked_for_is_nothing_of_ours_but_stands_in_the_statement(pix_shop):
    attempt = opened(pix_shop)
    said = {"chave": pix_shop.key, "valor": "7.00"}
    (printed,) = pix_shop.gateway.control("POST", f"/pix/clients/{pix_shop.client_id}/pay", txid="BALCAO1", **said)["pix"]
    (bare,) = pix_shop.gateway.control("POST", f"/pix/clients/{pix_shop.client_id}/pay", **said)["pix"]
    for one in (printed, bare):
        pointer = Pointer(kind=MONEY, id=one["endToEndId"])
        assert pix_shop.adapter.look(pointer=pointer, account=pix_shop.account) is None
    assert pix_shop.adapter.look(pointer=Pointer(kind="txid", id="BALCAO1"), account=pix_shop.account) is None
    span = {"since": clock.now() - timedelta(minutes=5), "until": clock.now() + timedelta(minutes=5)}
    stated = list(pix_shop.adapter.statement(**span, account=pix_shop.account))
    assert [(each.kind, each.reference, each.amount_minor) for each in stated] == [(Kind.CAPTURED, None, 700)] * 2
    assert [each.detail for each in stated] == [{"txid": "BALCAO1"}, {}]
    assert attempt.fetch().kind is Kind.OPENED


def test_a_statement_reads_every_page(pix_shop):
    attempt = opened(pix_shop)
    ids = pix_shop.paid(attempt.reference, times=101, valor="0.01")
    span = {"since": clock.now() - timedelta(minutes=5), "until": clock.now() + timedelta(minutes=5)}
    assert [each.object_id for each in pix_shop.adapter.statement(**span, account=pix_shop.account)] == ids
    later = {"since": clock.now() + timedelta(minutes=5), "until": clock.now() + timedelta(days=2)}
    assert list(pix_shop.adapter.statement(**later, account=pix_shop.account)) == []
