"""The registry, and what keeps every adapter an adapter."""

import ast
from inspect import signature
from pathlib import Path

import pytest

import holdfast.providers
from holdfast.providers.contract import Provider
from holdfast.providers.registry import ADAPTERS, UnknownProvider, provider

FLOOR = Path(holdfast.providers.__file__).parent
QUESTIONS = [name for name, member in vars(Provider).items() if callable(member) and not name.startswith("_")]


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_a_provider_answers_to_its_name_and_to_every_question(name):
    adapter = provider(name)
    assert adapter.name == name
    assert adapter is provider(name)
    assert adapter.methods
    assert isinstance(adapter.captures_later, bool)


def test_there_are_eleven_questions():
    assert len(QUESTIONS) == 11


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_every_question_is_asked_of_every_provider_in_the_same_words(name, question):
    expected, given = (list(signature(getattr(asked, question)).parameters.values()) for asked in (Provider, provider(name)))
    assert [(each.name, each.kind, each.default) for each in given] == [
        (each.name, each.kind, each.default) for each in expected if each.name != "self"
    ]


def test_another_name_is_refused_with_the_names_that_there_are():
    with pytest.raises(UnknownProvider, match=f"there are {', '.join(sorted(ADAPTERS))}\\."):
        provider("paypaul")


@pytest.mark.parametrize("path", sorted(FLOOR.rglob("*.py")), ids=lambda path: str(path.relative_to(FLOOR)))
def test_an_adapter_knows_the_kernel_and_its_own_folder_only(path):
    folder = path.relative_to(FLOOR).parts[0]
    shared = ("holdfast.providers.contract", "holdfast.providers.http", "holdfast.providers.tries")
    allowed = ("holdfast.kernel", *shared, f"holdfast.providers.{folder}")
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else names
        for name in names:
            assert not name.startswith("django"), f"{path}: {name}"
            if name.startswith("holdfast") and name != "holdfast.providers":
                assert name.startswith(allowed), f"{path}: {name}"
