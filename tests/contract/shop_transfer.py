"""A shop whose customers transfer: nobody is asked, so nothing is lost on the way and nobody keeps books but the bank."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from shops import Attempt, Shop

from holdfast.providers.contract import ProviderReport


class Told(Attempt):
    """What its customer was told to pay with is all that there is of an attempt."""

    def open(self) -> ProviderReport:
        report = super().open()
        self.shop.references.add(report.provider_id)
        return report


@dataclass
class TransferShop(Shop):
    name = "transfer"
    is_remote: ClassVar[bool] = False
    #: A person pays a refund out, and says so past the adapter.
    has_refunds: ClassVar[bool] = False
    blames = "credentials"
    bad_credentials = ({"iban": "DE88370400440532013000"}, {"iban": ""}, {"iban": None}, {"holder": ""})
    some_id = "RF97YJFNVMVJFHDP"

    references: set[str] = field(default_factory=set)

    def credentials(self) -> dict[str, Any]:
        return {"holder": "Demo", "iban": "DE89370400440532013000", "bic": "COBADEFFXXX", "bank": "Commerzbank"}

    def attempt(self, **changes) -> Attempt:
        made = super().attempt(**changes)
        return Told(made.shop, made.bought, made.request)

    def attempts_at_the_provider(self) -> int:
        return len(self.references)
