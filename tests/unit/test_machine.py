"""A machine permits what its table lists, and nothing else."""

import pytest

from holdfast.kernel.errors import Conflict
from holdfast.kernel.machine import Edge, IllegalMove, Machine, edges, pairs

LAMP = Machine(
    name="lamp",
    initial=("off",),
    edges=edges(("off", "on|broken", "switched"), ("on", "off", "switched"), ("on", "broken", "worn out")),
)


def test_a_row_with_several_targets_is_several_edges():
    assert LAMP.edges == (
        Edge("off", "on", "switched"),
        Edge("off", "broken", "switched"),
        Edge("on", "off", "switched"),
        Edge("on", "broken", "worn out"),
    )


def test_states_are_listed_once_with_the_initial_ones_first():
    assert LAMP.states == ("off", "on", "broken")
    assert LAMP.terminal == ("broken",)


def test_only_listed_moves_are_allowed():
    allowed = {(a, b) for a, b in pairs(LAMP) if LAMP.allows(a, b)}
    assert allowed == {("off", "on"), ("off", "broken"), ("on", "off"), ("on", "broken")}
    assert set(pairs(LAMP)) - allowed == {("broken", "off"), ("broken", "on")}


def test_no_state_moves_to_itself():
    assert not any(LAMP.allows(state, state) for state in LAMP.states)


def test_an_unlisted_move_is_refused_with_its_name():
    LAMP.check("off", "on")
    with pytest.raises(IllegalMove, match="lamp: broken → on is not in the table of moves") as caught:
        LAMP.check("broken", "on")
    assert isinstance(caught.value, Conflict)
    assert caught.value.status == 409
    assert caught.value.code == "illegal_move"


def test_an_unknown_state_moves_nowhere():
    assert not LAMP.allows("off", "melted")
    assert not LAMP.allows("melted", "off")
