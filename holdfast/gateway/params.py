"""What a call may say. A declared tree of fields; anything outside it is refused, never silently ignored."""

from collections.abc import Callable
from typing import Any

from holdfast.gateway.errors import invalid
from holdfast.gateway.shapes import words

Field = Callable[[Any, str], Any]
MOST_METADATA_KEYS, LONGEST_METADATA_KEY, LONGEST_METADATA_VALUE = 50, 40, 500


def text(longest: int = 5000) -> Field:
    def read(value, name):
        if not isinstance(value, str):
            raise invalid(f"Invalid string: {value}", param=name)
        if len(value) > longest:
            raise invalid(f"Invalid string: must be at most {longest} characters", param=name)
        return value or None  # An empty string unsets.

    return read


def integer(least: int | None = None, most: int | None = None) -> Field:
    def read(value, name):
        try:
            number = int(value)
        except (TypeError, ValueError):
            raise invalid(f"Invalid integer: {value}", param=name, code="parameter_invalid_integer") from None
        if least is not None and number < least:
            message = f"This value must be greater than or equal to {least}."
            raise invalid(message, param=name, code="parameter_invalid_integer")
        if most is not None and number > most:
            message = f"This value must be less than or equal to {most}."
            raise invalid(message, param=name, code="parameter_invalid_integer")
        return number

    return read


def boolean(value, name):
    if value not in ("true", "false"):
        raise invalid(f"Invalid boolean: {value}", param=name)
    return value == "true"


def one_of(*choices: str) -> Field:
    def read(value, name):
        if value not in choices:
            raise invalid(f"Invalid {name}: must be one of {', '.join(choices)}", param=name)
        return value

    return read


def url(value, name):
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        raise invalid("Not a valid URL", param=name, code="url_invalid")
    return value


def currency(value, name):
    lower = value.lower() if isinstance(value, str) else ""
    if lower not in CURRENCIES:
        raise invalid(f"Invalid currency: {value}.", param=name)
    return lower


def metadata(value, name):
    if value == "":
        return {}
    if not isinstance(value, dict):
        raise invalid(f"Invalid {name}: must be a hash", param=name)
    if len(value) > MOST_METADATA_KEYS:
        raise invalid(f"Metadata may have at most {MOST_METADATA_KEYS} keys.", param=name)
    for key, item in value.items():
        if not isinstance(item, str) or len(item) > LONGEST_METADATA_VALUE:
            raise invalid("Metadata values may have up to 500 characters.", param=f"{name}[{key}]")
        if len(key) > LONGEST_METADATA_KEY:
            raise invalid("Metadata keys may have up to 40 characters.", param=f"{name}[{key}]")
    return {key: item for key, item in value.items() if item != ""}


def many(field: Field, most: int = 100) -> Field:
    def read(value, name):
        if value == "":
            return []
        if not isinstance(value, list):
            raise invalid(f"Invalid array: {name}", param=name)
        if len(value) > most:
            raise invalid(f"{name} may have at most {most} items.", param=name)
        return [field(item, f"{name}[{index}]") for index, item in enumerate(value)]

    return read


def group(fields: dict[str, Field], required: tuple[str, ...] = ()) -> Field:
    def read(value, name):
        if not isinstance(value, dict):
            raise invalid("Invalid object", param=name)
        return check(value, fields, required, inside=name)

    return read


def check(given: dict, fields: dict[str, Field], required: tuple[str, ...] = (), inside: str = "") -> dict:
    """The typed values of `given`. Raises 400s that no idempotency key remembers."""

    def full(name: str) -> str:
        return f"{inside}[{name}]" if inside else name

    for name in given:
        if name not in fields:
            message = f"Received unknown parameter: {full(name)}"
            raise invalid(message, param=full(name), code="parameter_unknown")
    for name in required:
        if given.get(name) in (None, ""):
            message = f"Missing required param: {full(name)}."
            raise invalid(message, param=full(name), code="parameter_missing")
    return {name: fields[name](value, full(name)) for name, value in given.items()}


def moment_range(value, name):
    """`created=5` or `created[gte]=5&created[lt]=9` → `{"gte": 5, "lt": 9}`."""
    if isinstance(value, str):
        return {"gte": integer()(value, name), "lte": integer()(value, name)}
    bounds = {bound: integer() for bound in ("gt", "gte", "lt", "lte")}
    return check(value, bounds, inside=name)


PAGE = {"limit": integer(1, 100), "starting_after": text(), "ending_before": text()}
LISTED = {**PAGE, "created": moment_range}

CURRENCIES = frozenset(
    words(
        "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn "
        "bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf "
        "gtq gyd hkd hnl htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr "
        "lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen "
        "pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd "
        "top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw"
    )
)
