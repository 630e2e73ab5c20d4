"""What every failure on the way to Mercado Pago means. The wrong word here charges twice, or never."""

import socket
import ssl

import pytest
import requests
import urllib3.exceptions
from mercadopago.errors import MPServerError
from mercadopago.http import HttpClient
from provider_things import ACCOUNT, NOW, PAYMENT

from holdfast.kernel import limits
from holdfast.kernel.ids import new_id
from holdfast.providers.contract import AccountHandle, Declined, Kind, NotSent, Return, Taken, Unknown
from holdfast.providers.mercadopago import asking, books, searching
from holdfast.providers.mercadopago.adapter import MercadoPagoAdapter

ADAPTER = MercadoPagoAdapter()
REQUEST = {"payment": {"external_reference": PAYMENT.hex, "transaction_amount": 25.0, "payment_method_id": "pix"}}
PIX = {
    "id": 17014025134,
    "status": "pending",
    "status_detail": "pending_waiting_transfer",
    "external_reference": PAYMENT.hex,
    "payment_method_id": "pix",
    "order": {},
    "live_mode": False,
    "point_of_interaction": {"transaction_data": {"qr_code": "000201", "ticket_url": "https://mp.example/ticket"}},
}
NO = {"message": "Invalid transaction_amount", "error": "bad_request", "status": 400, "cause": [{"code": 4037}]}
NOTHING = {"paging": {"total": 0, "limit": 100, "offset": 0}, "results": []}
NO_PAGES = {"elements": [], "total": 0, "next_offset": 0}
FOUND = {"paging": {"total": 1, "limit": 100, "offset": 0}, "results": [PIX]}


def account(*, live: bool = False, **credentials) -> AccountHandle:
    given = {"access_token": "TEST-1234567890", "api_base": "http://mp.example"} | credentials
    return AccountHandle(id=ACCOUNT, provider="mercadopago", live=live, credentials=given)


def exceeded(reason: Exception) -> requests.ConnectionError:
    return requests.ConnectionError(urllib3.exceptions.MaxRetryError(None, "/v1", reason))


REFUSED = exceeded(urllib3.exceptions.NewConnectionError(None, "refused"))
RESET = requests.ConnectionError(urllib3.exceptions.ProtocolError("aborted", ConnectionResetError(104, "reset")))
TIMED_OUT = requests.ReadTimeout(urllib3.exceptions.ReadTimeoutError(None, "/v1", "read timed out"))
CUT = MPServerError(201, {"message": "Invalid JSON in response body"})
BAD_GATEWAY = MPServerError(502, {"message": "Invalid JSON in response body"})
NEVER_WRITTEN = {
    "refused": REFUSED,
    "connect timeout": requests.ConnectTimeout(exceeded(urllib3.exceptions.ConnectTimeoutError(None, "slow"))),
    "certificate": requests.exceptions.SSLError(
        exceeded(urllib3.exceptions.SSLError(ssl.SSLCertVerificationError(1, "self-signed")))
    ),
}
MAYBE_HEARD = {
    "reset": RESET,
    "timed out": TIMED_OUT,
    "cut": CUT,
    "bad gateway": BAD_GATEWAY,
    "broken": (500, {}),
    "busy": (409, NO),
}


@pytest.fixture
def wire(monkeypatch):
    """What the network answers, one after the other; what was asked is in `asked`."""

    class Wire:
        def __init__(self):
            self.answers: list = []
            self.asked: list[tuple] = []

        def will(self, *answers):
            self.answers += answers

    wire = Wire()

    def request(self, method, url, maxretries=None, **more):
        wire.asked.append((method, url.removeprefix("http://mp.example"), more))
        assert maxretries == 0
        answer = wire.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        return {"status": status, "response": body}

    monkeypatch.setattr(HttpClient, "request", request)
    monkeypatch.setattr(asking, "PAUSE_S", 0)
    yield wire
    assert wire.answers == [], "more was expected to be asked"


def open_():
    return ADAPTER.open(request=REQUEST, key=f"{PAYMENT.hex}:open", account=account())


