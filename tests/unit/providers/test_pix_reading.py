"""Charges, Pix and returns as reports: what is known is exact, what is odd is UNREADABLE, and nothing crashes."""

import copy
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from provider_things import ACCOUNT, NOW

from holdfast.kernel import clock
from holdfast.providers.contract import AccountHandle, Kind, Source
from holdfast.providers.pix import reading
from holdfast.providers.pix.reading import Reader

TXID = "019a0000000070008000000000000001"
REFUND = "019a0000000070008000000000000009"
E2EID, SECOND = "E12345678202611281200abcdefghijk", "E12345678202611281201abcdefghijk"
CREDENTIALS = {"merchant_name": "Padaria São João", "merchant_city": "São Paulo"}
READER = Reader(account=AccountHandle(id=ACCOUNT, provider="pix", live=True, credentials=CREDENTIALS), source=Source.POLL)
RETURN = {
    "id": REFUND,
    "rtrId": "D12345678202611281300abcdefghijk",
    "valor": "10.00",
    "natureza": "ORIGINAL",
    "horario": {"solicitacao": "2026-11-28T13:00:00.000Z", "liquidacao": "2026-11-28T13:00:02.000Z"},
    "status": "DEVOLVIDO",
}
PIX = {"endToEndId": E2EID, "txid": TXID, "valor": "25.00", "chave": "k", "horario": "2026-11-28T12:00:00.358Z"}
CHARGE = {
    "calendario": {"criacao": "2026-11-28T11:59:00.000Z", "expiracao": 3600},
    "txid": TXID,
    "revisao": 0,
    "location": "pix.example.com/qr/v2/9d36b84fc70b478fb95c12729b90ca25",
    "status": "ATIVA",
    "valor": {"original": "25.00"},
    "chave": "k",
    "pixCopiaECola": "the bank's code",
}


@pytest.fixture(autouse=True)
def noon(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


def charge(**changes) -> dict:
    return {**copy.deepcopy(CHARGE), **changes}


def test_a_charge_that_waits_is_open_with_its_code():
    report = READER.of_charge(charge())
    assert (report.kind, report.reference, report.provider_id, report.raw_status) == (Kind.OPENED, TXID, TXID, "ATIVA")
    assert (report.show, report.pay_url, report.object_id, report.amount_minor) == (
        {"pix": "the bank's code"},
        "",
        None,
        None,
    )
    assert (report.occurred_at, report.live, report.source) == (datetime(2026, 11, 28, 11, 59, tzinfo=UTC), True, Source.POLL)


def test_the_time_of_a_charge_does_not_end_it():
    """The central bank has no status for it, and a Pix on its way may still arrive."""
    assert READER.of_charge(charge(calendario={"criacao": "2020-01-01T00:00:00Z", "expiracao": 60})).kind is Kind.OPENED


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("ATIVA", Kind.OPENED),
        ("CONCLUIDA", Kind.PENDING),
        ("REMOVIDA_PELO_USUARIO_RECEBEDOR", Kind.CANCELLED),
        ("REMOVIDA_PELO_PSP", Kind.CANCELLED),
        ("REMOVIDO_PELO_PSP", Kind.UNREADABLE),
        ("EXPIRADA", Kind.UNREADABLE),
        ("ativa", Kind.UNREADABLE),
        ("", Kind.UNREADABLE),
        (None, Kind.UNREADABLE),
        (7, Kind.UNREADABLE),
        (["ATIVA"], Kind.UNREADABLE),
        ({}, Kind.UNREADABLE),
    ],
)
def test_every_status_without_money(status, kind):
    report = READER.of_charge(charge(status=status))
    assert (report.kind, report.amount_minor, report.object_id) == (kind, None, None)
    assert bool(report.show) == (kind is Kind.OPENED)


@pytest.mark.parametrize("status", ["ATIVA", "CONCLUIDA", "REMOVIDA_PELO_USUARIO_RECEBEDOR", "of the future", None])
def test_money_comes_before_any_status(status):
    """S-75."""
    report = READER.of_charge(charge(status=status, pix=[PIX]))
    assert (report.kind, report.object_id, report.amount_minor, report.currency) == (Kind.CAPTURED, E2EID, 2500, "BRL")
    assert report.occurred_at == datetime(2026, 11, 28, 12, 0, 0, 358000, tzinfo=UTC)


