"""Payloads and evidence as people may see them: pretty, without secrets, and never too long for a browser."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.db.evidence import Head

#: Names whose values are never shown, wherever they stand in a payload or among headers.
SECRET = re.compile(
    r"secret|password|passwd|authorization|signature|api_?key|private|credential|cookie|(^|[_-])token|cvc|cvv",
    re.I,
)
#: Values that are a capability by themselves: in an address's query, and 64 hex digits (an order's lookup token) in its path.
IN_ADDRESS = re.compile(r"([?&#](?:[^=&#\s]*(?:token|secret|key|signature|sig|code)[^=&#\s]*)=)[^&#\s\"]+", re.I)
IN_PATH = re.compile(r"(?<=/)[0-9a-f]{64}(?=[/?#\s\"]|$)")
IN_TEXT = re.compile(r"\b(?:sk|rk|pk|whsec)_[A-Za-z0-9_-]{8,}")
HIDDEN = "…"
#: Deeper than any provider nests; what lies below is left out.
DEEPEST = 40


@dataclass(frozen=True)
class Paper:
    """A text to show, with a note where it is not the whole."""

    title: str
    text: str
    note: str = ""


def paper(title: str, head: Head | None) -> Paper:
    """A stored payload. What is past retention says so; what is too long is cut and says so."""
    if head is None:
        return Paper(title, "", "The payload is past its retention; its sha256 stays.")
    text = head.body.decode("utf-8", errors="replace")
    if head.size > len(head.body):
        return Paper(title, hidden(text), f"The first {len(head.body):,} of {head.size:,} bytes.")
    try:
        return Paper(title, pretty(json.loads(text)), f"{head.size:,} bytes")
    except (ValueError, RecursionError):
        return Paper(title, hidden(text), f"{head.size:,} bytes, not JSON")


def evidence(title: str, value: Any) -> Paper:
    """JSON that we keep ourselves."""
    return Paper(title, pretty(value))


def pretty(value: Any) -> str:
    """Indented JSON without secrets."""
    return json.dumps(redacted(value), indent=2, ensure_ascii=False, default=str)


def redacted(value: Any, depth: int = 0) -> Any:
    """A copy without the values of secret names, and without secrets inside of texts."""
    if depth > DEEPEST:
        return HIDDEN
    if isinstance(value, Mapping):
        return {
            name: HIDDEN if SECRET.search(str(name)) and inner not in (None, "", [], {}) else redacted(inner, depth + 1)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [redacted(inner, depth + 1) for inner in value]
    return _without_capabilities(value) if isinstance(value, str) else value


def hidden(text: str) -> str:
    """A text that could not be read as JSON: quoted values of secret names, and capabilities, are taken out."""
    quoted = re.sub(r'("(?:[^"\\]|\\.)*")(\s*:\s*)"(?:[^"\\]|\\.)*"?', _quoted, text)
    return _without_capabilities(quoted)


def _quoted(found: re.Match[str]) -> str:
    name, colon = found.group(1), found.group(2)
    return f'{name}{colon}"{HIDDEN}"' if SECRET.search(name.strip('"')) else found.group(0)


def _without_capabilities(text: str) -> str:
    text = IN_ADDRESS.sub(rf"\g<1>{HIDDEN}", text)
    return IN_TEXT.sub(HIDDEN, IN_PATH.sub(HIDDEN, text))
