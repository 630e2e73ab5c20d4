"""`expand[]`: ids replaced by the objects they name. https://docs.stripe.com/api/expanding_objects"""

from holdfast.gateway import charges, sessions
from holdfast.gateway.errors import invalid
from holdfast.gateway.tx import Tx, kind_of

DEEPEST = 4
INCLUDABLE = {  # Lists that are absent unless they are asked for.
    ("checkout.session", "line_items"): lambda tx, obj: sessions.items_of(
        tx, obj, url_=f"/v1/checkout/sessions/{obj['id']}/line_items"
    ),
    ("charge", "refunds"): charges.refunds_of,
}


def expand(tx: Tx, answer: dict, paths: list[str]) -> dict:
    """Raises 400 for a path that cannot be expanded."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > DEEPEST:
            raise invalid(f"You cannot expand more than {DEEPEST} levels of a property.", param="expand")
        _walk(tx, answer, steps, path)
    return answer


def _walk(tx: Tx, node: dict, steps: list[str], path: str) -> None:
    if not steps:
        return
    step, *rest = steps
    if step == "data" and node.get("object") == "list":
        for item in node["data"]:
            _walk(tx, item, rest, path)
        return
    include = INCLUDABLE.get((node.get("object", ""), step))
    if include and step not in node:
        node[step] = include(tx, node)
    if step not in node:
        raise invalid(f"This property cannot be expanded ({path}).", param="expand")
    value = node[step]
    if isinstance(value, str):
        kind = kind_of(value)
        if not kind:
            raise invalid(f"This property cannot be expanded ({path}).", param="expand")
        node[step] = value = tx.get(kind, value)
    if isinstance(value, dict):
        _walk(tx, value, rest, path)
