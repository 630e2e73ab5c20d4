"""Structured logs of every process: one line per event, as text for people or JSON for machines. Secrets never reach them."""

import logging
import sys
from typing import Any

import structlog

#: Fields whose values are never written, whoever logs them.
SECRET = ("token", "secret", "password", "authorization", "key_value", "card", "credentials", "sealed")


def redact(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """Replace values of fields whose names say that they are secret."""
    return {name: "…" if any(word in name.lower() for word in SECRET) else value for name, value in event.items()}


def configure(*, as_json: bool, debug: bool = False) -> None:
    """Set structlog and the standard library's logging up alike. Safe to repeat."""
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=24)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso" if as_json else "%H:%M:%S", utc=as_json),
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if debug else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
