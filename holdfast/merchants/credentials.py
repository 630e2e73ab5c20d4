"""Credentials of provider accounts, encrypted at rest. Knows no Django, so that the receiver can open them too.

Fernet (AES-128-CBC with HMAC-SHA256). The first key seals, every key opens: to rotate, put a new key in front, seal again,
then drop the old one.
"""

import base64
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from holdfast.kernel.errors import Broken


class NoEncryptionKey(Broken):
    """Set HOLDFAST_ENCRYPTION_KEYS: Fernet keys, separated by commas, the first of which encrypts."""


class NotOpened(Broken):
    """No key of HOLDFAST_ENCRYPTION_KEYS opens these credentials."""


def seal(credentials: dict[str, Any]) -> bytes:
    """Encrypt with the first key of this deployment. Raises NoEncryptionKey."""
    return seal_with(_own_keys(), credentials)


def unseal(sealed: bytes) -> dict[str, Any]:
    """Decrypt with any key of this deployment. Raises NoEncryptionKey, NotOpened."""
    return unseal_with(_own_keys(), sealed)


def seal_with(keys: Sequence[str], credentials: dict[str, Any]) -> bytes:
    """Encrypt with the first key."""
    return _fernet(tuple(keys)).encrypt(json.dumps(credentials, sort_keys=True).encode())


def unseal_with(keys: Sequence[str], sealed: bytes) -> dict[str, Any]:
    """Decrypt with whichever key fits. Raises NotOpened."""
    try:
        opened: dict[str, Any] = json.loads(_fernet(tuple(keys)).decrypt(sealed))
    except (InvalidToken, ValueError):
        raise NotOpened from None
    return opened


def derived_key(secret: str) -> str:
    """A key out of another secret, for a first run that has no key of its own yet."""
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"holdfast.merchants.credentials")
    return base64.urlsafe_b64encode(hkdf.derive(secret.encode())).decode()


def keys_from(*, encryption_keys: str, secret_key: str, first_run: bool) -> list[str]:
    """The keys of a deployment, the sealing one first. Only a first run may derive one. Raises NoEncryptionKey."""
    keys = [key.strip() for key in encryption_keys.split(",") if key.strip()]
    if keys:
        return keys
    if first_run:
        return [derived_key(secret_key)]
    raise NoEncryptionKey


@cache
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise NoEncryptionKey("A key of HOLDFAST_ENCRYPTION_KEYS is not a Fernet key (32 bytes in URL-safe base64).") from None


@cache
def _own_keys() -> tuple[str, ...]:
    from config import settings  # read once, and only by a process that opens credentials

    return tuple(
        keys_from(
            encryption_keys=settings.ENV.encryption_keys.get_secret_value(),
            secret_key=settings.SECRET_KEY,
            first_run=settings.DEBUG or not settings.ENV.secret_key.get_secret_value(),
        )
    )
