"""Form encoding with brackets, as Stripe's SDKs send it: `a[b][0][c]=v`."""

import re
from urllib.parse import parse_qsl

from holdfast.gateway.errors import invalid

NAME = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
MOST_FIELDS = 2000  # A session with 100 lines has about 700 fields.


def decode(text: str) -> dict:
    """`a[b][0]=x&a[b][]=y` → `{"a": {"b": ["x", "y"]}}`. All leaves are strings; the types come later (params)."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=False, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise invalid(f"The request could not be decoded: {error}") from error
    tree: dict = {}
    for name, value in pairs:
        _put(tree, _steps(name), value, name)
    return _lists(tree)


def _steps(name: str) -> list[str]:
    match = NAME.match(name)
    if match is None:
        raise invalid(f"Invalid parameter name: {name}", param=name)
    return [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]


def _put(tree: dict, steps: list[str], value: str, name: str) -> None:
    *way, last = steps
    for step in way:
        tree = tree.setdefault(step or str(len(tree)), {})
        if not isinstance(tree, dict):
            raise invalid(f"{name} is given both as a value and as a hash", param=name)
    tree[last or str(len(tree))] = value


def _lists(node):
    """Hashes whose keys are 0, 1, 2 … are lists."""
    if not isinstance(node, dict):
        return node
    node = {key: _lists(value) for key, value in node.items()}
    if node and all(key.isdigit() for key in node):
        return [node[key] for key in sorted(node, key=int)]
    return node
