"""Scenarios by the step that they reach."""

from collections.abc import Callable

from tests.crash.world import Plan, World

Scenario = Callable[[World], Plan]
SCENARIOS: dict[str, Scenario] = {}
#: Steps of a client's request, which the client repeats with its key.
REPEATED: set[str] = set()


def reaches(*steps: str, by_client: bool = False) -> Callable[[Scenario], Scenario]:
    def register(scenario: Scenario) -> Scenario:
        for step in steps:
            assert step not in SCENARIOS, f"{step} has two scenarios"
            SCENARIOS[step] = scenario
            if by_client:
                REPEATED.add(step)
        return scenario

    return register
