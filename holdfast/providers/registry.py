"""Which providers there are. A new one is a folder and a line here."""

from functools import cache

from holdfast.kernel.errors import Refused
from holdfast.providers.contract import Provider


class UnknownProvider(Refused):
    """There is no provider of this name."""


#: Imported on first use, so that a process that never asks Stripe does not load its SDK.
ADAPTERS = {
    "stripe": "holdfast.providers.stripe.adapter:StripeAdapter",
    "mercadopago": "holdfast.providers.mercadopago.adapter:MercadoPagoAdapter",
    "sandbox": "holdfast.providers.sandbox.adapter:SandboxAdapter",
    "pix": "holdfast.providers.pix.adapter:PixAdapter",
    "transfer": "holdfast.providers.transfer.adapter:TransferAdapter",
}


@cache
def provider(name: str) -> Provider:
    """The adapter of that name. Raises UnknownProvider."""
    if name not in ADAPTERS:
        raise UnknownProvider(f"There is no provider {name!r}; there are {', '.join(sorted(ADAPTERS))}.")
    module, _, attribute = ADAPTERS[name].partition(":")
    adapter: Provider = getattr(__import__(module, fromlist=[attribute]), attribute)()
    return adapter
