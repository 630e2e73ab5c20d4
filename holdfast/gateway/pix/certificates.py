"""Throw-away certificates: a CA, the bank's, and a receiver's. `python -m holdfast.gateway.pix.certificates FOLDER`

Made once per folder. The bank's serves its API and proves it to the receivers that it calls back; the receiver's is what a client
of the API shows.
"""

import datetime
import ipaddress
import os
import ssl
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE = datetime.timedelta(days=365)
CA, BANK, RECEIVER = "ca", "bank", "receiver"
HOSTS = ("localhost", "127.0.0.1", "::1")


def make(folder: Path) -> None:
    """`ca.pem`, `bank.pem`, `bank.key`, `receiver.pem`, `receiver.key`. What is there stays; the CA's key is thrown away."""
    if all((folder / name).exists() for name in ("ca.pem", "bank.pem", "bank.key", "receiver.pem", "receiver.key")):
        return
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Holdfast sandbox CA, trust it nowhere")
    root = _builder(name, name, key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    authority = root.add_extension(_usage(signs_certificates=True), critical=True).sign(key, hashes.SHA256())
    _write(folder / "ca.pem", authority.public_bytes(serialization.Encoding.PEM))
    for who in (BANK, RECEIVER):
        own = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(f"Holdfast sandbox {who}"), name, own)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
        purposes = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if who == BANK else [])]
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        if who == BANK:
            builder = builder.add_extension(x509.SubjectAlternativeName(_alternatives()), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
        certificate = builder.add_extension(issuer, critical=False).sign(key, hashes.SHA256())
        _write(folder / f"{who}.pem", certificate.public_bytes(serialization.Encoding.PEM))
        _write(folder / f"{who}.key", _private(own))


def as_the_bank(folder: Path) -> ssl.SSLContext:
    """For calling receivers back: whom the world trusts and whom this CA made, with the bank's certificate."""
    context = ssl.create_default_context()
    context.load_verify_locations(folder / "ca.pem")
    context.load_cert_chain(folder / "bank.pem", folder / "bank.key")
    return context


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(minutes=5)).not_valid_after(now + LIFE)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternatives() -> list[x509.GeneralName]:
    return [x509.DNSName(HOSTS[0]), *(x509.IPAddress(ipaddress.ip_address(host)) for host in HOSTS[1:])]


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption())


def _write(path: Path, content: bytes) -> None:
    """Readable by its owner only, from its first byte."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    make(Path(sys.argv[1]))