def test_the_question_goes_out_with_our_key_our_timeouts_and_without_following(wire):
    wire.will((201, PIX))
    assert open_().kind is Kind.OPENED
    ((method, path, more),) = wire.asked
    assert (method, path) == ("POST", "/v1/payments")
    assert more["headers"]["x-idempotency-key"] == f"{PAYMENT.hex}:open"
    assert more["headers"]["Authorization"] == "Bearer TEST-1234567890"
    assert more["timeout"] == (limits.PROVIDER_CONNECT_S, limits.PROVIDER_READ_S)
    assert more["allow_redirects"] is False


def test_a_long_key_is_sent_as_its_digest_always_the_same(wire):
    wire.will((201, PIX), (201, PIX))
    for _ in range(2):
        ADAPTER.open(request=REQUEST, key="k" * 200, account=account())
    keys = {more["headers"]["x-idempotency-key"] for _, _, more in wire.asked}
    assert [len(key) for key in keys] == [64]


@pytest.mark.parametrize("failure", NEVER_WRITTEN.values(), ids=NEVER_WRITTEN)
def test_what_was_never_written_is_not_sent(wire, failure):
    wire.will(failure, failure)
    with pytest.raises(NotSent, match="could not be reached"):
        open_()


@pytest.mark.parametrize("failure", MAYBE_HEARD.values(), ids=MAYBE_HEARD)
def test_what_may_have_been_heard_is_unknown_and_repeated_with_the_same_key(wire, failure):
    wire.will(failure, failure)
    with pytest.raises(Unknown):
        open_()
    assert len({more["headers"]["x-idempotency-key"] for _, _, more in wire.asked}) == 1


@pytest.mark.parametrize("failure", [*MAYBE_HEARD.values(), REFUSED], ids=[*MAYBE_HEARD, "refused"])
def test_the_second_try_may_bring_it(wire, failure):
    wire.will(failure, (201, PIX))
    assert open_().kind is Kind.OPENED


@pytest.mark.parametrize("first", MAYBE_HEARD.values(), ids=MAYBE_HEARD)
@pytest.mark.parametrize("second", [REFUSED, (401, {}), (403, {}), (429, {})], ids=["refused", "401", "403", "429"])
def test_a_clear_no_after_a_doubt_is_a_doubt(wire, first, second):
    """Its failure speaks of the second try only."""
    wire.will(first, second)
    with pytest.raises(Unknown, match="An earlier try may have been heard"):
        open_()


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_named_and_nothing_was_sent(wire, status):
    wire.will((status, {"message": "invalid access token"}))
    with pytest.raises(NotSent, match="access token"):
        open_()


def test_too_many_requests_were_not_heard(wire):
    wire.will((429, {}))
    with pytest.raises(NotSent, match="fewer requests"):
        open_()


@pytest.mark.parametrize("status", [408, 409, 423, 424, 500, 502, 503, 504])
def test_busy_and_broken_answers_are_unknown(wire, status):
    wire.will((status, NO), (status, NO))
    with pytest.raises(Unknown):
        open_()


@pytest.mark.parametrize("status", [301, 302, 307, 405, 410, 413, 418])
def test_the_word_of_somebody_on_the_way_is_unknown(wire, status):
    wire.will((status, None))
    with pytest.raises(Unknown):
        open_()


@pytest.mark.parametrize("body", [None, "", "created", 7])
def test_a_success_that_says_nothing_is_unknown(wire, body):
    wire.will((201, body))
    with pytest.raises(Unknown):
        open_()


@pytest.mark.parametrize("body", [{}, PIX | {"external_reference": "another"}, PIX | {"id": None}, [PIX]])
def test_a_success_about_something_else_is_unknown(wire, body):
    wire.will((201, body))
    with pytest.raises(Unknown, match="not what was asked for"):
        open_()


