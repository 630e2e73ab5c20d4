"""A shop whose customers transfer: nobody is asked, so nothing can go wrong on the way."""

from dataclasses import dataclass
from typing import Any, ClassVar

from shops import Shop


@dataclass
class TransferShop(Shop):
    name = "transfer"
    is_remote: ClassVar[bool] = False
    has_page = False
    blames = "credentials"
    bad_credentials = ({"iban": "DE88370400440532013000"}, {"iban": ""}, {"iban": None}, {"holder": ""})
    some_id = "RF97YJFNVMVJFHDP"

    def credentials(self) -> dict[str, Any]:
        return {"holder": "Demo", "iban": "DE89370400440532013000", "bic": "COBADEFFXXX", "bank": "Commerzbank"}
