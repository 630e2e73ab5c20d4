"""What the tests of Pix share."""

from shop_pix import PixShop
from shops import Attempt, Money

from holdfast.providers.contract import Kind, ProviderReport, Taken


def opened(shop: PixShop, **changes) -> Attempt:
    attempt = shop.attempt(**changes)
    attempt.open()
    return attempt


def received(attempt: Attempt) -> Money:
    """What a flow would keep of the money that a charge has got."""
    report = attempt.fetch()
    assert report.kind is Kind.CAPTURED
    taken = Taken(
        reference=report.reference,
        provider_id=report.provider_id,
        object_id=report.object_id,
        amount_minor=report.amount_minor,
        currency=report.currency,
    )
    return Money(attempt, taken)


def kinds(report: ProviderReport) -> list[str]:
    return [str(report.kind), *(str(each.kind) for each in report.also)]
