"""Where a request comes from, as far as it can be believed."""

from collections.abc import Mapping


def client(meta: Mapping[str, str], *, proxied: bool) -> str:
    """The caller's address. Behind a proxy of ours it is what that added last; what stands before it anybody may write."""
    told = meta.get("HTTP_X_FORWARDED_FOR", "") if proxied else ""
    return told.rpartition(",")[2].strip() or meta.get("REMOTE_ADDR", "")
