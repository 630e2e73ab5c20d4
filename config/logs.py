"""Logs of every process: one line per event, as text for people or JSON for machines. Secrets never reach them.

`10:42:07 info   request                  method=POST path=/v1/carts status=201 ms=14 request_id=018f…`
"""

import json
import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

#: Fields whose values are never written, whoever logs them.
SECRET = ("token", "secret", "password", "authorization", "key_value", "card", "credentials", "sealed")
#: What the standard library's loggers of others say at these levels is not ours to act on.
QUIET = {"django.request": logging.ERROR, "psycopg.pool": logging.ERROR, "uvicorn": logging.WARNING}
#: The event's column in a line of text.
WIDTH = 24


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Replace values of fields whose names say that they are secret."""
    return {name: "…" if any(word in name.lower() for word in SECRET) else value for name, value in event.items()}


def as_line(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    """One event as a line of text; a traceback follows on lines of its own."""
    fields = dict(event)
    at, level, what = fields.pop("timestamp"), fields.pop("level"), _escaped(fields.pop("event"))
    trace = fields.pop("exception", "")
    told = " ".join(f"{name}={_word(value)}" for name, value in fields.items())
    line = f"{at} {level:<7} {what:<{WIDTH}} {told}".rstrip()
    return f"{line}\n{trace}" if trace else line


def configure(*, as_json: bool, debug: bool = False) -> None:
    """Set structlog and the standard library's logging up alike. Safe to repeat."""
    render: Any = structlog.processors.JSONRenderer() if as_json else as_line
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso" if as_json else "%H:%M:%S", utc=as_json),
        redact,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if debug else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
            foreign_pre_chain=[*shared, _named],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(level)


def _named(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Say whose logger it was."""
    record = event.get("_record")
    return {**event, "logger": record.name} if record is not None else event


def _escaped(event: Any) -> str:
    text = str(event)
    return text if text.isprintable() else json.dumps(text, ensure_ascii=False)


def _word(value: Any) -> str:
    """A value that can end neither its field nor its line: what a stranger sent stands in some of them."""
    text = str(value)
    plain = text.isprintable() and text and not set(text) & set(' "=')
    return text if plain else json.dumps(text, ensure_ascii=False)
