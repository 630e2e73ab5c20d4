"""The web process's application with Stripe answering at once: what a checkout costs us, without a network's time."""

from holdfast.bench.instant import InstantStripe
from holdfast.providers import registry


def answer_at_once() -> None:
    """Put the instant adapter into Stripe's place, in this process."""
    registry.ADAPTERS["stripe"] = f"{InstantStripe.__module__}:{InstantStripe.__name__}"
    registry.provider.cache_clear()


answer_at_once()

from config.wsgi import application as application  # noqa: E402 - the adapters are chosen first
