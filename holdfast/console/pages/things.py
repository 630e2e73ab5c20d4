"""The shape of a page about one thing that is no order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.console.chapters import Side
from holdfast.console.desk import View
from holdfast.console.lists import Line
from holdfast.console.papers import Paper
from holdfast.console.show import Cell


@dataclass(frozen=True)
class Table:
    """A small table of a page, with a word for when it is empty."""

    title: str
    columns: Sequence[str]
    lines: Sequence[Line]
    empty: str = "None."


@dataclass(frozen=True)
class Thing:
    """One thing: what it is, its facts, what belongs to it, and its evidence."""

    title: str
    back: str
    badge: Cell | None = None
    sentence: str = ""
    rows: Sequence[tuple[str, Cell]] = ()
    sides: Sequence[Side] = ()
    tables: Sequence[Table] = ()
    papers: Sequence[Paper] = field(default=())

    def view(self) -> View:
        """This thing in its template."""
        told: dict[str, Any] = {"title": self.title, "thing": self}
        return View("console/thing.html", told)
