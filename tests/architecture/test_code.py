"""What the code may not say, read from its syntax tree."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
#: The gateway is another world, migrations are written once.
SOURCES = [
    path
    for path in sorted((ROOT / "holdfast").rglob("*.py"))
    if "migrations" not in path.parts and path.relative_to(ROOT / "holdfast").parts[0] not in ("gateway", "embedded")
]
ROOMS = sorted(path.parent.name for path in (ROOT / "holdfast").glob("*/models.py") if path.parent.name != "db")
FLOWS = [path for path in SOURCES if path.parent.name == "flows"]
#: The clock itself, and the time within an id.
MAY_READ_CLOCK = {"kernel/clock.py", "kernel/ids.py"}
#: Asked with a name that is made from the kind of question; its values are `questions.STEPS`.
COMPUTED_STEPS = {("flows/questions.py", "ask.{question.kind}")}
#: R-D8 asks for `"amount": 100.0` in the answer; nothing is computed with it.
SHOWS_FLOAT = {"api/direct.py"}
#: The command line prints: that is its work.
MAY_PRINT = {"cli.py", "first_run.py", "smoke.py", "docs.py", "bench"}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT / "holdfast"))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def called(node: ast.Call) -> str:
    """`transaction.atomic(…)` → "transaction.atomic"; what is no plain name is left out."""
    return ast.unparse(node.func) if isinstance(node.func, ast.Name | ast.Attribute) else ""


def calls(path: Path, *names: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and called(node) in names:
            yield node


def places(path: Path, nodes: Iterator[ast.AST]) -> list[str]:
    return [f"{name_of(path)}:{node.lineno}" for node in nodes]  # type: ignore[attr-defined]


def test_only_flows_open_write_transactions() -> None:
    opened = {name_of(path) for path in SOURCES if list(calls(path, "writing", "tenancy.writing", "db.writing"))}
    assert opened
    assert [name for name in opened if not name.startswith("flows/")] == []


def test_transactions_are_opened_in_one_place() -> None:
    opened = {
        name_of(path) for path in SOURCES if "atomic" in {n.attr for n in ast.walk(tree(path)) if isinstance(n, ast.Attribute)}
    }
    assert opened == {"db/tenancy.py", "invariants.py"}


def step_of(call: ast.Call) -> str:
    step = next((word.value for word in call.keywords if word.arg == "step"), call.args[0] if called(call) == "asking" else None)
    if isinstance(step, ast.Constant) and isinstance(step.value, str):
        return step.value
    if isinstance(step, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{" + ast.unparse(part.value) + "}"
                       for part in step.values if isinstance(part, ast.Constant | ast.FormattedValue))  # fmt: skip
    return ""


def test_every_commit_and_question_of_a_flow_has_a_step_of_its_own() -> None:
    """The crash tests arm each step by name: a nameless or shared one could not be crashed alone."""
    steps = [(name_of(path), step_of(call), called(call)) for path in FLOWS for call in calls(path, "writing", "asking")]
    assert [step for step in steps if not step[1]] == []
    computed = {(name, step) for name, step, _ in steps if "{" in step}
    assert computed <= COMPUTED_STEPS
    commits = [step for _, step, kind in steps if kind == "writing"]
    assert sorted(set(commits)) == sorted(commits)
    for name, step, kind in steps:
        if kind == "writing":
            assert step.split(".")[0] == Path(name).stem, f"{step} is told in {name}"


def test_computed_steps_are_listed() -> None:
    from holdfast.flows import questions
    from holdfast.payments.models import Operation

    assert {f"ask.{kind}" for kind in Operation.Kind.values} <= set(questions.STEPS)


def test_time_is_read_by_the_clock_only() -> None:
    words = (
        "datetime.now",
        "datetime.utcnow",
        "datetime.datetime.now",
        "timezone.now",
        "date.today",
        "datetime.today",
        "time.time",
    )
    read = {name_of(path) for path in SOURCES if list(calls(path, *words))}
    assert read - MAY_READ_CLOCK == set()


def names_in(node: ast.AST) -> set[str]:
    return {n.id if isinstance(n, ast.Name) else n.attr for n in ast.walk(node) if isinstance(n, ast.Name | ast.Attribute)}


def test_money_meets_no_float() -> None:
    """No division, float() or decimal literal touches an amount in minor units."""
    found: list[str] = []
    for path in SOURCES:
        for node in ast.walk(tree(path)):
            money = any("_minor" in name for name in names_in(node)) if isinstance(node, ast.BinOp | ast.Call) else False
            if isinstance(node, ast.BinOp) and money:
                decimal = any(isinstance(n, ast.Constant) and isinstance(n.value, float) for n in (node.left, node.right))
                found += places(path, iter([node])) if isinstance(node.op, ast.Div) or decimal else []
            elif isinstance(node, ast.Call) and called(node) in ("float", "round") and money and name_of(path) not in SHOWS_FLOAT:
                found += places(path, iter([node]))
    assert found == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_rooms_services_take_few_things_by_position(room: str) -> None:
    """What a write is about may come first, by position (a row, its parts); everything after that is named."""
    path = ROOT / "holdfast" / room / "services.py"
    if not path.exists():
        return
    loose = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for node in tree(path).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and len(node.args.posonlyargs + node.args.args) > 3
    ]
    assert loose == []


@pytest.mark.parametrize("path", FLOWS, ids=name_of)
def test_a_flow_takes_its_words_by_name(path: Path) -> None:
    loose = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for node in tree(path).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and len(node.args.args) > 2
    ]
    assert loose == []


def test_nobody_prints_and_nobody_leaves_notes() -> None:
    printed = [where for path in SOURCES if not MAY_PRINT & set(path.relative_to(ROOT / "holdfast").parts)
               for where in places(path, calls(path, "print"))]  # fmt: skip
    assert printed == []
    notes = [name_of(path) for path in SOURCES if any(word in path.read_text() for word in ("TODO", "FIXME", "XXX", "HACK"))]
    assert notes == []


def test_nothing_is_swallowed() -> None:
    """A bare `except`, or one whose whole body is `pass` for every Exception, hides a defect."""
    hidden = [
        f"{name_of(path)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler)
        and (
            node.type is None or (ast.unparse(node.type) in ("Exception", "BaseException") and isinstance(node.body[0], ast.Pass))
        )
    ]
    assert hidden == []


def test_every_provider_stands_apart_in_the_contracts() -> None:
    folders = {path.parent.name for path in (ROOT / "holdfast" / "providers").glob("*/__init__.py")}
    text = (ROOT / ".importlinter").read_text()
    assert {name for name in folders if f"    holdfast.providers.{name}\n" not in text} == set()


def test_every_room_is_held_inside_too() -> None:
    inside = (ROOT / ".importlinter").read_text().split("[importlinter:contract:rooms]")[1].split("layers =")[0]
    assert [f"holdfast.{room}" for room in ROOMS] == inside.split("containers =")[1].split()
