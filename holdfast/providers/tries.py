"""What a try that failed in `requests` (which most official SDKs stand on) says of whether it was heard."""

import ssl
from collections.abc import Iterator

import requests.exceptions
import urllib3.exceptions

#: All of these happen before a byte of the request is written.
BEFORE_THE_WRITE = (
    urllib3.exceptions.NewConnectionError,  # refused, unreachable; NameResolutionError is one of them
    urllib3.exceptions.ConnectTimeoutError,
    ssl.SSLCertVerificationError,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)


def never_written(error: BaseException) -> bool:
    """Whether a connection failed before a byte of the request was written (S-50)."""
    return any(isinstance(link, BEFORE_THE_WRITE) for link in causes(error))


def causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and what it wraps: requests keeps the reason in `args`, urllib3 in `reason`."""
    todo, seen = [error], set()
    while todo:
        link = todo.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        inside = (link.__cause__, getattr(link, "reason", None), *link.args)
        todo.extend(each for each in inside if isinstance(each, BaseException))
