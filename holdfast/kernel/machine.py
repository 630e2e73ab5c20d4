"""A state machine is a table of edges, each with its cause.

Four readers: the Python guard (`Machine.check`), the database law (`db.laws.Moves`), the diagram in the docs, the tests.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from holdfast.kernel.errors import Conflict


class IllegalMove(Conflict):
    """The table of states has no such move."""


@dataclass(frozen=True)
class Edge:
    """One permitted move and what brings it about."""

    source: str
    target: str
    cause: str


@dataclass(frozen=True)
class Machine:
    """The states of one thing. `initial` are the states a row may be born in."""

    name: str
    initial: tuple[str, ...]
    edges: tuple[Edge, ...]

    @property
    def states(self) -> tuple[str, ...]:
        seen = dict.fromkeys(self.initial)
        for edge in self.edges:
            seen.setdefault(edge.source)
            seen.setdefault(edge.target)
        return tuple(seen)

    @property
    def terminal(self) -> tuple[str, ...]:
        sources = {edge.source for edge in self.edges}
        return tuple(state for state in self.states if state not in sources)

    def allows(self, source: str, target: str) -> bool:
        return any(edge.source == source and edge.target == target for edge in self.edges)

    def check(self, source: str, target: str) -> None:
        """Raise IllegalMove unless the table lists the move."""
        if not self.allows(source, target):
            raise IllegalMove(f"{self.name}: {source} → {target} is not in the table of moves.")


def edges(*rows: tuple[str, str, str]) -> tuple[Edge, ...]:
    """Rows of (from, to[|to…], cause) as edges: `("open", "failed|expired", "…")` is two of them."""
    return tuple(Edge(source, target, cause) for source, targets, cause in rows for target in targets.split("|"))


def pairs(machine: Machine) -> Iterable[tuple[str, str]]:
    """All (source, target) pairs, permitted or not: the tests walk them."""
    return ((a, b) for a in machine.states for b in machine.states if a != b)
