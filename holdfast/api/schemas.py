"""Shapes that several nouns share. Requests refuse what they do not know, so a client's totals and prices are never used."""

from typing import Annotated

from ninja import Field
from pydantic import BaseModel, ConfigDict

from holdfast.kernel import limits

#: No control characters: PostgreSQL keeps no NUL, and the others break mails and logs. Lone surrogates are no text at all.
PLAIN = r"^[^\x00-\x1f\x7f]*$"
REGION = r"^[A-Z]{2}$"
WEB_ADDRESS = r"^https?://[!-~]+$"
EMAIL = r"^[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+$"

ShortText = Annotated[str, Field(max_length=120, pattern=PLAIN)]
LongText = Annotated[str, Field(max_length=200, pattern=PLAIN)]
Region = Annotated[str, Field(pattern=REGION, description="ISO 3166-1 alpha-2.", examples=["DE"])]
WebAddress = Annotated[str, Field(max_length=2000, pattern=WEB_ADDRESS, examples=["https://shop.example/thanks"])]
Quantity = Annotated[int, Field(strict=True, ge=1, le=limits.MAX_QUANTITY, examples=[1])]
#: `true` or `false` and nothing that could be read as one of them: "no", 0 and 1 decide nothing about money.
YesNo = Annotated[bool, Field(strict=True)]


class Body(BaseModel):
    """A request's body: a name that it does not know is refused."""

    model_config = ConfigDict(extra="forbid")
