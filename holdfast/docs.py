"""Pages of the documentation that are generated from what they describe: the tables of moves and the list."""

import sys
from importlib import import_module
from pathlib import Path

from holdfast import invariants
from holdfast.kernel.machine import Machine

FOLDER = Path(__file__).resolve().parent.parent / "docs"
#: Rooms in the order of a purchase; each room's machines stand in its `states`.
ROOMS = ("carts", "orders", "payments", "inventory", "promotions", "receipts", "fulfilment", "inbox", "outbox", "cases")
MADE = "<!-- Made by `holdfast docs`. Change the source, not this page. -->\n"


def main(check: bool) -> int:
    """Write the pages, or with `check` only say which differ from their source. Returns the exit code."""
    stale = [name for name, text in pages().items() if _read(name) != text]
    if check:
        for name in stale:
            sys.stderr.write(f"docs/{name} differs from its source: run `./dev docs`.\n")
        return 1 if stale else 0
    FOLDER.mkdir(exist_ok=True)
    for name in stale:
        (FOLDER / name).write_text(pages()[name], encoding="utf-8")
        sys.stdout.write(f"docs/{name} written.\n")
    return 0


def pages() -> dict[str, str]:
    """Name → text, the same for the same source."""
    return {"states.md": states(), "invariants.md": the_list()}


def machines() -> list[tuple[str, Machine]]:
    """(room, machine) of every table of moves, in the order it is declared."""
    modules = [(room, import_module(f"holdfast.{room}.states")) for room in ROOMS]
    return [(room, value) for room, module in modules for value in vars(module).values() if isinstance(value, Machine)]


def states() -> str:
    intro = (
        "# States and moves\n\n"
        f"{MADE}\n"
        "Each machine is a table of moves with their causes. The same table is the guard in Python and the trigger in the\n"
        "database: a move that is not listed here is refused, whoever writes. A row begins in one of the states that an arrow\n"
        "from the dot leads to; a state without an arrow is final.\n"
    )
    return "\n".join([intro, *(_machine(room, machine) for room, machine in machines())])


def the_list() -> str:
    intro = (
        "# The list\n\n"
        f"{MADE}\n"
        "The laws of the house, as queries that return the rows which break them (`holdfast/invariants.py`). `holdfast check`\n"
        "runs them, and so does every database test when it ends.\n\n"
        "| name | law |\n|---|---|\n"
    )
    return intro + "".join(f"| `{law.name}` | {_cell(law.says)} |\n" for law in invariants.LIST)


def _machine(room: str, machine: Machine) -> str:
    arrows = [f"    [*] --> {state}" for state in machine.initial]
    arrows += [f"    {source} --> {target}" for source, target in dict.fromkeys((e.source, e.target) for e in machine.edges)]
    rows = [f"| {edge.source} | {edge.target} | {_cell(edge.cause)} |" for edge in machine.edges]
    return "\n".join(
        [
            f"## {machine.name.capitalize()}\n",
            f"`holdfast/{room}/states.py`\n",
            "```mermaid\nstateDiagram-v2",
            *arrows,
            "```\n",
            f"Begins as {_words(machine.initial)}. Final: {_words(machine.terminal) or 'none'}.\n",
            "| from | to | cause |\n|---|---|---|",
            *rows,
            "",
        ]
    )


def _words(states: tuple[str, ...]) -> str:
    return ", ".join(f"`{state}`" for state in states)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _read(name: str) -> str:
    path = FOLDER / name
    return path.read_text(encoding="utf-8") if path.exists() else ""