@pytest.mark.parametrize("status", [400, 402, 422])
def test_a_no_is_declined_after_a_look(wire, status):
    wire.will((status, NO), (200, NOTHING), (200, NO_PAGES))
    with pytest.raises(Declined) as no:
        open_()
    report = no.value.report
    assert (report.kind, report.reference, report.raw_status) == (Kind.FAILED, PAYMENT.hex, "4037")
    assert report.detail == {"message": "Invalid transaction_amount"}
    assert [path.partition("?")[0] for _, path, _ in wire.asked[1:]] == ["/v1/payments/search", "/checkout/preferences/search"]


def test_a_no_about_what_exists_finds_it(wire):
    """S-65."""
    wire.will((400, NO), (200, FOUND), (200, PIX))
    report = open_()
    assert (report.kind, report.provider_id) == (Kind.OPENED, "17014025134")


@pytest.mark.parametrize("look", [REFUSED, TIMED_OUT, (401, {}), (500, {}), (200, {}), (400, NO)])
def test_a_no_that_cannot_be_looked_up_is_unknown(wire, look):
    again = [look] if isinstance(look, Exception) or look[0] == 500 else []
    wire.will((400, NO), look, *again)
    with pytest.raises(Unknown):
        open_()


def test_a_no_right_after_a_doubt_is_unknown_even_where_nothing_is_found(wire):
    """The first try may still be on its way, or the search behind."""
    wire.will(TIMED_OUT, (400, NO), (200, NOTHING), (200, NO_PAGES))
    with pytest.raises(Unknown):
        open_()


def test_a_place_that_does_not_exist_is_not_a_no(wire):
    wire.will((404, {"message": "not found"}), (200, NOTHING), (200, NO_PAGES))
    with pytest.raises(Unknown):
        open_()


@pytest.mark.parametrize(
    ("live", "credentials"),
    [
        (False, {"access_token": None}),
        (False, {"access_token": ""}),
        (False, {"access_token": "sk_test_1"}),
        (False, {"access_token": "TEST-with blank"}),
        (False, {"access_token": "TEST-é"}),
        (False, {"access_token": "APP_USR-123456"}),
        (True, {"access_token": "TEST-1234567890"}),
        (False, {"api_base": 7}),
    ],
)
def test_credentials_that_cannot_be_tried_leave_nothing(wire, live, credentials):
    """S-48."""
    with pytest.raises(NotSent):
        ADAPTER.open(request=REQUEST, key="k", account=account(live=live, **credentials))
    assert wire.asked == []


def test_what_goes_wrong_inside_is_unknown(wire):
    wire.will(RuntimeError("a defect"))
    with pytest.raises(Unknown, match="RuntimeError"):
        open_()


def test_no_error_tells_the_token(wire):
    for answer in (REFUSED, RESET, (401, {"message": "TEST-1234567890"}), (500, {"message": "TEST-1234567890"})):
        again = [answer] if isinstance(answer, Exception) or answer[0] == 500 else []
        wire.will(answer, *again)
        with pytest.raises((NotSent, Unknown)) as said:
            open_()
        assert "TEST-1234567890" not in said.value.detail


def test_a_real_closed_port_is_not_sent(monkeypatch):
    monkeypatch.setattr(asking, "PAUSE_S", 0)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(NotSent):
        ADAPTER.open(request=REQUEST, key="k", account=account(api_base=f"http://127.0.0.1:{port}"))


# -- Refunds ----------------------------------------------------------------------------------------------------------


def wanted() -> Return:
    money = Taken(reference=PAYMENT.hex, provider_id="1", object_id="17014025134", amount_minor=2500, currency="BRL")
    return Return(reference=new_id().hex, money=money, amount_minor=700, reason="")


MADE = {"id": 1091618291, "payment_id": 17014025134, "amount": 7.0, "status": "approved"}


def refund(asked: Return | None = None):
    return ADAPTER.refund(wanted=asked or wanted(), key="k", account=account())


def test_a_refund_says_its_amount(wire):
    wire.will((201, MADE))
    assert (refund().kind, wire.asked[0][:2]) == (Kind.REFUNDED, ("POST", "/v1/payments/17014025134/refunds"))
    assert wire.asked[0][2]["data"] == '{"amount": 7.0}'


