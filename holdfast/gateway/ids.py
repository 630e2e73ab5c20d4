"""Names of things, in the shapes that Stripe gives them."""

import os

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def new(prefix: str, length: int = 24) -> str:
    """A fresh id such as `pi_3mD…`. Never seeded: a restart with the same seed must not mint an old id again."""
    return f"{prefix}_" + "".join(ALPHABET[byte % 62] for byte in os.urandom(length))
