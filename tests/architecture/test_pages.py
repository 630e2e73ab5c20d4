"""The pages say what is true: their links lead somewhere, and nothing that they have to name is missing from them."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from holdfast.ledger import accounts

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
FLOWS = sorted((ROOT / "holdfast" / "flows").glob("*.py"))

LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
#: Link text that names something in a Python file: `reports.py:record`, `store.py:Store.keep`.
NAMED = re.compile(r"`([\w/]+\.py):([A-Za-z_][\w.]*)`")
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def links(page: Path) -> Iterator[tuple[str, str]]:
    """(text, target) of every link that stays in the repository."""
    for text, target in LINK.findall(FENCED.sub("", page.read_text())):
        if "://" not in target and not target.startswith("mailto:"):
            yield text, target


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@cache
def names(source: Path) -> set[str]:
    """Functions, classes and methods of a Python file: `apply`, `Store`, `Store.keep`."""
    return set(_names(ast.parse(source.read_text()).body))


def _names(body: list[ast.stmt], inside: str = "") -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield inside + node.name
        if isinstance(node, ast.ClassDef):
            yield from _names(node.body, f"{inside}{node.name}.")


def literal_arguments(source: Path, function: str, keyword: str = "") -> Iterator[str]:
    """Literal texts that calls of a function in a Python file are given, as `keyword` or first."""
    for node in ast.walk(ast.parse(source.read_text())):
        if not isinstance(node, ast.Call) or getattr(node.func, "id", getattr(node.func, "attr", "")) != function:
            continue
        given = [word.value for word in node.keywords if word.arg == keyword] if keyword else node.args[:1]
        yield from (str(value.value) for value in given if isinstance(value, ast.Constant))


def fault_steps() -> set[str]:
    """Every step with its two fault points: commits and questions of the flows, and the receiver's statement."""
    from holdfast.flows import questions

    steps = {step for source in FLOWS for step in literal_arguments(source, "writing", "step")}
    steps |= {step for source in FLOWS for step in literal_arguments(source, "asking")}
    points = literal_arguments(ROOT / "holdfast" / "receiver" / "store.py", "fault_point")
    return steps | {point.partition(":")[0] for point in points} | set(questions.STEPS)


def missing(page: str, words: set[str]) -> list[str]:
    """Words that a page does not have in backticks."""
    text = (ROOT / page).read_text()
    return sorted(word for word in words if f"`{word}`" not in text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    wrong = []
    for _, target in links(page):
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            wrong.append(target)
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_functions_that_a_page_links_are_there(page: Path) -> None:
    wrong = []
    for text, target in links(page):
        for file, name in NAMED.findall(text):
            source = (page.parent / target).resolve()
            if not str(source).endswith(file) or not source.exists() or name not in names(source):
                wrong.append(f"{text} in {target}")
    assert wrong == []


def test_readme_follows_a_payment_through_functions() -> None:
    """The check above would be content with a page that links no function at all."""
    named = [NAMED.search(text) for text, _ in links(ROOT / "README.md")]
    assert len([match for match in named if match]) >= 15


def test_every_page_is_in_the_index() -> None:
    index = {target.partition("#")[0] for _, target in links(ROOT / "docs" / "README.md")}
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")} - {"README.md"}
    assert pages - index == set()


def test_every_setting_is_described() -> None:
    from config.settings import Environment

    settings = {str(field.validation_alias or f"HOLDFAST_{name.upper()}") for name, field in Environment.model_fields.items()}
    assert len(settings) >= 15
    assert missing("docs/settings.md", settings) == []


def test_every_fault_step_is_in_failure_modes() -> None:
    steps = fault_steps()
    assert {"checkout.place", "webhooks.apply", "ask.open", "ask.send", "receiver.store"} <= steps
    assert missing("docs/failure-modes.md", steps) == []


def test_failure_modes_names_no_step_that_is_gone() -> None:
    rooms = {step.partition(".")[0] for step in fault_steps()}
    text = (ROOT / "docs" / "failure-modes.md").read_text()
    told = {word for word in re.findall(r"`([a-z_]+\.[a-z_]+)`", text) if word.partition(".")[0] in rooms}
    assert told - fault_steps() == set()


def test_every_word_of_the_command_line_is_in_the_readme() -> None:
    from holdfast import cli

    words = {command.name or getattr(command.callback, "__name__", "") for command in cli.app.registered_commands}
    assert {"up", "check", "work"} <= words
    assert missing("README.md", words) == []


def test_every_account_is_in_the_ledger_page() -> None:
    named = {value for name, value in vars(accounts).items() if name.isupper()}
    assert "customer_deposits" in named
    assert missing("docs/ledger.md", named | {accounts.receivable("<provider>"), accounts.receivable("stripe")}) == []


def test_examples_of_the_ledger_page_balance() -> None:
    text = (ROOT / "docs" / "ledger.md").read_text()
    tables = re.findall(r"\| account \| debit \| credit \|\n\|[-|: ]+\|\n((?:\|.*\|\n)+)", text)
    assert len(tables) >= 5
    for table in tables:
        sides = [[cell.strip().replace(".", "") for cell in row.split("|")[2:4]] for row in table.splitlines()]
        assert sum(int(debit or 0) for debit, _ in sides) == sum(int(credit or 0) for _, credit in sides)


def test_every_movement_of_the_ledger_has_an_example() -> None:
    source = ROOT / "holdfast" / "ledger" / "services.py"
    movements = {name for name in names(source) if name[0].islower() and "." not in name}
    assert {"capture", "sale", "refund", "lost", "fee"} <= movements
    text = (ROOT / "docs" / "ledger.md").read_text()
    assert sorted(name for name in movements if f"**{name}**" not in text) == []