@pytest.mark.parametrize("odd", [{"amount": 8.0}, {"payment_id": 1}, {"status": "rerouted"}, {"id": None}, {"amount": "7"}])
def test_an_answer_that_is_another_refund_is_unknown(wire, odd):
    wire.will((201, MADE | odd))
    with pytest.raises(Unknown):
        refund()


def test_a_no_within_the_life_of_the_key_is_final(wire):
    wire.will((400, NO))
    with pytest.raises(Declined) as no:
        refund()
    assert (no.value.report.kind, no.value.report.raw_status) == (Kind.REFUND_FAILED, "4037")


@pytest.mark.parametrize("failure", MAYBE_HEARD.values(), ids=MAYBE_HEARD)
def test_a_no_after_a_doubt_about_a_refund_is_unknown(wire, failure):
    wire.will(failure, (400, NO))
    with pytest.raises(Unknown):
        refund()


def test_a_payment_that_is_not_shown_was_perhaps_another_tokens(wire):
    wire.will((404, NO))
    with pytest.raises(Unknown):
        refund()


@pytest.mark.parametrize("body", [{}, {"results": []}, "no"])
def test_a_list_of_refunds_that_is_none_proves_nothing(wire, body):
    wire.will((200, body))
    with pytest.raises(Unknown):
        ADAPTER.fetch_refund(wanted=wanted(), provider_id=None, account=account())


# -- Searches ---------------------------------------------------------------------------------------------------------


def row(number: int, at: str = "08:00:00") -> dict:
    return {"id": number, "external_reference": "not ours", "date_last_updated": f"2026-11-21T{at}.000-04:00"}


def found(*rows: dict, total: object) -> tuple:
    return 200, {"paging": {"total": total}, "results": list(rows)}


def searched() -> list[int]:
    return [
        each["id"]
        for each in searching.every(account(), lambda sdk, options, page: sdk.payment().search(page, options), "results")
    ]


def test_a_page_that_is_shorter_than_we_asked_for_is_not_the_end(wire):
    wire.will(found(row(1), row(2), total=3), found(row(3), total=3))
    assert searched() == [1, 2, 3]
    assert [more["params"]["offset"] for _, _, more in wire.asked] == [0, 2]


@pytest.mark.parametrize("total", [None, "3", {}])
def test_without_a_total_only_an_empty_page_is_the_end(wire, total):
    wire.will(found(row(1), total=total), found(row(2), total=total), found(total=total))
    assert searched() == [1, 2]


def test_a_search_that_never_ends_is_unknown(wire, monkeypatch):
    monkeypatch.setattr(searching, "MOST", 2)
    wire.will(found(row(1), total=9), found(row(2), total=9))
    with pytest.raises(Unknown, match="more than 2"):
        searched()


def changed() -> list[int]:
    return [each["id"] for each in books.changed(account(), since=NOW, until=NOW)]


def test_the_books_go_on_from_the_last_change_so_that_a_payment_that_moves_hides_no_other(wire):
    """Number 1 changes while we read and goes to the end; by counting pages number 3 would be left out."""
    wire.will(
        found(row(1, "08:00:00"), row(2, "08:00:01"), total=4),
        found(row(2, "08:00:01"), row(3, "08:00:02"), total=4),
        found(row(3, "08:00:02"), row(4, "08:00:03"), total=3),
        found(row(4, "08:00:03"), row(1, "08:00:04"), total=2),
    )
    assert changed() == [1, 2, 3, 4]
    begins = [more["params"]["begin_date"][11:19] for _, _, more in wire.asked]
    assert begins == ["08:00:00", "08:00:01", "08:00:02", "08:00:03"]


def test_many_changes_at_one_instant_are_counted(wire):
    wire.will(found(row(1), row(2), total=5), found(row(3), row(4), total=5), found(row(5), total=5))
    assert changed() == [1, 2, 3, 4, 5]
    assert [more["params"]["offset"] for _, _, more in wire.asked] == [0, 2, 4]


def test_books_whose_last_row_has_no_time_are_unknown(wire):
    wire.will(found(row(1) | {"date_last_updated": None}, total=5))
    with pytest.raises(Unknown, match="no time"):
        changed()