def test_two_pix_are_two_and_the_first_to_arrive_comes_first():
    later = {**PIX, "endToEndId": SECOND, "horario": "2026-11-28T12:01:00.000Z", "devolucoes": [RETURN]}
    for order in ([PIX, later], [later, PIX]):
        report = READER.of_charge(charge(status="CONCLUIDA", pix=order))
        assert [report.object_id, *(each.object_id for each in report.also)] == [E2EID, SECOND, f"{SECOND}:{REFUND}"]
        assert [each.also for each in report.also] == [(), ()]


def test_the_same_pix_found_twice_is_one():
    report = READER.of_charge(charge(status="CONCLUIDA", pix=[PIX]), money=[PIX])
    assert (report.object_id, report.also) == (E2EID, ())


@pytest.mark.parametrize("pix", [PIX, [PIX]])
@pytest.mark.parametrize("returns", [RETURN, [RETURN]])
def test_an_object_in_place_of_a_list_is_read(pix, returns):
    """The specification's own example of a callback sends one."""
    report = READER.of_charge(charge(pix={**PIX, "devolucoes": returns} if pix is PIX else [{**PIX, "devolucoes": returns}]))
    assert [report.kind, *(each.kind for each in report.also)] == [Kind.CAPTURED, Kind.REFUNDED]


@pytest.mark.parametrize("pix", ["x", 7, True, ["x"], [None], [[]]])
def test_a_charge_whose_pix_is_no_pix_is_unreadable(pix):
    assert READER.of_charge(charge(status="REMOVIDA_PELO_PSP", pix=pix)).kind is Kind.UNREADABLE


@pytest.mark.parametrize(
    ("field", "value"),
    [(name, value) for name in ("endToEndId", "valor") for value in (None, 7, 25.0, True, "", "25", [], {}, "x" * 33)],
)
def test_a_pix_without_its_name_or_amount_is_unreadable_and_bound_to_its_charge(field, value):
    report = READER.of_charge(charge(pix=[{**PIX, field: value}]))
    assert (report.kind, report.reference, report.amount_minor) == (Kind.UNREADABLE, TXID, None)
    assert report.detail["unreadable"]


def test_a_readable_pix_is_told_first_and_an_odd_one_beside_it():
    report = READER.of_charge(charge(pix=[{**PIX, "valor": 25.0}, {**PIX, "endToEndId": SECOND}]))
    assert [report.kind, *(each.kind for each in report.also)] == [Kind.CAPTURED, Kind.UNREADABLE]


def test_a_pix_of_another_charge_is_not_this_charges_money():
    report = READER.of_charge(charge(pix=[{**PIX, "txid": REFUND}]))
    assert (report.kind, report.reference) == (Kind.UNREADABLE, TXID)


@pytest.mark.parametrize("txid", [None, 7, [], {}])
def test_a_charge_without_txid_is_unreadable(txid):
    report = READER.of_charge(charge(txid=txid))
    assert (report.kind, report.reference, report.provider_id) == (Kind.UNREADABLE, None, None)


@pytest.mark.parametrize("txid", ["BALCAO1", TXID.upper(), TXID + "0", "x" * 32, None])
def test_a_txid_of_another_form_is_nothing_of_ours(txid):
    report = READER.of_money({**PIX, "txid": txid})
    assert (report.kind, report.reference, report.provider_id) == (Kind.CAPTURED, None, None)


# -- Returns ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "minor"),
    [
        ("EM_PROCESSAMENTO", Kind.REFUND_PENDING, 1000),
        ("DEVOLVIDO", Kind.REFUNDED, 1000),
        ("NAO_REALIZADO", Kind.REFUND_FAILED, 1000),
        ("of the future", Kind.UNREADABLE, None),
        (None, Kind.UNREADABLE, None),
        (["DEVOLVIDO"], Kind.UNREADABLE, None),
    ],
)
def test_every_status_of_a_return(status, kind, minor):
    report = READER.of_return({**RETURN, "status": status}, e2eid=E2EID, txid=TXID)
    assert (report.kind, report.amount_minor, report.object_id) == (kind, minor, f"{E2EID}:{REFUND}")
    assert (report.money_id, report.refund_reference, report.reference) == (E2EID, REFUND, TXID)


