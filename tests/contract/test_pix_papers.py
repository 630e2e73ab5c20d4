"""Certificates and tokens: without them nothing is sent, and nothing of them is left lying about."""

import pytest
from gateway_process import GatewayProcess, free_port
from pix_things import opened
from shop_pix import PixShop

from holdfast.providers.contract import Kind, NotSent
from holdfast.providers.pix import asking

TOKEN = "POST /pix/oauth/token"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A bank whose second port takes only clients with a certificate of its CA."""
    folder, port = tmp_path_factory.mktemp("guarded"), free_port()
    args = ("--pix-tls-port", str(port), "--pix-tls-folder", str(folder / "tls"))
    with GatewayProcess(folder / "books", args=args) as process:
        yield process, f"https://127.0.0.1:{port}", folder / "tls"


def shop_with(guarded, **credentials) -> PixShop:
    process, base, _ = guarded
    return PixShop(process, api_base=base).with_credentials(**credentials)


def test_with_the_certificate_a_charge_is_made_over_tls(guarded, tmp_path, monkeypatch):
    tls = guarded[2]
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    papers = {"certificate": "receiver.pem", "private_key": "receiver.key", "ca": "ca.pem"}
    shop = shop_with(guarded, **{name: (tls / file).read_text() for name, file in papers.items()})
    attempt = opened(shop)
    shop.paid(attempt.reference)
    assert (attempt.fetch().kind, attempt.fetch().amount_minor) == (Kind.CAPTURED, 2500)
    assert list(tmp_path.iterdir()) == [], "the key was left behind in a file"


def test_without_the_certificate_nothing_is_sent(guarded):
    shop = shop_with(guarded, ca=(guarded[2] / "ca.pem").read_text())
    with pytest.raises(NotSent):
        shop.attempt().open()
    assert shop.attempts_at_the_provider() == 0


def test_a_bank_whose_ca_is_not_trusted_is_told_nothing(guarded):
    tls = guarded[2]
    papers = {name: (tls / file).read_text() for name, file in (("certificate", "receiver.pem"), ("private_key", "receiver.key"))}
    with pytest.raises(NotSent):
        shop_with(guarded, **papers).attempt().open()


@pytest.mark.parametrize(
    "papers",
    [
        {"certificate": "no certificate", "private_key": "no key"},
        {"certificate": "receiver.pem", "private_key": "bank.key"},
        {"certificate": "receiver.pem", "private_key": ""},
        {"certificate": 7, "private_key": "receiver.key"},
        {"ca": "no ca"},
    ],
)
def test_papers_that_cannot_be_used_mean_not_sent_and_stay_secret(guarded, papers):
    tls = guarded[2]
    read = {name: (tls / text).read_text() if str(text).endswith((".pem", ".key")) else text for name, text in papers.items()}
    with pytest.raises(NotSent) as no:
        shop_with(guarded, **read).attempt().open()
    assert "certificate, private key or CA" in no.value.detail
    assert "BEGIN" not in str(no.value)


def test_a_token_that_ended_early_is_renewed_without_a_word(pix_shop):
    attempt = opened(pix_shop)
    asking.line_of(pix_shop.account).token()
    assert pix_shop.gateway.control("POST", f"/pix/clients/{pix_shop.client_id}/tokens/end")["ended"] >= 1
    assert attempt.fetch().kind is Kind.OPENED
    pix_shop.gateway.control("POST", f"/pix/clients/{pix_shop.client_id}/tokens/end")
    assert pix_shop.attempt().open().kind is Kind.OPENED


def test_one_token_serves_many_questions(pix_shop):
    before = pix_shop.gateway.books()["counters"].get(f"request {TOKEN}", 0)
    attempt = opened(pix_shop)
    for _ in range(5):
        attempt.fetch()
    assert pix_shop.gateway.books()["counters"][f"request {TOKEN}"] == before + 1


@pytest.mark.parametrize("mood", ["fail_before", "timeout_before", "reset_after", "truncate"])
def test_without_a_token_nothing_is_sent(pix_shop, mood):
    attempt = pix_shop.attempt()
    pix_shop.gateway.mood_next(TOKEN, mood)
    with pytest.raises(NotSent):
        attempt.open()
    assert pix_shop.attempts_at_the_provider() == 0
    assert attempt.open().kind is Kind.OPENED
