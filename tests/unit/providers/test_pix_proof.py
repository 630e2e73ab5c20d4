"""Callbacks: who may tell, and what becomes one event."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from provider_things import ACCOUNT, NOW

from holdfast.kernel.limits import MAX_WEBHOOK_BYTES
from holdfast.providers.contract import AccountHandle, Kind, Pointer, ProviderReport, Unproven
from holdfast.providers.pix.adapter import PixAdapter

PATH, HEADER = "s3cret-s3cret-s3cret", {"name": "X-Bank-Certificate", "value": "agreed-with-the-proxy"}
E2EID = "E12345678202611281200abcdefghijk"
TXID = "019a0000000070008000000000000001"
PIX = {"endToEndId": E2EID, "txid": TXID, "valor": "25.00", "horario": "2026-11-28T12:00:00.358Z"}
BODY = json.dumps({"pix": [PIX]}).encode()
ACCOUNT_ = AccountHandle(id=ACCOUNT, provider="pix", live=False, credentials={})


def verify(*, path="", headers=None, body=BODY, **credentials):
    return PixAdapter().verify(headers=headers or {}, body=body, credentials=credentials, now=NOW, path=path)


def event_id(**changes) -> str:
    body = json.dumps({"pix": [{**PIX, **changes}]}).encode()
    (event,) = verify(path=PATH, body=body, webhook_path=PATH)
    return event.event_id


@pytest.mark.parametrize("path", [PATH, PATH + "/pix", PATH + "/pix/", PATH + "/"])
def test_the_secret_address_proves_with_and_without_the_banks_ending(path):
    (event,) = verify(path=path, webhook_path=PATH)
    assert (event.event_id, event.type, json.loads(event.body)) == (E2EID, "pix", PIX)
    assert event.created_at.isoformat() == "2026-11-28T12:00:00.358000+00:00"


def test_a_secret_of_several_segments_proves():
    assert len(verify(path="s3cret/s3cret/s3cret/pix", webhook_path="/s3cret/s3cret/s3cret/")) == 1


@pytest.mark.parametrize("path", ["", "pix", "/pix", PATH[:-1], PATH + "x", PATH.upper(), PATH + "/pix/pix", "é" * 20, "\ud800"])
def test_another_address_does_not(path):
    with pytest.raises(Unproven):
        verify(path=path, webhook_path=PATH)


def test_the_proxys_header_proves():
    assert len(verify(headers={"x-bank-certificate": HEADER["value"]}, proxy_header=HEADER)) == 1


@pytest.mark.parametrize("headers", [{}, {"x-bank-certificate": ""}, {"x-bank-certificate": "agreed"}, {"x-ok": HEADER["value"]}])
def test_without_the_header_nothing_is_proved(headers):
    with pytest.raises(Unproven):
        verify(headers=headers, proxy_header=HEADER)


def test_where_both_are_agreed_both_must_hold():
    both = {"webhook_path": PATH, "proxy_header": HEADER}
    right = {"x-bank-certificate": HEADER["value"]}
    assert len(verify(path=PATH, headers=right, **both)) == 1
    for path, headers in ((PATH, {}), ("", right), ("", {})):
        with pytest.raises(Unproven):
            verify(path=path, headers=headers, **both)


@pytest.mark.parametrize(
    "credentials",
    [
        {},
        {"webhook_path": ""},
        {"webhook_path": None},
        {"webhook_path": "short"},
        {"webhook_path": 7},
        {"webhook_path": ["pix"]},
        {"proxy_header": "x"},
        {"proxy_header": {}},
        {"proxy_header": {"name": "x-ok"}},
        {"proxy_header": {"name": "x-ok", "value": "SUCCESS"}},
        {"proxy_header": {"name": 7, "value": HEADER["value"]}},
        {"proxy_header": {"name": "x ok", "value": HEADER["value"]}},
    ],
)
def test_an_account_without_a_usable_secret_believes_nobody(credentials):
    headers = {"x-ok": "SUCCESS", "x ok": HEADER["value"]}
    for path in ("", "short", "None", "pix"):
        with pytest.raises(Unproven):
            verify(path=path, headers=headers, **credentials)


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"null", b"\xff", b"{", b'"pix"', b"[" * 5000, b'{"a":' * 5000])
def test_what_is_no_object_is_unproven(body):
    with pytest.raises(Unproven):
        verify(path=PATH, body=body, webhook_path=PATH)


def test_a_body_beyond_the_limit_is_unproven():
    with pytest.raises(Unproven, match="larger"):
        verify(path=PATH, body=b" " * (MAX_WEBHOOK_BYTES + 1), webhook_path=PATH)


@pytest.mark.parametrize("body", [b"{}", b'{"evento":"teste_webhook"}', b'{"pix":[]}', b'{"pix":null}', b'{"pix":[7,null]}'])
def test_a_banks_test_of_the_address_is_proved_and_says_nothing(body):
    assert list(verify(path=PATH, body=body, webhook_path=PATH)) == []


def test_a_pix_that_stands_alone_instead_of_in_a_list_is_read():
    assert len(verify(path=PATH, body=json.dumps({"pix": PIX}).encode(), webhook_path=PATH)) == 1


def test_a_return_makes_another_event_and_its_end_another():
    waiting = {"id": "d1", "status": "EM_PROCESSAMENTO", "valor": "1.00"}
    done = {**waiting, "status": "DEVOLVIDO"}
    ids = [
        event_id(),
        event_id(devolucoes=[waiting]),
        event_id(devolucoes=[done]),
        event_id(devolucoes=[done, {**done, "id": "d2"}]),
    ]
    assert len(set(ids)) == 4
    assert all(each.startswith(E2EID) for each in ids)
    assert event_id() == event_id(valor="99.00") == event_id(devolucoes=[])
    assert event_id(devolucoes=done) == event_id(devolucoes=[done])
    assert event_id(devolucoes=[done, waiting]) == event_id(devolucoes=[waiting, done])


@pytest.mark.parametrize("odd", [None, 7, "", "E1", "x" * 33, E2EID[:-1] + "-", [E2EID], {}])
def test_a_pix_without_a_name_is_an_event_all_the_same(odd):
    assert event_id(endToEndId=odd).startswith("odd:")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.sampled_from([*PIX, "devolucoes", "x"]), JSON), st.text(max_size=40))
def test_whatever_is_told_ends_as_pointer_or_unreadable(item, path):
    body = json.dumps({"pix": [item]}).encode()
    for event in verify(path=PATH, body=body, webhook_path=PATH):
        said = PixAdapter().read(body=event.body, type=event.type, account=ACCOUNT_)
        assert isinstance(said, Pointer) or said.kind is Kind.UNREADABLE
    if path.rstrip("/").removesuffix("/pix") != PATH:
        with pytest.raises(Unproven):
            verify(path=path, body=body, webhook_path=PATH)


@pytest.mark.parametrize(
    ("item", "kind", "id_"),
    [
        (PIX, "pix", E2EID),
        ({"endToEndId": E2EID}, "pix", E2EID),
        ({**PIX, "endToEndId": 7}, "txid", TXID),
        ({**PIX, "txid": "somebodyElses0000000000000000"}, "pix", E2EID),
    ],
)
def test_a_stored_event_only_points(item, kind, id_):
    said = PixAdapter().read(body=json.dumps(item).encode(), type="pix", account=ACCOUNT_)
    assert said == Pointer(kind=kind, id=id_)


@pytest.mark.parametrize("body", [b"", b"{}", b"7", b"\xff", b'{"endToEndId": [], "txid": "short"}', b"[" * 5000])
def test_a_stored_event_that_names_nothing_calls_a_person(body):
    said = PixAdapter().read(body=body, type="pix", account=ACCOUNT_)
    assert isinstance(said, ProviderReport)
    assert (said.kind, said.reference, said.detail) == (Kind.UNREADABLE, None, {"unreadable": "the callback names no Pix"})
