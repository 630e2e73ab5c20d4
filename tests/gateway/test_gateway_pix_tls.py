"""The bank's second port: TLS both ways with throw-away certificates."""

import ssl

import httpx
import pytest
from cryptography import x509
from gateway_process import GatewayProcess, free_port
from gateway_shop import wait_until
from pix_receiver import Receiver

from holdfast.gateway.pix import certificates


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("tls"), free_port()
    with GatewayProcess(
        folder / "books", args=("--pix-tls-port", str(port), "--pix-tls-folder", str(folder / "papers"))
    ) as process:
        yield process, f"https://127.0.0.1:{port}", folder / "papers"


def papers(folder, who: str = "") -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    if who:
        context.load_cert_chain(folder / f"{who}.pem", folder / f"{who}.key")
    return context


def test_a_client_with_a_certificate_is_served(guarded):
    _, base, folder = guarded
    assert httpx.get(f"{base}/healthz", verify=papers(folder, "receiver"), trust_env=False).text == "ok"


def test_a_client_without_one_is_not(guarded, tmp_path):
    _, base, folder = guarded
    certificates.make(tmp_path / "others")
    stranger = papers(folder)
    stranger.load_cert_chain(tmp_path / "others" / "receiver.pem", tmp_path / "others" / "receiver.key")
    for context in (papers(folder), stranger):
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{base}/healthz", verify=context, trust_env=False)


def test_a_bad_day_over_tls_is_a_bad_day_too(guarded):
    process, base, folder = guarded
    bank = Receiver(process)
    bank.http = httpx.Client(base_url=base, verify=papers(folder, "receiver"), trust_env=False, timeout=5)
    process.mood_next("GET /pix/api/v2/cob", "timeout_before", seconds=0.1)
    with pytest.raises(httpx.TransportError):
        bank.ask("GET", "/cob")
    assert bank.charge()["status"] == "ATIVA"


def test_the_bank_shows_its_certificate_to_those_whom_it_calls(guarded):
    """A receiver that demands it hears the callback; the thief, who has none, does not get through."""
    process, _, folder = guarded
    demanding = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    demanding.load_cert_chain(folder / "bank.pem", folder / "bank.key")
    demanding.load_verify_locations(folder / "ca.pem")
    demanding.verify_mode = ssl.CERT_REQUIRED
    bank = Receiver(process)
    bank.listen(demanding)
    try:
        process.mood_next("webhook", "webhook_forge")
        pix = bank.paid()
        wait_until(lambda: bank.heard == [pix])
        wait_until(lambda: {each["state"] for each in bank.callbacks()[0]["deliveries"]} == {"delivered", "refused"})
        assert bank.paths == ["/webhooks/secret/pix"]
    finally:
        bank.close()


def test_certificates_are_made_once_and_their_keys_are_nobody_elses_to_read(tmp_path):
    certificates.make(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    certificates.make(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert sorted(before) == ["bank.key", "bank.pem", "ca.pem", "receiver.key", "receiver.pem"]
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    authority = x509.load_pem_x509_certificate(before["ca.pem"])
    for name in ("bank.pem", "receiver.pem"):
        x509.load_pem_x509_certificate(before[name]).verify_directly_issued_by(authority)
