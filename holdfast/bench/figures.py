"""What a measurement says: figures of several runs, their medians, and how far they are from the limit of the same run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of ours and, where pgbench is there, the limit taken right after it."""

    per_second: float
    limit_per_second: float | None = None
    more: dict[str, float] = field(default_factory=dict)


@dataclass(kw_only=True)
class Row:
    """One line of the report. `floor` is what has to be reached, in words and as a verdict; None where there is none."""

    part: str
    what: str
    figures: dict[str, Any]
    floor: str = ""
    met: bool | None = None

    def as_json(self) -> dict[str, Any]:
        return {"part": self.part, "what": self.what, **self.figures, "floor": self.floor, "met": self.met}


def row(*, part: str, what: str, runs: Sequence[Run], at_least: float = 0.0, at_most: tuple[str, float] | None = None) -> Row:
    """The medians of some runs; the ratio is the median of the ratios within a run. `at_most` bounds one of the other figures."""
    limits = [run.limit_per_second for run in runs if run.limit_per_second is not None]
    ratios = [run.per_second / run.limit_per_second for run in runs if run.limit_per_second]
    figures: dict[str, Any] = {"per_second": round(median(run.per_second for run in runs), 1)}
    if limits:
        figures |= {"limit_per_second": round(median(limits), 1), "ratio": round(median(ratios), 3)}
    figures |= {name: round(median(run.more[name] for run in runs), 2) for name in runs[0].more}
    figures["runs"] = [
        {"per_second": round(run.per_second, 1), "limit_per_second": run.limit_per_second, **run.more} for run in runs
    ]
    said, held = [], []
    if at_least:
        said.append(f"≥ {at_least:,.0f}/s")
        held.append(figures["per_second"] >= at_least)
    if at_most is not None:
        name, most = at_most
        said.append(f"{name.replace('_ms', '')} < {most:g} ms")
        held.append(figures[name] < most)
    return Row(part=part, what=what, figures=figures, floor=", ".join(said), met=all(held) if held else None)
