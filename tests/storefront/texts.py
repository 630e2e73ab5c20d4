"""Every text of the storefront, read from its templates and its Python, as gettext knows it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from django.template import Node
from django.template.base import FilterExpression
from django.template.loader import get_template
from django.templatetags.i18n import BlockTranslateNode, TranslateNode

STOREFRONT = Path(__file__).resolve().parents[2] / "holdfast" / "storefront"
#: Names under which the Python files know gettext.
GETTEXT = {"_", "gettext", "gettext_lazy"}


def texts() -> set[str]:
    """All message ids; of a plural, its singular."""
    return {*_of_templates(), *_of_python()}


def _of_templates() -> Iterator[str]:
    for path in sorted((STOREFRONT / "templates" / "storefront").glob("*.html")):
        template = get_template(f"storefront/{path.name}").template  # type: ignore[attr-defined]
        for node in template.nodelist.get_nodes_by_type((TranslateNode, BlockTranslateNode)):
            yield _id(node)


def _id(node: Node) -> str:
    if isinstance(node, BlockTranslateNode):
        return str(node.render_token_list(node.singular)[0])
    assert isinstance(node, TranslateNode)
    expression: FilterExpression = node.filter_expression
    text = expression.var
    return str(text if isinstance(text, str) else text.literal)


def _of_python() -> Iterator[str]:
    for path in sorted(STOREFRONT.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in GETTEXT:
                text = node.args[0]
                assert isinstance(text, ast.Constant), f"{path.name}:{node.lineno}"
                yield str(text.value)
