"""The moves of a case."""

from holdfast.kernel.machine import Machine, edges

CASE = Machine(
    "case",
    initial=("open",),
    edges=edges(("open", "resolved", "a person decided, or it resolved itself"), ("resolved", "open", "it came back")),
)