def test_a_return_is_dated_by_its_end_or_its_beginning():
    ended = READER.of_return(RETURN, e2eid=E2EID)
    begun = READER.of_return({**RETURN, "horario": {"solicitacao": "2026-11-28T13:00:00.000Z"}}, e2eid=E2EID)
    assert (ended.occurred_at.second, begun.occurred_at.second) == (2, 0)
    assert READER.of_return({**RETURN, "horario": 7}, e2eid=E2EID).occurred_at == NOW


@pytest.mark.parametrize("nature", ["MED_FRAUDE", "MED_OPERACIONAL", "MED_PIX_AUTOMATICO", "MED_OF_THE_FUTURE"])
def test_what_the_bank_takes_back_is_nobodys_refund_even_under_an_id_like_ours(nature):
    report = READER.of_return({**RETURN, "natureza": nature}, e2eid=E2EID, txid=TXID)
    assert (report.kind, report.amount_minor, report.refund_reference) == (Kind.REFUNDED, 1000, None)
    assert report.detail["natureza"] == nature
    assert report.detail["returned_by"] == "the bank, under the MED: a return that we never asked for"


@pytest.mark.parametrize("nature", ["ORIGINAL", "RETIRADA", "of the future", None, 7, ["MED_FRAUDE"]])
def test_any_other_return_under_our_id_is_ours(nature):
    assert READER.of_return({**RETURN, "natureza": nature}, e2eid=E2EID).refund_reference == REFUND


@pytest.mark.parametrize(
    ("field", "value"), [("id", None), ("id", 7), ("id", "a-b"), ("id", ""), ("valor", 10.0), ("valor", None)]
)
def test_a_return_without_its_name_or_amount_is_unreadable(field, value):
    report = READER.of_return({**RETURN, field: value}, e2eid=E2EID, txid=TXID)
    assert (report.kind, report.amount_minor, report.reference, report.money_id) == (Kind.UNREADABLE, None, TXID, E2EID)


# -- Small words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("e2eid", "at"),
    [
        (E2EID, datetime(2026, 11, 28, 12, 0, tzinfo=UTC)),
        ("E12345678202613281200abcdefghijk", None),
        ("x" * 32, None),
        ("", None),
        (E2EID + "0", None),
    ],
)
def test_an_end_to_end_id_tells_when_it_was_made(e2eid, at):
    assert reading.made_at(e2eid) == at


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("2026-11-28T12:00:00.358Z", datetime(2026, 11, 28, 12, 0, 0, 358000, tzinfo=UTC)),
        ("2026-11-28T09:00:00-03:00", datetime(2026, 11, 28, 12, 0, tzinfo=UTC)),
        ("2026-11-28T12:00:00", datetime(2026, 11, 28, 12, 0, tzinfo=UTC)),
        ("0001-01-01T00:00:00+23:00", None),
        ("yesterday at noon", None),
        ("2026-11-28", None),
        (None, None),
        (1764331200, None),
    ],
)
def test_moments(said, at):
    assert reading.moment(said) == at


@pytest.mark.parametrize("code", [None, "", 7, [], "x" * 513])
def test_where_the_bank_gives_no_code_one_is_made_of_the_location(code):
    made = READER.of_charge(charge(pixCopiaECola=code)).show["pix"]
    assert "pix.example.com/qr/v2/9d36b84fc70b478fb95c12729b90ca25" in made
    inside = {"location": None, "loc": {"location": "https://pix.example.com/qr/v2/9d36b84fc70b478fb95c12729b90ca25"}}
    assert READER.of_charge(charge(pixCopiaECola=code, **inside)).show["pix"] == made


@pytest.mark.parametrize("changes", [{"location": None}, {"location": 7}, {"location": "no address"}])
def test_where_neither_can_be_had_nothing_is_shown(changes):
    report = READER.of_charge(charge(pixCopiaECola=None, **changes))
    assert (report.kind, report.show) == (Kind.OPENED, {})


WORDS = [*CHARGE, *PIX, *RETURN, "pix", "devolucoes", "loc"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["ATIVA", E2EID, TXID, "1.00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(WORDS), JSON), st.dictionaries(st.sampled_from(WORDS), JSON))
def test_nothing_crashes_the_reader_and_money_has_an_amount(said, pix):
    for report in (READER.of_charge({**CHARGE, **said}), READER.of_charge(said), READER.of_money({**PIX, **pix})):
        for each in (report, *report.also):
            if each.kind in (Kind.CAPTURED, Kind.REFUNDED, Kind.REFUND_PENDING):
                assert each.amount_minor > 0
                assert each.currency == "BRL"
                assert each.object_id
