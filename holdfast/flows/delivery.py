"""Where goods go: what an address needs before an order for them is placed (A2)."""

from collections.abc import Mapping
from typing import Any

from holdfast.flows.quotes import Priced
from holdfast.kernel.errors import Refused
from holdfast.pricing.quote import GOOD

#: Countries and areas without postal codes that shops ship to most.
NO_POSTCODE = frozenset(["AE", "AG", "BS", "HK", "JM", "MO", "QA"])
#: What a parcel's label needs besides the name of who receives it.
NEEDED = ("line1", "city", "postal_code", "country")


class AddressIncomplete(Refused):
    """Something in this cart is shipped: a name and a whole address are needed."""


def require_address(priced: Priced, *, name: str, address: Mapping[str, Any]) -> None:
    """Refuse goods that nobody could deliver. Downloads and bookings need no address. Raises AddressIncomplete with `missing`."""
    if all(line.kind != GOOD for line in priced.quote.lines):
        return
    said = {"name": name, **address}
    missing = [word for word in ("name", *NEEDED) if not str(said.get(word, "")).strip()]
    if said.get("country") in NO_POSTCODE and "postal_code" in missing:
        missing.remove("postal_code")
    if missing:
        raise AddressIncomplete(missing=missing)
