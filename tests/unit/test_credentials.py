"""Sealed credentials open with their keys only, and keys rotate."""

import subprocess
import sys

import pytest
from cryptography.fernet import Fernet

from holdfast.merchants import credentials
from holdfast.merchants.credentials import NoEncryptionKey, NotOpened

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SECRETS = {"secret_key": "sk_test_é", "webhook_secrets": ["whsec_1", "whsec_2"]}


def test_what_is_sealed_opens_again():
    sealed = credentials.seal_with([OLD], SECRETS)
    assert credentials.unseal_with([OLD], sealed) == SECRETS
    assert b"whsec" not in sealed


def test_the_first_key_seals_and_every_key_opens():
    old = credentials.seal_with([OLD], SECRETS)
    new = credentials.seal_with([NEW, OLD], SECRETS)
    assert credentials.unseal_with([NEW, OLD], old) == SECRETS
    assert credentials.unseal_with([NEW], new) == SECRETS
    with pytest.raises(NotOpened):
        credentials.unseal_with([OLD], new)


def test_a_byte_changed_is_noticed():
    sealed = bytearray(credentials.seal_with([OLD], SECRETS))
    sealed[30] ^= 1
    for broken in (bytes(sealed), b"", b"nonsense", b"\xff\x00"):
        with pytest.raises(NotOpened):
            credentials.unseal_with([OLD], broken)


def test_keys_are_separated_by_commas():
    assert credentials.keys_from(encryption_keys=f" {NEW}, {OLD},", secret_key="s", first_run=False) == [NEW, OLD]


def test_only_a_first_run_derives_a_key():
    derived = credentials.keys_from(encryption_keys="", secret_key="s", first_run=True)
    assert derived == [credentials.derived_key("s")] != [credentials.derived_key("t")]
    assert credentials.unseal_with(derived, credentials.seal_with(derived, SECRETS)) == SECRETS
    with pytest.raises(NoEncryptionKey):
        credentials.keys_from(encryption_keys=" , ", secret_key="s", first_run=False)


def test_the_derived_key_stays_the_same_over_versions():
    assert credentials.derived_key("s") == "QQCzR3kYirUqojMUpmwgLgzAte-08bcfpS-oXefxkQg="


def test_a_bad_key_is_a_clear_sentence():
    with pytest.raises(NoEncryptionKey, match="not a Fernet key"):
        credentials.seal_with(["short"], SECRETS)
    with pytest.raises(NoEncryptionKey):
        credentials.seal_with([], SECRETS)


def test_opening_credentials_does_not_load_django():
    code = (
        "import sys; from holdfast.merchants.credentials import seal, unseal; unseal(seal({})); sys.exit('django' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
